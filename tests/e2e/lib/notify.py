# SPDX-License-Identifier: BSD-3-Clause
"""A service manager's end of sd_notify(3)."""

import os
import socket
import time


class NotifySocket:
    """What was said, in its order, with the time at which it came."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "notify.sock")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)
        self.messages = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        os.unlink(self.path)

    def environment(self, watchdog_seconds=None):
        words = {"NOTIFY_SOCKET": self.path}
        if watchdog_seconds:
            words["WATCHDOG_USEC"] = str(int(watchdog_seconds * 1e6))
        return words

    def said(self):
        """Everything so far: a set of lines for each message."""
        while True:
            try:
                message = self.socket.recv(65536)
            except BlockingIOError:
                return self.messages
            self.messages.append((time.monotonic(), set(message.decode().splitlines())))

    def count(self, line):
        return sum(line in lines for _, lines in self.said())

    def first(self, line):
        """The place of the first message with this line, or None."""
        return next((at for at, (_, lines) in enumerate(self.said()) if line in lines), None)
