# SPDX-License-Identifier: BSD-3-Clause
"""The fabric side: what is on the wire, whom vxd answers, and how it finds the way to the far VTEP."""

import json
import socket
import struct

from lib.host import mac_of
from lib.lab import LENGTH, PREFIX
from lib.shell import expect, is_so
from lib.testcase import cases, needs_vxd
from lib.traffic import Stream, tcp_both_ways, udp_exchange
from lib.wire import Sniffer, ethernet, ipv4, udp, vxlan


def bridged_pair(lab, family=4, port=None, far="kernel", **options):
    near, other = lab.underlay("vxd", far, family=family, port=port)
    lab.bridged([near, other], **options)
    return containers(lab, near, other, family)


def containers(lab, near, far, family=4):
    mtu = 1450 if family == 4 else 1430
    return (lab.container(near, "c1", "172.18.20.1/16", mtu=mtu, mac=mac_of(1)),
            lab.container(far, "c2", "172.18.20.2/16", mtu=mtu, mac=mac_of(2)))


# --- kinds of ports

@cases(dict(family=4, far="kernel"), dict(family=6, far="kernel"), dict(family=4, far="vxd"))
def test_af_xdp_as_the_underlay_port(lab, family, far):
    c1, c2 = bridged_pair(lab, family, port="af_xdp", far=far)
    c1.ping(c2)
    tcp_both_ways(c1, c2)
    udp_exchange(c1, c2)
    udp_exchange(c2, c1)


def test_af_xdp_is_removed_and_added_again(lab):
    near, far = lab.underlay("vxd", "kernel", port="af_xdp")
    lab.bridged([near, far])
    c1, c2 = containers(lab, near, far)
    if near.kind == "kernel":
        return
    with Stream(c1, c2) as stream:
        for _ in range(2):
            stream.flows()
            near.do("link del uplink")
            stream.stops()
            lab.uplink(near, near.address, 24, "af_xdp")
    c1.wait_ping(c2)


# --- what is on the wire

@cases(dict(family=4, checksum="noudpcsum"), dict(family=4, checksum="udpcsum"), dict(family=6, checksum="udpcsum"))
def test_the_outer_header_is_that_of_rfc_7348(lab, family, checksum):
    c1, c2 = bridged_pair(lab, family, vni=0xABCDE, options=f"dstport 4789 nolearning {checksum}")
    near, far = lab.hosts
    c1.ping(c2)
    with Sniffer(far.namespace, "uplink") as wire:
        udp_exchange(c1, c2, sizes=range(1, 65))
        for _ in range(20):  # each exchange is another flow
            udp_exchange(c1, c2, sizes=[10])
        frames = wire.tunnelled()
    expect(len(frames) >= 84, f"{len(frames)} frames on the wire")
    for frame in frames:
        expect((frame.source, frame.destination) == (near.address, far.address), frame)
        expect(frame.destination_mac == far.namespace.mac("uplink"), f"to another MAC: {frame}")
        expect(frame.vni == 0xABCDE and frame.flags == 8, frame)
        expect(49152 <= frame.srcport, f"source port {frame.srcport}") if near.kind == "vxd" else None
        expect(frame.ip_checksum_ok and frame.udp_checksum_ok, f"a wrong checksum: {frame}")
        expect(frame.dont_fragment, f"DF is not set: {frame}") if near.kind == "vxd" else None
        expect((frame.udp_checksum == 0) == (checksum == "noudpcsum"), f"UDP checksum {frame.udp_checksum:#x}")
        expect(frame.ttl >= 32, f"TTL {frame.ttl}")
    flows = {}
    for frame in frames:
        flows.setdefault(frame.inner[34:38], set()).add(frame.srcport)
    expect(all(len(ports) == 1 for ports in flows.values()), "one flow has several source ports")
    expect(len({port for ports in flows.values() for port in ports}) > 10, f"21 flows share source ports: {flows}")


class Injector:
    """Frames made to order, from the far host's side of the wire to a container of the near host."""

    def __init__(self, lab):
        self.near, self.far = lab.underlay("vxd", "kernel")
        lab.bridged([self.near, self.far])
        self.c1, self.c2 = containers(lab, self.near, self.far)
        self.c1.ping(self.c2)
        self.c2.ping(self.c1)
        neighbours = json.loads(self.far.namespace.ip("-j", "neigh", "show", self.near.address).out)
        self.near_mac = neighbours[0]["lladdr"]
        self.far_mac = self.far.namespace.mac("uplink")
        self.raw = lab.enter(self.far.namespace.socket(socket.AF_PACKET, socket.SOCK_RAW))
        self.raw.bind(("uplink", 0))
        self.receiver = lab.enter(self.c1.namespace.socket(timeout=0.3))
        self.receiver.bind(("172.18.20.1", 7777))
        self._number = 0

    def inner(self, text):
        payload = udp("172.18.20.2", "172.18.20.1", 5555, 7777, text)
        return ethernet(mac_of(1), mac_of(2), 0x0800, ipv4("172.18.20.2", "172.18.20.1", 17, payload))

    def send(self, text, checksum=None, port=4789, **options):
        tunnel = vxlan(options.pop("vni", 100), self.inner(text), **options)
        if checksum is None:
            outer = struct.pack("!4H", 50000, port, 8 + len(tunnel), 0) + tunnel
        else:
            outer = bytearray(udp(self.far.address, self.near.address, 50000, port, tunnel))
            if checksum == "wrong":
                outer[7] ^= 0x55
        self.raw.send(ethernet(self.near_mac, self.far_mac, 0x0800,
                               ipv4(self.far.address, self.near.address, 17, bytes(outer))))

    def arrives(self, **options):
        self._number += 1
        text = f"datagram {self._number}".encode()
        self.send(text, **options)
        try:
            return self.receiver.recv(100) == text
        except TimeoutError:
            return False

    def dropped(self, reason, **options):
        if self.near.kind == "vxd":
            before = self.count(reason)
        expect(not self.arrives(**options), f"a frame with {options} arrived")
        if self.near.kind == "vxd":
            expect(is_so(lambda: self.count(reason) > before, 1), f"stats does not count it as {reason}")

    def count(self, reason):
        return self.near.drops().get(reason, 0)


def test_what_a_far_vtep_may_send_is_accepted(lab):
    injector = Injector(lab)
    expect(injector.arrives(), "a UDP checksum of zero")
    expect(injector.arrives(checksum="right"), "a UDP checksum")
    expect(injector.arrives(flags=0x08), "no reserved bits")
    if injector.near.kind == "vxd":  # the kernel refuses what the RFC says to ignore
        expect(injector.arrives(flags=0xFF), "reserved flags are ignored")
        expect(injector.arrives(reserved1=0xFFFFFF, reserved2=0xFF), "reserved fields are ignored")


@needs_vxd
def test_what_a_far_vtep_must_not_send_is_dropped_and_counted(lab):
    injector = Injector(lab)
    injector.dropped("outer_udp_checksum", checksum="wrong")
    injector.dropped("vxlan_flag", flags=0)
    injector.dropped("vni_unknown", vni=101)
    injector.dropped("no_listener", port=4790)
    expect(injector.arrives(), "and then a good one")


# --- whom vxd answers

@cases(family=[4, 6])
def test_the_underlay_address_answers_resolution_and_ping(lab, family):
    near, far = lab.underlay("vxd", "kernel", family=family)
    for size in (56, 1000):
        for _ in range(2):
            ping = ("ping", "-n", "-c", 2, "-i", "0.1", "-W", 2, "-s", size, near.address)
            result = far.namespace.run(*ping, check=False)
            expect(result.status == 0, str(result))
            far.namespace.ip("neigh", "flush", "dev", "uplink")


@needs_vxd
@cases(family=[4, 6])
def test_other_underlay_addresses_are_not_answered_for(lab, family):
    near, far = lab.underlay("vxd", "kernel", family=family)
    result = far.namespace.run("ping", "-n", "-c", 1, "-W", 1, f"{PREFIX[family]}77", check=False)
    expect(result.status != 0, str(result))


# --- the way to the far VTEP

def routed_underlay(lab, family):
    """h1 -- router -- h2, the router being a kernel's."""
    one, router, other = lab.namespace("h1"), lab.namespace("router"), lab.namespace("h2")
    lab.cable(one, "eth1", router, "left")
    lab.cable(other, "eth1", router, "right")
    prefixes = {4: ("192.0.2.", "198.51.100."), 6: ("2001:db8:1::", "2001:db8:2::")}[family]
    for interface, prefix in zip(("left", "right"), prefixes):
        if family == 6:
            router.allow_ipv6(interface)
            router.ip("addr", "add", f"{prefix}fe/64", "dev", interface, "nodad")
        else:
            router.ip("addr", "add", f"{prefix}254/24", "dev", interface)
    if family == 6:
        router.sysctl("net.ipv6.conf.all.forwarding", 1)
    else:
        router.sysctl("net.ipv4.ip_forward", 1)
    hosts = [lab.endpoint("vxd", one, 1), lab.endpoint("kernel", other, 2)]
    for number, (host, prefix) in enumerate(zip(hosts, prefixes), 1):
        lab.uplink(host, f"{prefix}{number}", LENGTH[family])
        host.do(f"route add default via {prefix}{'fe' if family == 6 else '254'}")
    return hosts


@cases(family=[4, 6])
def test_the_far_vtep_is_behind_a_router(lab, family):
    near, far = routed_underlay(lab, family)
    lab.bridged([near, far])
    c1, c2 = containers(lab, near, far, family)
    c1.wait_ping(c2)
    c2.ping(c1)
    tcp_both_ways(c1, c2)


def test_a_static_neighbour_overrides_resolution(lab):
    c1, c2 = bridged_pair(lab)
    near, far = lab.hosts
    c1.ping(c2)
    with Stream(c1, c2) as stream:
        stream.flows()
        near.do(f"neigh replace {far.address} lladdr 02:00:00:00:00:77 dev uplink")
        stream.stops()
        with Sniffer(far.namespace, "uplink") as wire:
            c1.no_ping(c2)
            macs = {frame.destination_mac for frame in wire.tunnelled()}
        expect(macs == {"02:00:00:00:00:77"}, f"sent to {macs}")
        near.do(f"neigh replace {far.address} lladdr {far.namespace.mac('uplink')} dev uplink")
        stream.flows()
        near.do(f"neigh del {far.address} dev uplink")
        stream.flows()
    c1.ping(c2)


def test_a_far_vtep_that_comes_later_is_found(lab):
    one, other = lab.switch(2)
    other.ip("link", "set", "eth1", "down")
    near = lab.endpoint("vxd", one, 1)
    lab.uplink(near, "192.0.2.1", 24)
    near.do("link add br0 type bridge",
            "link add vxlan100 type vxlan id 100 local 192.0.2.1 dstport 4789 nolearning",
            "link set vxlan100 master br0",
            "fdb append 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.2")
    c1 = lab.container(near, "c1", "172.18.20.1/16", mac=mac_of(1))
    c1.no_ping("172.18.20.2")
    if near.kind == "vxd":
        expect(near.drops().get("vtep_unresolved", 0) > 0, "stats does not count vtep_unresolved")
    far = lab.endpoint("kernel", other, 2)
    lab.uplink(far, "192.0.2.2", 24)
    lab.bridged([far], flood=False)
    far.do("fdb append 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.1")
    c2 = lab.container(far, "c2", "172.18.20.2/16", mac=mac_of(2))
    c1.wait_ping(c2, timeout=15)


def test_a_far_vtep_whose_mac_changes_is_followed(lab):
    """As after a failover; Linux announces a new address with a gratuitous ARP if it is told to."""
    c1, c2 = bridged_pair(lab)
    near, far = lab.hosts
    c1.ping(c2)
    far.namespace.sysctl("net.ipv4.conf.uplink.arp_notify", 1)
    far.namespace.ip("link", "set", "uplink", "address", "02:00:00:00:99:02")
    c1.wait_ping(c2, timeout=15)
    tcp_both_ways(c1, c2)
