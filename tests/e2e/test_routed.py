# SPDX-License-Identifier: BSD-3-Clause
"""Scheme 1: the VXLAN device is a routed interface with an address of its own, as in Flannel."""

from lib.shell import expect
from lib.testcase import cases, needs_vxd
from lib.traffic import Stream, tcp_both_ways, udp_exchange
from lib.wire import Sniffer
from test_bridged import WIRE


def two_containers(lab, far="kernel", family=4, **options):
    near, other = lab.underlay("vxd", far, family=family)
    lab.routed([near, other], **options)
    mtu = 1450 if family == 4 else 1430
    return lab.routed_container(near, 1, mtu=mtu), lab.routed_container(other, 2, mtu=mtu)


@cases(*WIRE)
def test_ping_and_tcp_with_the_kernel(lab, family, port, checksum, vni):
    c1, c2 = two_containers(lab, family=family, vni=vni, options=f"dstport {port} nolearning {checksum}")
    c1.ping(c2)
    c2.ping(c1)
    tcp_both_ways(c1, c2)
    udp_exchange(c1, c2)
    udp_exchange(c2, c1)


@cases(family=[4, 6])
def test_ping_and_tcp_between_two_vxd(lab, family):
    c1, c2 = two_containers(lab, far="vxd", family=family)
    c1.ping(c2)
    tcp_both_ways(c1, c2)
    udp_exchange(c1, c2)


@cases(dict(far="kernel", near="on"), dict(far="kernel", near="off"), dict(far="vxd", near="off"))
def test_tcp_with_container_offloads(lab, far, near):
    c1, c2 = two_containers(lab, far=far)
    c1.offloads(near)
    tcp_both_ways(c1, c2, size=8 << 20)
    udp_exchange(c1, c2)
    udp_exchange(c2, c1)


@cases(far=["kernel", "vxd"])
def test_iperf3_both_ways(lab, far):
    c1, c2 = two_containers(lab, far=far)
    c1.ping(c2)
    c1.iperf(c2)
    c2.iperf(c1)


@cases(dict(far="kernel", family=4), dict(far="kernel", family=6), dict(far="vxd", family=4))
def test_frames_at_the_edge_of_the_mtu(lab, far, family):
    c1, c2 = two_containers(lab, far=far, family=family)
    largest = (1450 if family == 4 else 1430) - 28
    for one, other in ((c1, c2), (c2, c1)):
        one.ping(other, size=largest, dont_fragment=True)
        one.no_ping(other, size=largest + 1, dont_fragment=True)
        one.ping(other, size=4000)  # in fragments


def test_the_gateway_answers_arp_and_ping(lab):
    near, far = lab.underlay("vxd", "kernel")
    lab.routed([near, far])
    c1 = lab.routed_container(near, 1)
    c2 = lab.routed_container(far, 2)
    c1.ping("172.18.10.1")
    c1.ping("172.18.10.1", size=1000)
    c1.ping("172.18.20.1")  # the far gateway
    c2.ping("172.18.10.1")
    c2.ping("172.18.10.0")  # the VXLAN device's own


def test_routing_decrements_the_ttl(lab):
    c1, c2 = two_containers(lab)
    c1.ping(c2, ttl=3)
    with Sniffer(lab.hosts[1].namespace, "uplink") as wire:
        c1.ping(c2, count=1, ttl=17)
        ttls = [frame.inner[22] for frame in wire.tunnelled() if frame.inner[12:14] == b"\x08\x00"]
    expect(ttls == [16], f"TTLs in the tunnel: {ttls}")
    c1.no_ping(c2, ttl=1)


def test_the_inner_frame_has_the_vxlan_devices_addresses(lab):
    c1, c2 = two_containers(lab)
    with Sniffer(lab.hosts[1].namespace, "uplink") as wire:
        c1.ping(c2, count=1)
        frames = wire.tunnelled()
    expect(frames, "nothing came")
    for frame in frames:
        addresses = frame.inner[:6].hex(":"), frame.inner[6:12].hex(":")
        expect(addresses == ("0e:00:00:00:00:02", "0e:00:00:00:00:01"), f"inner addresses: {addresses}")


def test_containers_of_one_host_reach_each_other(lab):
    c1, c2 = two_containers(lab)
    near = lab.hosts[0]
    same = lab.routed_container(near, 1, 3)
    c1.ping(same)
    near.do("link add br1 type bridge", "addr add 172.18.30.1/24 dev br1")
    other = lab.container(near, "other", "172.18.30.2/24", "br1", gateway="172.18.30.1")
    c1.ping(other)
    tcp_both_ways(c1, other)


def test_the_longest_prefix_wins(lab):
    hosts = lab.underlay("vxd", "kernel", "kernel")
    lab.routed(hosts)
    near, second, third = hosts
    c1 = lab.routed_container(near, 1)
    c2 = lab.routed_container(second, 2)
    c3 = lab.routed_container(third, 3)
    c1.ping(c2)
    c1.ping(c3)
    # One address of the second host's network moves to the third host.
    third.do("link add br1 type bridge", "addr add 172.18.20.129/25 dev br1")
    moved = lab.container(third, "moved", "172.18.20.200/25", "br1", gateway="172.18.20.129")
    near.do("route add 172.18.20.200/32 via 172.18.30.0 dev vxlan100 onlink")
    c1.ping(moved)
    c1.ping(c2)
    near.do("route del 172.18.20.200/32")
    c1.no_ping(moved)
    near.do("route add 172.18.20.128/25 via 172.18.30.0 dev vxlan100 onlink")
    c1.ping(moved)
    c1.ping(c2)


REMOVABLE = {
    "fdb": ("fdb del {mac} dev vxlan100 dst {vtep}", "fdb append {mac} dev vxlan100 dst {vtep}"),
    "neigh": ("neigh del 172.18.20.0 dev vxlan100", "neigh replace 172.18.20.0 lladdr {mac} dev vxlan100"),
    "route": ("route del 172.18.20.0/24", "route add 172.18.20.0/24 via 172.18.20.0 dev vxlan100 onlink"),
}


@cases(entry=list(REMOVABLE))
def test_traffic_stops_with_its_entry_and_resumes(lab, entry):
    c1, c2 = two_containers(lab)
    near, far = lab.hosts
    words = dict(mac="0e:00:00:00:00:02", vtep=far.address)
    remove, add = (command.format(**words) for command in REMOVABLE[entry])
    with Stream(c1, c2) as stream:
        stream.flows()
        for _ in range(2):
            near.do(remove)
            stream.stops()
            near.do(add)
            stream.flows()
    c1.ping(c2)


def test_the_vxlan_device_is_removed_under_traffic(lab):
    c1, c2 = two_containers(lab)
    near, far = lab.hosts
    same = lab.routed_container(near, 1, 3)
    with Stream(c1, c2) as tunnelled, Stream(same, c1) as local:
        tunnelled.flows()
        local.flows()
        near.do("link del vxlan100")
        tunnelled.stops()
        local.flows()
        near.do(f"link add vxlan100 address 0e:00:00:00:00:01 type vxlan id 100 local {near.address} dstport 4789",
                "addr add 172.18.10.0/32 dev vxlan100")
        lab.route_to(near, 2, far.address)
        tunnelled.flows()
    c1.ping(c2)


@needs_vxd
def test_a_route_that_leads_nowhere_is_a_named_drop(lab):
    c1, c2 = two_containers(lab)
    near = lab.hosts[0]
    c1.no_ping("172.31.0.1")
    expect(near.drops().get("no_route"), "stats does not name the drop")


def test_both_schemes_on_one_host(lab):
    near, far = lab.underlay("vxd", "kernel")
    lab.routed([near, far])
    lab.bridged([near, far], vni=200, bridge="br1", device="vxlan200")
    routed = lab.routed_container(near, 1), lab.routed_container(far, 2)
    bridged = [lab.container(host, f"b{number}", f"10.9.0.{number}/24", "br1")
               for number, host in enumerate((near, far), 1)]
    routed[0].ping(routed[1])
    bridged[0].ping(bridged[1])
    tcp_both_ways(*routed)
    tcp_both_ways(*bridged)
