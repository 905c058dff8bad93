# SPDX-License-Identifier: BSD-3-Clause
"""vxd's config protocol without vxctl: JSON-RPC 2.0, one JSON text per line, and what is no such thing."""

import json
import socket
import struct

from .shell import Failed, expect


class Rpc:
    def __init__(self, path, timeout=5.0):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # A connect() without a wait fails where others come in a crowd; this one waits, and not for ever.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(timeout), 0))
        self.socket.connect(path)
        self.socket.settimeout(timeout)
        self._read = b""
        self._id = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        """How much of it vxd took before it closed the connection."""
        sent = 0
        view = memoryview(data)
        while sent < len(data):
            try:
                sent += self.socket.send(view[sent:sent + (1 << 16)])
            except (BrokenPipeError, ConnectionResetError):
                break
        return sent

    def line(self):
        """The next reply, or None when the connection is closed."""
        while b"\n" not in self._read:
            try:
                chunk = self.socket.recv(1 << 16)
            except ConnectionResetError:
                chunk = b""
            except TimeoutError:
                raise Failed("vxd does not answer") from None
            if not chunk:
                return None
            self._read += chunk
        line, self._read = self._read.split(b"\n", 1)
        return json.loads(line)

    def call(self, method, **params):
        self._id += 1
        request = {"jsonrpc": "2.0", "id": self._id, "method": method, "params": params}
        self.send(json.dumps(request).encode() + b"\n")
        reply = self.line()
        expect(reply is not None and reply.get("id") == self._id, f"the reply to {request} is {reply}")
        return reply

    def run(self, *commands, atomic=True, format="text"):
        words = [command.split() for command in commands]
        return self.call("run", commands=words, atomic=atomic, format=format)
