# SPDX-License-Identifier: BSD-3-Clause
"""vxctl capture, and what tcpdump and tshark read of it."""

import os
import re
import signal
import subprocess

from .shell import Failed, expect, run, wait_until

FIELDS = {"interface": "frame.interface_name", "direction": "frame.packet_flags_direction", "id": "frame.packet_id",
          "comment": "frame.comment", "time": "frame.time_epoch", "size": "frame.len", "protocols": "frame.protocols",
          "vni": "vxlan.vni", "icmp": "icmp.type", "sequence": "icmp.seq"}
IN, OUT = 1, 2


class Capture:
    """One that runs, and writes a file."""

    def __init__(self, host, *words, file=None):
        self.host = host
        self.file = file
        if file and os.path.exists(file):
            os.unlink(file)
        argv = [os.path.join(host.build, "vxctl"), "--socket", host.socket, "capture",
                *(["-w", file] if file else []), *words]
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        if file:
            wait_until(f"{' '.join(argv)} runs", self.has_begun)

    def has_begun(self):
        if self.process.poll():
            raise Failed(f"it ended: {self._end()}")
        return os.path.exists(self.file) and os.path.getsize(self.file) > 0

    def _end(self, timeout=10):
        out, err = self.process.communicate(timeout=timeout)
        return self.process.returncode, out, err.decode()

    def end(self, by=signal.SIGINT):
        """(captured, dropped) as it says."""
        if by is not None:
            self.process.send_signal(by)
        return self.counts()

    def counts(self):
        status, _, err = self._end()
        expect(status == 0, f"capture ended with {status}: {err}")
        said = re.search(r"(\d+) packets captured\n(\d+) packets dropped by capture", err)
        expect(said, f"no counts: {err!r}")
        return int(said[1]), int(said[2])

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.returncode is None:
            self.kill()


def with_tshark(file, display_filter=""):
    """A dictionary of FIELDS for each packet."""
    words = [word for field in FIELDS.values() for word in ("-e", field)]
    out = run("tshark", "-n", "-r", file, *(["-Y", display_filter] if display_filter else []), "-T", "fields",
              "-E", "occurrence=a", "-E", "separator=/t", *words).out
    packets = [dict(zip(FIELDS, line.split("\t"))) for line in out.splitlines()]
    return [{**packet, "direction": int(packet["direction"], 16)} for packet in packets]


def with_tcpdump(file, *words):
    """Its lines."""
    return run("tcpdump", "-n", "-e", "-r", file, *words).out.splitlines()
