# SPDX-License-Identifier: BSD-3-Clause
"""An IPv6 underlay whose switch snoops MLD: it sends neighbours' solicitations to those alone who have reported the
group of the address, and a host has to say again what it listens to whenever a querier asks."""

import json

from lib.lab import LENGTH, PREFIX
from lib.shell import expect, is_so, wait_until
from lib.testcase import cases, needs_vxd
from lib.wire import Sniffer

GROUP = "ff02::1:ff00:1"  # of host 1's address
GROUP_MAC = bytes.fromhex("3333ff000001")
PATIENCE = 30  # seconds; the switch begins to snoop a second after its first query, and asks every other second


def snooping_switch(lab, version):
    """Three hosts, whose addresses come later, and their switch."""
    hosts = lab.switch(3)
    rack = lab.namespaces[-1]
    rack.sysctl("net.ipv6.conf.rack.disable_ipv6", 0)
    rack.ip("addr", "add", "fe80::1/64", "dev", "rack", "nodad")
    rack.ip("link", "set", "rack", "type", "bridge", "mcast_snooping", 1, "mcast_mld_version", version,
            "mcast_query_interval", 200, "mcast_startup_query_interval", 100, "mcast_query_response_interval", 100,
            "mcast_last_member_interval", 100, "mcast_querier", 1)
    return hosts, rack


def connect(lab, kinds, namespaces):
    hosts = []
    for number, (kind, namespace) in enumerate(zip(kinds, namespaces), 1):
        host = lab.endpoint(kind, namespace, number)
        lab.uplink(host, f"{PREFIX[6]}{number}", LENGTH[6])
        hosts.append(host)
    return hosts


def log_of(host):
    with open(host.log, errors="replace") as file:
        return file.read()


def is_member(rack, port):
    mdb = json.loads(rack.bridge("-j", "mdb", "show", "dev", "rack").out)
    return any(entry["grp"] == GROUP and entry["port"] == port for part in mdb for entry in part.get("mdb", []))


@cases(version=[1, 2])
def test_an_underlay_address_is_resolved_behind_a_switch_that_snoops(lab, version):
    namespaces, rack = snooping_switch(lab, version)
    near, far, other = connect(lab, ("vxd", "kernel", "kernel"), namespaces)
    wait_until("the switch knows the group of the address", lambda: is_member(rack, "port1"), timeout=PATIENCE)

    def is_snooping():
        """It resolves, and the third host does not hear the question."""
        far.namespace.ip("neigh", "flush", "dev", "uplink")
        with Sniffer(other.namespace, "uplink") as wire:
            pinged = far.namespace.run("ping", "-6", "-n", "-c", 1, "-W", 5, near.address, check=False)
            heard = [frame for frame in wire.frames() if frame[:6] == GROUP_MAC]
        expect(pinged.status == 0, f"{near.address} is not resolved, heard by others: {bool(heard)}\n{pinged}")
        return not heard
    expect(is_so(is_snooping, timeout=PATIENCE, interval=0.5), "the case itself: the switch floods")


@cases(version=[1, 2])
def test_what_a_switch_has_forgotten_is_reported_when_it_asks(lab, version):
    namespaces, rack = snooping_switch(lab, version)
    near, = connect(lab, ("vxd",), namespaces)
    for _ in range(5):  # more often than it is said unasked: twice for the address, twice for the carrier
        wait_until("the switch knows the group of the address", lambda: is_member(rack, "port1"), timeout=PATIENCE)
        rack.bridge("mdb", "del", "dev", "rack", "port", "port1", "grp", GROUP, "temp")
    wait_until("the switch knows it again", lambda: is_member(rack, "port1"), timeout=PATIENCE)
    if near.kind == "vxd":
        expect("mld_query_invalid" not in near.drops(), near.drops())
    near.do(f"addr add {PREFIX[6]}77/{LENGTH[6]} dev uplink")
    near.do(f"addr del {near.address}/{LENGTH[6]} dev uplink")
    wait_until("the switch hears that the address is gone", lambda: not is_member(rack, "port1"), timeout=PATIENCE)


@needs_vxd
def test_groups_are_reported_again_when_the_carrier_is_back(lab):
    namespaces, rack = snooping_switch(lab, 2)
    near, = connect(lab, ("vxd",), namespaces)
    wait_until("the switch knows the group of the address", lambda: is_member(rack, "port1"), timeout=PATIENCE)
    rack.ip("link", "set", "rack", "type", "bridge", "mcast_querier", 0)

    def is_loss_seen():
        """Not of a carrier that vxd, which looks every second, has not yet seen."""
        rack.ip("link", "set", "port1", "down")
        is_seen = is_so(lambda: "uplink: it has lost its carrier" in log_of(near), timeout=3)
        if not is_seen:
            rack.ip("link", "set", "port1", "up")
        return is_seen
    wait_until("vxd sees that the carrier is lost", is_loss_seen, timeout=PATIENCE, interval=2)
    expect(not is_member(rack, "port1"), "the case itself: the switch has kept the port's groups")
    rack.ip("link", "set", "port1", "up")
    wait_until("the switch knows it again", lambda: is_member(rack, "port1"), timeout=PATIENCE)
