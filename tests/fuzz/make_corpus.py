#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the seed inputs of the fuzz targets into corpus/TARGET/seed-*. What libFuzzer found lies beside them, under
names of its own. The frames are made by scapy, so that another hand than vxd's made them."""

import json
import os
import shutil
import struct
import sys

from scapy.all import (ARP, ICMP, IP, TCP, UDP, Dot1Q, Ether, ICMPv6EchoRequest, ICMPv6MLQuery, ICMPv6MLQuery2,
                       ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6PacketTooBig, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                       IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, PadN, Raw, RouterAlert)
from scapy.contrib.mpls import MPLS
from scapy.layers.l2 import GRE
from scapy.layers.ppp import PPPoE
from scapy.layers.vxlan import VXLAN

CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")
OURS, THEIRS, ALL = "02:00:00:00:00:01", "02:00:00:00:00:02", "ff:ff:ff:ff:ff:ff"
V4 = {"src": "192.0.2.2", "dst": "192.0.2.1"}
V6 = {"src": "2001:db8::2", "dst": "2001:db8::1"}


def ether(dst=OURS):
    return Ether(dst=dst, src=THEIRS)


def inner_frames():
    data = Raw(b"0123456789")
    return {
        "tcp4": ether() / IP(**V4) / TCP(sport=1000, dport=80) / data,
        "udp4": ether() / IP(**V4, tos=1) / UDP(sport=1000, dport=53) / data,
        "udp4-options": ether() / IP(**V4, options=[b"\x01\x01\x01\x00"]) / UDP(sport=1, dport=2) / data,
        "ping4": ether() / IP(**V4, tos=3, ttl=1) / ICMP() / data,
        "first-fragment4": ether() / IP(**V4, flags="MF") / UDP(sport=1, dport=2) / data,
        "later-fragment4": ether() / IP(**V4, frag=100, proto=17) / data,
        "tcp6": ether() / IPv6(**V6, tc=2) / TCP(sport=1000, dport=80) / data,
        "udp6": ether() / IPv6(**V6) / UDP(sport=1000, dport=53) / data,
        "ping6": ether() / IPv6(**V6) / ICMPv6EchoRequest() / data,
        "extensions6": ether() / IPv6(**V6) / IPv6ExtHdrHopByHop() / IPv6ExtHdrRouting() / IPv6ExtHdrDestOpt()
        / UDP(sport=3, dport=4) / data,
        "fragment6": ether() / IPv6(**V6) / IPv6ExtHdrFragment(m=1) / UDP(sport=3, dport=4) / data,
        "solicitation": ether("33:33:ff:00:00:01") / IPv6(**V6, hlim=255) / ICMPv6ND_NS(tgt="2001:db8::1"),
        "advertisement": ether() / IPv6(**V6, hlim=255) / ICMPv6ND_NA(tgt="2001:db8::2"),
        "listener-query": ether("33:33:00:00:00:01") / IPv6(src="fe80::2", dst="ff02::1", hlim=1)
        / IPv6ExtHdrHopByHop(options=[RouterAlert()]) / ICMPv6MLQuery2(sources=["fd00::9"]),
        "listener-query1": ether("33:33:ff:00:00:01") / IPv6(src="fe80::2", dst="ff02::1:ff00:1", hlim=1)
        / IPv6ExtHdrHopByHop(options=[RouterAlert()]) / ICMPv6MLQuery(mladdr="ff02::1:ff00:1", mrd=0),
        "arp-request": ether(ALL) / ARP(op=1, psrc="192.0.2.2", pdst="192.0.2.1"),
        "arp-reply": ether() / ARP(op=2, psrc="192.0.2.2", pdst="192.0.2.1"),
        "vlan": ether() / Dot1Q(vlan=5) / IP(**V4) / UDP() / data,
        "service-vlan": ether() / Dot1Q(type=0x88a8) / Dot1Q(vlan=5) / data,
        "priority-tags": ether() / Dot1Q(vlan=0, prio=5) / Dot1Q(vlan=0) / IP(**V4) / UDP() / data,
        "mpls4": Ether(dst=OURS, src=THEIRS, type=0x8847) / MPLS(label=100, s=0) / MPLS(label=200, s=1) / IP(**V4) / UDP(),
        "mpls6": Ether(dst=OURS, src=THEIRS, type=0x8848) / MPLS(label=100, s=1) / IPv6(**V6) / UDP(),
        "mpls-entropy": Ether(dst=OURS, src=THEIRS, type=0x8847) / MPLS(label=7, s=0) / MPLS(label=99, s=1) / data,
        "gre4": ether() / IP(**V4) / GRE(key_present=1, key=7, seqnum_present=1, chksum_present=1) / IP(**V4) / TCP(),
        "gre6-bridged": ether() / IPv6(**V6) / GRE(proto=0x6558) / ether() / IPv6(**V6) / UDP(),
        "ip-in-ip": ether() / IP(**V4) / IP(**V4) / UDP() / data,
        "ip6-in-ip": ether() / IP(**V4) / IPv6(**V6) / UDP() / data,
        "pppoe": Ether(dst=OURS, src=THEIRS, type=0x8864) / PPPoE(sessionid=5) / Raw(b"\0\x21") / IP(**V4) / UDP() / data,
        "sctp": ether() / IP(**V4, proto=132) / data,
        "ah": ether() / IP(**V4, proto=51) / data,
        "lldp": Ether(dst="01:80:c2:00:00:0e", src=THEIRS, type=0x88cc) / data,
    }


def outer_frames():
    inner = inner_frames()["udp4"]
    small = Raw(b"\0" * 14)
    vxlan = VXLAN(vni=100, flags="Instance")
    frames = {
        "vxlan4": ether() / IP(**V4, flags="DF") / UDP(sport=50000, dport=4789, chksum=0) / vxlan / inner,
        "vxlan4-checksum": ether() / IP(**V4, tos=3) / UDP(sport=50000, dport=4789) / vxlan / inner,
        "vxlan4-options": ether() / IP(**V4, options=[b"\x07\x04\x04\x00"]) / UDP(dport=4789, chksum=0) / vxlan / small,
        "vxlan4-fragment": ether() / IP(**V4, flags="MF") / UDP(dport=4789, chksum=0) / vxlan / small,
        "vxlan4-wrong-checksum": ether() / IP(**V4, chksum=1) / UDP(dport=4789, chksum=0) / vxlan / small,
        "vxlan4-udp-length-0": ether() / IP(**V4) / UDP(dport=4789, len=0) / vxlan / small,
        "vxlan4-udp-length-7": ether() / IP(**V4) / UDP(dport=4789, len=7) / vxlan / small,
        "vxlan4-udp-length-65535": ether() / IP(**V4) / UDP(dport=4789, len=65535) / vxlan / small,
        "vxlan4-total-length-10": ether() / IP(**V4, len=10) / UDP(dport=4789) / vxlan / small,
        "vxlan4-total-length-65535": ether() / IP(**V4, len=65535) / UDP(dport=4789) / vxlan / small,
        "vxlan4-ihl-4": ether() / IP(**V4, ihl=4) / UDP(dport=4789) / vxlan / small,
        "vxlan4-ihl-15": ether() / IP(**V4, ihl=15) / UDP(dport=4789) / vxlan / small,
        "vxlan4-version-6": ether() / IP(**V4, version=6) / UDP(dport=4789) / vxlan / small,
        "vxlan4-padded": ether() / IP(**V4) / UDP(dport=4789, chksum=0) / vxlan / small / Raw(b"\0" * 20),
        "vxlan6": ether() / IPv6(**V6) / UDP(sport=50000, dport=4789) / vxlan / inner,
        "vxlan6-no-checksum": ether() / IPv6(**V6, tc=1) / UDP(sport=50000, dport=8472, chksum=0) / vxlan / small,
        "vxlan6-length-65535": ether() / IPv6(**V6, plen=65535) / UDP(dport=4789) / vxlan / small,
        "vxlan6-length-0": ether() / IPv6(**V6, plen=0) / UDP(dport=4789) / vxlan / small,
    }
    return frames | inner_frames()


# Every command of the grammar, and what each refuses; one script is one input.
SETUP = """link add up type null
addr add 192.0.2.1/24 dev up
link add br0 type bridge ageing_time 100
link add c1 type null
link set c1 master br0
link add v type vxlan id 100 local 192.0.2.1
"""
SCRIPTS = {
    "link": SETUP + """link set dev c1 down
link set c1 up mtu 1400 address 02:00:00:00:00:09
link set v master br0
link set v nomaster
link show
link show c1
link list master br0 type null up
link replace br1 type bridge stp_state 0 forward_delay 0
link replace v type vxlan id 100 local 192.0.2.1 ageing 7
link change c1 nomaster
link show -j
link del c1
l l
""",
    "abbreviated": SETUP + "l s\n",
    "link-vxlan": SETUP + """link add v2 type vxlan id 16777215 local 192.0.2.1 remote 192.0.2.9 dstport 8472 nolearning ttl 9 tos 4 ageing 5 noudpcsum
link add v6 type vxlan id 1 local 2001:db8::1 remote 2001:db8::2 udpcsum
link add v7 type vxlan id 16777216 local 192.0.2.1
""",
    "link-kinds": """link add t type tap netns docker1 ifname eth0 queues 2
link add p type pci 0000:81:00.0 queues 4
link add x type af_xdp dev eth1 queues 1
link add k type af_packet dev eth1
link add m type memif path /run/x id 0 role server rsize 10
link add f type pcap rx a.pcap loop tx b.pcap
link add d type vdev args net_null0
""",
    "addr": SETUP + """addr add 10.0.0.1/24 dev br0
addr add 2001:db8::1/64 dev up
addr replace 10.0.0.1/24 dev br0
addr del 10.0.0.1/24 dev br0
addr flush dev up
address show dev up
addr show up to 10.0.0.0/8 type bridge
addr show
""",
    "route": SETUP + """addr add 172.18.10.1/24 dev br0
addr add 172.18.10.0/32 dev v
route add 172.18.20.0/24 via 172.18.20.0 dev v onlink
route replace 172.18.20.0/24 via 172.18.20.1 dev v onlink
route add default via 192.0.2.254
route show
route show default dev up
route get to 172.18.20.1
route del dev v 172.18.20.0/24
""",
    "neigh": SETUP + """addr add 172.18.10.0/32 dev v
neigh add 172.18.20.0 lladdr 0e:e6:e6:5d:c2:da dev v
neigh replace 192.0.2.2 lladdr 02:00:00:00:00:02 dev up nud permanent
neigh change 192.0.2.2 lladdr 02:00:00:00:00:03 dev up
neigh add dev up lladdr 02:00:00:00:00:04 192.0.2.3 nud noarp
neigh show dev up nud noarp nud permanent
neigh flush dev up nud permanent
neigh del 192.0.2.2 dev up
""",
    "fdb": SETUP + """link set v master br0
fdb append 00:00:00:00:00:00 dev v dst 192.0.2.2
fdb append 00:00:00:00:00:00 dev v dst 192.0.2.3 vni 5 port 4790
fdb add 02:42:ac:12:14:02 dev v dst 192.0.2.2 self
fdb replace 02:42:ac:12:14:02 dev v dst 192.0.2.4
fdb add 02:42:ac:12:14:03 dev c1 master static
fdb del 02:42:ac:12:14:02 dev v dst 192.0.2.4
fdb show br br0
fdb show dev v
fdb append dynamic dev v 02:42:ac:12:14:05 extern_learn dst 192.0.2.4
fdb flush dev v nopermanent noextern_learn
fdb flush br br0 static
fdb flush dev br0 brport c1
""",
    "stats": SETUP + "stats show\nstats show dev c1\nstats show worker\n",
    "help": "help\nlink help\nlink add help\nfdb append help\nroute help\n",
    "quotes": "link add \"a b\" type 'null' # comment\n\\ \"un\\\"ended\n",
}
REFUSED = ["frob", "link frob x", "link add", "link add x", "link add x type", "link add x type frob",
           "link add aaaaaaaaaaaaaaaa type bridge", "link add x type bridge type bridge", "link del nobody",
           "addr add 10.0.0.0/33 dev br0", "addr add 10.0.0 dev br0", "route add 10.0.0.0/8 via 1.2.3.4",
           "neigh add 1.2.3.4 lladdr 00:11 dev br0", "fdb append 01:02 dev v", "fdb show dev nobody",
           "link add br0 type bridge"]


def request(commands, **params):
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "run", "params": {"commands": commands, **params}}) + "\n"


def script_request(text, **params):
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "run", "params": {"script": text, **params}}) + "\n"


def protocol_streams():
    words = [line.split() for line in SCRIPTS["fdb"].splitlines()]
    streams = {
        "ping": '{"jsonrpc":"2.0","id":"x","method":"ping"}\n',
        "atomic": request(words, atomic=True, format="json"),
        "stop": request([*words[:3], ["frob"], *words[3:]], atomic=False, format="text"),
        "force": request([*words[:3], ["frob"], *words[3:]], force=True, atomic=False),
        "script": script_request(SCRIPTS["fdb"], atomic=True),
        "script-force": script_request("frob\n" + SCRIPTS["fdb"] + "show \\\n me\n# \u00fc\n", force=True, atomic=False,
                                       options=["-4", "-oneline"]),
        "script-quote": script_request("link show\n\nlink add 'br0 type bridge\n"),
        "script-and-commands": request(words[:1], script="link show", options=["-4"]),
        "options-alone": request(words[:1], options=["-4"]),
        "compact": request(words, atomic=True).replace(", ", ",").replace(": ", ":"),
        "no-commands": request([]),
        "empty-command": request([[]]),
        "two": request(words[:2]) + request([["link", "show"]], format="json"),
        "wrong-types": request([["link", 5]]) + request("link") + request([["link"]], atomic=3),
        "wrong-id": '{"jsonrpc":"2.0","id":{},"method":"ping"}\n{"jsonrpc":"2.0","method":"ping"}\n',
        "wrong-method": '{"jsonrpc":"2.0","id":1,"method":"frob"}\n',
        "not-utf8": '{"jsonrpc":"2.0","id":1,"method":"run","params":{"commands":[["\udcff"]]}}\n',
        "unicode": request([["link", "add", "\u00fc\U0001f600", "type", "bridge"]]),
        "half": '{"jsonrpc":"2.0","id":1,"meth',
        "deep": '{"a":' + "[" * 20 + "]" * 20 + "}\n",
        "closed-too-often": "{}}\n",
        "garbage": "GET / HTTP/1.1\r\n\r\n",
        "blanks": " \r\n\t\n  " + '{"jsonrpc":"2.0","id":1,"method":"ping"}' + "\n",
    }
    return streams


def prefixes(data, step):
    return {f"-cut{size}": data[:size] for size in range(step, len(data), step)}


def frame_seeds(frames, cuts):
    """Control bytes 0: one segment. Then with a short head, and truncated, where it says so."""
    for name, frame in frames.items():
        data = bytes(frame)
        yield name, bytes((0, 1, 0)) + data
        if name in cuts:
            yield f"{name}-head", bytes((20, 3, 1)) + data
            for suffix, part in prefixes(data, cuts[name]).items():
                yield name + suffix, bytes((0, 2, 1)) + part


def with_tags(frame, count=2):
    """With priority tags behind its MACs."""
    return bytes(frame)[:12] + b"\x81\x00\xa0\x00" * count + bytes(frame)[12:]


def pipeline_seeds():
    """Frames behind port (modulo 3: underlay, c1, c2), shape, two bytes for it, and size; pipeline_fuzz.cpp has the
    addresses."""
    def record(port, frame, shape=0, first=0, second=0):
        data = bytes(frame)
        control = next(value for value in range(256) if value & 0x1c == shape and value % 3 == port)
        return bytes((control, first, second)) + len(data).to_bytes(2, "little") + data

    router, host = "02:00:00:00:00:0a", {"src": "172.18.10.5", "dst": "172.18.20.5"}
    host6 = {"src": "fd00::5", "dst": "fd00::1"}
    inner = ether("02:00:00:00:00:05") / IP(src="172.18.10.6", dst="172.18.10.5", tos=2) / UDP() / Raw(b"x" * 9)
    tunnels = {
        "4": ether() / IP(**V4, tos=3) / UDP(sport=50000, dport=4789) / VXLAN(vni=100, flags="Instance") / inner,
        "6": ether() / IPv6(**V6) / UDP(sport=50000, dport=4789) / VXLAN(vni=200, flags="Instance")
        / Ether(dst="02:00:00:00:00:0b", src="02:00:00:00:00:0c") / IP(src="172.18.20.5", dst="172.18.10.5") / UDP(),
    }
    to_router = Ether(dst=router, src="02:00:00:00:00:05")
    tcp = to_router / IP(**host) / TCP() / Raw(b"y" * 40)
    seeds = {f"underlay-{name}": record(0, frame) for name, frame in outer_frames().items()}
    seeds |= {f"container-{name}": record(1, frame) for name, frame in inner_frames().items()}
    seeds |= {
        "tunnel4": record(0, tunnels["4"]) + record(1, tunnels["4"][VXLAN].payload),
        "tunnel4-segmented": record(0, tunnels["4"], 4, 60),
        "tunnel4-split-in-header": record(0, tunnels["4"], 4, 40),
        "tunnel6": record(0, tunnels["6"]),
        "between-containers": record(1, inner) + record(2, Ether(dst=THEIRS, src="02:00:00:00:00:05") / inner.payload),
        "routed": record(1, tcp) + record(1, tcp, 8, 34, 16) + record(1, tcp, 8, 200, 200) + record(1, tcp, 16, 0, 9),
        "routed-ttl": record(1, to_router / IP(**host, ttl=1) / UDP()),
        "routed-unresolved": record(1, to_router / IP(src="172.18.10.5", dst="172.18.10.77") / UDP()),
        "routed-nowhere": record(1, to_router / IP(src="172.18.10.5", dst="8.8.8.8") / UDP()),
        "ping-gateway": record(1, ether(ALL) / ARP(op=1, hwsrc=THEIRS, psrc="172.18.10.5", pdst="172.18.10.1"))
        + record(1, to_router / IP(src="172.18.10.5", dst="172.18.10.1") / ICMP() / Raw(b"abc")),
        "ping-gateway6": record(1, Ether(dst="33:33:ff:00:00:01", src=THEIRS)
                                / IPv6(src="fd00::5", dst="ff02::1:ff00:1", hlim=255) / ICMPv6ND_NS(tgt="fd00::1"))
        + record(1, to_router / IPv6(**host6) / ICMPv6EchoRequest(data=b"abc")),
        "priority-tagged": record(0, with_tags(tunnels["4"])) + record(1, with_tags(tunnels["4"][VXLAN].payload))
        + record(0, with_tags(tunnels["6"]), 4, 80) + record(1, with_tags(tcp), 8, 38, 16),
        "martian": record(0, ether() / IP(src="192.0.2.255", dst=V4["dst"]) / tunnels["4"][UDP])
        + record(0, ether() / IPv6(src="::ffff:192.0.2.2", dst=V6["dst"]) / tunnels["6"][UDP]),
        "path-mtu": record(0, ether() / IP(**V4) / ICMP(type=3, code=4, nexthopmtu=1400) / IP(src=V4["dst"], dst="192.0.2.9")
                           / UDP(sport=50000, dport=4789))
        + record(0, ether() / IPv6(**V6) / ICMPv6PacketTooBig(mtu=1280) / IPv6(src=V6["dst"], dst="2001:db8::9")
                 / UDP(sport=50000, dport=4789)),
        "ping-underlay": record(0, ether() / IP(**V4) / ICMP()) + record(0, ether() / IPv6(**V6) / ICMPv6EchoRequest()),
    }
    return seeds.items()


def vnet_header_seeds():
    """Frames behind a byte for the port (modulo 3) and the shape, two for the size, and the header; see
    vnet_header_fuzz.cpp."""
    def record(port, frame, gso, gso_size, start, offset=16, flags=1, tunnel=(0, 0)):
        data = bytes(frame)
        header = struct.pack("<BB5H8x2H", flags, gso, 0, gso_size, start, offset, 0, *tunnel)
        return bytes((port,)) + len(data).to_bytes(2, "little") + header + data

    pair, pair6 = {"src": "172.18.10.5", "dst": "172.18.10.6"}, {"src": "fd00::5", "dst": "fd00::6"}
    away, away6 = ether(ALL) / IP(**pair), ether(ALL) / IPv6(**pair6)
    large, many = Raw(b"z" * 4000), Raw(b"u" * 900)
    inner = ether() / IP(**pair) / TCP() / large
    tunnel = ether() / IP(**V4) / UDP(sport=50000, dport=4789) / VXLAN(vni=100, flags="Instance") / inner
    router = Ether(dst="02:00:00:00:00:0a", src=THEIRS) / IP(src="172.18.10.5", dst="172.18.20.5")
    seeds = {
        "partial": record(1, away / TCP() / Raw(b"p"), 0, 0, 34),
        "tcp4": record(0x81, away / TCP() / large, 1, 1400, 34),
        "tcp6": record(0x81, away6 / TCP() / large, 4, 1380, 54),
        "tcp4-ecn": record(0x81, away / TCP(flags="CA") / large, 0x81, 1400, 34),
        "udp4": record(1, away / UDP() / many, 5, 100, 34, 6),
        "udp6": record(1, away6 / UDP() / many, 5, 100, 54, 6),
        "routed": record(0x81, router / TCP() / large, 1, 1000, 34),
        "from-tunnel": record(0x80, tunnel, 0x21, 1400, 84, tunnel=(34, 64)),
        "long-headers": record(0xc1, away6 / IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(250))] * 7) / TCP() / large, 4, 1380,
                               54 + 1768),
        "no-size": record(1, away / TCP() / large, 1, 0, 34),
        "largest-size": record(1, away / TCP() / large, 1, 65535, 34),
        "beyond": record(1, away / TCP() / large, 1, 1400, 65535, 65535),
        "unknown": record(1, away / TCP() / large, 7, 1400, 34),
        "whole": record(1, away / TCP() / large, 1, 1400, 34, flags=0),
        "valid": record(1, away / UDP(), 0, 0, 0, 0, flags=2),
    }
    return seeds.items()


def control_seeds():
    """The first byte: bit 0 set for a script, clear for the socket's stream; the others cut it into chunks."""
    for name, text in SCRIPTS.items():
        yield f"script-{name}", b"\x01" + text.encode()
    for number, line in enumerate(REFUSED):
        yield f"refused-{number:02}", b"\x01" + SETUP.encode() + line.encode() + b"\n"
    for name, text in protocol_streams().items():
        yield f"stream-{name}", b"\x0e" + text.encode(errors="surrogateescape")
    for name in ("atomic", "two"):
        yield f"stream-{name}-whole", b"\xfe" + protocol_streams()[name].encode()


def main():
    seeds = {
        "outer_parse": frame_seeds(outer_frames(), {"vxlan4-options": 7, "vxlan6": 9, "arp-request": 13}),
        "inner_parse": frame_seeds(inner_frames(), {"udp4-options": 7, "extensions6": 9, "vlan": 13}),
        "control_protocol": control_seeds(),
        "pipeline": pipeline_seeds(),
        "vnet_header": vnet_header_seeds(),
    }
    if "--clean" in sys.argv:
        shutil.rmtree(CORPUS, ignore_errors=True)
    for target, inputs in seeds.items():
        folder = os.path.join(CORPUS, target)
        os.makedirs(folder, exist_ok=True)
        for name, data in inputs:
            with open(os.path.join(folder, f"seed-{name}"), "wb") as file:
                file.write(data)


if __name__ == "__main__":
    main()
