# SPDX-License-Identifier: BSD-3-Clause
"""Random frames in every state that a checksum can be in, and what the receiving kernel says of them. They are sent with a
virtio header, by which a sender says what it leaves to its device, and written apart from the data plane."""

import array
import random
import socket
import struct
import time
from dataclasses import dataclass

from .shell import Failed, expect

NOTHING, PARTIAL, COMPLETE, CORRUPT = "no checksum", "partial", "complete", "corrupt"
UDP, TCP, ICMP = 17, 6, 1
_GSO = {(TCP, 4): 1, (TCP, 6): 4, (UDP, 4): 5, (UDP, 6): 5}
_SOL_PACKET, _PACKET_VNET_HDR = 263, 15


def _sum(data):
    """RFC 1071, in this machine's byte order."""
    if len(data) % 2:
        data += b"\0"
    total = sum(array.array("H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


@dataclass(frozen=True)
class Kind:
    """A cell of the matrix."""
    protocol: int
    family: int
    state: str
    gso: bool = False
    fragments: bool = False

    def __str__(self):
        name = {UDP: "UDP", TCP: "TCP", ICMP: "ICMP"}[self.protocol]
        return (f"{name}, IPv{self.family}, {self.state}" + (", to be segmented" if self.gso else "")
                + (", in fragments" if self.fragments else ""))

    @property
    def is_good(self):
        return self.state in (PARTIAL, COMPLETE) or (self.state == NOTHING and self.family == 4)


def kinds():
    found = []
    for family in (4, 6):
        found += [Kind(UDP, family, state) for state in (NOTHING, PARTIAL, COMPLETE, CORRUPT)]
        found += [Kind(TCP, family, state) for state in (PARTIAL, COMPLETE, CORRUPT)]
        found += [Kind(UDP, family, state, gso=True) for state in (PARTIAL, CORRUPT)]
        found += [Kind(TCP, family, state, gso=True) for state in (PARTIAL, CORRUPT)]
    found += [Kind(UDP, 4, state, fragments=True) for state in (COMPLETE, CORRUPT)]
    found += [Kind(ICMP, 4, state) for state in (COMPLETE, CORRUPT)]
    return found


class Counters:
    """What a namespace's kernel has counted: of each protocol what it took, and what it refused for its checksum."""

    FILES = ("snmp", "snmp6")

    def __init__(self, namespace):
        with namespace.entered():
            self._files = [open(f"/proc/thread-self/net/{name}") for name in self.FILES]

    def close(self):
        for file in self._files:
            file.close()

    def read(self):
        values = {}
        for file in self._files:
            file.seek(0)
            lines = file.read().splitlines()
            if lines[0].startswith("Ip:"):
                for names, numbers in zip(lines[::2], lines[1::2]):
                    prefix, *names = names.split()
                    values.update((prefix[:-1] + name, int(number)) for name, number in zip(names, numbers.split()[1:]))
            else:
                values.update((name, int(number)) for name, number in (line.split() for line in lines))
        return values


class Verdict:
    """Sends frames from one container to another and compares what its kernel counts with what it has to."""

    MTU = 1400

    def __init__(self, source, target, next_hop=None, addresses=None):
        self.source, self.target = source, target
        self.next_hop = next_hop or target.mac
        self.addresses = addresses or {4: (source.address, target.address), 6: ("fd00::1", "fd00::2")}
        self.random = random.Random(11)
        self.noise = self.random.randbytes(1 << 16)
        self.counters = Counters(target.namespace)
        self.sockets = {}
        for family, kind in ((4, socket.AF_INET), (6, socket.AF_INET6)):
            if family not in self.addresses:
                continue
            made = target.namespace.socket(kind, timeout=0.0)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
            made.bind((self.addresses[family][1], 7777))
            self.sockets[family] = made
        self.raw = source.namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.raw.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        self.raw.bind((source.interface, 0))
        self.ethernet = {family: bytes.fromhex((self.next_hop + source.mac).replace(":", "")) + struct.pack("!H", kind)
                         for family, kind in ((4, 0x0800), (6, 0x86dd))}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for made in (*self.sockets.values(), self.raw, self.counters):
            made.close()

    # --- frames

    def _ip(self, family, protocol, size, more=0, offset=0, identity=0):
        """An IP header of random fields, sometimes with options that say nothing."""
        pick = self.random
        source, target = self.addresses[family]
        extra = b"\1" * 8 if pick.random() < .1 and not (more or offset) else b""
        if family == 4:
            header = struct.pack("!BBHHHBBH4s4s", 0x45 + len(extra) // 4, pick.choice((0, 0x28, 0xb8)),
                                 20 + len(extra) + size, identity or pick.randrange(1, 65536),
                                 (0x2000 if more else 0) | offset // 8, pick.randrange(32, 255), protocol, 0,
                                 socket.inet_aton(source), socket.inet_aton(target)) + extra
            return header[:10] + struct.pack("=H", ~_sum(header) & 0xffff) + header[12:]
        extra = bytes((protocol, 0, 1, 4, 0, 0, 0, 0)) if extra else b""
        return struct.pack("!IHBB", 6 << 28 | pick.randrange(1 << 20), len(extra) + size, 60 if extra else protocol,
                           pick.randrange(32, 255)) + socket.inet_pton(socket.AF_INET6, source) \
            + socket.inet_pton(socket.AF_INET6, target) + extra

    def _pseudo(self, family, protocol, size):
        kind = socket.AF_INET if family == 4 else socket.AF_INET6
        addresses = b"".join(socket.inet_pton(kind, address) for address in self.addresses[family])
        return _sum(addresses + struct.pack("!II", size, protocol))

    def _l4(self, kind, payload):
        """Header and payload, and where in it the checksum lies."""
        port = self.random.randrange(1024, 65536)
        size = len(payload)
        if kind.protocol == UDP:
            return struct.pack("!HHHH", port, 7777, 8 + size, 0) + payload, 6
        if kind.protocol == TCP:
            return struct.pack("!HHIIBBHHH", port, 7778, self.random.getrandbits(32), self.random.getrandbits(32), 0x50,
                               0x10, 500, 0, 0) + payload, 16
        return struct.pack("!BBHHH", 8, 0, 0, port, 1) + payload, 2

    def _frames(self, kind, number):
        """[(virtio header, frame)] of one message, and how many segments it becomes."""
        size = self.random.choice((0, 1, 2, 17, self.random.randrange(1200)))
        segment = segments = 0
        if kind.gso:
            segment = self.random.randrange(100, 1300)
            size = self.random.randrange(segment + 1, min(40 * segment, 60000))
        elif kind.fragments:
            size = self.random.randrange(1400, 2000)
        start = self.random.randrange(len(self.noise) - size)
        payload = struct.pack("!Q", number) + self.noise[start:start + max(0, size - 8)]
        segments = -(-len(payload) // segment) if segment else 1
        message, at = self._l4(kind, payload)
        pseudo = self._pseudo(kind.family, kind.protocol, len(message)) if kind.protocol != ICMP else 0
        is_partial = kind.state == PARTIAL or kind.gso
        value = 0
        if is_partial:
            value = pseudo
        elif kind.state != NOTHING:
            value = ~_sum(struct.pack("=H", pseudo) + message) & 0xffff or 0xffff
        if kind.state == CORRUPT:
            right, value = value, value ^ 1 << self.random.randrange(1, 15)
            value = value or (4 if right == 2 else 2)  # 0 would be no checksum, and what was right is not corrupt
        message = message[:at] + struct.pack("=H", value) + message[at + 2:]
        if kind.fragments:
            identity = self.random.randrange(1, 65536)
            cut = 8 * self.random.randrange((len(message) - 1369) // 8, 172)  # both fit
            parts = ((message[:cut], True, 0), (message[cut:], False, cut))
            return [(bytes(10), self.ethernet[4] + self._ip(4, kind.protocol, len(part), more, offset, identity) + part)
                    for part, more, offset in parts], 1
        ip = self._ip(kind.family, kind.protocol, len(message))
        frame = self.ethernet[kind.family] + ip + message
        header = bytes(10)
        if is_partial:
            l4 = 14 + len(ip)
            gso = _GSO[kind.protocol, kind.family] if kind.gso else 0
            header = struct.pack("=BBHHHH", 1, gso, l4 + (8 if kind.protocol == UDP else 20) if kind.gso else 0, segment, l4,
                                 at)
        return [(header, frame)], segments

    # --- the verdict

    def _count(self, kind, before, after):
        """(taken, refused for the checksum)."""
        def grown(name):
            return after[name] - before[name]
        if kind.protocol == TCP:  # no socket listens: what is right is answered with a reset
            return grown("TcpOutRsts"), grown("TcpInCsumErrors")
        if kind.protocol == ICMP:
            return grown("IcmpInEchos"), grown("IcmpInCsumErrors")
        prefix = "Udp" if kind.family == 4 else "Udp6"
        return grown(prefix + "InDatagrams"), grown(prefix + "InCsumErrors")

    def _drain(self):
        """The datagrams that lie in the sockets. What is taken from there is what the kernel counts as received."""
        found = []
        for made in self.sockets.values():
            try:
                while True:
                    found.append(made.recv(65535))
            except BlockingIOError:
                pass
        return found

    def check(self, kind, count, batch=64):
        """`count` messages of a kind, in batches that no queue on the way is too short for."""
        taken = refused = expected = sent = 0
        while sent < count:
            before = self.counters.read()
            numbers, segments = set(), 0
            for _ in range(min(batch if not kind.gso else 4, count - sent)):
                frames, parts = self._frames(kind, sent)
                for header, frame in frames:
                    self.raw.send(header + frame)
                numbers.add(sent)
                segments += parts
                sent += 1
            expected += segments
            deadline = time.monotonic() + 5
            arrived, last = [], None
            while True:
                arrived += self._drain()
                got = self._count(kind, before, self.counters.read())
                if self._is_all(kind, got, len(numbers), segments) and (not self._may_merge(kind) or got == last):
                    break
                last = got if self._may_merge(kind) else None
                if time.monotonic() > deadline:
                    raise Failed(f"{kind}: of {segments} segments of {len(numbers)} messages {got[0]} were taken, {got[1]} refused "
                                 f"for their checksum")
                time.sleep(.02 if last else .0002)  # where some may have been merged, until no more come
            taken, refused = taken + got[0], refused + got[1]
            if kind.is_good and kind.protocol == UDP:
                seen = {struct.unpack("!Q", data[:8])[0] for data in arrived if len(data) >= 8} & numbers
                expect(seen == numbers, f"{kind}: {sorted(numbers - seen)} did not arrive")
            else:
                expect(not arrived, f"{kind}: {len(arrived)} datagrams arrived")
        return taken, refused

    @staticmethod
    def _may_merge(kind):
        """On the way, segments that are right become one again, which is one reset."""
        return kind.gso and kind.protocol == TCP and kind.is_good

    def _is_all(self, kind, got, messages, segments):
        taken, refused = got
        if not kind.is_good:
            expect(taken == 0, f"{kind}: {taken} were taken")
            return refused == segments
        expect(refused == 0, f"{kind}: {refused} were refused for their checksum")
        if self._may_merge(kind):
            return messages <= taken <= segments
        return taken == segments
