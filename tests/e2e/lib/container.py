# SPDX-License-Identifier: BSD-3-Clause
"""A container: a namespace whose eth0 is a host's port."""

import contextlib
import json
import os
import re
import signal
import subprocess
import time

from .shell import Failed, expect, is_so, run, wait_until


class Container:
    """`address` is "172.18.20.2/24"; IPv6 addresses go in with `add_address`."""

    interface = "eth0"

    def __init__(self, namespace, host, name, address=None, bridge=None, mac=None, mtu=1450, gateway=None):
        self.namespace = namespace
        self.host = host
        self.name = name
        self.address = address.split("/")[0] if address else None
        self.attach(bridge, mac, mtu)
        if address:
            self.add_address(address)
        if gateway:
            self.namespace.ip("route", "add", "default", "via", gateway)

    def attach(self, bridge=None, mac=None, mtu=1450):
        before = (f" address {mac}" if mac else "") + (f" mtu {mtu}" if mtu else "")
        self.host.do(f"link add {self.name}{before} type tap netns {self.namespace.name} ifname {self.interface}")
        if bridge:
            self.host.do(f"link set {self.name} master {bridge}")
        self.namespace.ip("link", "set", self.interface, "up")
        if self.host.kind == "vxd" and mac:
            expect(self.mac == mac, f"{self.name}: {self.interface} has the address {self.mac}, not {mac}")

    def add_address(self, address):
        if ":" in address:
            self.namespace.allow_ipv6(self.interface)
            self.namespace.ip("addr", "add", address, "dev", self.interface, "nodad")
        else:
            self.namespace.ip("addr", "add", address, "brd", "+", "dev", self.interface)

    @property
    def mac(self):
        return self.namespace.mac(self.interface)

    def know(self, other, address=None, mac=None):
        """A permanent neighbour entry, so that a test of unicast needs no broadcast."""
        self.namespace.ip("neigh", "replace", address or other.address, "lladdr", mac or other.mac,
                          "dev", self.interface, "nud", "permanent")

    def forget_neighbours(self):
        self.namespace.ip("neigh", "flush", "dev", self.interface)

    def _ping(self, target, count, size, wait, options):
        words = ["ping", "-n", "-c", count, "-i", "0.05", "-W", wait, *options]
        if size is not None:
            words += ["-s", size]
        return self.namespace.run(*words, target, check=False, timeout=30 + count)

    def ping(self, target, count=3, size=None, dont_fragment=False, wait=2, ttl=None):
        """Every one of `count` has to come back. The first may wait for address resolution."""
        target = target.address if isinstance(target, Container) else target
        options = (["-M", "do"] if dont_fragment else []) + (["-t", ttl] if ttl else [])
        result = self._ping(target, count, size, wait, options)
        # ping(8) waits for the last answer no longer than the interval: 50 ms, which a busy machine may take.
        if result.status == 0 and f" {count - 1} received" in result.out and f"icmp_seq={count} " not in result.out:
            result = self._ping(target, count, size, wait, options)
        expect(result.status == 0 and f" {count} received" in result.out and "DUP!" not in result.out,
               f"{self.name} pings {target}: {result}")
        return result.out

    def no_ping(self, target, size=None, dont_fragment=False, ttl=None):
        target = target.address if isinstance(target, Container) else target
        options = (["-M", "do"] if dont_fragment else []) + (["-t", ttl] if ttl else [])
        result = self._ping(target, 2, size, 0.4, options)
        expect(result.status != 0, f"{self.name} can ping {target}, and should not: {result}")
        return result

    def wait_ping(self, target, timeout=5):
        target = target.address if isinstance(target, Container) else target
        expect(is_so(lambda: self._ping(target, 1, None, 0.3, []).status == 0, timeout),
               f"{self.name} could not ping {target} for {timeout} s")

    def round_trip_ms(self, target):
        out = self.ping(target, count=1)
        return float(re.search(r"time=([0-9.]+) ms", out)[1])

    def offloads(self, state):
        """What the container's kernel leaves to its device to finish: checksums and segmentation."""
        self.namespace.run("ethtool", "-K", self.interface, "tx", state, "tso", state, "gso", state)

    @contextlib.contextmanager
    def iperf_server(self):
        process = subprocess.Popen(self.namespace.argv("iperf3", "-s", "-1", "--forceflush"), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            line = process.stdout.readline() + process.stdout.readline()
            expect(b"listening" in line, f"iperf3 -s: {line!r}")
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            process.stdout.close()
            process.wait()

    def iperf(self, server, seconds=1, *options):
        """Bits per second that the server got."""
        with server.iperf_server():
            result = self.namespace.run("iperf3", "-J", "-c", server.address, "-t", seconds, *options, check=False,
                                        timeout=seconds + 15)
        try:
            report = json.loads(result.out)
        except ValueError:
            raise Failed(str(result)) from None
        expect("error" not in report, f"iperf3 {self.name} -> {server.name}: {report.get('error')}")
        rate = report["end"]["sum_received"]["bits_per_second"]
        expect(rate > 1e6, f"iperf3 {self.name} -> {server.name}: only {rate:.0f} bit/s")
        return rate


__all__ = ["Container", "run", "time", "wait_until"]


class VethContainer(Container):
    """Its eth0 is the far end of a veth, whose near end is an af_packet port."""

    def attach(self, bridge=None, mac=None, mtu=1450):
        host = self.host.namespace
        host.ip("link", "add", f"v-{self.name}", "mtu", mtu, "type", "veth", "peer", "name", self.interface, "address", mac,
                "mtu", mtu, "netns", self.namespace.name)
        host.ip("link", "set", f"v-{self.name}", "up")
        self.namespace.ip("link", "set", self.interface, "up")
        self.host.do(f"link add {self.name} type af_packet dev v-{self.name}", f"link set {self.name} master {bridge}")
