# SPDX-License-Identifier: BSD-3-Clause
"""What is on the underlay's wire: frames as they arrive, taken apart, and frames made to order."""

import contextlib
import ipaddress
import socket
import struct
import time
from dataclasses import dataclass

ETH_P_ALL = 3


class Sniffer:
    """Frames that arrive at an interface from when the block begins (not those that it sends)."""

    def __init__(self, namespace, interface):
        self._namespace, self._interface = namespace, interface

    def __enter__(self):
        self._socket = self._namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, 33, 4 << 20)  # SO_RCVBUFFORCE
        self._socket.bind((self._interface, ETH_P_ALL))
        self._namespace.ip("link", "set", self._interface, "promisc", "on")
        return self

    def __exit__(self, *_):
        with contextlib.suppress(Exception):
            self._namespace.ip("link", "set", self._interface, "promisc", "off")
        self._socket.close()

    def frames(self, seconds=0.2):
        """Those until now, and for `seconds` more."""
        found = []
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                frame, address = self._socket.recvfrom(65535)
            except (TimeoutError, BlockingIOError):
                break
            if address[2] != socket.PACKET_OUTGOING:
                found.append(frame)
        return found

    def tunnelled(self, dstport=4789, seconds=0.2):
        tunnels = [Tunnel.parse(frame) for frame in self.frames(seconds)]
        return [tunnel for tunnel in tunnels if tunnel and tunnel.dstport == dstport]


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@dataclass
class Tunnel:
    """An outer header and what is inside."""
    family: int
    destination_mac: str
    source: str
    destination: str
    ttl: int
    dont_fragment: bool
    ip_checksum_ok: bool
    srcport: int
    dstport: int
    udp_checksum: int
    udp_checksum_ok: bool
    flags: int
    vni: int
    inner: bytes

    @staticmethod
    def parse(frame):
        kind = struct.unpack_from("!H", frame, 12)[0]
        if kind == 0x0800 and len(frame) >= 50 and frame[23] == 17 and frame[14] == 0x45:
            header = frame[14:34]
            source, destination = header[12:16], header[16:20]
            udp = frame[34:14 + struct.unpack_from("!H", header, 2)[0]]
            family, ttl, fragment, ip_ok = 4, header[8], bool(header[6] & 0x40), checksum(header) == 0
        elif kind == 0x86DD and len(frame) >= 70 and frame[20] == 17:
            source, destination = frame[22:38], frame[38:54]
            udp = frame[54:54 + struct.unpack_from("!H", frame, 18)[0]]
            family, ttl, fragment, ip_ok = 6, frame[21], True, True
        else:
            return None
        srcport, dstport, length, given = struct.unpack_from("!4H", udp)
        pseudo = source + destination + struct.pack("!HHHH", 0, length, 0, 17)
        source, destination = (str(ipaddress.ip_address(address)) for address in (source, destination))
        return Tunnel(family, frame[:6].hex(":"), source, destination, ttl, fragment, ip_ok, srcport, dstport, given,
                      given == 0 or checksum(pseudo + udp) == 0, udp[8], int.from_bytes(udp[12:15], "big"), udp[16:])


def ethernet(destination, source, kind, payload):
    return bytes.fromhex(destination.replace(":", "")) + bytes.fromhex(source.replace(":", "")) + \
        struct.pack("!H", kind) + payload


def ipv4(source, destination, protocol, payload, ttl=64):
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, ttl, protocol, 0,
                         socket.inet_aton(source), socket.inet_aton(destination))
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def udp(source, destination, srcport, dstport, payload):
    """Over IPv4, with its checksum."""
    header = struct.pack("!4H", srcport, dstport, 8 + len(payload), 0)
    pseudo = socket.inet_aton(source) + socket.inet_aton(destination) + struct.pack("!HH", 17, 8 + len(payload))
    return header[:6] + struct.pack("!H", checksum(pseudo + header + payload) or 0xFFFF) + payload


def vxlan(vni, inner, flags=0x08, reserved1=0, reserved2=0):
    return bytes([flags]) + reserved1.to_bytes(3, "big") + vni.to_bytes(3, "big") + bytes([reserved2]) + inner
