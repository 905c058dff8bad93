# SPDX-License-Identifier: BSD-3-Clause
"""What vxd says for itself: ARP, Neighbor Discovery and ping, on the underlay and for gateways."""

import ipaddress

from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6PacketTooBig, ICMPv6ParamProblem, ICMPv6TimeExceeded,
                                ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr,
                                ICMPv6NDOptSrcLLAddr, ICMPv6MLDMultAddrRec, ICMPv6MLQuery, ICMPv6MLQuery2,
                                ICMPv6MLReport2, IPv6ExtHdrHopByHop, RouterAlert)

from .case import golden
from .oracle import *

GATEWAY = "02:00:00:00:03:01"
NONE = "00:00:00:00:00:00"


def arp_request(mac, address, target, to=BROADCAST, source=None):
    return Ether(dst=to, src=mac) / ARP(op=1, hwsrc=mac, psrc=address, hwdst=NONE, pdst=target)


def arp_reply(mac, address, to_mac, to_address):
    return Ether(dst=to_mac, src=mac) / ARP(op=2, hwsrc=mac, psrc=address, hwdst=to_mac, pdst=to_address)


def solicited_node(address):
    last = int(ipaddress.ip_address(address)) & 0xffffff
    group = f"ff02::1:ff{last >> 16:02x}:{last & 0xffff:x}"
    return group, f"33:33:ff:{last >> 16:02x}:{last >> 8 & 0xff:02x}:{last & 0xff:02x}"


def solicitation(mac, address, target, to=None):
    group, group_mac = solicited_node(target)
    return Ether(dst=to or group_mac, src=mac) / IPv6(src=address, dst=target if to else group, hlim=255) \
        / ICMPv6ND_NS(tgt=target) / ICMPv6NDOptSrcLLAddr(lladdr=mac)


def advertisement(mac, target, to_mac, to, solicited=1):
    return Ether(dst=to_mac, src=mac) / IPv6(src=target, dst=to, hlim=255) / ICMPv6ND_NA(tgt=target, R=0, S=solicited, O=1) \
        / ICMPv6NDOptDstLLAddr(lladdr=mac)


def listener_report(mac, *groups, kind=4):
    return Ether(dst="33:33:00:00:00:16", src=mac) / IPv6(src="::", dst="ff02::16", hlim=1) \
        / IPv6ExtHdrHopByHop(options=[RouterAlert()]) \
        / ICMPv6MLReport2(records=[ICMPv6MLDMultAddrRec(rtype=kind, dst=group) for group in groups])


def listener_query(message=ICMPv6MLQuery2, src="fe80::9", hlim=1, options=(RouterAlert(),), dst="ff02::1",
                   to="33:33:00:00:00:01"):
    return Ether(dst=to, src=ROUTER) / IPv6(src=src, dst=dst, hlim=hlim) \
        / IPv6ExtHdrHopByHop(options=list(options)) / message()


def ping(mac, address, to_mac, to, size=56, kind=8, **ip):
    return Ether(dst=to_mac, src=mac) / IP(src=address, dst=to, **ip) / ICMP(type=kind, id=5, seq=9) / Raw(payload(size))


def ping6(mac, address, to_mac, to, size=56, message=ICMPv6EchoRequest, **ip):
    return Ether(dst=to_mac, src=mac) / IPv6(src=address, dst=to, **ip) / message(id=5, seq=9, data=payload(size))


@golden
def gateway_answers_arp(case):
    """Who asks for the gateway's address, in a container's broadcast or directly, is told its MAC. The request is flooded
    to the others all the same; questions for others are not answered."""
    bridge(case, "docker1", "docker2")
    case.setup("addr add 172.18.10.1/24 dev br0")
    ask = arp_request(C1, "172.18.10.2", "172.18.10.1")
    case.send("docker1", [ask])
    case.expect("docker2", [ask])
    direct = arp_request(C1, "172.18.10.2", "172.18.10.1", to=GATEWAY)
    case.send("docker1", [direct])
    case.expect("docker1", [arp_reply(GATEWAY, "172.18.10.1", C1, "172.18.10.2")] * 2)
    other = arp_request(C1, "172.18.10.2", "172.18.10.77")
    case.send("docker1", [other])
    case.expect("docker2", [other])


@golden
def gateway_answers_arp_from_tunnel(case):
    """A container on another host has its gateway here: the answer goes back in the tunnel."""
    bridged(case, "learning noudpcsum", fdb=[])
    case.setup("addr add 172.18.10.1/24 dev br0")
    ask = arp_request(F1, "172.18.10.2", "172.18.10.1")
    case.send("uplink", [received(ask)])
    case.expect("docker1", [ask])
    case.expect("uplink", [encapsulated(arp_reply(GATEWAY, "172.18.10.1", F1, "172.18.10.2"))])


@golden
def gateway_answers_ping(case):
    """Ping to the gateway, of any size, with the identification and the DSCP that came; a wrong checksum is not answered."""
    bridge(case, "docker1")
    case.setup("addr add 172.18.10.1/24 dev br0")
    sizes = (0, 1, 8, 56, 57, 1472)
    case.send("docker1", [ping(C1, "172.18.10.2", GATEWAY, "172.18.10.1", size, id=size, tos=0xb8) for size in sizes])
    case.expect("docker1", [ping(GATEWAY, "172.18.10.1", C1, "172.18.10.2", size, kind=0, id=size, tos=0xb8) for size in sizes])
    wrong = bytearray(bytes(ping(C1, "172.18.10.2", GATEWAY, "172.18.10.1")))
    wrong[-1] ^= 1
    case.send("docker1", [wrong])
    case.drop("docker1", "local_unserved", 1)


@golden
def gateway_answers_ipv6(case):
    """An IPv6 address on a bridge: Neighbor Discovery and ping are answered."""
    bridge(case, "docker1", "docker2")
    case.setup("addr add fd00::1/64 dev br0")
    ask = solicitation(C1, "fd00::2", "fd00::1")
    case.send("docker1", [ask])
    case.expect("docker2", [ask])
    case.expect("docker1", [advertisement(GATEWAY, "fd00::1", C1, "fd00::2")])
    case.send("docker1", [ping6(C1, "fd00::2", GATEWAY, "fd00::1", size) for size in (0, 57, 1400)])
    case.expect("docker1", [ping6(GATEWAY, "fd00::1", C1, "fd00::2", size, ICMPv6EchoReply) for size in (0, 57, 1400)])


@golden
def underlay_answers(case):
    """ARP and ping for the underlay port's address, from anybody on the link; not for others'."""
    bridged(case)
    case.send("uplink", [arp_request(FAR, FAR4, US4), arp_request(FAR2, FAR2_4, "192.0.2.77"),
                         arp_request(FAR2, FAR2_4, US4, to=UPLINK)])
    case.expect("uplink", [arp_reply(UPLINK, US4, FAR, FAR4), arp_reply(UPLINK, US4, FAR2, FAR2_4)])
    case.send("uplink", [ping(FAR, FAR4, UPLINK, US4, size, id=7) for size in (0, 56, 1472)])
    case.expect("uplink", [ping(UPLINK, US4, FAR, FAR4, size, kind=0, id=7) for size in (0, 56, 1472)])
    case.send("uplink", [bytes(arp_request(FAR, FAR4, US4)).ljust(60, b"\0")])  # as a NIC pads it
    case.expect("uplink", [arp_reply(UPLINK, US4, FAR, FAR4)])


@golden
def underlay_answers_priority_tagged(case):
    """ARP, Neighbor Discovery and ping with priority tags (VLAN 0), as some switches and cards send all that they send."""
    bridged(case)
    case.setup(f"addr add {US6}/64 dev uplink")
    for tags in PRIORITY_TAGS:
        asked = [arp_request(FAR, FAR4, US4), ping(FAR, FAR4, UPLINK, US4), solicitation(FAR, FAR6, US6),
                 ping6(FAR, FAR6, UPLINK, US6)]
        case.send("uplink", [priority_tagged(frame, *tags) for frame in asked])
        case.expect("uplink", [arp_reply(UPLINK, US4, FAR, FAR4), ping(UPLINK, US4, FAR, FAR4, kind=0),
                               advertisement(UPLINK, US6, FAR, FAR6), ping6(UPLINK, US6, FAR, FAR6, message=ICMPv6EchoReply)])
    case.send("uplink", [priority_tagged(arp_request(FAR, FAR4, US4), vlan=5)])
    case.drop("uplink", "outer_not_ip", 1)


@golden
def gateway_answers_priority_tagged(case):
    """A gateway takes what is sent to it with a priority tag, and routes it."""
    bridge(case, "docker1")
    bridge(case, "docker2", name="br1", address="02:00:00:00:03:04")
    case.setup(f"""addr add 172.18.10.1/24 dev br0
        addr add 172.18.11.1/24 dev br1
        neigh add 172.18.11.2 lladdr {C2} dev br1
        fdb append {C2} dev docker2 master static""")
    case.send("docker1", [priority_tagged(arp_request(C1, "172.18.10.2", "172.18.10.1")),
                          priority_tagged(ping(C1, "172.18.10.2", GATEWAY, "172.18.10.1"))])
    case.expect("docker1", [arp_reply(GATEWAY, "172.18.10.1", C1, "172.18.10.2"),
                            ping(GATEWAY, "172.18.10.1", C1, "172.18.10.2", kind=0)])
    case.send("docker1", [priority_tagged(udp(C1, GATEWAY, src="172.18.10.2", dst="172.18.11.2"))])
    case.expect("docker2", [udp("02:00:00:00:03:04", C2, src="172.18.10.2", dst="172.18.11.2", ttl=63)])


@golden
def underlay_answers_ipv6(case):
    """Neighbor Discovery and ping for the underlay port's IPv6 address."""
    bridged(case, family=6)
    case.send("uplink", [solicitation(FAR, FAR6, US6), solicitation(FAR, FAR6, "2001:db8::77"),
                         solicitation(FAR, FAR6, US6, to=UPLINK)])
    case.expect("uplink", [advertisement(UPLINK, US6, FAR, FAR6)] * 2)
    case.send("uplink", [ping6(FAR, FAR6, UPLINK, US6, size) for size in (0, 57, 1400)])
    case.expect("uplink", [ping6(UPLINK, US6, FAR, FAR6, size, ICMPv6EchoReply) for size in (0, 57, 1400)])


@golden
def next_hop_resolved_by_arp(case):
    """A far VTEP is asked for when it is configured, again every second until it answers, and again before the answer
    goes stale. Until then what is for it is dropped."""
    case.setup(f"link add uplink address {UPLINK} type vdev args net_ring_uplink\naddr add {US4}/24 dev uplink")
    bridge(case, "docker1")
    vxlan(case)
    ask = arp_request(UPLINK, US4, FAR4)
    case.commands(f"fdb append {F1} dev vxlan100 dst {FAR4}")
    case.expect("uplink", [ask])
    case.send("docker1", [udp(C1, F1)])
    case.drop("docker1", "vtep_unresolved", 1)
    case.wait(2)
    case.expect("uplink", [ask] * 2)
    case.send("uplink", [arp_reply(FAR, FAR4, UPLINK, US4)])
    case.send("docker1", [udp(C1, F1)])
    case.expect("uplink", [encapsulated(udp(C1, F1))])
    case.send("uplink", [arp_request(FAR, FAR4, US4)])
    case.expect("uplink", [arp_reply(UPLINK, US4, FAR, FAR4)])


@golden
def next_hop_of_a_route_resolved_by_arp(case):
    """A far VTEP behind a router: it is the router that is asked for."""
    case.setup(f"link add uplink address {UPLINK} type vdev args net_ring_uplink\naddr add {US4}/24 dev uplink\n"
               "route add default via 192.0.2.254")
    bridge(case, "docker1")
    vxlan(case)
    case.commands(f"fdb append {F1} dev vxlan100 dst 198.51.100.7")
    case.expect("uplink", [arp_request(UPLINK, US4, "192.0.2.254")])
    case.send("uplink", [arp_reply(ROUTER, "192.0.2.254", UPLINK, US4)])
    case.send("docker1", [udp(C1, F1)])
    case.expect("uplink", [outer(udp(C1, F1), US4, "198.51.100.7", src_mac=UPLINK, dst_mac=ROUTER)])


@golden
def next_hop_resolved_by_neighbor_discovery(case):
    """The same on an IPv6 underlay."""
    case.setup(f"link add uplink address {UPLINK} type vdev args net_ring_uplink\naddr add {US6}/64 dev uplink")
    bridge(case, "docker1")
    vxlan(case, family=6)
    case.commands(f"fdb append {F1} dev vxlan100 dst {FAR6}")
    case.expect("uplink", [solicitation(UPLINK, US6, FAR6)])
    case.send("docker1", [udp(C1, F1)])
    case.drop("docker1", "vtep_unresolved", 1)
    case.send("uplink", [advertisement(FAR, FAR6, UPLINK, US6)])
    case.send("docker1", [udp(C1, F1)])
    case.expect("uplink", [encapsulated(udp(C1, F1), FAR6)])


def icmp_about(sent, router_mac, router, kind, **message):
    """A router's ICMP about a packet of ours: its IP header and 8 bytes more, or with ICMPv6 all of it."""
    if IP in sent:
        return Ether(dst=UPLINK, src=router_mac) / IP(src=router, dst=US4) / ICMP(type=kind, **message) \
            / Raw(bytes(sent[IP])[:28])
    return Ether(dst=UPLINK, src=router_mac) / IPv6(src=router, dst=US6) / message.pop("layer")(**message) \
        / Raw(bytes(sent[IPv6])[:1232])


@golden
def vtep_path_mtu(case):
    """A router says that a tunnel packet of ours is too big for its way: it is no packet for a service of ours, and has a
    name of its own. What is about other packets has not."""
    bridged(case)
    case.setup(f"addr add {US6}/64 dev uplink")
    sent, sixth = encapsulated(udp(C1, F1, 1400)), encapsulated(udp(C1, F1, 1400), FAR6)
    frames = [icmp_about(sent, ROUTER, "192.0.2.254", 3, code=4, nexthopmtu=mtu) for mtu in (1400, 0)]
    frames.append(icmp_about(sixth, ROUTER, "2001:db8::fe", None, layer=ICMPv6PacketTooBig, mtu=1280))
    frames.append(priority_tagged(frames[0]))
    case.send("uplink", frames[:2] + frames[3:])
    case.drop("uplink", "vtep_path_mtu", 3)
    others = [outer(udp(C1, F1), "192.0.2.9", FAR4, src_mac=UPLINK, dst_mac=FAR),
              outer(udp(C1, F1), US4, FAR4, src_mac=UPLINK, dst_mac=FAR, port=53),
              Ether(dst=FAR, src=UPLINK) / IP(src=US4, dst=FAR4) / TCP()]
    case.send("uplink", [icmp_about(other, ROUTER, "192.0.2.254", 3, code=4, nexthopmtu=1400) for other in others])
    case.send("uplink", frames[2:3])  # of that family no device is here
    wrong = bytearray(bytes(frames[0]))
    wrong[-1] ^= 1
    short = Ether(dst=UPLINK, src=ROUTER) / IP(src="192.0.2.254", dst=US4) / ICMP(type=3, code=4) / Raw(bytes(sent[IP])[:27])
    case.send("uplink", [wrong, short])
    case.drop("uplink", "local_unserved", 6)


@golden
def vtep_path_mtu_ipv6(case):
    """The same by ICMPv6."""
    bridged(case, family=6)
    sent = encapsulated(udp(C1, F1, 1400), FAR6)
    case.send("uplink", [icmp_about(sent, ROUTER, "2001:db8::fe", None, layer=ICMPv6PacketTooBig, mtu=1280)])
    case.drop("uplink", "vtep_path_mtu", 1)


@golden
def vtep_unreachable(case):
    """A router or the far host says that a tunnel packet of ours did not arrive."""
    bridged(case)
    sent = encapsulated(udp(C1, F1))
    said = [dict(kind=3, code=code) for code in (0, 1, 2, 3, 9, 10, 13, 15)] + [dict(kind=11, code=0), dict(kind=12, code=0)]
    case.send("uplink", [icmp_about(sent, FAR, FAR4, **message) for message in said])
    case.drop("uplink", "vtep_unreachable", len(said))
    case.send("uplink", [icmp_about(sent, ROUTER, "192.0.2.254", 5, code=1, gw=FAR4)])  # a redirect: it has arrived
    case.drop("uplink", "local_unserved", 1)


@golden
def vtep_unreachable_ipv6(case):
    """The same by ICMPv6."""
    bridged(case, family=6)
    sent = encapsulated(udp(C1, F1), FAR6)
    said = [dict(layer=ICMPv6DestUnreach, code=code) for code in range(6)] + [dict(layer=ICMPv6TimeExceeded),
                                                                              dict(layer=ICMPv6ParamProblem)]
    case.send("uplink", [icmp_about(sent, FAR, FAR6, None, **message) for message in said])
    case.drop("uplink", "vtep_unreachable", len(said))


@golden
def vtep_unresolved(case):
    """A far VTEP that never answers: what is for it is dropped, alone, in a list, and where it is flooded to."""
    case.setup(f"link add uplink address {UPLINK} type vdev args net_ring_uplink\naddr add {US4}/24 dev uplink\n"
               f"neigh add {FAR2_4} lladdr {FAR2} dev uplink")
    bridge(case, "docker1", "docker2")
    vxlan(case, fdb=[(F1, FAR4), (F2, FAR4), (F2, FAR2_4)], flood=[FAR4, FAR2_4])
    case.send("docker1", [udp(C1, F1), udp(C1, F2), udp(C1, BROADCAST)])
    case.drop("docker1", "vtep_unresolved", 1)
    case.drop("vxlan100", "vtep_unresolved", 2)
    case.expect("uplink", [encapsulated(udp(C1, F2), FAR2_4), encapsulated(udp(C1, BROADCAST), FAR2_4)])
    case.expect("docker2", [udp(C1, BROADCAST)])


@golden
def addresses_are_announced(case):
    """A new address is announced: a gratuitous ARP, or an unsolicited advertisement to all nodes; on a bridge also into
    its tunnels. Of an IPv6 address of the underlay's the group is reported first, and its end when it goes."""
    bridged(case, flood=[FAR4])
    case.commands("addr add 192.0.2.11/24 dev uplink")
    case.expect("uplink", [arp_request(UPLINK, "192.0.2.11", "192.0.2.11")])
    case.commands("addr add 2001:db8::11/64 dev uplink")
    announcement = advertisement(UPLINK, "2001:db8::11", "33:33:00:00:00:01", "ff02::1", solicited=0)
    case.expect("uplink", [listener_report(UPLINK, "ff02::1:ff00:11"), announcement])
    case.commands("addr del 2001:db8::11/64 dev uplink")
    case.expect("uplink", [listener_report(UPLINK, "ff02::1:ff00:11", kind=3)])
    case.commands("addr add 172.18.10.1/24 dev br0")
    gratuitous = arp_request(GATEWAY, "172.18.10.1", "172.18.10.1")
    case.expect("docker1", [gratuitous])
    case.expect("uplink", [encapsulated(gratuitous)])


@golden
def mld_query_invalid(case):
    """Queries of listener discovery are read, of either version, to all nodes or to us; those that nobody may answer are
    dropped, and reports of others are not ours."""
    bridged(case, family=6)
    case.send("uplink", [listener_query(), listener_query(ICMPv6MLQuery), listener_query(dst=US6, to=UPLINK),
                         priority_tagged(listener_query())])
    wrong = bytearray(bytes(listener_query()))
    wrong[-1] ^= 1
    frames = [listener_query(src="::"), listener_query(src=FAR6), listener_query(hlim=2), listener_query(options=()), wrong]
    frames.append(Ether(dst="33:33:00:00:00:01", src=ROUTER) / IPv6(src="fe80::9", dst="ff02::1", hlim=1) / ICMPv6MLQuery2())
    case.send("uplink", frames)
    case.drop("uplink", "mld_query_invalid", len(frames))
    case.send("uplink", [listener_report(FAR, "ff02::1:ff00:2")])
    case.drop("uplink", "outer_not_local", 1)
