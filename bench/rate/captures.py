# SPDX-License-Identifier: BSD-3-Clause
"""The captures that are replayed. scapy makes one frame of each kind; the others differ from it in a few bytes, because
scapy would need minutes for a hundred thousand."""

import random
import struct

import logging
logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
from scapy.layers.inet import IP, UDP  # noqa: E402
from scapy.layers.l2 import Ether  # noqa: E402
from scapy.layers.vxlan import VXLAN  # noqa: E402
from scapy.utils import checksum  # noqa: E402

LOCAL = "192.0.2.1"  # the VTEP that is measured
LOCAL_MAC = "02:00:00:00:aa:01"
FAR_MAC = "02:00:00:00:aa:02"  # every other VTEP's next hop
VNI = 100
PORT = 4789
FRAME = 64  # bytes of the inner frame, without a frame check sequence
_IP = 14    # where the IPv4 header starts


def far(number=0):
    """The address of VTEP `number`."""
    return f"192.0.{2 + (number + 2) // 256}.{(number + 2) % 256}"


def mac(kind, number):
    """A unicast address that says what it is for: 0 inside here, 1 behind the tunnel."""
    return f"02:{kind:02x}:{number >> 24 & 255:02x}:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"


def _mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


def _finish_ip(frame):
    frame[_IP + 10:_IP + 12] = b"\0\0"
    frame[_IP + 10:_IP + 12] = struct.pack("!H", checksum(bytes(frame[_IP:_IP + 20])))


def _inner_template():
    headers = Ether(src="02:00:00:00:00:00", dst="02:00:00:00:00:00") / IP(src="10.0.0.1", dst="10.0.0.2", ttl=64)
    return bytes(headers / UDP(sport=1024, dport=2048, chksum=0) / bytes(FRAME - 42))


_INNER = _inner_template()
_OUTER = bytes(Ether(src=FAR_MAC, dst=LOCAL_MAC) / IP(src=far(), dst=LOCAL, ttl=64, flags="DF", len=28 + 8 + FRAME)
               / UDP(sport=49152, dport=PORT, len=8 + 8 + FRAME, chksum=0) / VXLAN(flags="Instance", vni=VNI))


def inner(source, destination, flow):
    """64 bytes from one MAC to another; the flow is in the IP addresses and the UDP source port."""
    frame = bytearray(_INNER)
    frame[0:6], frame[6:12] = _mac_bytes(destination), _mac_bytes(source)
    frame[_IP + 17:_IP + 20] = struct.pack("!I", flow & 0xffffff)[1:]
    _finish_ip(frame)
    frame[34:36] = struct.pack("!H", 1024 + flow % 60000)
    return bytes(frame)


def outer(frame, flow, vtep=0, vni=VNI, udp_checksum=False):
    """`frame` in VXLAN, from VTEP `vtep` to here."""
    headers = bytearray(_OUTER)
    headers[_IP + 12:_IP + 16] = bytes(int(part) for part in far(vtep).split("."))
    _finish_ip(headers)
    headers[34:36] = struct.pack("!H", 49152 + flow % 16384)
    headers[46:49] = vni.to_bytes(3, "big")
    if udp_checksum:
        length = bytes(headers[38:40])
        pseudo = bytes(headers[_IP + 12:_IP + 20]) + b"\0\x11" + length
        headers[40:42] = struct.pack("!H", checksum(pseudo + bytes(headers[34:]) + frame) or 0xffff)
    return bytes(headers) + frame


def write(path, frames):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for frame in frames:
            file.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)
    return path


def shuffled(numbers):
    """In an order that no prefetcher guesses, the same in every run."""
    numbers = list(numbers)
    random.Random(7348).shuffle(numbers)
    return numbers


def to_tunnel(count, length=None, choices=None):
    """Frames from one container to `count` MACs behind the tunnel; `length` frames, if more, to choices of them."""
    numbers = choices if choices is not None else shuffled(range(count)) * max(1, (length or 256) // count)
    return [inner(mac(0, 0), mac(1, number), number) for number in numbers]


def from_tunnel(count, udp_checksum=False):
    """VXLAN from `count` MACs, each to a MAC of its own here."""
    numbers = shuffled(range(count)) * max(1, 256 // count)
    return [outer(inner(mac(1, number), mac(0, number), number), number, udp_checksum=udp_checksum)
            for number in numbers]
