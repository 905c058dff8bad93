# SPDX-License-Identifier: BSD-3-Clause
"""vxd as a contestant: one worker on the measured CPU, everything else on the other."""

import signal
import time

from lib.rpc import Rpc
from lib.shell import expect
from lib.vxd import VxdHost

from .contestant import Contestant, end, die_with_parent


class _Process(VxdHost):
    before_exec = staticmethod(die_with_parent)

    def __init__(self, env, namespace, name, arguments):
        self._env = env
        super().__init__(namespace, name, env.build, env.directory, arguments)

    def argv(self):
        # It inherits our one CPU, and takes no worker's CPU that it may not run on.
        both = f"{self._env.other_cpu},{self._env.cpu}"
        return self._env.measured("taskset", "-c", both, *super().argv())


class Vxd(Contestant):
    """`commands` set it up in one transaction; what `sender` sends counts, what `receiver` receives is the input."""

    def __init__(self, env, label, commands, sender="out", receiver="in", namespace=None, arguments=(), lossy=False):
        super().__init__(label)
        self.env = env
        self.commands = commands
        self.sender, self.receiver = sender, receiver
        self.arguments = ["--workers", env.cpu, "--control-cpu", env.other_cpu, "--log-level", "info", *arguments]
        if env.pages == "small":
            self.arguments.append("--eal=--no-huge")
        self.namespace, self._own_namespace = namespace, None
        self.load_seconds = 0.0
        self.lossy = lossy
        self._host = self._rpc = None
        self._own = {}

    def __enter__(self):
        if self.namespace is None:
            self.namespace = self._own_namespace = self.env.namespace("v")
        try:
            name = self.env.unique("vxd")
            self._host = _Process(self.env, self.namespace, name, self.arguments)
            self.process = self._host.process
            with open(self._host.log) as log:
                is_huge = "packets lie in hugepages" in log.read()
            expect(is_huge == (self.env.pages == "huge"), f"vxd did not get {self.env.pages} pages")
            commands = self.commands() if callable(self.commands) else self.commands
            begin = time.monotonic()
            self._host.vxctl("-batch", "-", input="\n".join(commands) + "\n", timeout=120)
            self.load_seconds = time.monotonic() - begin
            self._rpc = Rpc(self._host.socket, timeout=30)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind, *_):
        if self._rpc:
            self._rpc.socket.close()
        try:
            if self._host:
                self.resume()
                if kind is None and self._host.is_alive():
                    self._host.stop()
                else:
                    end(self._host.process, signal.SIGTERM)
        finally:
            if self._own_namespace:
                self._own_namespace.close()
                self.namespace = self._own_namespace = None

    def _stats(self):
        return self._rpc.run("stats show", format="json")["result"]["outputs"][0]

    def counters(self):
        self._last = self._stats()
        links = {link["ifname"]: link for link in self._last["links"]}
        sent = sum(links[name]["tx"]["packets"] for name in links if name.startswith(self.sender))
        return sent, links[self.receiver]["rx"]["packets"]

    def sample(self, cpu):
        sample = super().sample(cpu)
        worker = self._last["workers"][0]
        sample.facts = {"packets": worker["packets"], "busy_ticks": worker["busy_ticks"],
                        "drops": dict(self._last["drops"])}
        return sample

    def check(self, before, after):
        drops = {reason: count - before.facts["drops"].get(reason, 0)
                 for reason, count in after.facts["drops"].items()
                 if count != before.facts["drops"].get(reason, 0)}
        received = after.received - before.received
        expect(self.lossy or sum(drops.values()) <= 0.005 * received, f"{self.label} dropped packets: {drops}")
        super().check(before, after)
        packets = after.facts["packets"] - before.facts["packets"]
        busy = after.facts["busy_ticks"] - before.facts["busy_ticks"]
        self._own = {"ticks_per_packet": busy / packets, "load_seconds": self.load_seconds}

    def facts(self):
        """Busy ticks per packet as vxd counts them: of the wall, so other processes on its CPU are in them."""
        return self._own

    def verify(self):
        """Every packet that came out has passed a VXLAN device too."""
        links = self._stats()["links"]
        passed = sum(link["rx"]["packets"] + link["tx"]["packets"] for link in links
                     if link["ifname"].startswith("vxlan"))
        sent = sum(link["tx"]["packets"] for link in links if link["ifname"].startswith(self.sender))
        expect(passed >= 0.99 * sent, f"{self.label}: of {sent} packets only {passed} went through a tunnel")
