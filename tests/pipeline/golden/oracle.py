# SPDX-License-Identifier: BSD-3-Clause
"""What vxd ought to send, computed by others: scapy builds headers and checksums, and the hash of a flow, which is
vxd's own choice, is written here a second time from its definition in dataplane/net/flow_hash.h."""

import ipaddress
import random
import struct

from scapy.config import conf
from scapy.layers.inet import ICMP, IP, TCP, UDP  # noqa: F401: cases say ICMP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether  # noqa: F401: cases say ARP
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

conf.verb = 0

BLOB = random.Random(7348).randbytes(8192)  # the payload of everything; slices of one text pack well

# The same network in every case: us, two far VTEPs and a router, containers here and there.
UPLINK, FAR, FAR2, ROUTER = (f"02:00:00:00:01:{number:02x}" for number in (1, 2, 3, 254))
US4, FAR4, FAR2_4 = "192.0.2.1", "192.0.2.2", "192.0.2.3"
US6, FAR6, FAR2_6 = "2001:db8::1", "2001:db8::2", "2001:db8::3"
C1, C2, C3 = (f"02:00:00:00:00:{number:02x}" for number in (1, 2, 3))       # docker1, docker2, docker3
F1, F2, F3 = (f"02:00:00:00:02:{number:02x}" for number in (1, 2, 3))       # behind far VTEPs
BROADCAST = "ff:ff:ff:ff:ff:ff"
NOBODY = "02:00:00:00:09:09"


# ---- inner frames ----------------------------------------------------------------------------------------------

def payload(size, start=0):
    return BLOB[start:start + size]


def udp(source, destination, size=26, *, src="10.0.0.1", dst="10.0.0.2", sport=1000, dport=2000, tos=0, **ip):
    """Ethernet, IPv4, UDP and `size` bytes: 42 bytes more."""
    return Ether(dst=destination, src=source) / IP(src=src, dst=dst, tos=tos, **ip) / UDP(sport=sport, dport=dport) \
        / Raw(payload(size))


def udp6(source, destination, size=26, *, src="fd00::1", dst="fd00::2", sport=1000, dport=2000, tc=0, **ip):
    return Ether(dst=destination, src=source) / IPv6(src=src, dst=dst, tc=tc, **ip) / UDP(sport=sport, dport=dport) \
        / Raw(payload(size))


def tcp(source, destination, size=26, *, src="10.0.0.1", dst="10.0.0.2", sport=1000, dport=2000):
    return Ether(dst=destination, src=source) / IP(src=src, dst=dst) / TCP(sport=sport, dport=dport, seq=7, ack=9) \
        / Raw(payload(size))


def tcp6(source, destination, size=26, *, src="fd00::1", dst="fd00::2"):
    return Ether(dst=destination, src=source) / IPv6(src=src, dst=dst) / TCP(sport=1000, dport=2000, seq=7, ack=9) \
        / Raw(payload(size))


def large_payload(size):
    """More than BLOB holds: its bytes again, from another place each time."""
    return b"".join(payload(1000, start % 7001) for start in range(0, size, 1000))[:size]


def segments(frame, size):
    """What a GSO frame stands for: frames with `size` bytes of its payload each. scapy computes what is left out."""
    layer = TCP if TCP in frame else UDP
    data = bytes(frame[layer].payload)
    cut = []
    for at in range(0, len(data), size):
        one = frame.copy()
        one[layer].remove_payload()
        one[layer].add_payload(Raw(data[at:at + size]))
        is_last = at + size >= len(data)
        if IP in one:
            one[IP].len = one[IP].chksum = None
            one[IP].id = (one[IP].id + at // size) & 0xffff
        else:
            one[IPv6].plen = None
        one[layer].chksum = None
        if layer is UDP:
            one[UDP].len = None
        else:
            one[TCP].seq = (one[TCP].seq + at) & 0xffffffff
            flags = int(one[TCP].flags)
            flags &= ~0x80 if at else ~0           # CWR: the first
            flags &= ~0 if is_last else ~0x09      # FIN, PSH: the last
            one[TCP].flags = flags
        cut.append(Ether(bytes(one)))
    return cut


def raw_frame(source, destination, ether_type=0x88b5, size=46):
    """A frame of a type that nobody reads (IEEE 802 local experimental)."""
    return Ether(dst=destination, src=source, type=ether_type) / Raw(payload(size))


def vlan(source, destination, tag=5, ether_type=0x8100):
    return Ether(dst=destination, src=source, type=ether_type) / Dot1Q(vlan=tag, type=0x88b5) / Raw(payload(42))


def priority_tagged(frame, *types, vlan=0, priority=5):
    """With tags behind the MACs, 802.1Q's or of those types; VLAN 0 says a priority and no VLAN."""
    frame = bytes(frame)
    tags = b"".join(struct.pack("!HH", ether_type, priority << 13 | vlan) for ether_type in types or (0x8100,))
    return frame[:12] + tags + frame[12:]


PRIORITY_TAGS = [(0x8100,), (0x88a8,), (0x8100, 0x8100), (0x88a8, 0x8100), (0x8100, 0x88a8, 0x8100, 0x8100)]


# ---- the hash of a flow ----------------------------------------------------------------------------------------

def crc32c(state, data):
    """As x86's crc32 instruction: Castagnoli's polynomial, reflected, nothing inverted."""
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = (state >> 1) ^ (0x82f63b78 if state & 1 else 0)
    return state


def mixed(state, word):
    return crc32c(state, word.to_bytes(4, "little"))


WITH_PORTS = {6, 17, 33, 50, 132, 136}  # TCP, UDP, DCCP, ESP (its SPI), SCTP, UDP-Lite
IPV4, IPV6, BRIDGED = 0x0800, 0x86dd, 0x6558


def flow_hash_ipv4(data, at, outermost):
    """None: it is no such packet."""
    ip = data[at:]
    if len(ip) < 20 or ip[0] >> 4 != 4 or ip[0] & 15 < 5:
        return None
    size = (ip[0] & 15) * 4
    is_fragment = int.from_bytes(ip[6:8], "big") & 0x3fff != 0
    has_ports = ip[9] in WITH_PORTS and not is_fragment and len(ip) >= size + 4
    ports = ip[size:size + 4] if has_ports else bytes(4)
    state = crc32c(0xffffffff, ip[12:20] + ports + bytes([ip[9], 0, 0, 0]))
    return flow_hash_carried(data, at + size, ip[9], state) if outermost and not is_fragment else state


def flow_hash_ipv6(data, at, outermost):
    ip = data[at:]
    if len(ip) < 40 or ip[0] >> 4 != 6:
        return None
    protocol, upper = ip[6], 40
    is_whole = True
    for _ in range(4):
        if protocol not in (0, 43, 60):
            break
        if upper + 8 > len(ip):
            is_whole = False
            break
        protocol, upper = ip[upper], upper + (ip[upper + 1] + 1) * 8
    has_ports = is_whole and protocol in WITH_PORTS and upper + 4 <= len(ip)
    ports = ip[upper:upper + 4] if has_ports else bytes(4)
    state = crc32c(0xffffffff, ip[8:40] + ports + bytes([protocol, 0, 0, 0]))
    return flow_hash_carried(data, at + upper, protocol, state) if outermost else state


def flow_hash_within(data, at, ether_type, state):
    read = {IPV4: flow_hash_ipv4, IPV6: flow_hash_ipv6}.get(ether_type)
    inner = read(data, at, False) if read else None
    return state if inner is None else mixed(state, inner)


def flow_hash_gre(data, at, state):
    if at + 4 > len(data):
        return state
    flags, ether_type = struct.unpack_from("!HH", data, at)
    at += 4
    if flags & 0x4007:  # with routing, or of another version
        return state
    at += 4 if flags & 0x8000 else 0
    if flags & 0x2000:
        if at + 4 > len(data):
            return state
        state = crc32c(state, data[at:at + 4])
        at += 4
    at += 4 if flags & 0x1000 else 0
    if ether_type != BRIDGED:
        return flow_hash_within(data, at, ether_type, state)
    if at + 14 > len(data):
        return state
    return flow_hash_within(data, at + 14, int.from_bytes(data[at + 12:at + 14], "big"),
                            mixed(state, crc32c(0xffffffff, data[at:at + 14])))


def flow_hash_carried(data, at, protocol, state):
    """What an IP packet carries: IP in IP, GRE, or behind an authentication header's SPI nothing more."""
    if protocol == 4:
        return flow_hash_within(data, at, IPV4, state)
    if protocol == 41:
        return flow_hash_within(data, at, IPV6, state)
    if protocol == 47:
        return flow_hash_gre(data, at, state)
    if protocol == 51 and at + 8 <= len(data):
        return crc32c(state, data[at + 4:at + 8])
    return state


def flow_hash_mpls(data, at, state):
    is_entropy = False
    for _ in range(8):
        if at + 4 > len(data):
            return state
        entry = int.from_bytes(data[at:at + 4], "big")
        label = entry >> 12
        at += 4
        if label >= 16 or is_entropy:
            state = mixed(state, label)
        if is_entropy:
            return state
        is_entropy = label == 7
        if entry & 0x100:
            break
    else:
        return state
    ip = data[at:]
    if len(ip) >= 20 and 0x45 <= ip[0] <= 0x4f:
        size = (ip[0] & 15) * 4
        total = sum(int.from_bytes(ip[place:place + 2], "big") for place in range(0, size, 2))
        is_right = len(ip) >= size and total % 0xffff == 0
        return flow_hash_within(data, at, IPV4, state) if is_right else state
    is_known = len(ip) >= 40 and ip[6] in WITH_PORTS | {58, 0, 43, 44, 60}
    return flow_hash_within(data, at, IPV6, state) if is_known else state


def flow_hash_pppoe(data, at, state):
    if at + 8 > len(data):
        return state
    state = crc32c(state, data[at + 2:at + 4] + bytes(2))
    ether_type = {0x0021: IPV4, 0x0057: IPV6}.get(int.from_bytes(data[at + 6:at + 8], "big"))
    return flow_hash_within(data, at + 8, ether_type, state)


def flow_hash(frame):
    frame = bytes(frame)
    ether_type = int.from_bytes(frame[12:14], "big")
    state = None
    if ether_type == IPV4:
        state = flow_hash_ipv4(frame, 14, True)
    elif ether_type == IPV6:
        state = flow_hash_ipv6(frame, 14, True)
    if state is not None:
        return state
    state = crc32c(0xffffffff, frame[:14])
    if ether_type in (0x8847, 0x8848):
        return flow_hash_mpls(frame, 14, state)
    return flow_hash_pppoe(frame, 14, state) if ether_type == 0x8864 else state


def source_port(frame):
    return 49152 + (flow_hash(frame) & 0x3fff)  # RFC 7348 section 5: 49152-65535


def inner_ecn(frame):
    frame = bytes(frame)
    ether_type = int.from_bytes(frame[12:14], "big")
    if ether_type == 0x0800 and len(frame) >= 34 and frame[14] >> 4 == 4 and frame[14] & 15 >= 5:
        return frame[15] & 3
    if ether_type == 0x86dd and len(frame) >= 54 and frame[14] >> 4 == 6:
        return (frame[15] >> 4) & 3
    return 0


# ---- outer frames ----------------------------------------------------------------------------------------------

def outer(inner, src, dst, *, src_mac, dst_mac, vni=100, port=4789, checksum=False, ttl=64, tos=0, ecn=None, sport=None,
          vxlan_flags=8, reserved1=0, reserved2=0, **ip):
    """An encapsulated frame. Its checksum is computed where the underlay is IPv6, or where `checksum` is true."""
    inner = bytes(inner)
    ecn = inner_ecn(inner) if ecn is None else ecn
    sport = source_port(inner) if sport is None else sport
    if ipaddress.ip_address(dst).version == 4:
        ip.setdefault("flags", "DF")
        ip.setdefault("id", 0)
        network = IP(src=src, dst=dst, ttl=ttl, tos=tos | ecn, **ip)
    else:
        network = IPv6(src=src, dst=dst, hlim=ttl, tc=tos | ecn, **ip)
        checksum = True
    datagram = UDP(sport=sport, dport=port) if checksum else UDP(sport=sport, dport=port, chksum=0)
    header = struct.pack("!B3sI", vxlan_flags, reserved1.to_bytes(3, "big"), vni << 8 | reserved2)
    return Ether(src=src_mac, dst=dst_mac) / network / datagram / Raw(header + inner)


def encapsulated(inner, far=FAR4, **options):
    """What we send to a far VTEP."""
    local = US6 if ":" in far else US4
    mac = {FAR4: FAR, FAR6: FAR, FAR2_4: FAR2, FAR2_6: FAR2}[far]
    return outer(inner, local, far, **{"src_mac": UPLINK, "dst_mac": mac, **options})


def received(inner, far=FAR4, **options):
    """What a far VTEP sends to us. It may hash as it likes."""
    local = US6 if ":" in far else US4
    mac = {FAR4: FAR, FAR6: FAR, FAR2_4: FAR2, FAR2_6: FAR2}[far]
    return outer(inner, far, local, **{"src_mac": mac, "dst_mac": UPLINK, "sport": 55555, **options})


# scapy's own reading of the same thing has to agree with the header that is packed above.
assert VXLAN(bytes(encapsulated(raw_frame(C1, F1)))[42:]).vni == 100
assert VXLAN(bytes(encapsulated(raw_frame(C1, F1)))[42:]).flags == 8


# ---- the networks that most cases use --------------------------------------------------------------------------

def underlay(case, family=4, mtu=""):
    case.setup(f"""
        link add uplink address {UPLINK} {mtu} type vdev args net_ring_uplink
        addr add {US4 + "/24" if family == 4 else US6 + "/64"} dev uplink
        neigh add {FAR4 if family == 4 else FAR6} lladdr {FAR} dev uplink
        neigh add {FAR2_4 if family == 4 else FAR2_6} lladdr {FAR2} dev uplink""")


def bridge(case, *ports, name="br0", address="02:00:00:00:03:01"):
    case.setup(f"link add {name} address {address} type bridge")
    for port in ports:
        case.setup(f"link add {port} type vdev args net_ring_{port}\nlink set {port} master {name}")


def vxlan(case, options="nolearning noudpcsum", *, vni=100, family=4, port=4789, master="br0", fdb=(), flood=()):
    """A VXLAN device in a bridge. `fdb`: (MAC, far VTEP, more words) of static entries; `flood`: far VTEPs."""
    name = f"vxlan{vni}"
    case.setup(f"link add {name} address 02:00:00:00:03:02 type vxlan id {vni} local {US4 if family == 4 else US6} "
               f"dstport {port} {options}")
    if master:
        case.setup(f"link set {name} master {master}")
    for mac, far, *words in fdb:
        case.setup(f"fdb append {mac} dev {name} dst {far} {' '.join(words)}".rstrip())
    for far in flood:
        case.setup(f"fdb append 00:00:00:00:00:00 dev {name} dst {far}")


def bridged(case, options="nolearning noudpcsum", *, family=4, ports=("docker1",), **more):
    """Scheme 2 with one far VTEP, behind which F1 is."""
    underlay(case, family)
    bridge(case, *ports)
    more.setdefault("fdb", [(F1, FAR4 if family == 4 else FAR6)])
    vxlan(case, options, family=family, **more)


__all__ = [name for name in globals() if not name.startswith("_")]
