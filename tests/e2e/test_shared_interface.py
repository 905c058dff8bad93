# SPDX-License-Identifier: BSD-3-Clause
"""An underlay interface that vxd shares with the kernel, by af_packet: each has its own frames, and who answers is clear."""

from lib.host import mac_of
from lib.shell import expect, wait_until
from lib.testcase import cases, needs_vxd

OWN = {4: "192.0.2.1", 6: "2001:db8::1"}
KERNELS = {4: "192.0.2.100", 6: "2001:db8::100"}
LENGTH = {4: 24, 6: 64}


def with_tunnel(lab, family=4):
    near, far = lab.underlay("vxd", "kernel", family=family)
    lab.bridged([near, far])
    mtu = 1450 if family == 4 else 1430
    c1 = lab.container(near, "c1", "172.18.20.1/16", mtu=mtu, mac=mac_of(1))
    c2 = lab.container(far, "c2", "172.18.20.2/16", mtu=mtu, mac=mac_of(2))
    c1.ping(c2)
    return near, far, c1, c2


def ping(host, address, count=5):
    return host.namespace.run("ping", "-n", "-c", count, "-i", "0.1", "-W", "2", address).out


def kernel_address(host, verb, address, family):
    host.namespace.run("sysctl", "-q", "-w", "net.ipv6.conf.eth1.disable_ipv6=0")
    host.namespace.ip("addr", verb, f"{address}/{LENGTH[family]}", "dev", "eth1", *(["nodad"] * (verb == "add" and family == 6)))


def received(host):
    return host.json("-s", "link", "show", "uplink")[0]["stats64"]["rx"]["packets"]


def log_of(host):
    with open(host.log, errors="replace") as file:
        return file.read()


@needs_vxd
@cases(family=[4, 6])
def test_what_is_the_kernels_alone_costs_vxd_nothing(lab, family):
    near, far, c1, c2 = with_tunnel(lab, family)
    kernel_address(near, "add", KERNELS[family], family)
    ping(far, KERNELS[family], 1)
    before, drops = received(near), near.drops()
    ping(far, KERNELS[family], 50)
    expect(received(near) < before + 20, f"{received(near) - before} packets came to vxd, of 50 that are the kernel's")
    expect(near.drops() == drops, f"{drops} became {near.drops()}")
    c2.ping(c1)


@needs_vxd
@cases(family=[4, 6])
def test_an_address_of_both_is_answered_once_and_warned_of(lab, family):
    near, far, c1, c2 = with_tunnel(lab, family)
    expect("DUP!" not in ping(far, OWN[family]), "answered twice")
    kernel_address(near, "add", OWN[family], family)
    wait_until("it is warned of", lambda: f"uplink: the kernel has {OWN[family]} too, on eth1" in log_of(near), timeout=5)
    far.namespace.ip("neigh", "flush", "dev", "uplink")
    said = ping(far, OWN[family])
    expect("DUP!" not in said and " 0% packet loss" in said, said)
    c2.ping(c1)
    c1.ping(c2)
    words = ("addr", "add", f"{OWN[family]}/{LENGTH[family]}", "dev", "uplink")
    near.do(f"addr del {OWN[family]}/{LENGTH[family]} dev uplink")
    result = near.vxctl(*words)
    expect(f"the kernel has {OWN[family]} too, on eth1" in result.err and "ip addr del" in result.err, result)
    c1.wait_ping(c2)
    kernel_address(near, "del", OWN[family], family)
    wait_until("vxd answers again", lambda: " 0% packet loss" in far.namespace.run(
        "ping", "-n", "-c", "1", "-W", "1", OWN[family], check=False).out, timeout=10)


@needs_vxd
def test_addresses_and_udp_ports_that_come_later_are_served(lab):
    near, far, c1, c2 = with_tunnel(lab)
    near.do("addr add 192.0.2.33/24 dev uplink")
    ping(far, "192.0.2.33")
    near.do("addr del 192.0.2.33/24 dev uplink")
    near.do("link add vxlan200 type vxlan id 200 local 192.0.2.1 dstport 8472")
    drops = near.drops().get("vni_unknown", 0)
    far.namespace.run("python3", "-c", "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                      "s.sendto(bytes.fromhex('0800000000006300') + bytes(60), ('192.0.2.1', 8472))")
    wait_until("it is looked at", lambda: near.drops().get("vni_unknown", 0) > drops, timeout=5)
    c1.ping(c2)
