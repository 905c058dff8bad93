# SPDX-License-Identifier: BSD-3-Clause
"""A real guest: Debian's kernel in QEMU, whose virtio card is a vhost-user port of a vxd."""

import hashlib
import itertools
import os
import socket

from lib.shell import expect, wait_until
from lib.testcase import cases, needs_vxd

SIZE = 8 << 20
# Bits of virtio 1.1: what the device takes undone, what the driver does, buffers that are merged, and so on.
CHECKSUM, GUEST_CHECKSUM, GUEST_TSO4, GUEST_TSO6, HOST_TSO4, HOST_TSO6, MERGED, MULTIQUEUE, PACKED = (
    0, 1, 7, 8, 11, 12, 15, 22, 34)
OFFLOADS = {CHECKSUM, GUEST_CHECKSUM, GUEST_TSO4, GUEST_TSO6, HOST_TSO4, HOST_TSO6, MERGED}
ADDRESS = "172.18.20.1/16"
CONFIG = """link add uplink type af_packet dev eth1
addr add 192.0.2.1/24 dev uplink
link add br0 type bridge
link add vm1 mtu {mtu} type vhost-user path {path} mode {mode} queues {queues}
link set vm1 master br0
link add vxlan100 type vxlan id 100 local 192.0.2.1
link set vxlan100 master br0
fdb append 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.2
"""
_ports = itertools.count(5000)


def two_hosts(lab, mode="server", queues=1, device="", mtu=1450):
    """(the guest, running; its vxd; a container on another host)"""
    one, other = lab.switch(2)
    near = lab.endpoint("vxd", one, 1, start=False)
    guest = lab.guest("vm1", mode=mode, queues=queues, device=device, mtu=mtu)
    near.configure(CONFIG.format(path=guest.path, mode=mode, queues=queues, mtu=mtu))
    near.start()
    far = lab.endpoint("vxd", other, 2)
    lab.uplink(far, "192.0.2.2", 24)
    lab.bridged([far], flood=False, options="")
    far.do("fdb append 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.1")
    c2 = lab.container(far, "c2", "172.18.20.2/16")
    guest.start()
    guest.add_address(ADDRESS)
    return guest, near, c2


def tcp_socket(container, address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return container.namespace.socket(family, socket.SOCK_STREAM, timeout=60)


def connect(container, guest, address, port):
    """As soon as somebody listens there."""
    def attempt():
        made = tcp_socket(container, address)
        try:
            made.connect((address, port))
            return made
        except ConnectionRefusedError:
            made.close()
            return None
    return wait_until(f"{guest.name} listens on port {port}", attempt, timeout=30, interval=0.2)


def to_guest(container, guest, data, address):
    """The guest keeps them in /tmp/data."""
    port = next(_ports)
    guest.begin(f"nc -l -p {port} -e sh -c 'cat >/tmp/data'; md5sum </tmp/data")
    with connect(container, guest, address, port) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        _, printed = guest.end()
    expect(printed.split()[0] == hashlib.md5(data).hexdigest(),
           f"{container.name} -> {guest.name}: {len(data)} bytes arrived changed: {printed}")


def from_guest(guest, container, data, address, disturb=lambda: None):
    """It sends what it keeps in /tmp/data; `disturb` is called when some has arrived."""
    port = next(_ports)
    with tcp_socket(container, address) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 17)
        listener.bind((address, port))
        listener.listen(1)
        guest.begin(f"nc {address} {port} -e cat /tmp/data")
        got = bytearray()
        connection = listener.accept()[0]
        with connection:
            connection.settimeout(60)
            while chunk := connection.recv(1 << 16):
                before, got = len(got), got + chunk
                if before < len(data) // 8 <= len(got):
                    disturb()
        guest.end()
    expect(got == data, f"{guest.name} -> {container.name}: {len(got)} of {len(data)} bytes arrived, or changed")


def tcp_both_ways(guest, container, here=None, there=None):
    data = os.urandom(SIZE)
    to_guest(container, guest, data, here or guest.address)
    from_guest(guest, container, data, there or container.address)
    return data


def port(host):
    return host.json("-s", "link", "show", "vm1")[0]


def counters(host):
    return port(host)["stats64"]


def bytes_per_packet(host, direction, before):
    now, then = counters(host)[direction], before[direction]
    return (now["bytes"] - then["bytes"]) / (now["packets"] - then["packets"])


@needs_vxd
@cases(dict(mode="server", queues=1), dict(mode="client", queues=2))
def test_a_guest_talks_through_a_tunnel_and_survives_restarts(lab, mode, queues):
    guest, near, c2 = two_hosts(lab, mode, queues)
    guest.ping(c2)
    c2.ping(guest.address)
    agreed = guest.features()
    expect(OFFLOADS <= agreed, f"the guest and vxd did not agree on the features {OFFLOADS - agreed}")
    expect((MULTIQUEUE in agreed) == (queues > 1), f"agreed on {agreed}")

    before = counters(near)
    data = tcp_both_ways(guest, c2)
    size = bytes_per_packet(near, "rx", before)
    expect(size > 4000, f"the guest sends {size:.0f} bytes per packet: it cuts them itself")
    sizes = [bytes_per_packet(near, "tx", before)]
    while sizes[-1] <= 2000 and len(sizes) < 6:  # what can be merged is what came at once: as many as the machine's load lets
        before = counters(near)
        data = tcp_both_ways(guest, c2)
        sizes.append(bytes_per_packet(near, "tx", before))
    expect(sizes[-1] > 2000, f"the guest gets {sizes} bytes per packet: they are not merged")

    for end in (near.stop, near.kill):
        from_guest(guest, c2, data, c2.address, lambda: (end(), near.start()))
        guest.wait_ping(c2)
    if mode == "server":  # QEMU goes on, and the socket with it: the mode makes no difference
        guest.reboot()
        guest.add_address(ADDRESS)
        guest.ping(c2)
        tcp_both_ways(guest, c2)
    guest.kill()
    wait_until("the port is down", lambda: port(near)["operstate"] == "DOWN")
    c2.no_ping(guest.address)
    guest.start()
    guest.add_address(ADDRESS)
    guest.ping(c2)
    tcp_both_ways(guest, c2)


@needs_vxd
def test_large_frames_and_packed_rings_and_a_container_beside_the_guest(lab):
    guest, near, c2 = two_hosts(lab, mtu=9000, device=",packed=on")
    expect(PACKED in guest.features(), "the rings are not packed")
    expect(guest.do(f"cat /sys/class/net/{guest.interface}/mtu").strip() == "9000", "it has not the port's MTU")
    c3 = lab.container(near, "c3", "172.18.20.3/16", mtu=9000)
    for size in (9000 - 28, 9000 - 27, 1450 - 28, 1, 30000):  # in one frame, in two, and so on
        guest.ping(c3, size=size)
    c3.ping(guest.address, size=9000 - 28, dont_fragment=True)
    before = counters(near)
    tcp_both_ways(guest, c3)
    guest.add_address("fd00::1/64")
    c3.add_address("fd00::3/64")
    tcp_both_ways(guest, c3, "fd00::1", "fd00::3")
    for direction in ("rx", "tx"):
        size = bytes_per_packet(near, direction, before)
        expect(size > 9014, f"{direction} of vm1: {size:.0f} bytes per packet: they were cut")

    lost = near.drops().get("frame_too_big", 0)
    guest.cannot_ping(c2, size=1451 - 28)  # the tunnel's MTU is 1450
    expect(near.drops().get("frame_too_big", 0) > lost, f"what is too large is not counted: {near.drops()}")
    guest.ping(c2, size=1450 - 28)
    guest.do(f"ip link set {guest.interface} mtu 1450")
    guest.ping(c2, size=9000)

    near.stop()  # where QEMU's packed rings are, only vxd knew: the guest has to make new ones
    near.start()
    guest.reboot()
    guest.add_address(ADDRESS)
    guest.do(f"ip link set {guest.interface} mtu 1450")
    guest.wait_ping(c2)
    tcp_both_ways(guest, c2)
