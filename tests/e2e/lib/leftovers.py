# SPDX-License-Identifier: BSD-3-Clause
"""What a run of the tests must not leave on the machine."""

import os
import re

from .shell import is_so


def _names(folder):
    try:
        return set(os.listdir(folder))
    except FileNotFoundError:
        return set()


def _is_alive(name):
    """Whether a name that ends in a process id belongs to somebody who still runs."""
    pid = re.search(r"([0-9]+)$", name)
    return bool(pid) and os.path.exists(f"/proc/{pid[1]}")


class Leftovers:
    """Compares the machine with what it was when this was made. Others may use it at the same time, so it looks only
    for what carries our names or can only be vxd's."""

    def __init__(self, prefix):
        self._prefix = prefix
        self._before = self._look()

    def _look(self):
        return {
            "namespaces": {name for name in _names("/run/netns") if name.startswith(self._prefix)},
            "DPDK files": {name for name in _names("/run/dpdk") if not _is_alive(name)},
            "hugepage files": _names("/dev/hugepages"),
            "temporary files": {name for name in _names("/tmp") if name.startswith("vxt-")},
            "interfaces": _names("/sys/class/net"),
            "processes": self._processes(),
        }

    def _processes(self):
        """Of this run: started from here, in a session of their own."""
        mine = set()
        for entry in _names("/proc"):
            if not entry.isdigit():
                continue
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    words = file.read().split(b"\0")
            except OSError:
                continue
            program = os.path.basename(words[0])
            if program in (b"vxd", b"vxd-exporter", b"prometheus", b"qemu-system-x86_64") and any(b"/vxt-" in word for word in words):
                mine.add(entry)
        return mine

    def found(self):
        """None, or a sentence."""
        def new():
            now = self._look()
            return {what: now[what] - self._before[what] for what in now if now[what] - self._before[what]}
        is_so(lambda: not new(), timeout=3)  # the kernel takes a moment to remove a namespace's interfaces
        left = new()
        return f"left behind: {left}" if left else None
