# SPDX-License-Identifier: BSD-3-Clause
"""Scheme 2: the VXLAN device is a member of a bridge, as in Docker's overlay networks."""

from lib.host import mac_of
from lib.shell import expect, wait_until
from lib.testcase import cases, needs_vxd
from lib.traffic import Stream, broadcast, multicast, tcp_both_ways, udp_exchange
from lib.wire import Sniffer

# Every value of every column, and every pair of family and port and checksum.
WIRE = [dict(family=4, port=4789, checksum="noudpcsum", vni=1),
        dict(family=4, port=4789, checksum="udpcsum", vni=100),
        dict(family=4, port=8472, checksum="noudpcsum", vni=16777215),
        dict(family=4, port=8472, checksum="udpcsum", vni=1),
        dict(family=6, port=4789, checksum="udpcsum", vni=16777215),
        dict(family=6, port=8472, checksum="noudpcsum", vni=100)]


def two_containers(lab, far="kernel", family=4, port=None, **options):
    near, other = lab.underlay("vxd", far, family=family, port=port)
    lab.bridged([near, other], **options)
    mtu = 1450 if family == 4 else 1430
    return (lab.container(near, "c1", "172.18.20.1/16", mtu=mtu, mac=mac_of(1)),
            lab.container(other, "c2", "172.18.20.2/16", mtu=mtu, mac=mac_of(2)))


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
        result = one.no_ping(other, size=largest + 1, dont_fragment=True)
        expect("too long" in (result.out + result.err).lower(), f"refused for another reason: {result}")
        one.ping(other, size=4000)  # in fragments


@needs_vxd
def test_a_frame_larger_than_the_underlay_is_dropped_and_counted(lab):
    near, far = lab.underlay("vxd", "kernel")
    lab.bridged([near, far])
    c1 = lab.container(near, "c1", "172.18.20.1/16", mtu=1500)
    c2 = lab.container(far, "c2", "172.18.20.2/16", mtu=1450)
    c1.ping(c2, size=1450 - 28, dont_fragment=True)
    with Sniffer(far.namespace, "uplink") as wire:
        c1.no_ping(c2, size=1500 - 28, dont_fragment=True)
        expect(not [frame for frame in wire.tunnelled() if len(frame.inner) > 1464], "it came out of the underlay port")
    expect(near.drops().get("frame_too_big"), "stats does not name the drop")
    c1.ping(c2)


@cases(far=["kernel", "vxd"])
def test_ipv6_inside(lab, far):
    c1, c2 = two_containers(lab, far=far)
    c1.add_address("fd00::1/64")
    c2.add_address("fd00::2/64")
    c1.ping("fd00::2")
    c2.ping("fd00::1")
    udp_exchange(c1, c2, address="fd00::2")
    udp_exchange(c2, c1, address="fd00::1")


def three_hosts(lab, options="dstport 4789 nolearning"):
    hosts = lab.underlay("vxd", "kernel", "vxd")
    lab.bridged(hosts, options=options)
    containers = [lab.container(host, f"c{number}", f"172.18.20.{number}/16", mac=mac_of(number))
                  for number, host in enumerate(hosts, 1)]
    return hosts, containers


def test_broadcast_reaches_everyone_once(lab):
    hosts, (c1, c2, c3) = three_hosts(lab)
    c4 = lab.container(hosts[0], "c4", "172.18.20.4/16")
    for source in (c1, c2, c3):
        others = [container for container in (c1, c2, c3, c4) if container is not source]
        for destination in ("255.255.255.255", "172.18.255.255"):
            counts = broadcast(source, others, destination)
            expect(set(counts.values()) == {1}, f"copies of {source.name}'s broadcast to {destination}: {counts}")


def test_multicast_reaches_everyone_once(lab):
    hosts, (c1, c2, c3) = three_hosts(lab)
    # A bridge of Linux does not flood multicast before its querier has settled; that is not what this is about.
    for host in hosts:
        if host.kind == "kernel":
            host.namespace.ip("link", "set", "br0", "type", "bridge", "mcast_snooping", "0")
    for source in (c1, c2, c3):
        counts = multicast(source, [container for container in (c1, c2, c3) if container is not source])
        expect(set(counts.values()) == {1}, f"copies of {source.name}'s multicast: {counts}")


def test_all_three_hosts_talk(lab):
    hosts, containers = three_hosts(lab)
    for source in containers:
        for target in containers:
            if source is not target:
                source.ping(target, count=2)


def test_traffic_stops_with_its_fdb_entry_and_resumes(lab):
    near, far = lab.underlay("vxd", "kernel")
    lab.bridged([near, far], flood=False)
    c1 = lab.container(near, "c1", "172.18.20.1/16", mac=mac_of(1))
    c2 = lab.container(far, "c2", "172.18.20.2/16", mac=mac_of(2))
    c1.know(c2)
    c2.know(c1)
    far.do(f"fdb append {c1.mac} dev vxlan100 dst {near.address}")
    with Stream(c1, c2) as stream:
        stream.stops()
        for _ in range(3):
            near.do(f"fdb append {c2.mac} dev vxlan100 dst {far.address}")
            stream.flows()
            c1.ping(c2)
            near.do(f"fdb del {c2.mac} dev vxlan100 dst {far.address}")
            stream.stops()


def test_the_next_frame_after_fdb_del_is_not_sent(lab):
    near, far = lab.underlay("vxd", "kernel")
    lab.bridged([near, far], flood=False)
    c1 = lab.container(near, "c1", "172.18.20.1/16", mac=mac_of(1))
    c2 = lab.container(far, "c2", "172.18.20.2/16", mac=mac_of(2))
    c1.know(c2)
    # Another entry keeps the far host's MAC resolved: frames to a VTEP that is being resolved are dropped.
    near.do(f"fdb append {mac_of(99)} dev vxlan100 dst {far.address}")
    wait_until("the far host is resolved", lambda: "REACHABLE" in str(near.vxctl("neigh", "show")))
    # The kernel opens a bridge's port, and a veth's queue, some time after the link is up.
    wait_until("the far container is connected",
               lambda: '"forwarding"' in far.namespace.bridge("-j", "link", "show", "dev", "c2").out)
    with c1.namespace.socket() as sender, c2.namespace.socket(timeout=1) as receiver:
        receiver.bind((c2.address, 9))
        for _ in range(5):
            near.do(f"fdb append {c2.mac} dev vxlan100 dst {far.address}")
            sender.sendto(b"goes", (c2.address, 9))
            expect(receiver.recv(99) == b"goes", "the first frame after fdb append arrives")
            near.do(f"fdb del {c2.mac} dev vxlan100 dst {far.address}")
            sender.sendto(b"does not", (c2.address, 9))
            try:
                receiver.recv(99)
                arrived = True
            except TimeoutError:
                arrived = False
            expect(not arrived, "a frame sent after fdb del returned arrived")


def test_flooding_stops_with_the_all_zero_entry(lab):
    c1, c2 = two_containers(lab)
    near, far = lab.hosts
    c1.ping(c2)
    near.do(f"fdb del 00:00:00:00:00:00 dev vxlan100 dst {far.address}")
    c1.forget_neighbours()
    c1.no_ping(c2)
    near.do(f"fdb append 00:00:00:00:00:00 dev vxlan100 dst {far.address}")
    c1.wait_ping(c2)


@cases(far=["kernel", "vxd"])
def test_learning_ends_flooding(lab, far):
    near, other, third = lab.underlay("vxd", far, "kernel")
    lab.bridged([near, other, third], options="dstport 4789 learning")
    c1 = lab.container(near, "c1", "172.18.20.1/16", mac=mac_of(1))
    c2 = lab.container(other, "c2", "172.18.20.2/16", mac=mac_of(2))
    c1.ping(c2)
    near.wait_fdb(mac_of(2), dst=other.address)
    near.wait_fdb(mac_of(1))
    with Sniffer(third.namespace, "uplink") as wire:
        c1.ping(c2, count=5)
        unicast = [frame for frame in wire.tunnelled() if frame.inner[:6] == bytes.fromhex("020000000002")]
    expect(not unicast, f"{len(unicast)} frames for a learned address were flooded")


@needs_vxd
def test_nolearning_learns_nothing_from_the_tunnel(lab):
    c1, c2 = two_containers(lab, options="dstport 4789 nolearning")
    near = lab.hosts[0]
    c1.ping(c2)
    near.wait_fdb(mac_of(1))  # its own container
    c1.ping(c2, count=5)
    expect(not near.has_fdb(mac_of(2)), f"learned: {near.fdb()}")


def test_a_learned_entry_ages_out(lab):
    near, far = lab.underlay("vxd", "kernel")
    for host in (near, far):
        host.do("link add br0 type bridge ageing_time 200",
                f"link add vxlan100 type vxlan id 100 local {host.address} dstport 4789 learning ageing 2",
                "link set vxlan100 master br0")
    near.do(f"fdb append 00:00:00:00:00:00 dev vxlan100 dst {far.address}")
    far.do(f"fdb append 00:00:00:00:00:00 dev vxlan100 dst {near.address}")
    c1 = lab.container(near, "c1", "172.18.20.1/16", mac=mac_of(1))
    c2 = lab.container(far, "c2", "172.18.20.2/16", mac=mac_of(2))
    c1.ping(c2)
    near.wait_fdb(mac_of(2), dst=far.address)
    c1.ping(c2, count=60)  # three seconds, longer than the ageing time: it is used and stays
    expect(near.has_fdb(mac_of(2), dst=far.address), "an entry in use aged out")
    near.wait_no_fdb(mac_of(2), dst=far.address, timeout=20)
    c1.ping(c2)


def test_a_mac_that_moves_is_followed(lab):
    near, far = lab.underlay("vxd", "kernel")
    lab.bridged([near, far], options="dstport 4789 learning")
    c1 = lab.container(near, "c1", "172.18.20.1/16", mac=mac_of(1))
    here = lab.container(near, "here", None, mac=mac_of(9))
    there = lab.container(far, "there", None, mac=mac_of(9))
    for _ in range(2):
        for moved in (here, there):
            moved.namespace.ip("link", "set", "eth0", "up")
            moved.add_address("172.18.20.9/16")
            moved.ping(c1)
            near.wait_fdb(mac_of(9), dst=far.address if moved is there else None)
            c1.ping("172.18.20.9")
            moved.namespace.ip("addr", "del", "172.18.20.9/16", "dev", "eth0")
            moved.namespace.ip("link", "set", "eth0", "down")


def test_local_containers_need_no_tunnel(lab):
    c1, c2 = two_containers(lab)
    near, far = lab.hosts
    c3 = lab.container(near, "c3", "172.18.20.3/16", mac=mac_of(3))
    c1.ping(c3)
    c3.ping(c2)
    with Sniffer(far.namespace, "uplink") as wire:
        c1.ping(c3)
        tcp_both_ways(c1, c3)
        udp_exchange(c1, c3)
        leaked = [frame for frame in wire.tunnelled() if not frame.inner[0] & 1]
    expect(not leaked, f"{len(leaked)} unicast frames between local containers were sent into the tunnel")


def test_two_vnis_with_the_same_addresses_do_not_hear_each_other(lab):
    near, far = lab.underlay("vxd", "kernel")
    names = {}
    for colour, vni in (("red", 100), ("blue", 200)):
        lab.bridged([near, far], vni=vni, bridge=f"br-{colour}", device=f"vxlan{vni}")
        for number, host in ((1, near), (2, far)):
            names[colour, number] = lab.container(host, f"{colour}{number}", f"172.18.20.{number}/16",
                                                  f"br-{colour}", mac=mac_of(number))
    for colour in ("red", "blue"):
        names[colour, 1].ping(names[colour, 2])
    counts = broadcast(names["red", 1], [names["red", 2], names["blue", 1], names["blue", 2]])
    expect(counts == {"red2": 1, "blue1": 0, "blue2": 0}, f"copies of red1's broadcast: {counts}")
    names["red", 2].namespace.ip("link", "set", "eth0", "down")
    names["red", 1].no_ping("172.18.20.2")  # there still is a blue one
    names["blue", 1].ping("172.18.20.2")


def test_a_port_is_removed_under_traffic(lab):
    c1, c2 = two_containers(lab)
    near, far = lab.hosts
    c3 = lab.container(near, "c3", "172.18.20.3/16", mac=mac_of(3))
    c1.ping(c2)
    c3.ping(c2)
    with Stream(c2, c1) as to_c1, Stream(c3, c2) as others:
        to_c1.flows()
        others.flows()
        for _ in range(3):
            near.do("link del c1")
            expect("eth0" not in c1.namespace.links(), "the container still has its interface")
            others.flows()
            c1.attach("br0", mac_of(1))
            c1.add_address("172.18.20.1/16")
            c1.wait_ping(c2)
            others.flows()


def test_a_vxlan_device_is_removed_under_traffic(lab):
    c1, c2 = two_containers(lab)
    near, far = lab.hosts
    c1.ping(c2)
    with Stream(c1, c2) as stream:
        stream.flows()
        for _ in range(3):
            near.do("link del vxlan100")
            stream.stops()
            near.do(f"link add vxlan100 type vxlan id 100 local {near.address} dstport 4789 nolearning",
                    "link set vxlan100 master br0",
                    f"fdb append 00:00:00:00:00:00 dev vxlan100 dst {far.address}")
            stream.flows()
    c1.ping(c2)


def test_a_container_that_ends_leaves_the_others_alone(lab):
    """Its namespace goes away together with its end of the port, without a word to the host."""
    c1, c2 = two_containers(lab)
    near, far = lab.hosts
    c3 = lab.container(near, "c3", "172.18.20.3/16", mac=mac_of(3))
    c3.ping(c2)
    with Stream(c1, c2) as stream, Stream(c2, c3):
        stream.flows()
        c3.namespace.close()
        stream.flows()
        if near.kind == "vxd":
            near.do("link del c3")
        stream.flows()
    c1.ping(c2)


def test_a_bridge_is_removed_under_traffic(lab):
    c1, c2 = two_containers(lab)
    near, far = lab.hosts
    with Stream(c1, c2) as stream:
        stream.flows()
        near.do("link del br0")
        stream.stops()
        near.do("link add br0 type bridge", "link set vxlan100 master br0", "link set c1 master br0")
        stream.flows()


def test_remote_is_the_default_destination(lab):
    near, far = lab.underlay("vxd", "kernel")
    near.do("link add br0 type bridge",
            f"link add vxlan100 type vxlan id 100 local {near.address} remote {far.address} dstport 4789",
            "link set vxlan100 master br0")
    lab.bridged([far], flood=False)
    far.do(f"fdb append 00:00:00:00:00:00 dev vxlan100 dst {near.address}")
    c1 = lab.container(near, "c1", "172.18.20.1/16")
    c2 = lab.container(far, "c2", "172.18.20.2/16")
    c1.ping(c2)
    wait_until("the far container's address is learned", lambda: near.has_fdb(c2.mac, dst=far.address))
