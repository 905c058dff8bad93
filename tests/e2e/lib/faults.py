# SPDX-License-Identifier: BSD-3-Clause
"""Failures on demand inside a vxd: allocations, threads, descriptors and writes (tests/support/faults.cpp)."""

import ctypes
import mmap
import os

KINDS = {"allocation": 1, "thread": 2, "descriptor": 4, "disk": 8}


class _Plan(ctypes.Structure):
    _fields_ = [("kinds", ctypes.c_uint32), ("burst", ctypes.c_uint32), ("until", ctypes.c_int64),
                ("failed", ctypes.c_uint64)]


class Faults:
    def __init__(self, build, path):
        self.library = os.path.join(build, "tests", "libvxd_faults.so")
        self.path = path
        with open(path, "w+b") as file:
            file.truncate(mmap.PAGESIZE)
            self._memory = mmap.mmap(file.fileno(), mmap.PAGESIZE)
        self._plan = _Plan.from_buffer(self._memory)

    def environment(self):
        """For a vxd that is to fail."""
        return {"LD_PRELOAD": self.library, "VXD_FAULTS": self.path}

    def plan(self, kind, after, burst=1):
        """The next call of this kind but `after` fails, and `burst` - 1 behind it."""
        self._plan.kinds = 0
        self._plan.until = after
        self._plan.burst = burst
        self._plan.kinds = KINDS[kind]

    def end(self):
        self._plan.kinds = 0

    @property
    def count(self):
        """Calls that have failed so far."""
        return self._plan.failed
