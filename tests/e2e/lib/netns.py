# SPDX-License-Identifier: BSD-3-Clause
"""A network namespace: made, entered, and removed with everything in it."""

import contextlib
import ctypes
import json
import os
import signal
import socket

from .shell import run

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


def _setns(fd):
    if _libc.setns(fd, _CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"setns: {os.strerror(code)}")


class Namespace:
    """IPv6 is off in a new one until somebody asks for it: no neighbour discovery disturbs what a test counts."""

    def __init__(self, name):
        self.name = name
        run("ip", "netns", "add", name)
        self.ip("link", "set", "lo", "up")
        self.sysctl("net.ipv6.conf.default.disable_ipv6", 1)

    def close(self):
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        # Its interfaces go in the background after the name is gone; a peer of a veth goes with them.
        run("ip", "netns", "del", self.name, check=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def path(self):
        return f"/run/netns/{self.name}"

    def processes(self):
        return [int(pid) for pid in run("ip", "netns", "pids", self.name, check=False).out.split()]

    def argv(self, *argv):
        return ["ip", "netns", "exec", self.name, *argv]

    def run(self, *argv, **options):
        return run(*self.argv(*argv), **options)

    def ip(self, *argv, **options):
        return run("ip", "-n", self.name, *argv, **options)

    def bridge(self, *argv, **options):
        return run("bridge", "-n", self.name, *argv, **options)

    @contextlib.contextmanager
    def entered(self):
        """The calling thread is in this namespace; a socket made now stays here."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            there = os.open(self.path, os.O_RDONLY)
            try:
                _setns(there)
            finally:
                os.close(there)
            try:
                yield
            finally:
                _setns(home)
        finally:
            os.close(home)

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_DGRAM, protocol=0, timeout=5.0):
        with self.entered():
            made = socket.socket(family, kind, protocol)
        made.settimeout(timeout)
        return made

    def sysctl(self, key, value):
        with self.entered(), open("/proc/sys/" + key.replace(".", "/"), "w") as file:
            file.write(str(value))

    def links(self):
        """Name -> the `ip -j link` object."""
        return {link["ifname"]: link for link in json.loads(self.ip("-j", "-d", "link", "show").out)}

    def mac(self, interface):
        return self.links()[interface]["address"]

    def allow_ipv6(self, interface):
        """Without duplicate address detection, which would delay every test by a second."""
        self.sysctl(f"net.ipv6.conf.{interface}.accept_dad", 0)
        self.sysctl(f"net.ipv6.conf.{interface}.accept_ra", 0)
        self.sysctl(f"net.ipv6.conf.{interface}.disable_ipv6", 0)

    def offloads(self, interface, state, names=("tx", "tso", "gso", "gro", "tx-udp_tnl-segmentation",
                                                "tx-udp_tnl-csum-segmentation")):
        words = [word for name in names for word in (name, state)]
        self.run("ethtool", "-K", interface, *words, check=False)
