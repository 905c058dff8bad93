# SPDX-License-Identifier: BSD-3-Clause
"""What a port leaves undone: checksums in each state, and frames that stand for many (GSO). The matrix: every way through
vxd, every state of a checksum, plain frames and GSO frames, each protocol. What was wrong stays wrong."""

from scapy.layers.inet import in4_chksum
from scapy.layers.inet6 import in6_chksum, ICMPv6EchoRequest, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, PadN

from .case import golden, golden_each
from .oracle import *
from .routing import FAR_ROUTER, HERE, OURS, GATEWAY, THERE, hop, icmp_error

SIZE = 300  # of a segment's payload


def ethernet(source, destination):
    return Ether(dst=destination, src=source)


def headers(source, destination, src, dst):
    """Name -> packet without payload, of what has an L4 checksum."""
    v4, v6 = IP(src=src, dst=dst, id=4000, flags="DF"), IPv6(src="fd00::1", dst="fd00::2", tc=0xb8, fl=77)
    stack = dict(tcp4=v4 / TCP(sport=1000, dport=80, seq=0xfffffff0, ack=9, flags="PA", options=[("Timestamp", (5, 6))]),
                 udp4=v4 / UDP(sport=1000, dport=53),
                 tcp6=v6 / TCP(sport=1000, dport=80, seq=7, ack=9, flags="FPAEC"),
                 udp6=v6 / UDP(sport=1000, dport=53))
    return {name: ethernet(source, destination) / packet for name, packet in stack.items()}


def gso_frames(source, destination, src, dst, only_v4=False):
    """Of several sizes: whole multiples of a segment, and not; one that is a single segment."""
    frames = [packet / Raw(large_payload(size)) for name, packet in headers(source, destination, src, dst).items()
              for size in (3 * SIZE, 3 * SIZE + 1, 2777, SIZE, 7) if name[-1] == "4" or not only_v4]
    if not only_v4:
        extended = IPv6(src="fd00::1", dst="fd00::2") / IPv6ExtHdrDestOpt(options=[PadN(optdata=b"")]) / TCP(sport=1, dport=2)
        frames.append(ethernet(source, destination) / extended / Raw(large_payload(1000)))
    frames.append(ethernet(source, destination) / IP(src=src, dst=dst, options=[b"\x01" * 4]) / TCP() / Raw(large_payload(1000)))
    return [Ether(bytes(frame)) for frame in frames]


def whole_frames(source, destination, src, dst, only_v4=False):
    """Right checksums, none, and wrong ones; and what has no L4 checksum that anybody could compute."""
    frames = []
    for name, packet in headers(source, destination, src, dst).items():
        whole = Ether(bytes(packet / Raw(payload(333))))
        layer = TCP if TCP in whole else UDP
        wrong, off_by_one, none = whole.copy(), whole.copy(), whole.copy()
        wrong[layer].chksum = 0xdead
        off_by_one[layer].chksum = whole[layer].chksum ^ 1
        none[layer].chksum = 0
        frames += [frame for frame in (whole, wrong, off_by_one, none) if name[-1] == "4" or not only_v4]
    v4 = IP(src=src, dst=dst)
    rest = [v4 / ICMP(id=5) / Raw(payload(56)), v4 / ICMP(id=5, chksum=0xbad) / Raw(payload(56)),
            IP(src=src, dst=dst, proto=17, flags="MF", id=9) / UDP(sport=1, dport=2, len=900, chksum=0x1234) / Raw(payload(480)),
            IP(src=src, dst=dst, proto=17, frag=61, id=9) / Raw(payload(100)),
            IP(src=src, dst=dst, proto=132) / Raw(payload(64))]
    if not only_v4:
        v6 = IPv6(src="fd00::1", dst="fd00::2")
        rest += [v6 / ICMPv6EchoRequest(id=5, data=payload(56)), v6 / ICMPv6EchoRequest(id=5, cksum=0xbad),
                 v6 / IPv6ExtHdrFragment(offset=9, nh=6, id=3) / Raw(payload(80)),
                 IPv6(src="fd00::1", dst="fd00::2", nh=132) / Raw(payload(64))]
    return frames + [ethernet(source, destination) / packet for packet in rest]


def partial_frames(source, destination, src, dst, only_v4=False):
    return [Ether(bytes(packet / Raw(payload(size)))) for name, packet in headers(source, destination, src, dst).items()
            for size in (0, 1, 2, 999, 1200) if name[-1] == "4" or not only_v4]


def made_partial(frame):
    """With the sum of the pseudo header in its checksum, as who leaves it to others puts it there."""
    frame = frame.copy()
    layer, number = (TCP, 6) if TCP in frame else (UDP, 17)
    nothing = bytes(len(bytes(frame[layer]))) if IPv6 in frame else b""  # adds nothing to the sum but its length
    frame[layer].chksum = ~(in4_chksum(number, frame[IP], nothing) if IP in frame else
                            in6_chksum(number, frame[IPv6], nothing)) & 0xffff
    return frame


def from_container(case, arguments, leaves, options=None):
    """All of them by a container's port. `leaves`: where a frame goes, and as what."""
    options = options or {}
    for make, shape in ((whole_frames, ""), (partial_frames, "partial")):
        frames = make(*arguments, **options)
        case.send("docker1", frames, shape)
        for frame in frames:
            leaves(frame)
    frames = gso_frames(*arguments, **options)
    for shape in (f"partial.gso{SIZE}", f"partial.gso{SIZE}.split128"):
        case.send("docker1", frames, shape)
        for frame in frames:
            for segment in segments(frame, SIZE):
                leaves(segment)


@golden
def offloads_bridged(case):
    """From one container to another whose port finishes nothing: what was left undone is done, once."""
    bridge(case, "docker1", "docker2")
    case.setup(f"fdb append {F1} dev docker2 master static")
    from_container(case, (C1, F1, "10.0.0.1", "10.0.0.2"), lambda frame: case.expect("docker2", [frame]))


@golden_each(**{f"{family}_{checksum}": dict(far=far, checksum=checksum) for family, far in (("ipv4", FAR4), ("ipv6", FAR6))
                for checksum in ("udpcsum", "noudpcsum") if family == "ipv4" or checksum == "udpcsum"})
def offloads_encap(case, far, checksum):
    """Into a tunnel: each segment has outer headers of its own, right in length and in checksum."""
    underlay(case, 4 if far == FAR4 else 6, mtu="mtu 1600")
    bridge(case, "docker1")
    vxlan(case, f"nolearning {checksum}", family=4 if far == FAR4 else 6, fdb=[(F1, far)])
    from_container(case, (C1, F1, "10.0.0.1", "10.0.0.2"), lambda frame: case.expect(
        "uplink", [encapsulated(frame, far, checksum=checksum == "udpcsum")]))


@golden_each(ipv4=dict(far=FAR4, checksum=False), ipv4_udpcsum=dict(far=FAR4, checksum=True), ipv6=dict(far=FAR6, checksum=True))
def offloads_decap(case, far, checksum):
    """Out of a tunnel, to a port that takes no larger frames: as they were, right or wrong."""
    bridged(case, family=4 if far == FAR4 else 6)
    case.setup(f"fdb append {C1} dev docker1 master static")
    frames = whole_frames(F1, C1, "10.0.0.2", "10.0.0.1")
    case.send("uplink", [received(frame, far, checksum=checksum) for frame in frames])
    case.expect("docker1", frames)


def router(case, checksum="noudpcsum", mtu=""):
    underlay(case, mtu=mtu)
    bridge(case, "docker1", "docker2")
    vxlan(case, f"nolearning {checksum}", master=None, fdb=[(FAR_ROUTER, FAR4)])
    case.setup(f"""
        addr add 172.18.10.1/24 dev br0
        addr add 172.18.10.0/32 dev vxlan100
        route add 172.18.20.0/24 via 172.18.20.0 dev vxlan100 onlink
        neigh add 172.18.20.0 lladdr {FAR_ROUTER} dev vxlan100
        neigh add {HERE} lladdr {C1} dev br0
        fdb append {C1} dev docker1 master static""")


@golden_each(noudpcsum=dict(checksum="noudpcsum"), udpcsum=dict(checksum="udpcsum"))
def offloads_routed_encap(case, checksum):
    """Into a tunnel behind a router: the TTL is one less in each segment."""
    router(case, checksum, mtu="mtu 1600")
    from_container(case, (C1, GATEWAY, HERE, THERE), lambda frame: case.expect(
        "uplink", [encapsulated(hop(frame, OURS, FAR_ROUTER), checksum=checksum == "udpcsum")]), dict(only_v4=True))


@golden
def offloads_routed(case):
    """By a router to another container of the same bridge."""
    router(case)
    case.setup(f"neigh add 172.18.10.3 lladdr {C2} dev br0\nfdb append {C2} dev docker2 master static")
    from_container(case, (C1, GATEWAY, HERE, "172.18.10.3"),
                   lambda frame: case.expect("docker2", [hop(frame, GATEWAY, C2)]), dict(only_v4=True))


@golden
def offloads_routed_decap(case):
    """Out of a tunnel, by a router."""
    router(case)
    frames = whole_frames(FAR_ROUTER, OURS, THERE, HERE, only_v4=True)
    case.send("uplink", [received(frame) for frame in frames])
    case.expect("docker1", [hop(frame, GATEWAY, C1) for frame in frames])


@golden
def gso_flooded(case):
    """To a bridge's ports and far VTEPs, segment by segment, each with a right checksum."""
    bridged(case, ports=("docker1", "docker2", "docker3"), fdb=[], flood=[FAR4, FAR2_4])
    frame = Ether(bytes(headers(C1, NOBODY, "10.0.0.1", "10.0.0.2")["tcp4"] / Raw(large_payload(3500))))
    case.send("docker1", [frame], f"partial.gso{SIZE}")
    for segment in segments(frame, SIZE):
        case.expect("docker2", [segment])
        case.expect("docker3", [segment])
    for far in (FAR4, FAR2_4):
        case.expect("uplink", [encapsulated(segment, far) for segment in segments(frame, SIZE)])


@golden
def gso_with_vlan_tag(case):
    """Tagged, between containers."""
    bridge(case, "docker1", "docker2")
    case.setup(f"fdb append {F1} dev docker2 master static")
    data = large_payload(3500)
    tagged = Ether(bytes(ethernet(C1, F1) / Dot1Q(vlan=5) / IP(id=3) / TCP(flags="A") / Raw(data)))
    case.send("docker1", [made_partial(tagged)], "partial", [(38, 16, 1, SIZE)])
    case.expect("docker2", segments(tagged, SIZE))


@golden
def gso_mtu(case):
    """What has to fit is the segment, not the frame. Of one that does not, nothing is sent."""
    bridged(case, ports=("docker1", "docker2"))
    case.setup(f"link set docker2 mtu 1400\nfdb append {F2} dev docker2 master static")
    for destination, largest, port in ((F1, 1450, "uplink"), (F2, 1400, "docker2")):
        frame = Ether(bytes(ethernet(C1, destination) / IP(flags="DF") / TCP(flags="A") / Raw(large_payload(5000))))
        fits = largest - 40
        case.send("docker1", [frame], f"partial.gso{fits}")
        cut = segments(frame, fits)
        case.expect(port, [encapsulated(one) for one in cut] if port == "uplink" else cut)
        case.send("docker1", [frame], f"partial.gso{fits + 1}")
        case.drop("docker1", "frame_too_big", 1)


@golden
def gso_routed_mtu(case):
    """Of a router, the sender is told what would fit, for each segment."""
    router(case)
    frame = Ether(bytes(ethernet(C1, GATEWAY) / IP(src=HERE, dst=THERE, flags="DF", id=77) / TCP(flags="A") / Raw(large_payload(2500))))
    case.send("docker1", [frame], "partial.gso1411")
    case.expect("docker1", [icmp_error(segment, GATEWAY, "172.18.10.1", C1, type=3, code=4, nexthopmtu=1450)
                            for segment in segments(frame, 1411)])
    case.drop("docker1", "frame_too_big", 2)


@golden
def gso_invalid(case):
    """Notes of GSO frames that cannot be true: no size, a reserved one, more segments than anybody means, another
    protocol, a header that does not end where L4 begins, a checksum elsewhere, headers in two pieces."""
    bridged(case)
    frame = Ether(bytes(headers(C1, F1, "10.0.0.1", "10.0.0.2")["tcp4"] / Raw(large_payload(9000))))
    tcp4, tcp6, datagrams, unknown = 1, 2, 3, 9
    notes = [(34, 16, tcp4, 0), (34, 16, tcp4, 65535), (34, 16, tcp4, 1), (34, 16, tcp6, SIZE), (34, 16, datagrams, SIZE),
             (34, 6, datagrams, SIZE), (34, 6, tcp4, SIZE), (33, 16, tcp4, SIZE), (38, 16, tcp4, SIZE), (54, 16, tcp4, SIZE),
             (34, 16, unknown, SIZE), (0, 16, tcp4, SIZE), (65535, 16, tcp4, SIZE)]
    case.send("docker1", [frame] * len(notes), "partial", notes)
    case.drop("docker1", "offload_invalid", len(notes))
    case.send("docker1", [frame], "partial.split60", [(34, 16, tcp4, SIZE)])
    case.drop("docker1", "offload_invalid", 1)
    data = Ether(bytes(headers(C1, F1, "10.0.0.1", "10.0.0.2")["udp4"] / Raw(large_payload(1290))))
    case.send("docker1", [data], "partial", [(34, 6, datagrams, 10)])  # 129 datagrams
    case.drop("docker1", "offload_invalid", 1)
    fragment = frame.copy()
    fragment[IP].flags = "MF"
    fragment[IP].chksum = None
    longer = frame.copy()
    longer[IP].len += 1
    case.send("docker1", [Ether(bytes(fragment)), longer], "partial", [(34, 16, tcp4, SIZE)] * 2)
    case.drop("docker1", "offload_invalid", 2)


@golden
def gso_from_underlay(case):
    """A port of the underlay that hands over several datagrams in one: nobody says of which kind the tunnel is."""
    bridged(case)
    frame = received(udp(F1, C1, 1000))
    case.send("uplink", [frame], "partial", [(34, 6, 3, 500)])
    case.drop("uplink", "offload_invalid", 1)


@golden_each(ipv4=dict(far=FAR4, outer=50), ipv6=dict(far=FAR6, outer=70))
def gso_decap(case, far, outer):
    """A port of the underlay that says what is in its tunnel hands over frames that are encapsulated once and stand for
    many; of one whose outer headers end elsewhere, nothing is believed."""
    bridged(case, family=4 if far == FAR4 else 6)
    case.setup(f"fdb append {C1} dev docker1 master static")
    for frame in gso_frames(F1, C1, "10.0.0.2", "10.0.0.1"):
        layer = TCP if TCP in frame else UDP
        kind = 3 if layer is UDP else 1 if IP in frame else 2
        start = outer + len(bytes(frame)) - len(bytes(frame[layer]))
        tunnelled = received(made_partial(frame), far, checksum=far == FAR6)
        case.send("uplink", [tunnelled], "partial", [(start, 16 if layer is TCP else 6, kind, SIZE, outer)])
        case.expect("docker1", segments(frame, SIZE))
        wrong = [(start, 16, kind, SIZE, 0), (start, 16, kind, SIZE, outer + 4), (start, 16, kind, SIZE, 255)]
        case.send("uplink", [tunnelled] * 3, "partial", wrong)
        case.drop("uplink", "offload_invalid", 3)


@golden
def gso_without_buffers(case):
    """Where the pool has fewer buffers than there are segments, the rest is dropped under a name."""
    bridge(case, "docker1", "docker2")
    case.setup(f"fdb append {F1} dev docker2 master static")
    case.limit("pool", 511)
    frame = Ether(bytes(ethernet(C1, F1) / IP() / TCP(flags="A") / Raw(large_payload(60000))))
    case.send("docker1", [frame], "partial.gso100")
    case.expect("docker2", segments(frame, 100)[:511])
    case.drop("docker2", "no_mbuf", 1)
