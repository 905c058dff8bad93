# SPDX-License-Identifier: BSD-3-Clause
"""Who is measured: a process that polls on one CPU. All of a round are started once; then all but one are stopped."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field

from lib.shell import Failed, expect

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent():
    """In a child before it becomes the program: nobody is left behind, or left stopped, if we are killed."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@dataclass
class Sample:
    """Counters at one moment; `seconds` are of the wall, `cpu` what the polling thread got of its CPU."""

    seconds: float
    packets: int
    received: int
    cpu: float
    facts: dict = field(default_factory=dict)


def pinned_thread(pid, cpu):
    """The thread that polls on `cpu`: the busiest of those that may run nowhere else."""
    best = (-1.0, None)
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/task/{task}/status") as file:
                allowed = next(line for line in file if line.startswith("Cpus_allowed_list")).split(":")[1].strip()
            if allowed == str(cpu):
                best = max(best, (cpu_seconds(pid, task), task))
    expect(best[1], f"process {pid} has no thread on CPU {cpu} alone")
    return best[1]


def cpu_seconds(pid, task):
    with open(f"/proc/{pid}/task/{task}/schedstat") as file:
        return int(file.read().split()[0]) / 1e9


class Contestant:
    """`label` is its name in tables. Subclasses start in __enter__ and end in __exit__, whatever happened between."""

    def __init__(self, label):
        self.label = label
        self.process = None
        self._task = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def counters(self):
        """(packets sent by the port that counts, packets received by the other)"""
        raise NotImplementedError

    def facts(self):
        """What it says about itself, such as ticks per packet."""
        return {}

    def verify(self):
        """Raises if its packets did not go through a tunnel; asked after it was measured, while it still runs."""

    def sample(self, cpu):
        if self._task is None and self.process is not None:
            self._task = pinned_thread(self.process.pid, cpu)
        before = time.monotonic()
        sent, received = self.counters()
        now = (before + time.monotonic()) / 2
        return Sample(now, sent, received, cpu_seconds(self.process.pid, self._task) if self._task else now)

    def signal(self, number):
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, number)

    def pause(self):
        self.signal(signal.SIGSTOP)

    def resume(self):
        self.signal(signal.SIGCONT)

    def check(self, before, after):
        """Raises if what happened between two samples is not what was to be measured."""
        sent, received = after.packets - before.packets, after.received - before.received
        expect(sent > 0, f"{self.label} sent nothing")
        expect(received == 0 or sent >= 0.995 * received, f"{self.label} lost packets: {received} in, {sent} out")


def end(process, by=signal.SIGTERM, within=10):
    """Ends a process that may be stopped."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(by)
    process.send_signal(signal.SIGCONT)
    try:
        process.wait(within)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


__all__ = ["Contestant", "Failed", "Sample", "die_with_parent", "end", "expect"]
