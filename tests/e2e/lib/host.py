# SPDX-License-Identifier: BSD-3-Clause
"""A VXLAN end point. It takes commands in the words of `ip` and `bridge`; the kernel or vxd carries them out."""

import json
import shlex

from .shell import Failed, expect, wait_until


class Host:
    """`do("link add br0 type bridge", "fdb append ...")` runs commands in their order, each has to succeed."""

    kind = "?"

    def __init__(self, namespace, name):
        self.namespace = namespace
        self.name = name
        self.address = None  # of the underlay, set by whoever wires it

    def do(self, *commands):
        for command in commands:
            self.command(shlex.split(command))

    def command(self, words, check=True):
        raise NotImplementedError

    def fdb(self):
        """A list of {mac, ifname, dst, state, flags}, as `bridge -j fdb show`."""
        raise NotImplementedError

    def has_fdb(self, mac, dst=None, ifname=None):
        for entry in self.fdb():
            if entry.get("mac") == mac and dst in (None, entry.get("dst")) and ifname in (None, entry.get("ifname")):
                return True
        return False

    def wait_fdb(self, mac, dst=None, ifname=None, timeout=5):
        where = f" to {dst}" if dst else ""
        wait_until(f"{self.name} has an FDB entry for {mac}{where}", lambda: self.has_fdb(mac, dst, ifname), timeout)

    def wait_no_fdb(self, mac, dst=None, ifname=None, timeout=5):
        wait_until(f"{self.name} has no FDB entry for {mac}", lambda: not self.has_fdb(mac, dst, ifname), timeout)

    def stop(self):
        pass

    close = stop


class KernelHost(Host):
    """Linux itself: a bridge, a vxlan device, and a veth pair where vxd would have a TAP."""

    kind = "kernel"

    def __init__(self, namespace, name):
        super().__init__(namespace, name)
        namespace.sysctl("net.ipv4.ip_forward", 1)

    def command(self, words, check=True):
        if words[:2] == ["link", "add"]:
            return self._add_link(words[2], words[3:])
        if words[0] == "fdb":
            return self.namespace.bridge(*words, check=check)
        if words[0] == "neigh":  # iproute2 wants the state that vxd takes as given
            return self.namespace.ip(*words, *([] if words[1] == "del" else ["nud", "permanent"]), check=check)
        return self.namespace.ip(*words, check=check)

    def _add_link(self, name, words):
        at = words.index("type")
        before, kind, options = words[:at], words[at + 1], words[at + 2:]
        ip = self.namespace.ip
        if kind in ("af_packet", "af_xdp"):
            interface = options[options.index("dev") + 1]
            ip("link", "set", interface, "down")
            ip("link", "set", interface, "name", name)
            self.namespace.allow_ipv6(name)
        elif kind == "tap":
            self._add_veth(name, before, options)
        else:
            ip("link", "add", name, *before, "type", kind, *options)
        ip("link", "set", name, "up")

    def _add_veth(self, name, before, options):
        netns = options[options.index("netns") + 1]
        inside = options[options.index("ifname") + 1]
        self.namespace.ip("link", "add", name, "type", "veth", "peer", "name", inside, *before, "netns", netns)
        if "mtu" in before:
            self.namespace.ip("link", "set", name, "mtu", before[before.index("mtu") + 1])

    def fdb(self):
        return json.loads(self.namespace.bridge("-j", "fdb", "show").out or "[]")


def mac_of(number):
    """A unicast, locally administered address that says whose it is: 02:00:00:00:00:<number>."""
    expect(0 <= number < 256, "one byte")
    return f"02:00:00:00:00:{number:02x}"


__all__ = ["Failed", "Host", "KernelHost", "mac_of"]
