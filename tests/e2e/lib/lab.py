# SPDX-License-Identifier: BSD-3-Clause
"""Everything that one test builds, and its end: whatever happens, nothing of it is left."""

import contextlib
import os
import shutil
import tempfile

from .container import Container, VethContainer
from .guest import Guest
from .host import KernelHost, mac_of
from .netns import Namespace
from .shell import Failed, expect, run
from .vxd import VxdHost

# The underlay of host 1, 2, ...: documentation addresses.
PREFIX = {4: "192.0.2.", 6: "2001:db8::"}
LENGTH = {4: 24, 6: 64}


class Settings:
    """How this run of the tests differs from another."""

    def __init__(self, build, logs, kernel_only=False, underlay_port="af_packet"):
        self.build = os.path.abspath(build)
        self.logs = os.path.abspath(logs)
        self.kernel_only = kernel_only  # the kernel in place of vxd: a test of the tests
        self.underlay_port = underlay_port
        self.prefix = f"vxt{os.getpid()}-"


class Lab:
    def __init__(self, settings, name):
        self.settings = settings
        self.name = name
        self.directory = tempfile.mkdtemp(prefix="vxt-")
        self.hosts = []
        self.containers = {}
        self.namespaces = []
        self._stack = contextlib.ExitStack()
        self._stack.callback(self._remove_directory)

    # --- the end

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        failed = error is not None
        try:
            self._stack.close()
        except Failed:
            failed = True
            raise
        finally:
            self._leftovers(may_raise=not failed)

    def _remove_directory(self):
        os.makedirs(self.settings.logs, exist_ok=True)
        for entry in os.listdir(self.directory):
            if entry.endswith(".log"):
                kept = os.path.join(self.settings.logs, f"{self.name}.{entry}")
                shutil.copy(os.path.join(self.directory, entry), kept)
        shutil.rmtree(self.directory)

    def _leftovers(self, may_raise):
        left = [name for name in os.listdir("/run/netns") if name.startswith(self.settings.prefix)]
        for name in left:
            run("ip", "netns", "del", name, check=False)
        if may_raise:
            expect(not left, f"left behind: namespaces {left}")

    def story(self):
        """For the report of a failure: what each vxd logged and counted."""
        text = ""
        for host in self.hosts:
            if host.kind != "vxd":
                continue
            text += host.tail() + "\n"
            if host.is_alive():
                with contextlib.suppress(Failed):
                    text += f"--- what {host.name} counted:\n{host.vxctl('stats', check=False).out}\n"
        return text

    # --- what a test is built from

    def enter(self, context):
        return self._stack.enter_context(context)

    def namespace(self, suffix):
        made = Namespace(self.settings.prefix + suffix)
        self.namespaces.append(made)
        return self.enter(made)

    def cable(self, one, one_name, other, other_name, mtu=1500):
        """A veth pair that behaves like two NICs: what is sent into it is finished, in checksums and in segments. A
        kernel that sends into a veth leaves that to the other end, and af_packet and af_xdp would hand it on as it is.
        """
        run("ip", "link", "add", one_name, "netns", one.name, "mtu", mtu, "type", "veth",
            "peer", "name", other_name, "netns", other.name, "mtu", mtu)
        for namespace, interface in ((one, one_name), (other, other_name)):
            namespace.offloads(interface, "off")
            namespace.ip("link", "set", interface, "up")

    def switch(self, count, mtu=1500):
        """Host namespaces h1..hN whose eth1 are on one kernel bridge, as in a rack."""
        hosts = [self.namespace(f"h{number}") for number in range(1, count + 1)]
        if count == 2:
            self.cable(hosts[0], "eth1", hosts[1], "eth1", mtu)
            return hosts
        rack = self.namespace("rack")
        rack.ip("link", "add", "rack", "type", "bridge")
        rack.ip("link", "set", "rack", "up")
        for number, host in enumerate(hosts, 1):
            self.cable(host, "eth1", rack, f"port{number}", mtu)
            rack.ip("link", "set", f"port{number}", "master", "rack")
        return hosts

    def endpoint(self, kind, namespace, number, **options):
        """A vxd or a kernel in `namespace`, not yet connected to the underlay."""
        name = f"h{number}"
        if kind == "kernel" or self.settings.kernel_only:
            host = KernelHost(namespace, name)
        else:
            workers = options.pop("workers", str((number + 1) % os.cpu_count()))
            arguments = ["--workers", workers, *options.pop("arguments", ())]
            host = VxdHost(namespace, name, self.settings.build, self.directory, arguments, **options)
        self.hosts.append(host)
        self._stack.callback(host.close)
        return host

    def uplink(self, host, address, length, port=None, interface="eth1"):
        host.address = address
        host.do(f"link add uplink type {port or self.settings.underlay_port} dev {interface}",
                f"addr add {address}/{length} dev uplink")
        if ":" in address and host.kind == "kernel":
            host.namespace.ip("addr", "change", f"{address}/{length}", "dev", "uplink", "nodad")

    def underlay(self, *kinds, family=4, mtu=1500, port=None):
        """One host of each kind ("vxd" or "kernel"), all on one segment: 192.0.2.1, .2, ... or 2001:db8::1, ::2, ..."""
        hosts = []
        for number, (kind, namespace) in enumerate(zip(kinds, self.switch(len(kinds), mtu)), 1):
            host = self.endpoint(kind, namespace, number)
            self.uplink(host, f"{PREFIX[family]}{number}", LENGTH[family], port)
            hosts.append(host)
        return hosts

    def container(self, host, name, address=None, bridge="br0", **options):
        """Its end of the port is called `name` in the host, eth0 in the container."""
        namespace = self.namespace(name)
        made = Container(namespace, host, name, address, bridge, **options)
        self.containers[name] = made
        return made

    def veth_container(self, host, name, number, bridge="br0"):
        """172.18.20.NUMBER behind a veth, which is an af_packet port of the host's."""
        made = VethContainer(self.namespace(name), host, name, f"172.18.20.{number}/16", bridge, mac_of(number))
        self.containers[name] = made
        return made

    def guest(self, name, **options):
        """A virtual machine, not yet started, for a vhost-user port."""
        return self.enter(Guest(self, name, **options))

    def number_ipv6(self, *containers):
        """fd00::1, fd00::2, ..."""
        for number, container in enumerate(containers, 1):
            container.add_address(f"fd00::{number}/64")

    # --- the tutorial's two networks

    def bridged(self, hosts, vni=100, bridge="br0", device="vxlan100", options="dstport 4789 nolearning", flood=True):
        """Scheme 2: on each host a bridge with a VXLAN device in it that floods to all the others."""
        for host in hosts:
            host.do(f"link add {bridge} type bridge",
                    f"link add {device} type vxlan id {vni} local {host.address} {options}",
                    f"link set {device} master {bridge}")
            if flood:
                host.do(*(f"fdb append 00:00:00:00:00:00 dev {device} dst {other.address}"
                          for other in hosts if other is not host))

    def routed(self, hosts, vni=100, device="vxlan100", options="dstport 4789 nolearning", bridge="br0"):
        """Scheme 1: host N has the containers of 172.18.(10*N).0/24, a gateway .1 on its bridge, and .0 on vxlan100."""
        for number, host in enumerate(hosts, 1):
            host.do(f"link add {bridge} type bridge",
                    f"addr add 172.18.{10 * number}.1/24 dev {bridge}",
                    f"link add {device} address 0e:00:00:00:00:{number:02x} type vxlan id {vni} local {host.address}"
                    f" {options}",
                    f"addr add 172.18.{10 * number}.0/32 dev {device}")
        for host in hosts:
            for number, other in enumerate(hosts, 1):
                if other is not host:
                    self.route_to(host, number, other.address, device)

    def route_to(self, host, number, vtep, device="vxlan100"):
        net, mac = f"172.18.{10 * number}.0", f"0e:00:00:00:00:{number:02x}"
        host.do(f"neigh add {net} lladdr {mac} dev {device}",
                f"fdb append {mac} dev {device} dst {vtep}",
                f"route add {net}/24 via {net} dev {device} onlink")

    def routed_container(self, host, number, last=2, **options):
        net = f"172.18.{10 * number}"
        return self.container(host, f"c{number}-{last}", f"{net}.{last}/24", gateway=f"{net}.1", **options)
