# SPDX-License-Identifier: BSD-3-Clause
"""Where one run works: a directory, namespaces, CPUs, memory; and their end."""

import contextlib
import os
import shutil
import tempfile

from lib.netns import Namespace
from lib.shell import expect

from . import captures, machine

WANTED_HUGEPAGES_MIB = 1280  # vxd takes them when 1 GiB is free; the peers get the rest


class Environment:
    """`cpu` is the one that is measured; everything else, this process too, lives on `other_cpu`."""

    def __init__(self, build, cpu=1, other_cpu=0, pages="auto", nice=0):
        self.build = os.path.abspath(build)
        self.cpu, self.other_cpu = cpu, other_cpu
        self.nice = nice
        self.name = f"vxb{os.getpid()}"
        self.directory = None
        free = machine.free_hugepages_mib()
        expect(pages != "huge" or free >= WANTED_HUGEPAGES_MIB,
               f"{free} MiB of hugepages are free, {WANTED_HUGEPAGES_MIB} are wanted: sysctl vm.nr_hugepages")
        self.pages = ("huge" if free >= WANTED_HUGEPAGES_MIB else "small") if pages == "auto" else pages
        self._stack = contextlib.ExitStack()
        self._captures = {}
        self._count = 0

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="vxb-")
        self._stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
        os.sched_setaffinity(0, {self.other_cpu})
        return self

    def __exit__(self, *_):
        self._stack.close()

    def unique(self, word):
        """A name that nothing else on the machine has."""
        self._count += 1
        return f"{self.name}-{word}{self._count}"

    def namespace(self, word):
        """To be entered by whoever asked."""
        return Namespace(self.unique(word))

    def capture(self, name, make):
        """The path of a capture; `make` gives its frames the first time."""
        if name not in self._captures:
            path = os.path.join(self.directory, f"{name}.pcap")
            self._captures[name] = captures.write(path, make())
        return self._captures[name]

    def measured(self, *argv):
        """How the measured process is started."""
        return ["nice", "-n", str(self.nice), *argv] if self.nice else list(argv)
