# SPDX-License-Identifier: BSD-3-Clause
"""What is measured: each scenario says who runs, on which frames, and which ratios it has to show."""

from dataclasses import dataclass, field
from typing import Callable, Optional

from . import captures
from .ovs import Ovs, devices
from .testpmd import Ceiling
from .vxd import Vxd


@dataclass
class Ratio:
    of: str
    over: str
    target: Optional[float] = None  # at least this
    within: Optional[float] = None  # a control: no further than this from 1, the smallest effect to be believed


@dataclass
class Scenario:
    name: str
    title: str
    contestants: Callable
    ratios: list = field(default_factory=list)
    clock: str = "cpu"  # rates are per second that the polling thread ran ("cpu") or that passed ("wall")
    plot: str = "one core"  # the figure of the report that it belongs to


# ---- vxd's configurations ---------------------------------------------------------------------------------------

def underlay(port):
    return [f"addr add {captures.LOCAL}/24 dev {port}",
            f"neigh add {captures.far()} lladdr {captures.FAR_MAC} dev {port}"]


def bridge(number=captures.VNI, options="nolearning"):
    return [f"link add br{number} type bridge",
            f"link add vxlan{number} type vxlan id {number} local {captures.LOCAL} {options}",
            f"link set vxlan{number} master br{number}"]


def encap_commands(count, receiver, sender="type null", checksum="noudpcsum"):
    """The port that receives comes last: what it brings finds everything in place. Without an outer UDP checksum, as
    Linux and OVS have it unless told otherwise."""
    return [f"link add out {sender}", *underlay("out"), *bridge(options=f"nolearning {checksum}"),
            *(f"fdb append {captures.mac(1, number)} dev vxlan100 dst {captures.far()}" for number in range(count)),
            f"link add in master br100 {receiver}"]


def decap_commands(count, receiver, sender="type null"):
    return [*bridge(options="learning"), f"link add out master br100 {sender}",
            *(f"fdb add {captures.mac(0, number)} dev out master static" for number in range(count)),
            f"link add in address {captures.LOCAL_MAC} {receiver}", *underlay("in")]


def pcap(path):
    return f"type pcap rx {path} loop"


# ---- in one process, on one core --------------------------------------------------------------------------------

def tunnel_macs(count):
    return [(captures.mac(1, number), "tunnel") for number in range(count)]


def local_macs(count):
    return [(captures.mac(0, number), "out") for number in range(count)]


def encap(count, udp_checksum=False):
    def contestants(env):
        capture = env.capture(f"to-tunnel-{count}", lambda: captures.to_tunnel(count))
        checksum = "udpcsum" if udp_checksum else "noudpcsum"
        yield Vxd(env, "vxd", encap_commands(count, pcap(capture), checksum=checksum))
        yield Ovs(env, "OVS-DPDK", devices(capture), False, tunnel_macs(count), udp_checksum)
        yield Ceiling(env, "testpmd io", capture)
    return contestants


def decap(count, udp_checksum=False):
    def contestants(env):
        name = f"from-tunnel-{count}{'-csum' if udp_checksum else ''}"
        capture = env.capture(name, lambda: captures.from_tunnel(count, udp_checksum))
        yield Vxd(env, "vxd", decap_commands(count, pcap(capture)))
        yield Ovs(env, "OVS-DPDK", devices(capture), True, local_macs(count))
        yield Ceiling(env, "testpmd io", capture)
    return contestants


def encap_control(env):
    capture = env.capture("to-tunnel-1000", lambda: captures.to_tunnel(1000))
    for label in ("vxd", "vxd again"):
        yield Vxd(env, label, encap_commands(1000, pcap(capture)))


def decap_control(env):
    capture = env.capture("from-tunnel-1000", lambda: captures.from_tunnel(1000, False))
    for label in ("vxd", "vxd again"):
        yield Vxd(env, label, decap_commands(1000, pcap(capture)))


def against(ovs, ceiling):
    return [Ratio("vxd", "OVS-DPDK", ovs), Ratio("vxd", "testpmd io", ceiling)]


IN_PROCESS = [
    Scenario("encap-1", "encap, 1 flow", encap(1), against(2.5, .5)),
    Scenario("encap-1000", "encap, 1000 MACs", encap(1000), against(3.0, .5)),
    Scenario("encap-1000-csum", "encap, 1000 MACs, UDP checksum", encap(1000, True), against(None, None)),
    Scenario("decap-1", "decap, 1 flow", decap(1), against(3.5, .45)),
    Scenario("decap-1000", "decap, 1000 MACs", decap(1000), against(3.5, .45)),
    Scenario("decap-1000-csum", "decap, 1000 MACs, UDP checksum", decap(1000, True), against(None, None)),
    Scenario("control", "A/A control: encap, 1000 MACs", encap_control, [Ratio("vxd", "vxd again", within=.03)]),
    Scenario("control-decap", "A/A control: decap, 1000 MACs", decap_control, [Ratio("vxd", "vxd again", within=.03)]),
]
