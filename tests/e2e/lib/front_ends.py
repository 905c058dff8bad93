# SPDX-License-Identifier: BSD-3-Clause
"""The other ends of shared-memory ports, as small as they can be: a vhost-user front end and a memif client, whose memory
is a file of their own that they can make shorter while vxd uses it."""

import contextlib
import mmap
import os
import socket
import struct

from .shell import expect, wait_until


class _FrontEnd:
    SIZE = 1 << 20

    def __init__(self, path):
        self.stack = contextlib.ExitStack()
        self.memory = os.memfd_create("front-end")
        self.stack.callback(os.close, self.memory)
        os.ftruncate(self.memory, self.SIZE)
        self.bytes = self.stack.enter_context(mmap.mmap(self.memory, self.SIZE))
        self.socket = self.stack.enter_context(socket.socket(socket.AF_UNIX, self.KIND))
        self.socket.settimeout(5)
        wait_until(f"somebody listens at {path}", lambda: self._connect(path), timeout=5)

    def _connect(self, path):
        try:
            self.socket.connect(path)
            return True
        except (FileNotFoundError, ConnectionRefusedError):
            return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stack.close()

    def event(self):
        made = os.eventfd(0, os.EFD_NONBLOCK)  # DPDK's memif reads it, and would wait
        self.stack.callback(os.close, made)
        return made

    def truncate(self, size=0):
        """From now on it must not touch what it has cut off itself."""
        os.ftruncate(self.memory, size)


class VhostFrontEnd(_FrontEnd):
    """A guest with one pair of split rings of 256, which has agreed on nothing but virtio 1."""

    KIND = socket.SOCK_STREAM
    BASE = 0x10000000  # where it says that its memory lies
    RING = 256
    BUFFERS = 0x20000
    (GET_FEATURES, SET_FEATURES, SET_OWNER, _, SET_MEM_TABLE, _, _, SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_BASE, _,
     SET_VRING_KICK, SET_VRING_CALL) = range(1, 14)

    def request(self, number, payload=b"", fds=()):
        socket.send_fds(self.socket, [struct.pack("=III", number, 1, len(payload)) + payload], fds)

    def negotiate(self):
        self.request(self.SET_OWNER)
        self.request(self.GET_FEATURES)
        expect(len(self.socket.recv(20)) == 20, "vxd does not offer its features")
        self.request(self.SET_FEATURES, struct.pack("=Q", 1 << 32))
        self.request(self.SET_MEM_TABLE, struct.pack("=IIQQQQ", 1, 0, 0, self.SIZE, self.BASE, 0), [self.memory])

    def start_rings(self):
        for ring in (0, 1):
            at = self.BASE + ring * 0x4000
            self.request(self.SET_VRING_NUM, struct.pack("=II", ring, self.RING))
            self.request(self.SET_VRING_BASE, struct.pack("=II", ring, 0))
            self.request(self.SET_VRING_ADDR, struct.pack("=IIQQQQ", ring, 0, at, at + 0x2000, at + 0x1000, 0))
            self.request(self.SET_VRING_CALL, struct.pack("=Q", ring), [self.event()])
            self.request(self.SET_VRING_KICK, struct.pack("=Q", ring), [self.event()])

    def start(self):
        self.negotiate()
        self.start_rings()
        return self

    def send(self, frame):
        """The first, and only, of this guest."""
        data = bytes(12) + frame
        self.bytes[self.BUFFERS:self.BUFFERS + len(data)] = data
        struct.pack_into("=QIHH", self.bytes, 0x4000, self.BUFFERS, len(data), 0, 0)
        struct.pack_into("=HHH", self.bytes, 0x4000 + 0x1000, 0, 1, 0)  # flags, index, the first entry


class MemifClient(_FrontEnd):
    """One ring of 1024 each way, in one region."""

    KIND = socket.SOCK_SEQPACKET
    COOKIE = 0x3E31F20
    ACK, HELLO, INIT, ADD_REGION, ADD_RING, CONNECT, CONNECTED = range(1, 8)
    TO_SERVER = 1

    def __init__(self, path, identifier):
        super().__init__(path)
        self.identifier = identifier

    def expects(self, kind):
        message = self.socket.recv(128)
        found = struct.unpack_from("=H", message)[0] if len(message) >= 2 else None
        expect(found == kind, f"the memif server said {found}, expected {kind}: {message[2:]}")

    def say(self, kind, payload, answer, fds=()):
        socket.send_fds(self.socket, [(struct.pack("=H", kind) + payload).ljust(128, b"\0")], fds)
        self.expects(answer)

    def start(self):
        for ring in (0, 1):
            struct.pack_into("=I", self.bytes, ring * 0x8000, self.COOKIE)
        self.expects(self.HELLO)
        self.say(self.INIT, struct.pack("=HIB24s32s", 0x200, self.identifier, 0, b"", b"front-end"), self.ACK)
        self.say(self.ADD_REGION, struct.pack("=HQ", 0, self.SIZE), self.ACK, [self.memory])
        for ring, flags in ((0, self.TO_SERVER), (1, 0)):
            self.say(self.ADD_RING, struct.pack("=HHHIBH", flags, 0, 0, ring * 0x8000, 10, 0), self.ACK, [self.event()])
        self.say(self.CONNECT, struct.pack("=32s", b"front-end"), self.CONNECTED)
        return self
