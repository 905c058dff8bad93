# SPDX-License-Identifier: BSD-3-Clause
"""What the bridge decides: flooding, split horizon, learning, moves, isolation, tags."""

from .case import golden, golden_each
from .oracle import *

MULTICAST = "01:00:5e:00:00:fb"
PORTS = ("docker1", "docker2", "docker3")


@golden
def bridge_local(case):
    """Containers of one bridge talk without a tunnel; what is for one does not reach the others."""
    bridge(case, *PORTS)
    case.setup(f"fdb append {C1} dev docker1 master static\nfdb append {C2} dev docker2 master static")
    frames = [udp(C1, C2), udp6(C1, C2), raw_frame(C1, C2), vlan(C1, C2), vlan(C1, C2, ether_type=0x88a8)]
    case.send("docker1", frames)
    case.expect("docker2", frames)
    case.send("docker2", [udp(C2, C1)])
    case.expect("docker1", [udp(C2, C1)])


@golden_each(ipv4=dict(far=(FAR4, FAR2_4), family=4, checksum=False), ipv4_udpcsum=dict(far=(FAR4, FAR2_4), family=4, checksum=True),
             ipv6=dict(far=(FAR6, FAR2_6), family=6, checksum=True))
def flood_from_container(case, far, family, checksum):
    """Head-end replication: broadcast, multicast and unknown unicast go to each far VTEP and to each other container, once."""
    bridged(case, f"nolearning {'udpcsum' if checksum else 'noudpcsum'}", family=family, ports=PORTS, flood=far)
    frames = [udp(C1, mac) for mac in (BROADCAST, MULTICAST, NOBODY)] + [raw_frame(C1, BROADCAST), udp(C1, BROADCAST, 1372),
                                                                         udp(C1, BROADCAST, tos=3)]
    case.send("docker1", frames)
    case.expect("docker2", frames)
    case.expect("docker3", frames)
    case.expect("uplink", [encapsulated(frame, remote, checksum=checksum) for frame in frames for remote in far])


@golden
def flood_segmented(case):
    """The copies of a flooded frame are whole, however many pieces it came in."""
    bridged(case, "nolearning udpcsum", ports=PORTS[:2], flood=[FAR4, FAR2_4])
    frames = [udp(C1, BROADCAST, size) for size in (200, 1001, 1372)]
    case.send("docker1", frames, "split128")
    case.expect("docker2", frames)
    case.expect("uplink", [encapsulated(frame, remote, checksum=True) for frame in frames for remote in (FAR4, FAR2_4)])


@golden
def flood_partial_checksum(case):
    """The copies of a flooded frame have whole checksums, though it came without one."""
    bridged(case, ports=PORTS[:2], flood=[FAR4])
    frames = [udp(C1, BROADCAST, 100), tcp(C1, NOBODY, 101), udp6(C1, BROADCAST, 7)]
    case.send("docker1", frames, "partial")
    case.expect("docker2", frames)
    case.expect("uplink", [encapsulated(frame) for frame in frames])


@golden
def split_horizon(case):
    """What came in a tunnel goes into none: neither flooded, nor to a MAC that is behind another far VTEP, nor back, not
    even where the bridge has two VXLAN devices."""
    underlay(case)
    bridge(case, *PORTS[:2])
    vxlan(case, fdb=[(F1, FAR4), (F2, FAR2_4)], flood=[FAR4, FAR2_4])
    vxlan(case, vni=200, fdb=[(F3, FAR2_4)], flood=[FAR2_4])
    flooded = [udp(F1, BROADCAST), udp(F1, MULTICAST), udp(F1, NOBODY)]
    case.send("uplink", [received(frame) for frame in flooded])
    case.expect("docker1", flooded)
    case.expect("docker2", flooded)
    case.send("uplink", [received(udp(F1, mac)) for mac in (F2, F3, F1)])
    case.drop("vxlan100", "split_horizon", 3)


@golden
def split_horizon_without_ports(case):
    """A flooded frame from a tunnel for which there are only tunnels."""
    underlay(case)
    bridge(case)
    vxlan(case, flood=[FAR4, FAR2_4])
    case.send("uplink", [received(udp(F1, BROADCAST)), received(udp(F1, NOBODY))])
    case.drop("vxlan100", "split_horizon", 2)


@golden
def flood_without_destination(case):
    """Nobody but the sender is there."""
    bridge(case, "docker1")
    case.send("docker1", [udp(C1, BROADCAST), udp(C1, NOBODY)])
    case.drop("docker1", "no_destination", 2)


@golden
def flood_list_with_ourselves(case):
    """An own address in a flood list, as in one script for all hosts, gets no copy, and nothing is dropped for it. It is
    like any other once it is not ours any more."""
    bridged(case, ports=PORTS[:2], fdb=[], flood=[US4, FAR4])
    case.setup(f"addr add {FAR2_4}/24 dev uplink\nfdb append 00:00:00:00:00:00 dev vxlan100 dst {FAR2_4}")
    case.send("docker1", [udp(C1, BROADCAST)])
    case.expect("docker2", [udp(C1, BROADCAST)])
    case.expect("uplink", [encapsulated(udp(C1, BROADCAST))])
    case.commands(f"addr del {FAR2_4}/24 dev uplink")
    case.send("docker1", [udp(C1, BROADCAST, 40)])
    case.expect("docker2", [udp(C1, BROADCAST, 40)])
    case.expect("uplink", [encapsulated(udp(C1, BROADCAST, 40), far) for far in (FAR4, FAR2_4)])


@golden
def same_port(case):
    """A frame whose destination is where it came from; two containers may be behind one port."""
    bridged(case, ports=PORTS[:2])
    case.setup(f"fdb append {C1} dev docker1 master static\nfdb append {C3} dev docker1 master static")
    case.send("docker1", [udp(C1, C3), udp(C1, C1)])
    case.drop("docker1", "same_port", 2)


@golden
def reserved_group(case):
    """IEEE 802.1Q table 8-1: 01:80:c2:00:00:00 to :0f are not forwarded, from either side; their neighbours are."""
    bridged(case, ports=PORTS[:2], flood=[FAR4])
    reserved = [f"01:80:c2:00:00:{last:02x}" for last in range(16)]
    others = ["01:80:c2:00:00:10", "01:80:c2:00:01:00", "01:80:c1:00:00:00", "03:80:c2:00:00:00"]
    case.send("docker1", [raw_frame(C1, mac) for mac in reserved])
    case.drop("docker1", "reserved_group", 16)
    case.send("uplink", [received(raw_frame(F1, mac)) for mac in reserved])
    case.drop("vxlan100", "reserved_group", 16)
    case.send("docker1", [raw_frame(C1, mac) for mac in others])
    case.expect("docker2", [raw_frame(C1, mac) for mac in others])
    case.expect("uplink", [encapsulated(raw_frame(C1, mac)) for mac in others])


@golden
def source_mac_invalid(case):
    """A source that is a group or zero is no source, from either side."""
    bridged(case, ports=PORTS[:2], fdb=[(F1, FAR4)])
    sources = [BROADCAST, MULTICAST, "01:00:00:00:00:00", "00:00:00:00:00:00"]
    case.send("docker1", [udp(mac, F1) for mac in sources])
    case.drop("docker1", "source_mac_invalid", 4)
    case.send("uplink", [received(udp(mac, C1)) for mac in sources])
    case.drop("vxlan100", "source_mac_invalid", 4)


@golden
def vlan_tags(case):
    """A tag is none of a local bridge's business, but no tagged frame goes into a tunnel, alone or flooded, and none that
    comes in one is taken (RFC 7348 section 6.1). Of what was flooded to other ports, the VXLAN device counts the loss."""
    bridged(case, ports=PORTS[:2], flood=[FAR4])
    local = [vlan(C1, NOBODY), vlan(C1, BROADCAST), vlan(C1, BROADCAST, ether_type=0x88a8)]
    case.send("docker1", local)
    case.expect("docker2", local)
    case.drop("vxlan100", "inner_vlan", 3)
    case.send("docker1", [vlan(C1, F1), vlan(C1, F1, tag=4095), vlan(C1, F1, ether_type=0x88a8)])
    case.drop("docker1", "inner_vlan", 3)
    case.send("uplink", [received(frame) for frame in (vlan(F1, C1), vlan(F1, BROADCAST), vlan(F1, C1, ether_type=0x88a8))])
    case.drop("vxlan100", "inner_vlan", 3)


@golden
def priority_tags(case):
    """A priority tag (VLAN 0) names no VLAN: what a container, a virtual machine or a far host sends so goes on as if it
    had none, alone or flooded, to ports and tunnels, and has its flow's source port. Behind it, a tag of a VLAN is one.
    What is owed to such a frame keeps its place."""
    bridged(case, ports=PORTS[:2], flood=[FAR4])
    frames = [udp(C1, F1), udp6(C1, F1), raw_frame(C1, F1), udp(C1, F1, 1422)]  # the last as large as may be
    for tags in PRIORITY_TAGS:
        case.send("docker1", [priority_tagged(frame, *tags) for frame in frames])
        case.expect("uplink", [encapsulated(frame) for frame in frames])
    case.send("docker1", [priority_tagged(udp(C1, BROADCAST))])
    case.expect("uplink", [encapsulated(udp(C1, BROADCAST))])
    case.expect("docker2", [udp(C1, BROADCAST)])
    back = [udp(F1, C1), udp6(F1, C1), raw_frame(F1, C1), udp(F1, BROADCAST)]
    for tags in PRIORITY_TAGS:
        case.send("uplink", [received(priority_tagged(frame, *tags)) for frame in back])
        case.expect("docker1", back)
        case.expect("docker2", back[3:])
    case.send("docker1", [priority_tagged(priority_tagged(udp(C1, F1), vlan=5))])
    case.drop("docker1", "inner_vlan", 1)
    case.send("uplink", [received(priority_tagged(priority_tagged(udp(F1, C1), vlan=5)))])
    case.drop("vxlan100", "inner_vlan", 1)
    case.send("docker1", [priority_tagged(udp(C1, F1))] * 2, "partial", [(2, 6), (38 + 50, 6)])
    case.drop("docker1", "offload_invalid", 2)


@golden
def vlan_tags_without_ports(case):
    """A tagged frame for which there are only tunnels."""
    bridged(case, flood=[FAR4])
    case.send("docker1", [vlan(C1, BROADCAST), vlan(C1, NOBODY)])
    case.drop("docker1", "inner_vlan", 2)


@golden
def vni_isolation(case):
    """Two networks with the same addresses, of MAC and of IP, do not hear each other."""
    underlay(case)
    for number, vni, far in ((1, 100, FAR4), (2, 200, FAR2_4)):
        bridge(case, f"docker{number}", name=f"br{number}", address=f"02:00:00:00:03:1{number}")
        vxlan(case, vni=vni, master=f"br{number}", fdb=[(F1, far)], flood=[far])
    for number, vni, far in ((1, 100, FAR4), (2, 200, FAR2_4)):
        out = [udp(C1, F1, size) for size in (10 * number, 11 * number)] + [raw_frame(C1, BROADCAST, size=50 * number)]
        case.send(f"docker{number}", out)
        case.expect("uplink", [encapsulated(frame, far, vni=vni) for frame in out])
        back = [udp(F1, C1, 5 * number), udp(F1, BROADCAST, 6 * number), udp(F1, NOBODY, 7 * number)]
        case.send("uplink", [received(frame, far, vni=vni) for frame in back])
        case.expect(f"docker{number}", back)


@golden
def vni_on_two_ports(case):
    """The same VNI on two UDP ports is two networks."""
    underlay(case)
    for number, port in ((1, 4789), (2, 8472)):
        bridge(case, f"docker{number}", name=f"br{number}", address=f"02:00:00:00:03:1{number}")
        case.setup(f"link add vx{number} type vxlan id 100 local {US4} dstport {port} nolearning noudpcsum\n"
                   f"link set vx{number} master br{number}\nfdb append {F1} dev vx{number} dst {FAR4}")
        frames = [udp(F1, C1, number)]
        case.send("uplink", [received(frame, port=port) for frame in frames])
        case.expect(f"docker{number}", frames)
        case.send(f"docker{number}", [udp(C1, F1, number)])
        case.expect("uplink", [encapsulated(udp(C1, F1, number), port=port)])


@golden_each(ipv4=dict(family=4, far=(FAR4, FAR2_4)), ipv6=dict(family=6, far=(FAR6, FAR2_6)))
def mtu_edge(case, family, far):
    """A frame of exactly the MTU passes, one byte more is dropped: into a tunnel, to a container, alone or flooded."""
    overhead = 50 if family == 4 else 70
    bridged(case, "nolearning udpcsum", family=family, ports=PORTS[:2], fdb=[(F1, far[0]), (F2, far[0]), (F2, far[1])])
    case.setup(f"fdb append {C2} dev docker2 master static\nlink set docker2 mtu 1400")
    edge = 14 + 1500 - overhead - 42
    fits = [udp(C1, F1, edge - 1), udp(C1, F1, edge)]
    case.send("docker1", fits + [udp(C1, F1, edge + 1), udp(C1, F1, 1472)])
    case.expect("uplink", [encapsulated(frame, far[0], checksum=True) for frame in fits])
    case.drop("docker1", "frame_too_big", 2)
    case.send("docker1", [udp(C1, F2, edge), udp(C1, F2, edge + 1)])
    case.expect("uplink", [encapsulated(udp(C1, F2, edge), remote, checksum=True) for remote in far])
    case.drop("docker1", "frame_too_big", 1)
    local = [udp(C1, C2, 1400 - 28), udp(C1, C2, 1400 - 27)]
    case.send("docker1", local)
    case.expect("docker2", local[:1])
    case.drop("docker1", "frame_too_big", 1)
    tagged = [Ether(dst=C2, src=C1) / Dot1Q(vlan=5, type=0x88b5) / Raw(payload(size)) for size in (1400, 1401)]
    case.send("docker1", tagged)  # a tag is not payload
    case.expect("docker2", tagged[:1])
    case.drop("docker1", "frame_too_big", 1)


@golden
def mtu_edge_flooded(case):
    """A flooded frame that is too large for some goes to the others; each of them that it does not reach counts a drop."""
    bridged(case, ports=PORTS, flood=[FAR4, FAR2_4])
    case.setup("link set docker3 mtu 1400")
    frames = [udp(C1, BROADCAST, size) for size in (1400 - 28, 1400 - 27, 1450 - 28, 1450 - 27)]
    case.send("docker1", frames)
    case.expect("docker2", frames)
    case.expect("docker3", frames[:1])
    case.expect("uplink", [encapsulated(frame, remote) for frame in frames[:3] for remote in (FAR4, FAR2_4)])
    case.drop("docker3", "frame_too_big", 3)
    case.drop("vxlan100", "frame_too_big", 2)
