# SPDX-License-Identifier: BSD-3-Clause
"""What is dropped at the underlay port, and for lack of something; and truncation of each header at each byte. Reasons
that belong to bridging or routing have their cases there."""

from scapy.layers.inet6 import IPv6ExtHdrFragment

from .case import golden, golden_each
from .decap import FAMILIES, network, patched, with_fresh_checksum
from .oracle import *

INNER = udp(F1, C1)
NOTHING = "00:00:00:00:00:00"


def checksum_of(data):
    total = sum(int.from_bytes(data[at:at + 2], "big") for at in range(0, len(data), 2))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return (~total & 0xffff).to_bytes(2, "big")


@golden_each(**FAMILIES)
def truncated_frame(case, far):
    """A frame that ends at any byte of its outer headers or of the inner frame, while their lengths say that there is
    more; the port may have cut it off."""
    network(case, far)
    whole = bytes(received(INNER, far))
    case.send("uplink", [whole[:size] for size in range(len(whole))])
    case.drop("uplink", "outer_truncated", len(whole))


@golden_each(**FAMILIES)
def truncated_packet(case, far):
    """A packet whose IP length ends it at each byte of the UDP and VXLAN headers: with the UDP length that it had, and
    with one that ends with the packet."""
    network(case, far)
    whole = bytes(received(INNER, far))
    l4 = 34 if far == FAR4 else 54

    def ended(size, udp_length=None):
        at, length = (16, 20 + size) if far == FAR4 else (18, size)
        frame = bytearray(whole[:l4 + size])
        frame[at:at + 2] = length.to_bytes(2, "big")
        if udp_length is not None:
            frame[l4 + 4:l4 + 6] = udp_length.to_bytes(2, "big")
        return with_fresh_checksum(bytes(frame)) if far == FAR4 else bytes(frame)

    case.send("uplink", [ended(size) for size in range(8)])
    case.drop("uplink", "outer_truncated", 8)
    case.send("uplink", [ended(size) for size in range(8, 16)])  # the UDP length is beyond the packet
    case.drop("uplink", "outer_udp_length", 8)
    case.send("uplink", [ended(size, size) for size in range(8, 16)])
    case.drop("uplink", "outer_truncated", 8)


@golden_each(**FAMILIES)
def truncated_inner_ethernet(case, far):
    """An inner frame that ends at each byte of its Ethernet header; the first that does not is a frame without payload."""
    network(case, far)
    inner = bytes(raw_frame(F1, C1, size=0))
    case.send("uplink", [received(Raw(inner[:size]), far) for size in range(15)])
    case.drop("vxlan100", "inner_truncated", 14)
    case.expect("docker1", [inner])


@golden
def truncated_ipv4_options(case):
    """A frame that ends at each byte of its IPv4 options."""
    network(case)
    whole = bytes(received(INNER, options=[b"\x01" * 40]))
    case.send("uplink", [whole[:size] for size in range(34, 75)])
    case.drop("uplink", "outer_truncated", 41)


@golden
def outer_not_ip(case):
    """Neither IPv4 nor IPv6 nor ARP; the tag of a VLAN is not taken off either."""
    network(case)
    frames = [raw_frame(FAR, UPLINK), vlan(FAR, UPLINK), Ether(dst=UPLINK, src=FAR, type=0x0027) / Raw(payload(46)),
              Ether(dst="01:80:c2:00:00:0e", src=FAR, type=0x88cc) / Raw(payload(46))]
    case.send("uplink", frames)
    case.drop("uplink", "outer_not_ip", len(frames))


@golden_each(**FAMILIES)
def outer_not_local(case, far):
    """Another MAC or another IP address than ours: other hosts' traffic, which a switch floods."""
    network(case, far)
    us = US4 if far == FAR4 else US6
    others = ["192.0.2.9", "192.0.2.255", "255.255.255.255", "224.0.0.1", "10.0.0.1"] if far == FAR4 else \
        ["2001:db8::9", "ff02::1", "fe80::1", "::1"]
    frames = [received(INNER, far, dst_mac=mac) for mac in (FAR, BROADCAST, "33:33:00:00:00:01", "02:00:00:00:01:00")]
    frames += [outer(INNER, far, other, src_mac=FAR, dst_mac=UPLINK) for other in others]
    frames.append(Ether(dst=FAR2, src=FAR) / ARP(op=2, hwsrc=FAR, psrc=FAR4, hwdst=FAR2, pdst=FAR2_4))
    frames.append(Ether(dst=UPLINK, src=FAR) / IP(src=FAR4, dst="192.0.2.9") / ICMP())
    case.send("uplink", frames)
    case.drop("uplink", "outer_not_local", len(frames))
    case.send("uplink", [outer(INNER, far, us, src_mac=FAR, dst_mac=UPLINK)])
    case.expect("docker1", [INNER])


@golden
def outer_ip_malformed(case):
    """Wrong versions and lengths, with right checksums."""
    network(case)
    whole = bytes(received(INNER))
    firsts = [version << 4 | 5 for version in range(16) if version != 4] + [0x40 | words for words in range(5)]
    frames = [patched(whole, 14, bytes([first])) for first in firsts]
    frames += [patched(whole, 16, length.to_bytes(2, "big")) for length in (0, 1, 19)]
    frames = [frame[:24] + checksum_of(frame[14:24] + frame[26:14 + max(20, 4 * (frame[14] & 15))]) + frame[26:] for frame in
              frames]
    sixth = bytes(received(INNER, FAR6))
    sixes = [patched(sixth, 14, bytes([version << 4])) for version in range(16) if version != 6]
    case.send("uplink", frames + sixes)
    case.drop("uplink", "outer_ip_malformed", len(frames) + len(sixes))


@golden
def outer_ip_checksum(case):
    """Each wrong bit of the outer IPv4 header that no other check sees first."""
    network(case)
    whole = bytes(received(INNER))
    frames = [patched(whole, 24, (int.from_bytes(whole[24:26], "big") ^ 1 << bit).to_bytes(2, "big")) for bit in range(16)]
    frames += [patched(whole, byte, bytes([whole[byte] ^ 1 << bit])) for byte in (15, *range(18, 24), *range(26, 34)) for bit in
               range(8)]
    case.send("uplink", frames)
    case.drop("uplink", "outer_ip_checksum", len(frames))


@golden
def outer_fragment(case):
    """RFC 7348 section 4.3: a VTEP does not reassemble."""
    network(case)
    frames = [received(INNER, flags="MF"), received(INNER, flags=0, frag=1), received(INNER, flags="MF", frag=0x1fff),
              received(INNER, flags="DF", frag=100)]
    case.send("uplink", frames)
    case.drop("uplink", "outer_fragment", len(frames))


@golden
def outer_fragment_ipv6(case):
    """An IPv6 fragment header is a fragment, even if it is the only one."""
    network(case, FAR6)
    head = Ether(dst=UPLINK, src=FAR) / IPv6(src=FAR6, dst=US6)
    frames = [head / IPv6ExtHdrFragment(offset=offset, m=more, id=7) / UDP(sport=55555, dport=4789) / Raw(payload(60))
              for offset, more in ((0, 1), (8, 0), (0, 0))]
    case.send("uplink", frames)
    case.drop("uplink", "outer_fragment", 3)


@golden_each(**FAMILIES)
def outer_udp_length(case, far):
    """A UDP length below its header's, or beyond the packet; 8 to 15 leave no room for a VXLAN header."""
    network(case, far)
    whole = bytes(received(INNER, far))
    at = 38 if far == FAR4 else 58
    right = int.from_bytes(whole[at:at + 2], "big")
    lengths = [*range(8), right + 1, right + 8, 0xffff]
    case.send("uplink", [patched(whole, at, length.to_bytes(2, "big")) for length in lengths])
    case.drop("uplink", "outer_udp_length", len(lengths))
    case.send("uplink", [patched(whole, at, length.to_bytes(2, "big")) for length in range(8, 16)])
    case.drop("uplink", "outer_truncated", 8)


@golden_each(**FAMILIES)
def no_listener(case, far):
    """Addressed to us, but to a port or a protocol that nothing serves."""
    network(case, far)
    us = US4 if far == FAR4 else US6
    ip = IP(src=far, dst=us) if far == FAR4 else IPv6(src=far, dst=us)
    head = Ether(dst=UPLINK, src=FAR) / ip
    frames = [received(INNER, far, port=port, checksum=True) for port in (4788, 4790, 8472, 0, 65535, 1)]
    frames += [head / TCP(sport=1, dport=4789), head / Raw(payload(40))]
    frames[-1][IP if far == FAR4 else IPv6].setfieldval("proto" if far == FAR4 else "nh", 47)
    case.send("uplink", frames)
    case.drop("uplink", "no_listener", len(frames))


@golden_each(**FAMILIES)
def vni_unknown(case, far):
    """A VNI that no device has on this UDP port, among them those that differ from ours in one bit."""
    network(case, far)
    case.setup(f"link add other type vxlan id 300 local {US4 if far == FAR4 else US6} dstport 8472")
    vnis = [0, 300, 16777215] + [100 ^ 1 << bit for bit in range(24)]
    case.send("uplink", [received(INNER, far, vni=vni) for vni in vnis])
    case.drop("uplink", "vni_unknown", len(vnis))
    case.send("uplink", [received(INNER, far, vni=100, port=8472)])
    case.drop("uplink", "vni_unknown", 1)


@golden
def offload_invalid(case):
    """A partial checksum that would lie outside the frame, in a later piece of it, or in the headers that were looked
    up."""
    bridged(case, flood=[FAR4])
    frame = udp(C1, F1, 100)  # 142 bytes
    notes = [(141, 0), (142, 0), (34, 107), (60000, 16), (65535, 65535), (34, 65535), (0, 0), (0, 40),
             (33, 7)]
    case.send("docker1", [frame] * len(notes), "partial", notes)
    case.drop("docker1", "offload_invalid", len(notes))
    case.send("docker1", [frame] * 2, "partial.split41", [(34, 6), (41, 0)])
    case.drop("docker1", "offload_invalid", 2)


@golden
def no_bridge(case):
    """A VXLAN device whose bridge is set down decapsulates for nobody; a port that left its bridge is in none, and what
    comes in there is no tunnel's, whatever it looks like."""
    network(case)
    case.commands("link set br0 down")
    case.send("uplink", [received(INNER)])
    case.drop("vxlan100", "no_bridge", 1)
    case.commands("link set br0 up")
    case.send("uplink", [received(INNER)])
    case.expect("docker1", [INNER])
    case.commands("link set docker1 nomaster")
    case.send("docker1", [udp(C1, F1), received(INNER)])
    case.drop("docker1", "no_bridge", 2)


@golden
def link_down(case):
    """Towards a port or a VXLAN device that is set down; up again, it works again."""
    bridged(case, ports=("docker1", "docker2"))
    case.setup(f"fdb append {C2} dev docker2 master static")
    frames = [udp(C1, C2), udp(C1, F1)]
    for state in ("down", "up"):
        case.commands(f"link set docker2 {state}\nlink set vxlan100 {state}")
        case.send("docker1", frames)
    case.drop("docker1", "link_down", 1)
    case.drop("docker2", "link_down", 1)
    case.expect("docker2", frames[:1])
    case.expect("uplink", [encapsulated(frames[1])])


@golden
def underlay_down(case):
    """As on Linux, no route leads out of a port that is down."""
    bridged(case)
    for state in ("down", "up"):
        case.commands(f"link set uplink {state}")
        case.send("docker1", [udp(C1, F1)])
    case.drop("docker1", "vtep_no_route", 1)
    case.expect("uplink", [encapsulated(udp(C1, F1))])


@golden_each(ipv4=dict(family=4, far="198.51.100.7"), ipv6=dict(family=6, far="2001:db8:9::7"))
def vtep_no_route(case, family, far):
    """No route leads to the far VTEP; alone, in a list, and when it is flooded to."""
    bridged(case, family=family, ports=("docker1", "docker2"), fdb=[(F1, far), (F2, far), (F2, FAR4 if family == 4 else FAR6)],
            flood=[far])
    near = FAR4 if family == 4 else FAR6
    case.send("docker1", [udp(C1, F1), udp(C1, F2), udp(C1, BROADCAST)])
    case.drop("docker1", "vtep_no_route", 1)
    case.drop("vxlan100", "vtep_no_route", 2)
    case.expect("uplink", [encapsulated(udp(C1, F2), near)])
    case.expect("docker2", [udp(C1, BROADCAST)])


@golden
def vtep_no_route_without_local_address(case):
    """The VXLAN device's local address is nobody's any more."""
    bridged(case)
    case.setup("addr add 192.0.2.77/24 dev uplink")
    case.commands(f"addr del {US4}/24 dev uplink")
    case.send("docker1", [udp(C1, F1)])
    case.drop("docker1", "vtep_no_route", 1)


@golden
def no_headroom(case):
    """No room in front of the frame: 50 bytes are needed on IPv4."""
    bridged(case)
    frames = [udp(C1, F1, size) for size in (26, 27)]
    case.send("docker1", frames, "room49")
    case.drop("docker1", "no_headroom", 2)
    case.send("docker1", frames, "room50")
    case.expect("uplink", [encapsulated(frame) for frame in frames])


@golden
def no_headroom_ipv6(case):
    """No room in front of the frame: 70 bytes are needed on IPv6. A copy that is flooded has room of its own."""
    bridged(case, family=6, ports=("docker1", "docker2"), flood=[FAR6])
    frames = [udp(C1, F1, size) for size in (26, 27)]
    case.send("docker1", frames, "room69")
    case.drop("docker1", "no_headroom", 2)
    case.send("docker1", frames, "room70")
    case.expect("uplink", [encapsulated(frame, FAR6) for frame in frames])
    case.send("docker1", [udp(C1, BROADCAST)], "room0")
    case.expect("uplink", [encapsulated(udp(C1, BROADCAST), FAR6)])
    case.expect("docker2", [udp(C1, BROADCAST)])


@golden
def no_mbuf(case):
    """No buffers left for the copies of flooded frames, while those that went out still wait in a port. The last port gets
    the frame itself."""
    case.limit("pool", 400)
    bridged(case, ports=("docker1", "docker2", "docker3"), flood=[FAR4])
    frames = [udp(C1, BROADCAST, number) for number in range(256)]
    case.send("docker1", frames)  # the VTEP's copy is made first
    case.expect("uplink", [encapsulated(frame) for frame in frames[:200]])
    case.expect("docker2", frames[:200])
    case.expect("docker3", frames)
    case.drop("vxlan100", "no_mbuf", 56)
    case.drop("docker2", "no_mbuf", 56)


@golden
def flood_to_a_long_list(case):
    """Two broadcasts of one port in one turn to a list of 1030 far VTEPs: more copies than one turn makes. Each far VTEP and
    the other port get both, over several turns."""
    hosts = [f"198.18.{number >> 8}.{number & 255}" for number in range(1, 1031)]
    bridged(case, ports=("docker1", "docker2"), flood=hosts)
    case.setup(f"route add 198.18.0.0/16 via {FAR4}")
    frames = [udp(C1, BROADCAST, number) for number in range(2)]
    case.send("docker1", frames)
    for frame in frames:
        case.expect("uplink", [outer(frame, US4, host, src_mac=UPLINK, dst_mac=FAR) for host in hosts])
    case.expect("docker2", frames)


@golden
def flood_limit(case):
    """A large frame that stands for 600 segments, and 28 far VTEPs: more than 16384 copies of segments are not made. Where
    they are few, in the bridge, they are; and what is flooded next finds all."""
    hosts = [f"198.18.0.{number}" for number in range(1, 29)]
    bridged(case, ports=("docker1", "docker2"), flood=hosts)
    case.setup(f"route add 198.18.0.0/16 via {FAR4}")
    large = Ether(bytes(Ether(dst=BROADCAST, src=C1) / IP(flags="DF") / TCP(flags="A") / Raw(large_payload(600))))
    case.send("docker1", [large], "partial.gso1")
    case.expect("docker2", segments(large, 1))
    case.drop("docker1", "flood_limit", 1)
    case.send("docker1", [udp(C1, BROADCAST)])
    case.expect("uplink", [outer(udp(C1, BROADCAST), US4, host, src_mac=UPLINK, dst_mac=FAR) for host in hosts])
    case.expect("docker2", [udp(C1, BROADCAST)])


@golden
def tx_full(case):
    """A port that takes eight frames and no more; the other is not held up."""
    case.limit("docker2", 8)
    bridged(case, ports=("docker1", "docker2"))
    case.setup(f"fdb append {C2} dev docker2 master static")
    frames = [udp(C1, C2, number) for number in range(20)] + [udp(C1, F1, number) for number in range(20)]
    case.send("docker1", frames)
    case.expect("docker2", frames[:8])
    case.drop("docker2", "tx_full", 12)
    case.expect("uplink", [encapsulated(frame) for frame in frames[20:]])


@golden
def punt_full(case):
    """More frames for the control thread than it is given in one turn: 1024, half of them for the fabric alone, so that no
    container keeps vxd from answering its neighbours."""
    ports = [f"docker{number}" for number in range(1, 7)]
    gateway = "02:00:00:00:03:01"
    bridge(case, *ports)
    case.setup("addr add 10.0.0.254/24 dev br0")
    underlay(case)
    expected = {}
    sent = {}
    for number, port in enumerate(ports, 1):
        mac = f"02:00:00:00:00:{number:02x}"
        ask = Ether(dst=gateway, src=mac) / ARP(op=1, hwsrc=mac, psrc=f"10.0.0.{number}", hwdst=NOTHING, pdst="10.0.0.254")
        sent[port] = [ask] * 128
        expected[port] = Ether(dst=mac, src=gateway) / ARP(op=2, hwsrc=gateway, psrc="10.0.0.254", hwdst=mac,
                                                          pdst=f"10.0.0.{number}")
    sent["uplink"] = [Ether(dst=BROADCAST, src=FAR) / ARP(op=1, hwsrc=FAR, psrc=FAR4, hwdst=NOTHING, pdst=US4)] * 32
    case.send_together(sent)
    for port in ports[:4]:
        case.expect(port, [expected[port]] * 128)
    case.drop("docker5", "punt_full", 128)
    case.drop("docker6", "punt_full", 128)
    case.expect("uplink", [Ether(dst=FAR, src=UPLINK) / ARP(op=2, hwsrc=UPLINK, psrc=US4, hwdst=FAR, pdst=FAR4)] * 32)
