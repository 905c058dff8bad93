# SPDX-License-Identifier: BSD-3-Clause
"""From a container into the tunnel: RFC 7348 sections 4.1 and 5, and RFC 6040 section 4.1."""

from scapy.layers.inet6 import IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, PadN

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
