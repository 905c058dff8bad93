# SPDX-License-Identifier: BSD-3-Clause
"""From the tunnel to a container: RFC 7348 sections 4.2 and 5, RFC 6040 section 4.2."""

from .case import golden, golden_each
from .oracle import *

INNER = [udp(F1, C1), tcp(F1, C1), udp6(F1, C1), tcp6(F1, C1), raw_frame(F1, C1), raw_frame(F1, C1, size=0),
         Ether(dst=C1, src=F1) / ARP(op=2, hwsrc=F1, psrc="10.0.0.2", hwdst=C1, pdst="10.0.0.1"), udp(F1, C1, 1372)]
FAMILIES = dict(ipv4=dict(far=FAR4), ipv6=dict(far=FAR6))


def network(case, far=FAR4, options="nolearning noudpcsum", **more):
    bridged(case, options, family=4 if far == FAR4 else 6, **more)


def patched(frame, offset, value):
    """Bytes at an offset replaced; an IPv4 header checksum is not made right."""
    frame = bytearray(bytes(frame))
    frame[offset:offset + len(value)] = value
    return bytes(frame)


def with_fresh_checksum(frame):
    """The outer IPv4 header's checksum computed anew; the rest stays."""
    header = IP(frame[14:34])
    header.remove_payload()
    del header.chksum
    return frame[:14] + bytes(header)[:20] + frame[34:]


def pseudo_sum(frame):
    """What an IPv4 packet's sender leaves in the checksum field: the sum of the pseudo header, not inverted."""
    ip = bytes(frame)[14:]
    total = sum(int.from_bytes(ip[at:at + 2], "big") for at in range(12, 20, 2)) + ip[9] + len(ip) - 20
    return (total % 0xffff).to_bytes(2, "big")


@golden_each(**FAMILIES)
def decap(case, far):
    """What comes in a tunnel goes to the container as it was. A UDP checksum is right, or on IPv4 zero; the source port is
    the sender's choice; TTL, TOS and IPv4 id are no business of ours."""
    network(case, far)
    frames = [received(inner, far, checksum=True) for inner in INNER]
    expected = list(INNER)
    varied = [dict(sport=1), dict(sport=4789), dict(sport=65535), dict(ttl=1), dict(tos=0xfc)]
    varied += [dict(checksum=False), dict(id=7), dict(flags=0)] if far == FAR4 else [dict(fl=0xfffff)]
    for options in varied:
        frames.append(received(INNER[0], far, **{"checksum": True, **options}))
        expected.append(INNER[0])
    case.send("uplink", frames)
    case.expect("docker1", expected)


@golden_each(port_8472=dict(port=8472), port_9=dict(port=9), vni_0=dict(vni=0), vni_1=dict(vni=1),
             vni_16777215=dict(vni=16777215), ipv6_vni_16777215=dict(vni=16777215, far=FAR6))
def decap_with(case, far=FAR4, **header):
    """Any VNI, any UDP port."""
    network(case, far, vni=header.get("vni", 100), port=header.get("port", 4789))
    case.send("uplink", [received(inner, far, **header) for inner in INNER])
    case.expect("docker1", INNER)


@golden
def decap_without_fdb_entries(case):
    """A frame for a MAC that nobody knows goes to every container, and to no tunnel."""
    network(case, ports=("docker1", "docker2"), flood=[FAR4, FAR2_4])
    case.send("uplink", [received(inner) for inner in INNER])
    case.expect("docker1", INNER)
    case.expect("docker2", INNER)


@golden_each(**FAMILIES)
def decap_reserved_bits(case, far):
    """RFC 7348 section 5: reserved bits are ignored on receipt, each of them."""
    network(case, far)
    headers = [dict(vxlan_flags=8 | 1 << bit) for bit in range(8) if bit != 3] + [dict(vxlan_flags=0xff)]
    headers += [dict(reserved1=1 << bit) for bit in range(24)] + [dict(reserved1=0xffffff)]
    headers += [dict(reserved2=1 << bit) for bit in range(8)] + [dict(reserved2=0xff)]
    headers += [dict(vxlan_flags=0xff, reserved1=0xffffff, reserved2=0xff)]
    case.send("uplink", [received(INNER[0], far, checksum=True, **header) for header in headers])
    case.expect("docker1", [INNER[0]] * len(headers))


@golden_each(**FAMILIES)
def decap_without_i_flag(case, far):
    """RFC 7348 section 5: the I flag has to be set, whatever else is."""
    network(case, far)
    frames = [received(INNER[0], far, vxlan_flags=flags, checksum=True) for flags in (0x00, 0xf7, 0x01, 0x10, 0x04, 0x80)]
    case.send("uplink", frames)
    case.drop("uplink", "vxlan_flag", len(frames))


@golden_each(**FAMILIES)
def decap_udp_checksum(case, far):
    """A UDP checksum that is there is verified: right ones pass, of even and odd lengths; wrong ones do not."""
    network(case, far)
    inner = [udp(F1, C1, size) for size in (0, 1, 2, 3, 26, 27, 999, 1000)]
    right = [received(frame, far, checksum=True) for frame in inner]
    at = 40 if far == FAR4 else 60
    wrong = []
    for frame in map(bytes, right):
        value = int.from_bytes(frame[at:at + 2], "big")
        wrong += [patched(frame, at, (value ^ bits).to_bytes(2, "big")) for bits in (0x0001, 0x8000, 0xffff)
                  if value ^ bits != 0]
        wrong.append(patched(frame, len(frame) - 1, bytes([frame[-1] ^ 1])))
        wrong.append(patched(frame, at + 4, bytes([frame[at + 4] ^ 1])))  # in the reserved bytes: ignored, but summed
    case.send("uplink", right + wrong)
    case.expect("docker1", inner)
    case.drop("uplink", "outer_udp_checksum", len(wrong))


@golden
def decap_udp_checksum_all_ones(case):
    """A checksum that comes to zero is sent as ffff (RFC 768); it passes, on either side."""
    network(case)
    inner = bytes(raw_frame(F1, C1, size=46)) + bytes(2)
    missing = bytes(received(inner, checksum=True))[40:42]  # this word more, and the sum is ffff
    inner = inner[:-2] + missing
    frame = bytes(received(inner, checksum=True))
    assert frame[40:42] == b"\xff\xff"
    case.send("uplink", [frame])
    case.expect("docker1", [inner])


@golden
def decap_checksum_zero_on_ipv6(case):
    """A zero checksum on IPv6 is accepted, as RFC 6935 allows for tunnels and RFC 7348 section 5 says."""
    network(case, FAR6)
    frame = received(INNER[0], FAR6)
    frame[UDP].chksum = 0
    case.send("uplink", [frame])
    case.expect("docker1", [INNER[0]])


@golden
def decap_ipv4_options(case):
    """The outer IPv4 header may have options, of every length."""
    network(case)
    case.send("uplink", [received(INNER[0], options=[b"\x01" * size], checksum=True) for size in range(4, 44, 4)])
    case.expect("docker1", [INNER[0]] * 10)


@golden_each(**FAMILIES)
def decap_padding(case, far):
    """What follows the IP packet is padding, and does not reach the container; nor does what follows the UDP datagram."""
    network(case, far)
    frames = [bytes(received(INNER[0], far, checksum=True)) + payload(size) for size in (1, 2, 17, 46, 300)]
    frames.append(bytes(received(raw_frame(F1, C1, size=0), far)) + bytes(4))
    whole = bytes(received(INNER[0], far, checksum=True))
    inside = bytearray(whole + b"\xaa" * 7)
    if far == FAR4:
        inside[16:18] = (len(inside) - 14).to_bytes(2, "big")
        inside = with_fresh_checksum(bytes(inside))
    else:
        inside[18:20] = (len(inside) - 54).to_bytes(2, "big")
    frames.append(bytes(inside))
    case.send("uplink", frames)
    case.expect("docker1", [INNER[0]] * 5 + [raw_frame(F1, C1, size=0), INNER[0]])


@golden_each(**FAMILIES)
def decap_segmented(case, far):
    """A frame in several pieces: the headers have to lie in the first, lengths and checksums cover all. Padding is taken
    off even where it fills whole pieces."""
    network(case, far)
    inner = [udp(F1, C1, size) for size in (87, 188, 500, 1001, 1372)]
    case.send("uplink", [received(frame, far, checksum=True) for frame in inner], "split128")
    case.expect("docker1", inner)
    case.send("uplink", [bytes(received(frame, far, checksum=True)) + payload(size) for frame, size in
                         zip(inner, (1, 101, 102, 250, 5))], "split128")
    case.expect("docker1", inner)
    headers = 50 if far == FAR4 else 70
    case.send("uplink", [received(frame, far) for frame in inner], f"split{headers - 1}")
    case.drop("uplink", "outer_truncated", 5)
    case.send("uplink", [received(frame, far, checksum=True) for frame in inner], f"split{headers + 13}")
    case.drop("vxlan100", "inner_truncated", 5)
    case.send("uplink", [received(frame, far, checksum=True) for frame in inner], f"split{headers + 14}")
    case.expect("docker1", inner)


@golden_each(**FAMILIES)
def decap_ecn(case, far):
    """RFC 6040 section 4.2, figure 4: what becomes of the inner ECN field under every outer one. The inner IPv4 checksum
    stays right, and the DSCP what it was."""
    network(case, far)
    becomes = {  # (outer, inner) -> inner, None: dropped
        (0, 0): 0, (0, 1): 1, (0, 2): 2, (0, 3): 3,
        (1, 0): 0, (1, 1): 1, (1, 2): 1, (1, 3): 3,
        (2, 0): 0, (2, 1): 1, (2, 2): 2, (2, 3): 3,
        (3, 0): None, (3, 1): 3, (3, 2): 3, (3, 3): 3}
    frames = []
    for (outside, inside), result in becomes.items():
        for make, word in ((udp, "tos"), (udp6, "tc")):
            for dscp in (0, 0xb8, 0xfc):
                frames.append(received(make(F1, C1, **{word: dscp | inside}), far, ecn=outside, checksum=True))
                if result is None:
                    case.drop("vxlan100", "ecn_invalid", 1)
                else:
                    case.expect("docker1", [make(F1, C1, **{word: dscp | result})])
    # What is not IP has no ECN field; the outer one means nothing to it.
    frames += [received(raw_frame(F1, C1), far, ecn=outside) for outside in range(4)]
    case.expect("docker1", [raw_frame(F1, C1)] * 4)
    case.send("uplink", frames)


@golden
def decap_ecn_checksums(case):
    """Setting CE patches the IPv4 header checksum for every value that it may have had."""
    network(case)
    inner, expected = [], []
    for number in list(range(0, 65536, 97)) + [0xffff]:
        inner.append(udp(F1, C1, 0, tos=2, id=number))
        expected.append(udp(F1, C1, 0, tos=3, id=number))
    case.send("uplink", [received(frame, ecn=3) for frame in inner])
    case.expect("docker1", expected)


@golden_each(**FAMILIES)
def decap_partial_checksum(case, far):
    """A sender on this machine (a veth) may have left a checksum to us: that of the outer UDP header goes away with it,
    that of the inner packet is completed where it leaves."""
    network(case, far)
    inner = [udp(F1, C1, 33), tcp(F1, C1, 34)]
    headers = 50 if far == FAR4 else 70
    case.send("uplink", [patched(received(frame, far, checksum=True), headers - 10, b"\x12\x34") for frame in inner],
              "partial", [(headers - 16, 6)] * 2)
    case.expect("docker1", inner)
    unfinished = [patched(inner[0], 40, pseudo_sum(inner[0])), patched(inner[1], 50, pseudo_sum(inner[1]))]
    case.send("uplink", [received(frame, far) for frame in unfinished], "partial", [(headers + 34, 6), (headers + 34, 16)])
    case.expect("docker1", inner)


@golden_each(**FAMILIES)
def decap_checksum_verified_by_port(case, far):
    """A port that has verified the outer checksum is believed; what it says of the inner one changes nothing."""
    network(case, far)
    at = 40 if far == FAR4 else 60
    wrong = patched(received(INNER[0], far, checksum=True), at, b"\x12\x34")
    case.send("uplink", [wrong], "verified")
    case.expect("docker1", [INNER[0]])
    case.send("uplink", [wrong], "innergood")
    case.drop("uplink", "outer_udp_checksum", 1)
    for shape in ("innerbad", "innernone"):
        case.send("uplink", [received(INNER[0], far, checksum=True)], shape)
        case.expect("docker1", [INNER[0]])


@golden
def decap_at_several_ports(case):
    """Two underlay ports with addresses of their own, and two addresses on one: whichever is ours is taken, at the port
    that has the MAC; answers leave by the port of the far VTEP's subnet."""
    underlay(case)
    case.setup(f"""
        addr add 192.0.2.11/24 dev uplink
        link add uplink2 address 02:00:00:00:01:21 type vdev args net_ring_uplink2
        addr add 198.51.100.1/24 dev uplink2
        neigh add 198.51.100.2 lladdr {FAR2} dev uplink2""")
    bridge(case, "docker1")
    vxlan(case, fdb=[(F1, FAR4), (F2, "198.51.100.2")])
    case.send("uplink", [outer(INNER[0], FAR4, address, src_mac=FAR, dst_mac=UPLINK) for address in (US4, "192.0.2.11")])
    case.send("uplink2", [outer(INNER[1], "198.51.100.2", "198.51.100.1", src_mac=FAR2, dst_mac="02:00:00:00:01:21")])
    case.expect("docker1", [INNER[0], INNER[0], INNER[1]])
    case.send("uplink2", [outer(INNER[0], FAR4, US4, src_mac=FAR2, dst_mac=UPLINK)])
    case.drop("uplink2", "outer_not_local", 1)
    out = [udp(C1, F1), udp(C1, F2)]
    case.send("docker1", out)
    case.expect("uplink", [encapsulated(out[0])])
    case.expect("uplink2", [outer(out[1], US4, "198.51.100.2", src_mac="02:00:00:00:01:21", dst_mac=FAR2)])


@golden_each(**FAMILIES)
def decap_priority_tags(case, far):
    """A frame of the fabric with priority tags (VLAN 0) is in no VLAN: it is taken as if it had none, whatever else is to
    be done about it. Behind such a tag, one of a VLAN is one."""
    network(case, far)
    for tags in PRIORITY_TAGS:
        case.send("uplink", [priority_tagged(received(inner, far, checksum=True), *tags) for inner in INNER])
        case.expect("docker1", INNER)
    padded = bytes(received(INNER[0], far)) + bytes(7)
    case.send("uplink", [priority_tagged(padded)], "split128")
    case.expect("docker1", [INNER[0]])
    others = [priority_tagged(received(INNER[0], far), vlan=vlan) for vlan in (1, 5, 4095)]
    others.append(priority_tagged(priority_tagged(received(INNER[0], far), vlan=5)))
    others += [priority_tagged(received(INNER[0], far), 0x8100, 0x8100, 0x8100, 0x8100, 0x8100)]
    others += [priority_tagged(received(INNER[0], far))[:size] for size in (14, 15, 16, 17)]
    case.send("uplink", others)
    case.drop("uplink", "outer_not_ip", len(others))
    case.send("uplink", [priority_tagged(received(INNER[0], far))[:size] for size in (18, 19, 40)])
    case.drop("uplink", "outer_truncated", 3)


@golden_each(**FAMILIES)
def decap_priority_tags_partial_checksum(case, far):
    """What a sender on this machine left to us keeps its place: the outer checksum goes away with its header, the inner
    one is completed, and a frame that stands for many is cut."""
    network(case, far)
    case.setup(f"fdb append {C1} dev docker1 master static")
    headers = 50 if far == FAR4 else 70
    inner = udp(F1, C1, 33)
    case.send("uplink", [priority_tagged(patched(received(inner, far, checksum=True), headers - 10, b"\x12\x34"))],
              "partial", [(headers + 4 - 16, 6)])
    unfinished = patched(inner, 40, pseudo_sum(inner))
    case.send("uplink", [priority_tagged(received(unfinished, far), 0x88a8, 0x8100),
                         received(priority_tagged(unfinished), far)], "partial", [(headers + 8 + 34, 6), (headers + 4 + 34, 6)])
    case.expect("docker1", [inner] * 3)
    large = Ether(dst=C1, src=F1) / IP(src="10.0.0.2", dst="10.0.0.1", id=3) / TCP(sport=1, dport=2, seq=5, flags="A") \
        / Raw(large_payload(3500))
    large = Ether(bytes(large))
    tunnelled = received(patched(large, 50, pseudo_sum(large)), far, checksum=far == FAR6)
    case.send("uplink", [priority_tagged(tunnelled)], "partial", [(headers + 4 + 34, 16, 1, 1000, headers + 4)])
    case.expect("docker1", segments(large, 1000))
    case.send("uplink", [priority_tagged(received(INNER[0], far))] * 2, "partial", [(2, 6), (0, 0)])
    case.drop("vxlan100", "offload_invalid", 2)  # the checksum's place was in the tags
