# SPDX-License-Identifier: BSD-3-Clause
"""Checksums in every state and frames to be segmented, at random: what was right arrives, what was wrong is refused by the
receiving kernel as wrong, never repaired on the way. VXD_VERDICT_FRAMES says how many of each kind (default: 200)."""

import json
import os

from lib.host import mac_of
from lib.testcase import cases, needs_vxd
from lib.verdict import CORRUPT, Verdict, kinds

COUNT = int(os.environ.get("VXD_VERDICT_FRAMES", 200))


def compare(source, target, families=(4, 6), is_wire=True, **options):
    """`is_wire`: whether there is one between them; otherwise a partial checksum stays so, and is not looked at."""
    target.namespace.sysctl("net.ipv4.icmp_ratelimit", 0)
    target.namespace.sysctl("net.ipv4.icmp_msgs_per_sec", 1000000)
    with Verdict(source, target, **options) as verdict:
        for kind in kinds():
            if kind.family in families and (is_wire or not (kind.gso and kind.state == CORRUPT)):
                verdict.check(kind, COUNT if not kind.gso else max(1, COUNT // 4))


@needs_vxd
def test_on_one_host(lab):
    host, = lab.underlay("vxd")
    host.do("link add br0 type bridge")
    c1, c2 = lab.container(host, "c1", "172.18.20.1/16"), lab.container(host, "c2", "172.18.20.2/16")
    lab.number_ipv6(c1, c2)
    c1.ping(c2)
    compare(c1, c2, is_wire=False)


@cases(dict(near="vxd", far="kernel", family=4, checksum="udpcsum"), dict(near="kernel", far="vxd", family=4, checksum="noudpcsum"),
       dict(near="vxd", far="vxd", family=4, checksum="noudpcsum"), dict(near="vxd", far="kernel", family=6, checksum="udpcsum"),
       dict(near="vxd", far="vxd", family=6, checksum="udpcsum"))
def test_through_a_tunnel(lab, near, far, family, checksum):
    one, two = lab.underlay(near, far, family=family)
    lab.bridged([one, two], options=f"dstport 4789 {checksum}")
    mtu = 1450 if family == 4 else 1430
    c1 = lab.container(one, "c1", "172.18.20.1/16", mtu=mtu, mac=mac_of(1))
    c2 = lab.container(two, "c2", "172.18.20.2/16", mtu=mtu, mac=mac_of(2))
    lab.number_ipv6(c1, c2)
    c1.ping(c2)
    compare(c1, c2)


@needs_vxd
@cases(dict(near="veth", far="tap"), dict(near="tap", far="veth"), dict(near="veth", far="tunnel"))
def test_behind_a_veth(lab, near, far):
    """An af_packet port, of a veth that leaves all undone."""
    one, two = lab.underlay("vxd", "kernel")
    lab.bridged([one, two], options="dstport 4789")

    def container(kind, number):
        if kind == "veth":
            return lab.veth_container(one, f"c{number}", number)
        host = two if kind == "tunnel" else one
        return lab.container(host, f"c{number}", f"172.18.20.{number}/16", mac=mac_of(number))

    c1, c2 = container(near, 1), container(far, 2)
    lab.number_ipv6(c1, c2)
    c1.ping(c2)
    compare(c1, c2, is_wire=far == "tunnel")


@cases(far=["kernel", "vxd"])
def test_through_a_router(lab, far):
    near, other = lab.underlay("vxd", far)
    lab.routed([near, other])
    one, two = lab.routed_container(near, 1), lab.routed_container(other, 2)
    one.ping(two)
    neighbors = one.namespace.ip("-j", "neigh", "show", "172.18.10.1").out
    gateway = json.loads(neighbors)[0]["lladdr"]
    compare(one, two, families=(4,), next_hop=gateway, addresses={4: (one.address, two.address)})
