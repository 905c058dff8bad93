# SPDX-License-Identifier: BSD-3-Clause
"""From a container into the tunnel: RFC 7348 sections 4.1 and 5, and RFC 6040 section 4.1."""

import struct

from scapy.layers.inet6 import IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, PadN
from scapy.layers.l2 import GRE
from scapy.layers.ppp import PPPoE

from .case import golden, golden_each
from .oracle import *

# One of each kind of inner frame.
INNER = [udp(C1, F1), tcp(C1, F1), udp6(C1, F1), tcp6(C1, F1), raw_frame(C1, F1),
         Ether(dst=F1, src=C1) / ARP(op=2, hwsrc=C1, psrc="10.0.0.1", hwdst=F1, pdst="10.0.0.2"),
         Ether(dst=F1, src=C1) / IP(src="10.0.0.1", dst="10.0.0.2") / ICMP() / Raw(payload(56)),
         udp(C1, F1, 0), udp(C1, F1, 1), udp(C1, F1, 1372)]


@golden_each(ipv4_noudpcsum=dict(family=4, options="noudpcsum", checksum=False),
             ipv4_udpcsum=dict(family=4, options="udpcsum", checksum=True),
             ipv4_default=dict(family=4, options="", checksum=True),
             ipv6_udpcsum=dict(family=6, options="udpcsum", checksum=True),
             ipv6_noudpcsum=dict(family=6, options="noudpcsum", checksum=True))
def encap(case, family, options, checksum):
    """A frame to a MAC behind a far VTEP leaves in a tunnel, whatever it holds. The UDP checksum is zero or computed on
    IPv4 as the device says, by default computed as Linux has it, and always computed on IPv6."""
    bridged(case, f"nolearning {options}", family=family)
    case.send("docker1", INNER)
    case.expect("uplink", [encapsulated(inner, FAR4 if family == 4 else FAR6, checksum=checksum) for inner in INNER])


@golden_each(port_4789=dict(port=4789), port_8472=dict(port=8472), port_1=dict(port=1), port_65535=dict(port=65535),
             vni_0=dict(vni=0), vni_1=dict(vni=1), vni_16777215=dict(vni=16777215), ttl_1=dict(ttl=1), ttl_255=dict(ttl=255),
             tos_fc=dict(tos=0xfc), ipv6_ttl_tos=dict(ttl=17, tos=0xb8, far=FAR6), ipv6_vni_16777215=dict(vni=16777215, far=FAR6))
def encap_with(case, far=FAR4, **header):
    """What the VXLAN device says of the outer header is in it."""
    options = "nolearning udpcsum" + "".join(f" {name} {header[name]:x}" if name == "tos" else f" {name} {header[name]}"
                                             for name in ("ttl", "tos") if name in header)
    bridged(case, options, family=4 if far == FAR4 else 6, vni=header.get("vni", 100), port=header.get("port", 4789))
    case.send("docker1", INNER)
    case.expect("uplink", [encapsulated(inner, far, checksum=True, **header) for inner in INNER])


@golden
def encap_entry_with_vni_and_port(case):
    """An FDB entry may name another VNI and another port than its device's."""
    bridged(case, fdb=[(F1, FAR4, "vni 200"), (F2, FAR4, "port 8472"), (F3, FAR2_4, "port 5000 vni 16777215")])
    inner = [udp(C1, mac) for mac in (F1, F2, F3)]
    case.send("docker1", inner)
    case.expect("uplink", [encapsulated(inner[0], vni=200), encapsulated(inner[1], port=8472),
                           encapsulated(inner[2], FAR2_4, port=5000, vni=16777215)])


@golden
def encap_to_several(case):
    """An FDB entry with several destinations: a copy to each, in the order in which they were added."""
    bridged(case, fdb=[(F1, FAR4), (F1, FAR2_4)])
    inner = [udp(C1, F1), udp(C1, F1, dport=2001), tcp(C1, F1, 99)]
    for shape in ("", "partial", "split60", "room0", "innernone"):
        case.send("docker1", inner, shape)
        case.expect("uplink", [encapsulated(frame, far) for frame in inner for far in (FAR4, FAR2_4)])


@golden_each(ipv4=dict(far=FAR4, router="192.0.2.254"), ipv6=dict(far=FAR6, router="2001:db8::fe"))
def encap_by_a_router(case, far, router):
    """A far VTEP that is not on the link is reached by the next hop of the route."""
    underlay(case, 4 if far == FAR4 else 6)
    there = "198.51.100.7" if far == FAR4 else "2001:db8:1::7"
    case.setup(f"neigh add {router} lladdr {ROUTER} dev uplink\nroute add default via {router}")
    bridge(case, "docker1")
    vxlan(case, "nolearning udpcsum", family=4 if far == FAR4 else 6, fdb=[(F1, there)])
    case.send("docker1", INNER)
    case.expect("uplink", [outer(inner, US4 if far == FAR4 else US6, there, src_mac=UPLINK, dst_mac=ROUTER, checksum=True)
                           for inner in INNER])


@golden
def encap_flow_hash(case):
    """The source port follows from the flow: the same for all packets of one, the fragments of a packet share one (they
    are hashed without ports), IPv6 extension headers in front of the ports are looked through."""
    bridged(case)
    same = [udp(C1, F1, size) for size in (0, 100, 1000)] + [udp(C1, F1, tos=0x28), udp(C1, F1, ttl=3)]
    others = [udp(C1, F1, sport=sport) for sport in range(1, 65536, 3001)]
    others += [udp(C1, F1, dport=dport) for dport in range(1, 65536, 9001)]
    others += [udp(C1, F1, src=f"10.0.{number}.1") for number in range(8)]
    fragments = [Ether(dst=F1, src=C1) / IP(src="10.0.0.1", dst="10.0.0.2", id=9, flags=flags, frag=frag, proto=17)
                 / Raw(payload(64, start)) for flags, frag, start in (("MF", 0, 0), ("MF", 8, 64), (0, 16, 128))]
    options = [Ether(dst=F1, src=C1) / IP(src="10.0.0.1", dst="10.0.0.2", options=[b"\x01" * 40]) / UDP(sport=1000, dport=2000)
               / Raw(payload(20))]
    head = Ether(dst=F1, src=C1) / IPv6(src="fd00::1", dst="fd00::2")
    tail = UDP(sport=1000, dport=2000) / Raw(payload(30))
    pad = [PadN(optdata=bytes(4))]
    extended = [head / IPv6ExtHdrHopByHop(options=pad) / tail, head / IPv6ExtHdrDestOpt(options=pad) / tail,
                head / IPv6ExtHdrHopByHop(options=pad) / IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(28))]) / tail,
                head / IPv6ExtHdrFragment(offset=0, m=1, id=5) / tail, head / IPv6ExtHdrFragment(offset=6, id=5) / tail,
                head / IPv6ExtHdrDestOpt(options=pad) / IPv6ExtHdrDestOpt(options=pad) / IPv6ExtHdrDestOpt(options=pad)
                / IPv6ExtHdrDestOpt(options=pad) / IPv6ExtHdrDestOpt(options=pad) / tail]
    assert len({source_port(frame) for frame in same}) == 1
    assert len({source_port(frame) for frame in others}) > 30
    assert len({source_port(frame) for frame in fragments}) == 1
    assert source_port(options[0]) == source_port(same[0])
    assert {source_port(frame) for frame in extended[:3]} == {source_port(udp6(C1, F1))}
    assert len({source_port(frame) for frame in extended[3:5]}) == 1
    frames = same + others + fragments + options + extended
    case.send("docker1", frames)
    case.expect("uplink", [encapsulated(frame) for frame in frames])


def cut_anywhere(frame):
    """It, and what is left of it at each byte behind the MACs and the EtherType."""
    frame = bytes(frame)
    return [frame[:size] for size in range(14, len(frame) + 1)]


@golden
def encap_flow_hash_mpls(case):
    """Flows behind one label have source ports of their own, for the IP packet behind the labels tells them apart, IPv4 by
    a right checksum; with an entropy label that alone does. Labels that are reserved, TTL and class do not count."""
    bridged(case, "nolearning udpcsum")

    def mpls(inner, *labels, ether_type=0x8847, ttl=64):
        stack = b"".join(struct.pack("!I", label << 12 | (0x100 if at == len(labels) - 1 else 0) | ttl)
                         for at, label in enumerate(labels))
        return Ether(dst=F1, src=C1, type=ether_type) / Raw(stack + bytes(inner))

    flows = [bytes(udp(C1, F1, sport=sport))[14:] for sport in range(10)]
    flows6 = [bytes(udp6(C1, F1, sport=sport))[14:] for sport in range(10)]
    spread = [[mpls(flow, 100) for flow in flows], [mpls(flow, 100) for flow in flows6],
              [mpls(flow, 100, 200, 300, ether_type=0x8848) for flow in flows], [mpls(flow, 0) for flow in flows],
              [mpls(payload(60), 100 + number) for number in range(10)],
              [mpls(flows[0], 100, 7, 1000 + number) for number in range(10)]]
    wrong = bytes([flows[0][0], flows[0][1] ^ 4]) + flows[0][2:]  # whatever it is, it is no IPv4 packet
    same = [[mpls(flow, 100, 7, 1000) for flow in flows], [mpls(flows[0], 100, ttl=ttl) for ttl in (1, 64, 255)],
            [mpls(flows[0], 100), mpls(flows[0], 100, 1), mpls(flows[0], 13, 100)],
            [mpls(wrong[:at] + bytes([number]) + wrong[at + 1:], 100) for number, at in enumerate((12, 16, 20, 22))],
            [mpls(flow, *[100] * 9) for flow in flows]]
    assert all(len({source_port(frame) for frame in frames}) == 10 for frames in spread)
    assert all(len({source_port(frame) for frame in frames}) == 1 for frames in same)
    frames = sum(spread + same, [])
    for frame in (mpls(flows[0], 100, 200), mpls(flows6[0], 100), mpls(flows[0], 100, 7, 1000),
                  mpls(bytes(Ether(dst=F1, src=C1) / IP(options=[b"\x01" * 8]) / UDP())[14:], 100)):
        frames += cut_anywhere(frame)
    case.send("docker1", frames)
    case.expect("uplink", [encapsulated(frame, checksum=True) for frame in frames])


@golden
def encap_flow_hash_tunnels(case):
    """Flows in a container's own tunnel have source ports of their own: in GRE, with and without key, of IP and of
    Ethernet; IP in IP; PPPoE. And those of protocols with ports other than TCP and UDP, or with an SPI. A sequence number
    is none of a flow's, and what is a fragment outside is hashed by its addresses."""
    bridged(case, "nolearning udpcsum")
    head, sixth = Ether(dst=F1, src=C1) / IP(src="10.0.0.1", dst="10.0.0.2"), Ether(dst=F1, src=C1) / IPv6(src="fd00::1",
                                                                                                          dst="fd00::2")
    flows = [IP(src="172.16.0.1", dst="172.16.0.2") / UDP(sport=sport, dport=9) / Raw(payload(9)) for sport in range(10)]
    flows6 = [IPv6(src="fd01::1", dst="fd01::2") / TCP(sport=sport, dport=9) for sport in range(10)]

    def ported(protocol):
        frames = [Ether(dst=F1, src=C1) / IP(src="10.0.0.1", dst="10.0.0.2", proto=protocol)
                  / Raw(struct.pack("!HHI", port, 9, 7) + payload(20)) for port in range(10)]
        return frames + [Ether(dst=F1, src=C1) / IPv6(src="fd00::1", dst="fd00::2", nh=protocol)
                         / Raw(struct.pack("!HHI", port, 9, 7) + payload(20)) for port in range(10)]

    def gre(inner, proto=0x0800, outside=head, **options):
        return outside / GRE(proto=proto, **options) / inner

    def pppoe(inner, session=5, proto=0x21):
        return Ether(dst=F1, src=C1, type=0x8864) / PPPoE(sessionid=session) / Raw(struct.pack("!H", proto)) / inner

    spread = [[gre(flow) for flow in flows], [gre(flow, 0x86dd) for flow in flows6],
              [gre(flow, outside=sixth) for flow in flows],
              [gre(Ether(dst=F2, src=C2) / flow, 0x6558, key_present=1, key=77) for flow in flows],
              [gre(flows[0], key_present=1, key=key) for key in range(10)],
              [gre(flow, chksum_present=1, seqnum_present=1, seqence_number=9) for flow in flows],
              [head / flow for flow in flows], [head / flow for flow in flows6], [sixth / flow for flow in flows],
              [sixth / flow for flow in flows6], [pppoe(flow) for flow in flows], [pppoe(flow, proto=0x57) for flow in flows6],
              [pppoe(Raw(payload(30)), session, 0xc021) for session in range(10)]]
    for protocol in (33, 50, 132, 136):
        frames = ported(protocol)
        spread += [frames[:10], frames[10:]]
    spread.append([Ether(dst=F1, src=C1) / IP(src="10.0.0.1", dst="10.0.0.2", proto=51)
                   / Raw(struct.pack("!BBHII", 6, 4, 0, spi, 1) + payload(20)) for spi in range(10)])
    same = [[gre(flows[0], seqnum_present=1, seqence_number=number) for number in range(3)],
            [gre(flow, version=1) for flow in flows], [gre(head / flow) for flow in flows],  # two deep
            [Ether(bytes(head / GRE() / flow)) for flow in flows]]
    for frame in same[3]:
        frame[IP].flags = "MF"
        frame[IP].chksum = None
    assert all(len({source_port(frame) for frame in frames}) == 10 for frames in spread), \
        [len({source_port(frame) for frame in frames}) for frames in spread]
    assert all(len({source_port(frame) for frame in frames}) == 1 for frames in (same[0], same[1], same[3]))
    frames = sum(spread + same, [])
    for frame in (gre(flows[0], key_present=1, key=7, chksum_present=1, seqnum_present=1),
                  gre(Ether(dst=F2, src=C2) / flows6[0], 0x6558), head / flows6[0], pppoe(flows[0]),
                  pppoe(flows6[0], proto=0x57), spread[-1][0]):
        frames += cut_anywhere(frame)
    case.send("docker1", frames)
    case.expect("uplink", [encapsulated(frame, checksum=True) for frame in frames])


@golden_each(ipv4=dict(far=FAR4), ipv6=dict(far=FAR6))
def encap_truncated_inner(case, far):
    """A bridge does not judge what it carries: an inner IP or UDP header that is cut off at any byte, or says nonsense,
    goes on as it came. Shorter than an Ethernet header, it is no frame."""
    bridged(case, "nolearning udpcsum", family=4 if far == FAR4 else 6)
    whole = [bytes(udp(C1, F1, 0)), bytes(udp6(C1, F1, 0))]
    frames = [frame[:size] for frame in whole for size in range(14, len(frame))]
    nonsense = bytearray(whole[0])
    for first in (0x00, 0x4f, 0x44, 0x65, 0xff):
        nonsense[14] = first
        frames.append(bytes(nonsense))
    sixth = bytearray(whole[1])
    sixth[14] = 0x45
    frames.append(bytes(sixth))
    extended = bytes(Ether(dst=F1, src=C1) / IPv6(src="fd00::1", dst="fd00::2", nh=0))
    frames += [extended + rest for rest in (b"", b"\x11", b"\x11\xff" + bytes(6), b"\x3c\x00" + bytes(6),
                                            b"\x11\x00" + bytes(6) + b"abc", b"\x11\x00" + bytes(6) + b"abcd")]
    case.send("docker1", frames)
    case.send("docker1", [whole[0][:size] for size in range(14)])
    case.expect("uplink", [encapsulated(frame, far, checksum=True) for frame in frames])
    case.drop("docker1", "inner_truncated", 14)


@golden_each(ipv4_noudpcsum=dict(far=FAR4, checksum=False), ipv4_udpcsum=dict(far=FAR4, checksum=True),
             ipv6=dict(far=FAR6, checksum=True))
def encap_segmented(case, far, checksum):
    """A frame in several pieces is one frame: its headers lie in the first, its checksum covers all."""
    bridged(case, f"nolearning {'udpcsum' if checksum else 'noudpcsum'}", family=4 if far == FAR4 else 6)
    frames = [udp(C1, F1, size) for size in (87, 88, 187, 188, 189, 500, 1001, 1372)] + [udp6(C1, F1, 1001)]
    for shape in ("split128", "split129", "split14"):
        case.send("docker1", frames, shape)
        # With 14 bytes in the first piece there is no IP header to be seen; the hash is the MACs'.
        seen = [bytes(frame)[:14] if shape == "split14" else frame for frame in frames]
        case.expect("uplink", [encapsulated(frame, far, checksum=checksum, sport=source_port(look)) for frame, look in
                               zip(frames, seen)])
    case.send("docker1", frames[:3], "split13")
    case.drop("docker1", "inner_truncated", 3)


@golden_each(ipv4=dict(family=4), ipv6=dict(family=6))
def encap_ecn(case, family):
    """RFC 6040 section 4.1, normal mode: the outer ECN field is the inner one's copy, beside the device's own DSCP. What
    is not IP is not ECN capable."""
    bridged(case, "nolearning udpcsum tos 28", family=family)
    frames = [make(C1, F1, **{word: dscp | ecn}) for make, word in ((udp, "tos"), (udp6, "tc")) for dscp in (0, 0xb8, 0xfc)
              for ecn in range(4)] + [raw_frame(C1, F1)]
    case.send("docker1", frames)
    case.expect("uplink", [encapsulated(frame, FAR4 if family == 4 else FAR6, checksum=True, tos=0x28) for frame in frames])
