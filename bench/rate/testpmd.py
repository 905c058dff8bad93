# SPDX-License-Identifier: BSD-3-Clause
"""dpdk-testpmd: it forwards untouched between pairs of ports. That is the ceiling, and a generator with its sink."""

import json
import os
import shutil
import socket
import subprocess

from lib.shell import Failed, expect, is_so

from .contestant import Contestant, die_with_parent, end

RUNTIME = "/var/run/dpdk"


class Testpmd(Contestant):
    """Forwards between devices 0 and 1, 2 and 3, ...; `counted` is the one whose sent packets count, `source` the one
    whose received packets do."""

    def __init__(self, env, label, devices, cpu=None, counted=1, source=0, buffers=16384, namespace=None,
                 queues=1):
        super().__init__(label)
        self.env = env
        self.devices = devices
        self.cpu = env.cpu if cpu is None else cpu
        self.counted, self.source = counted, source
        self.buffers = buffers
        self.queues = queues
        self.namespace = namespace
        self.prefix = env.unique("tp")
        self.log = os.path.join(env.directory, f"{self.prefix}.log")
        self._telemetry = None

    def argv(self):
        memory = 256 + self.buffers * 4 // 1024
        pages = ["--in-memory", "--single-file-segments"] if self.env.pages == "huge" else ["--no-huge"]
        words = ["stdbuf", "-oL", "dpdk-testpmd", f"--lcores=0@{self.env.other_cpu},1@{self.cpu}", *pages, "-m",
                 str(memory), "-a", "0000:00:00.0", f"--file-prefix={self.prefix}", "--log-level=warning",
                 "--log-level=pmd.net.memif:error"]
        for device in self.devices:
            words.append(f"--vdev={device}")
        words += ["--", "--nb-cores=1", "--forward-mode=io", f"--total-num-mbufs={self.buffers}", "--no-lsc-interrupt",
                  "--port-topology=paired", f"--rxq={self.queues}", f"--txq={self.queues}"]
        words = self.env.measured(*words) if self.cpu == self.env.cpu else words
        return self.namespace.argv(*words) if self.namespace else words

    def __enter__(self):
        # Without a terminal it forwards at once, until stdin has a line.
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.argv(), stdin=subprocess.PIPE, stdout=log, stderr=log,
                                            start_new_session=True, preexec_fn=die_with_parent)
        try:
            expect(is_so(self._is_ready, 30), f"{self.label}: testpmd does not start\n{self.tail()}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def _is_ready(self):
        if self.process.poll() is not None:
            raise Failed(f"{self.label}: testpmd ended\n{self.tail()}")
        with open(self.log, errors="replace") as log:
            if "Press enter" not in log.read():
                return False
        return self._connect(f"{RUNTIME}/{self.prefix}/dpdk_telemetry.v2")

    def _connect(self, path):
        if self._telemetry is None:
            made = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            made.settimeout(5)
            try:
                made.connect(path)
            except OSError:
                made.close()
                return False
            made.recv(4096)
            self._telemetry = made
        return True

    def _statistics(self, port):
        self._telemetry.send(f"/ethdev/stats,{port}".encode())
        return json.loads(self._telemetry.recv(65536)).get("/ethdev/stats") or {}

    def counters(self):
        return (self._statistics(self.counted).get("opackets", 0), self._statistics(self.source).get("ipackets", 0))

    def tail(self, lines=12):
        with open(self.log, errors="replace") as file:
            return "".join(file.readlines()[-lines:])

    def __exit__(self, *_):
        if self._telemetry:
            self._telemetry.close()
        end(self.process)
        if self.process and self.process.stdin:
            self.process.stdin.close()
        shutil.rmtree(f"{RUNTIME}/{self.prefix}", ignore_errors=True)


def replay(path, name="net_pcap0", queues=1):
    return f"{name},{','.join([f'rx_pcap={path}'] * queues)},infinite_rx=1"


def nothing(name="net_null0"):
    return f"{name},no-rx=1"


class Ceiling(Testpmd):
    """The same capture into the same null, untouched."""

    def __init__(self, env, label, capture, buffers=16384):
        super().__init__(env, label, [replay(capture), nothing()], buffers=buffers)
