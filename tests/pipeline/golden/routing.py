# SPDX-License-Identifier: BSD-3-Clause
"""Scheme 1: a gateway on the bridge, routes into a VXLAN device, one far VTEP for each subnet. RFC 1812 section 5."""

from scapy.layers.inet6 import ICMPv6EchoRequest

from .case import golden, golden_each
from .oracle import *

GATEWAY = "02:00:00:00:03:01"   # br0's MAC; the gateway is 172.18.10.1
OURS = "02:00:00:00:03:02"      # vxlan100's MAC; its address is 172.18.10.0
FAR_ROUTER = "0e:e6:e6:5d:c2:da"
HERE, THERE = "172.18.10.2", "172.18.20.2"


def routed(case, *ports, options="nolearning noudpcsum"):
    underlay(case)
    bridge(case, *(ports or ("docker1", "docker2")))
    vxlan(case, options, master=None, fdb=[(FAR_ROUTER, FAR4)])
    case.setup(f"""
        addr add 172.18.10.1/24 dev br0
        addr add 172.18.10.0/32 dev vxlan100
        route add 172.18.20.0/24 via 172.18.20.0 dev vxlan100 onlink
        neigh add 172.18.20.0 lladdr {FAR_ROUTER} dev vxlan100
        neigh add {HERE} lladdr {C1} dev br0
        fdb append {C1} dev docker1 master static""")


def hop(frame, source, destination):
    """The frame as a router sends it on: its own MAC, the neighbour's, TTL less one, the checksum scapy's."""
    packet = Ether(bytes(frame))[IP].copy()
    packet.ttl -= 1
    del packet.chksum
    return Ether(dst=destination, src=source) / packet


def there(*arguments, **options):
    return udp(C1, GATEWAY, *arguments, src=HERE, dst=THERE, **options)


def icmp_error(packet, gateway_mac, gateway, station_mac, **options):
    """RFC 1812 section 4.3.2: as much of the packet as fits into 576 bytes, precedence 6."""
    return Ether(dst=station_mac, src=gateway_mac) / IP(src=gateway, dst=packet[IP].src, id=packet[IP].id, tos=0xc0) \
        / ICMP(**options) / Raw(bytes(packet[IP])[:548])


@golden_each(noudpcsum=dict(checksum=False), udpcsum=dict(checksum=True))
def route_to_far_host(case, checksum):
    """A packet for the far host's subnet leaves with the VXLAN device's MAC as its source, the far router's as its
    destination, one TTL less, in a tunnel; the flow is hashed as it came."""
    routed(case, options=f"nolearning {'udpcsum' if checksum else 'noudpcsum'}")
    frames = [there(), there(1), there(1300), there(tos=0xb9), there(id=7, flags="DF"),
              Ether(dst=GATEWAY, src=C1) / IP(src=HERE, dst=THERE, options=[b"\x01" * 8]) / UDP() / Raw(payload(9)),
              Ether(dst=GATEWAY, src=C1) / IP(src=HERE, dst=THERE) / ICMP() / Raw(payload(56)),
              Ether(dst=GATEWAY, src=C1) / IP(src=HERE, dst=THERE, flags="MF", frag=9, proto=17) / Raw(payload(64))]
    case.send("docker1", frames)
    case.expect("uplink", [encapsulated(hop(frame, OURS, FAR_ROUTER), checksum=checksum) for frame in frames])


@golden
def route_from_far_host(case):
    """And back: to the container, from the gateway's MAC."""
    routed(case)
    frames = [udp(FAR_ROUTER, OURS, size, src=THERE, dst=HERE, ttl=63) for size in (0, 26, 1300)]
    case.send("uplink", [received(frame) for frame in frames])
    case.expect("docker1", [hop(frame, GATEWAY, C1) for frame in frames])


@golden
def route_from_far_host_with_ecn(case):
    """What RFC 6040 makes of the ECN field is in the packet that is routed on, and the header checksum is right."""
    routed(case)
    frame = udp(FAR_ROUTER, OURS, src=THERE, dst=HERE, tos=2)
    case.send("uplink", [received(frame, ecn=3)])
    marked = udp(FAR_ROUTER, OURS, src=THERE, dst=HERE, tos=3)
    case.expect("docker1", [hop(marked, GATEWAY, C1)])


@golden
def route_between_bridges(case):
    """From a container of one bridge to one of another; each gateway is also reached by its address from the other side."""
    bridge(case, "docker1", name="br1", address="02:00:00:00:03:11")
    bridge(case, "docker2", name="br2", address="02:00:00:00:03:12")
    case.setup(f"""
        addr add 10.1.0.1/24 dev br1
        addr add 10.2.0.1/24 dev br2
        neigh add 10.1.0.2 lladdr {C1} dev br1
        neigh add 10.2.0.2 lladdr {C2} dev br2
        fdb append {C1} dev docker1 master static
        fdb append {C2} dev docker2 master static""")
    forth = [udp(C1, "02:00:00:00:03:11", src="10.1.0.2", dst="10.2.0.2", dport=number) for number in range(3)]
    back = [udp(C2, "02:00:00:00:03:12", src="10.2.0.2", dst="10.1.0.2", dport=number) for number in range(3)]
    case.send_together({"docker1": forth, "docker2": back})
    case.expect("docker2", [hop(frame, "02:00:00:00:03:12", C2) for frame in forth])
    case.expect("docker1", [hop(frame, "02:00:00:00:03:11", C1) for frame in back])
    ping = Ether(dst="02:00:00:00:03:11", src=C1) / IP(src="10.1.0.2", dst="10.2.0.1", id=1) / ICMP(id=1) / Raw(payload(8))
    case.send("docker1", [ping])
    case.expect("docker1", [Ether(dst=C1, src="02:00:00:00:03:11") / IP(src="10.2.0.1", dst="10.1.0.2", id=1)
                            / ICMP(type=0, id=1) / Raw(payload(8))])


@golden
def route_floods_to_unknown_mac(case):
    """The neighbour's MAC is known, its place is not: every port of the bridge gets the frame."""
    routed(case, "docker1", "docker2")
    case.setup(f"neigh add 172.18.10.3 lladdr {C2} dev br0")
    frame = udp(FAR_ROUTER, OURS, src=THERE, dst="172.18.10.3")
    case.send("uplink", [received(frame)])
    for port in ("docker1", "docker2"):
        case.expect(port, [hop(frame, GATEWAY, C2)])


@golden
def route_longest_prefix(case):
    """The longest prefix that holds the destination decides; none, and there is no route."""
    routed(case)
    case.setup(f"""
        neigh add 172.18.20.9 lladdr {F2} dev vxlan100
        neigh add 172.18.20.8 lladdr {F3} dev vxlan100
        fdb append {F2} dev vxlan100 dst {FAR2_4}
        fdb append {F3} dev vxlan100 dst {FAR2_4}
        route add 172.18.20.128/25 via 172.18.20.9 dev vxlan100 onlink
        route add 172.18.20.200/32 via 172.18.20.8 dev vxlan100 onlink
        route add 172.18.0.0/16 via 172.18.20.9 dev vxlan100 onlink""")
    table = {"172.18.20.0": (FAR_ROUTER, FAR4), "172.18.20.127": (FAR_ROUTER, FAR4), "172.18.20.128": (F2, FAR2_4),
             "172.18.20.199": (F2, FAR2_4), "172.18.20.200": (F3, FAR2_4), "172.18.20.201": (F2, FAR2_4),
             "172.18.20.255": (F2, FAR2_4), "172.18.21.0": (F2, FAR2_4), "172.18.0.1": (F2, FAR2_4)}
    for destination, (mac, far) in table.items():
        frame = udp(C1, GATEWAY, src=HERE, dst=destination)
        case.send("docker1", [frame])
        case.expect("uplink", [encapsulated(hop(frame, OURS, mac), far)])
    nowhere = ["172.17.255.255", "172.19.0.0", "8.8.8.8", "172.18.10.255"]
    case.send("docker1", [udp(C1, GATEWAY, src=HERE, dst=destination) for destination in nowhere])
    case.drop("docker1", "no_route", len(nowhere))


@golden
def route_to_underlay(case):
    """Overlay packets leave only by VXLAN, even if a route of the underlay holds their destination."""
    routed(case)
    case.setup("route add default via 192.0.2.254 dev uplink")
    frames = [udp(C1, GATEWAY, src=HERE, dst=destination) for destination in (US4, FAR4, "192.0.2.200", "8.8.8.8")]
    case.send("docker1", frames)
    case.drop("docker1", "route_to_underlay", len(frames))


@golden
def routed_ttl_and_checksum(case):
    """One TTL less, for every TTL and for header checksums all over their range, with the edges where a carry happens."""
    routed(case)
    frames = [there(0, ttl=ttl, id=ttl) for ttl in range(2, 256)]
    frames += [there(0, ttl=64, id=number) for number in range(0, 65536, 211)]
    base = bytes(there(0, ttl=64, id=0))
    at = int.from_bytes(base[24:26], "big")
    for wanted in (0x0000, 0x0001, 0x00ff, 0x0100, 0xfeff, 0xff00, 0xfefe, 0xfffe):  # of the checksum that comes in
        frames.append(there(0, ttl=64, id=(at - wanted) % 0xffff))
    case.send("docker1", frames)
    case.expect("uplink", [encapsulated(hop(frame, OURS, FAR_ROUTER)) for frame in frames])


@golden
def routed_padding(case):
    """What follows the IP packet is Ethernet padding, and is not routed; from a container and from a tunnel, in one piece
    and in several."""
    routed(case)
    frames = [there(size) for size in (0, 1, 17)]
    case.send("docker1", [bytes(frame).ljust(60, b"\0") for frame in frames])
    case.send("docker1", [bytes(frame) + payload(300) for frame in frames], "split42")
    case.send("docker1", [bytes(frame) + payload(300) for frame in frames], "split128")
    case.expect("uplink", [encapsulated(hop(frame, OURS, FAR_ROUTER)) for frame in frames * 3])
    back = udp(FAR_ROUTER, OURS, 3, src=THERE, dst=HERE)
    case.send("uplink", [received(bytes(back).ljust(60, b"\0"))])
    case.expect("docker1", [hop(back, GATEWAY, C1)])


@golden
def routed_mtu_edge(case):
    """A packet of exactly the MTU is routed; with DF or without it, one byte more is not, and of one with DF the sender is
    told."""
    routed(case)
    fits, told = there(1450 - 28), Ether(bytes(there(1450 - 27, flags="DF")))
    case.send("docker1", [fits, there(1450 - 27), told])
    case.expect("uplink", [encapsulated(hop(fits, OURS, FAR_ROUTER))])
    case.expect("docker1", [icmp_error(told, GATEWAY, "172.18.10.1", C1, type=3, code=4, nexthopmtu=1450)])
    case.drop("docker1", "frame_too_big", 2)


@golden
def routed_mtu_edge_of_the_bridge(case):
    """The same towards a container: the far host is told, by the VXLAN device's address."""
    routed(case)
    case.setup("link set docker1 mtu 1400")
    told = Ether(bytes(udp(FAR_ROUTER, OURS, 1400 - 27, src=THERE, dst=HERE, ttl=63, flags="DF")))
    case.send("uplink", [received(told)])
    error = icmp_error(told, OURS, "172.18.10.0", FAR_ROUTER, type=3, code=4, nexthopmtu=1400)
    case.expect("uplink", [encapsulated(error)])
    case.drop("vxlan100", "frame_too_big", 1)


@golden
def martian(case):
    """RFC 1812 section 5.3.7: no packet from or to this network, loopback, multicast and broadcast is routed, a default
    route or not; but for those of a route that is longer. 240/4 is as good as any, as in Linux."""
    routed(case)
    case.setup("""
        route add default via 172.18.20.0 dev vxlan100 onlink
        route add 127.1.0.0/16 via 172.18.20.0 dev vxlan100 onlink""")
    nobodys = ["0.0.0.1", "127.0.0.1", "127.255.255.255", "224.0.0.5", "239.255.255.255", "255.255.255.255"]
    frames = [udp(C1, GATEWAY, src=HERE, dst=address) for address in nobodys]
    frames += [udp(C1, GATEWAY, src=address, dst=THERE) for address in nobodys + ["0.0.0.0"]]
    case.send("docker1", frames)
    case.drop("docker1", "martian", len(frames))
    routable = ["1.0.0.0", "126.255.255.255", "128.0.0.0", "223.255.255.255", "169.254.1.1", "240.0.0.1", "255.255.255.254"]
    passing = [udp(C1, GATEWAY, src=HERE, dst=address) for address in routable + ["127.1.2.3"]]
    passing += [udp(C1, GATEWAY, src=address, dst=THERE) for address in routable]
    case.send("docker1", passing)
    case.expect("uplink", [encapsulated(hop(frame, OURS, FAR_ROUTER)) for frame in passing])


@golden
def routed_not_ipv4(case):
    """To a gateway's MAC, and neither IPv4, nor ARP, nor IPv6 for an address of ours."""
    routed(case)
    frames = [udp6(C1, GATEWAY), raw_frame(C1, GATEWAY), vlan(C1, GATEWAY),
              Ether(dst=GATEWAY, src=C1) / IPv6(src="fd00::2", dst="fd00::1") / ICMPv6EchoRequest()]
    case.send("docker1", frames)
    case.drop("docker1", "routed_not_ipv4", len(frames))


@golden
def routed_ip_malformed(case):
    """Wrong versions and lengths in the header of a packet that is to be routed, and its end at each byte of it."""
    routed(case)
    whole = bytes(there(0))
    frames = [whole[:size] for size in range(14, len(whole))]
    for first in [version << 4 | 5 for version in range(16) if version != 4] + [0x40 | words for words in range(5)] + [0x4f]:
        frames.append(whole[:14] + bytes([first]) + whole[15:])
    frames += [whole[:16] + length.to_bytes(2, "big") + whole[18:] for length in (0, 19, len(whole) - 13, 0xffff)]
    case.send("docker1", frames)
    case.drop("docker1", "routed_ip_malformed", len(frames))


@golden
def routed_ip_checksum(case):
    """Each wrong bit of the header checksum."""
    routed(case)
    whole = bytes(there(0))
    value = int.from_bytes(whole[24:26], "big")
    case.send("docker1", [whole[:24] + (value ^ 1 << bit).to_bytes(2, "big") + whole[26:] for bit in range(16)])
    case.drop("docker1", "routed_ip_checksum", 16)


@golden
def ttl_expired(case):
    """A TTL of 1 or 0 ends here, and the sender is told; of an ICMP error or a later fragment nobody is told."""
    routed(case)
    told = [there(8, ttl=1, id=1), there(8, ttl=0, id=2), there(1000, ttl=1, id=3),
            Ether(dst=GATEWAY, src=C1) / IP(src=HERE, dst=THERE, ttl=1, id=4) / ICMP() / Raw(payload(8))]
    told = [Ether(bytes(frame)) for frame in told]
    case.send("docker1", told)
    case.expect("docker1", [icmp_error(frame, GATEWAY, "172.18.10.1", C1, type=11, code=0) for frame in told])
    quiet = [Ether(dst=GATEWAY, src=C1) / IP(src=HERE, dst=THERE, ttl=1) / ICMP(type=11) / Raw(payload(28)),
             Ether(dst=GATEWAY, src=C1) / IP(src=HERE, dst=THERE, ttl=1) / ICMP(type=3) / Raw(payload(28)),
             Ether(dst=GATEWAY, src=C1) / IP(src=HERE, dst=THERE, ttl=1, frag=5, proto=17) / Raw(payload(28))]
    case.send("docker1", quiet)
    case.drop("docker1", "ttl_expired", len(told) + len(quiet))


@golden
def neighbor_unresolved(case):
    """The MAC of a destination on the bridge is asked for three times; held packets are dropped when nobody answers, and
    at most four are held, the oldest going first."""
    routed(case, "docker1", "docker2")
    frames = [udp(FAR_ROUTER, OURS, src=THERE, dst="172.18.10.9", dport=number) for number in range(6)]
    case.send("uplink", [received(frame) for frame in frames])
    ask = Ether(dst=BROADCAST, src=GATEWAY) / ARP(op=1, hwsrc=GATEWAY, psrc="172.18.10.1", hwdst="00:00:00:00:00:00",
                                                  pdst="172.18.10.9")
    case.wait(5)
    for port in ("docker1", "docker2"):
        case.expect(port, [ask] * 3)
    case.drop("vxlan100", "neighbor_unresolved", 6)


@golden
def neighbor_resolved(case):
    """Packets wait for the answer to ARP, four at most, the newest; then they go where the answer came from, and what
    follows does not wait."""
    routed(case, "docker1", "docker2")
    frames = [udp(FAR_ROUTER, OURS, src=THERE, dst="172.18.10.9", dport=number) for number in range(7)]
    ask = Ether(dst=BROADCAST, src=GATEWAY) / ARP(op=1, hwsrc=GATEWAY, psrc="172.18.10.1", hwdst="00:00:00:00:00:00",
                                                  pdst="172.18.10.9")
    case.send("uplink", [received(frame) for frame in frames[:6]])
    for port in ("docker1", "docker2"):
        case.expect(port, [ask])
    case.send("docker2", [Ether(dst=GATEWAY, src=C2) / ARP(op=2, hwsrc=C2, psrc="172.18.10.9", hwdst=GATEWAY,
                                                           pdst="172.18.10.1")])
    case.send("uplink", [received(frames[6])])
    case.expect("docker2", [hop(frame, GATEWAY, C2) for frame in frames[2:]])
    case.drop("vxlan100", "neighbor_unresolved", 2)


@golden
def route_between_far_hosts(case):
    """From one far host to another, by us: split horizon is for bridges, a router sends it on."""
    routed(case)
    case.setup(f"""
        route add 172.18.30.0/24 via 172.18.30.0 dev vxlan100 onlink
        neigh add 172.18.30.0 lladdr {F3} dev vxlan100
        fdb append {F3} dev vxlan100 dst {FAR2_4}""")
    frame = udp(FAR_ROUTER, OURS, src=THERE, dst="172.18.30.5", tos=1)
    case.send("uplink", [received(frame)])
    case.expect("uplink", [encapsulated(hop(frame, OURS, F3), FAR2_4)])


@golden
def routed_device_alone(case):
    """A VXLAN device in no bridge: what is not for its MAC has nowhere to go, ARP for its address is answered in the
    tunnel, and so is ping."""
    routed(case)
    case.send("uplink", [received(udp(FAR_ROUTER, NOBODY)), received(udp(FAR_ROUTER, BROADCAST))])
    case.drop("vxlan100", "no_destination", 2)
    ask = Ether(dst=BROADCAST, src=FAR_ROUTER) / ARP(op=1, hwsrc=FAR_ROUTER, psrc="172.18.20.0", hwdst="00:00:00:00:00:00",
                                                     pdst="172.18.10.0")
    case.send("uplink", [received(ask)])
    case.expect("uplink", [encapsulated(Ether(dst=FAR_ROUTER, src=OURS) / ARP(
        op=2, hwsrc=OURS, psrc="172.18.10.0", hwdst=FAR_ROUTER, pdst="172.18.20.0"))])
    ping = Ether(dst=OURS, src=FAR_ROUTER) / IP(src="172.18.20.0", dst="172.18.10.0", id=3) / ICMP(id=1) / Raw(payload(8))
    case.send("uplink", [received(ping)])
    case.expect("uplink", [encapsulated(Ether(dst=FAR_ROUTER, src=OURS) / IP(src="172.18.10.0", dst="172.18.20.0", id=3)
                                        / ICMP(type=0, id=1) / Raw(payload(8)))])


@golden
def routed_partial_checksum(case):
    """A routed packet whose UDP or TCP checksum was left to us, into a tunnel and to a container; padding is not summed."""
    routed(case)
    frames = [there(31), Ether(dst=GATEWAY, src=C1) / IP(src=HERE, dst=THERE) / TCP(seq=1) / Raw(payload(77))]
    case.send("docker1", frames, "partial")
    padded = there(1)
    case.send("docker1", [bytes(padded).ljust(60, b"\xaa")], "partial")
    case.expect("uplink", [encapsulated(hop(frame, OURS, FAR_ROUTER)) for frame in frames + [padded]])


@golden
def local_unserved(case):
    """To an address of ours where nothing listens, and to the MAC of a bridge that has neither an address nor a
    route, though others have: it is a network of its own."""
    routed(case)
    frames = [udp(C1, GATEWAY, src=HERE, dst="172.18.10.1"), tcp(C1, GATEWAY, src=HERE, dst="172.18.10.0"),
              Ether(dst=GATEWAY, src=C1) / IP(src=HERE, dst="172.18.10.1") / ICMP(type=13, ts_ori=0, ts_rx=0, ts_tx=0)]
    case.send("docker1", frames)
    case.drop("docker1", "local_unserved", 3)
    bridge(case, "docker3", name="br9", address="02:00:00:00:03:99")
    case.send("docker3", [udp(C3, "02:00:00:00:03:99")])
    case.drop("docker3", "local_unserved", 1)


L3VNI = "02:00:00:00:03:05"


@golden
def routes_without_an_address(case):
    """An L3 VNI's device has no address, alone or in a bridge: as routes lead out by it, what comes back for its MAC is
    routed, and what is for nobody has no route. With its last route it stops, and with a new one it starts again."""
    underlay(case)
    bridge(case, "docker1")
    bridge(case, name="br9", address=L3VNI)
    vxlan(case, vni=100, master=None, fdb=[(FAR_ROUTER, FAR4)])
    vxlan(case, vni=900, master="br9", fdb=[(F1, FAR2_4)])
    case.setup(f"""
        addr add 172.18.10.1/24 dev br0
        route add 172.18.20.0/24 via 172.18.20.0 dev vxlan100 onlink
        neigh add 172.18.20.0 lladdr {FAR_ROUTER} dev vxlan100
        route add 172.18.30.0/24 via 172.18.30.0 dev br9 onlink
        neigh add 172.18.30.0 lladdr {F1} dev br9
        neigh add {HERE} lladdr {C1} dev br0
        fdb append {C1} dev docker1 master static""")
    out = there(), udp(C1, GATEWAY, src=HERE, dst="172.18.30.2")
    back = udp(FAR_ROUTER, OURS, src=THERE, dst=HERE), udp(F1, L3VNI, src="172.18.30.2", dst=HERE)
    tunnelled = received(back[0]), received(back[1], FAR2_4, vni=900)
    case.send("docker1", out)
    case.expect("uplink", [encapsulated(hop(out[0], OURS, FAR_ROUTER)), encapsulated(hop(out[1], L3VNI, F1), FAR2_4, vni=900)])

    def comes_back():
        case.send("uplink", tunnelled)
        case.expect("docker1", [hop(frame, GATEWAY, C1) for frame in back])

    comes_back()
    case.send("uplink", [received(udp(FAR_ROUTER, OURS, src=THERE, dst="203.0.113.9")),
                         received(Ether(dst=OURS, src=FAR_ROUTER) / ARP(op=1, hwsrc=FAR_ROUTER, psrc="172.18.20.0",
                                                                       pdst="172.18.10.0"))])
    case.drop("vxlan100", "no_route", 1)
    case.drop("vxlan100", "local_unserved", 1)
    case.commands("route del 172.18.20.0/24\nroute del 172.18.30.0/24")
    case.send("uplink", tunnelled)
    case.drop("vxlan100", "local_unserved", 1)
    case.drop("vxlan900", "local_unserved", 1)
    case.commands("route add 172.18.20.0/24 via 172.18.20.0 dev vxlan100 onlink\n"
                  "route add 172.18.30.0/24 via 172.18.30.0 dev br9 onlink")
    comes_back()
    case.commands("route replace 172.18.30.0/24 via 172.18.20.0 dev vxlan100 onlink")  # another device's now
    case.send("uplink", tunnelled)
    case.expect("docker1", [hop(back[0], GATEWAY, C1)])
    case.drop("vxlan900", "local_unserved", 1)


@golden
def next_hop_moves(case):
    """Of a route's next hop, what the FDB and the neighbours say now decides, from the next packet on."""
    routed(case)
    frame = there()

    def goes(*hosts, mac=FAR_ROUTER):
        case.send("docker1", [frame])
        case.expect("uplink", [encapsulated(hop(frame, OURS, mac), host) for host in hosts])

    goes(FAR4)
    case.commands(f"fdb replace {FAR_ROUTER} dev vxlan100 dst {FAR2_4}")
    goes(FAR2_4)
    case.commands(f"fdb append {FAR_ROUTER} dev vxlan100 dst {FAR4}")
    goes(FAR2_4, FAR4)
    case.commands(f"fdb del {FAR_ROUTER} dev vxlan100")
    goes()
    case.commands(f"fdb append {FAR_ROUTER} dev vxlan100 dst {FAR4}\nfdb append {F2} dev vxlan100 dst {FAR2_4}")
    goes(FAR4)
    case.commands(f"neigh replace 172.18.20.0 lladdr {F2} dev vxlan100")
    goes(FAR2_4, mac=F2)
    case.commands(f"fdb del {FAR_ROUTER} dev vxlan100")
    goes(FAR2_4, mac=F2)
    case.commands("neigh del 172.18.20.0 dev vxlan100")
    goes()
    case.wait(5)  # asked for three times, of nobody; then the packet is given up
    case.commands(f"neigh add 172.18.20.0 lladdr {FAR_ROUTER} dev vxlan100")
    goes()
    case.commands(f"fdb append {FAR_ROUTER} dev vxlan100 dst {FAR4}")
    goes(FAR4)
    case.commands(f"fdb append {FAR_ROUTER} dev vxlan100 dst {FAR2_4}\nlink set vxlan100 mtu 1000")
    goes(FAR4, FAR2_4)
    case.drop("vxlan100", "no_destination", 2 + 3)
    case.drop("docker1", "neighbor_unresolved", 1)


@golden
def next_hop_learned(case):
    """A route's next hop is a container whose MAC is learned, moves, ages, and goes with its bridge and its port."""
    routed(case, "docker1", "docker2", "docker3")
    case.setup(f"""
        route add 10.50.0.0/16 via 172.18.10.9 dev br0
        route add 10.60.0.0/16 via 172.18.10.9 dev br0
        neigh add 172.18.10.9 lladdr {C2} dev br0""")
    frames = [udp(FAR_ROUTER, OURS, src=THERE, dst=f"10.{net}.0.1") for net in (50, 60)]

    def goes(*ports):
        case.send("uplink", [received(frame) for frame in frames])
        for port in ports:
            case.expect(port, [hop(frame, GATEWAY, C2) for frame in frames])

    def speaks(port):
        case.send(port, [udp(C2, C1)])
        case.expect("docker1", [udp(C2, C1)])

    goes("docker1", "docker2", "docker3")
    speaks("docker2")
    goes("docker2")
    speaks("docker3")
    goes("docker3")
    case.commands("link set br0 down")
    goes()
    case.drop("vxlan100", "no_route", 2)
    case.commands("link set br0 up")
    goes("docker3")
    case.wait(310)
    goes("docker1", "docker2", "docker3")
    speaks("docker3")
    goes("docker3")
    case.commands("link set docker3 nomaster")
    goes("docker1", "docker2")
