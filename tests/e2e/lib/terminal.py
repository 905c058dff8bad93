# SPDX-License-Identifier: BSD-3-Clause
"""A program in a pseudo-terminal, and what a person would see there: pyte is the terminal."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time

sys.path.append("/usr/lib/python3/dist-packages")  # Debian's python3-pyte, whichever python3 runs this
import pyte  # noqa: E402

from .shell import Failed, expect  # noqa: E402

LEAVE = b"\x1b[?1049l"  # the alternate screen: what was there before comes back
# What a person has: colours, an alternate screen. Of its description, unlike xterm's, pyte lacks scrolling alone.
NAME = "screen-256color"


class Screen(pyte.Screen):
    def select_graphic_rendition(self, *attributes, **options):
        """pyte takes bright colours for bold ones, and leaves them so."""
        plain = []
        for attribute in attributes:
            plain += [38, 5, attribute - 82] if 90 <= attribute <= 97 else [attribute]
        super().select_graphic_rendition(*plain, **options)

    def scroll_up(self, count=1, **_):
        self._at_the_top(self.delete_lines, count)

    def scroll_down(self, count=1, **_):
        self._at_the_top(self.insert_lines, count)

    def _at_the_top(self, move, count):
        x, y = self.cursor.x, self.cursor.y
        self.cursor.y = self.margins.top if self.margins else 0
        move(count)
        self.cursor.x, self.cursor.y = x, y


class Stream(pyte.ByteStream):
    csi = {**pyte.ByteStream.csi, "S": "scroll_up", "T": "scroll_down"}
    events = pyte.ByteStream.events | {"scroll_up", "scroll_down"}


class Terminal:
    def __init__(self, *argv, lines=24, columns=80, environment=()):
        self.argv = [str(word) for word in argv]
        self.screen = Screen(columns, lines)
        self._stream = Stream(self.screen)
        self.raw = b""
        self._ours, self._theirs = pty.openpty()
        self._set_size()
        self.modes = termios.tcgetattr(self._theirs)
        env = {"PATH": os.environ["PATH"], "TERM": NAME, "LC_ALL": "C.UTF-8", **dict(environment)}
        self.process = subprocess.Popen(self.argv, stdin=self._theirs, stdout=self._theirs, stderr=self._theirs,
                                        env=env, start_new_session=True, preexec_fn=self._take_over)

    def _take_over(self):
        fcntl.ioctl(self._theirs, termios.TIOCSCTTY, 0)

    def _set_size(self):
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", self.screen.lines, self.screen.columns, 0, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._ours)
        os.close(self._theirs)

    def resize(self, lines, columns):
        self.screen.resize(lines, columns)
        self._set_size()

    def press(self, keys):
        os.write(self._ours, keys.encode())

    def read(self, timeout=0.0):
        """Takes in what has been written."""
        while select.select([self._ours], [], [], timeout)[0]:
            chunk = os.read(self._ours, 1 << 16)
            self.raw += chunk
            self._stream.feed(chunk)
            timeout = 0.0

    @property
    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    def __str__(self):
        return "\n".join(self.lines)

    def row(self, word):
        """The words of the first line that begins with this one."""
        self.read()
        return next((line.split() for line in self.lines if line.split()[:1] == [word]), None)

    def wait(self, what, predicate, timeout=10.0):
        """Until the screen is so; returns what the predicate returned."""
        end = time.monotonic() + timeout
        while True:
            self.read(0.05)
            value = predicate()
            if value:
                return value
            if time.monotonic() > end:
                raise Failed(f"waited {timeout} s in vain until {what}; the screen is\n{self}")

    def wait_for(self, text, timeout=10.0):
        self.wait(f"{text!r} is seen", lambda: text in str(self), timeout)

    def end(self, timeout=5.0):
        """The exit status of a program that ends by itself now."""
        end = time.monotonic() + timeout
        while self.process.poll() is None:
            self.read(0.02)
            expect(time.monotonic() < end, f"{' '.join(self.argv)} does not end; the screen is\n{self}")
        self.read(0.1)
        return self.process.returncode

    def is_restored(self):
        """The modes are those from before, the last screen is left, the cursor is seen."""
        return (termios.tcgetattr(self._theirs) == self.modes and self.raw.rfind(LEAVE) > self.raw.rfind(b"\x1b[?1049h")
                and not self.screen.cursor.hidden)
