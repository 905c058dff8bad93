# SPDX-License-Identifier: BSD-3-Clause
"""vxd against itself: many networks against one, a million entries against a thousand. The captures of a pair are
of one length, because frames that no cache holds cost the replaying port the same on both sides; testpmd shows how
much."""

import random

from . import captures
from .scenarios import Ratio, Scenario, bridge, encap_commands, pcap, underlay
from .testpmd import Ceiling
from .vxd import Vxd

NETWORKS, VTEPS = 100, 100
BRIDGES = 25              # DPDK has 32 devices at most, so four networks share a bridge and its container's port
FRAMES = 10_000           # fits vxd's packet buffers in 4 KiB pages
MILLION = 1_000_000
RANDOM_FRAMES = 200_000   # of a table of a million: 12.8 MB of its lines, beyond any second-level cache
BUFFERS = 2 * RANDOM_FRAMES + 16_384  # a capture that is repeated may fill half of them


# ---- networks and VTEPs -----------------------------------------------------------------------------------------

def pairs():
    return captures.shuffled((network, vtep) for network in range(NETWORKS) for vtep in range(VTEPS))


def tenant_frames(is_many):
    """Decapsulation: each frame from another (VNI, VTEP) than the one before, or all from one; as many MACs."""
    frames = []
    for network, vtep in pairs():
        number = network * VTEPS + vtep
        frame = captures.inner(captures.mac(1, number), captures.mac(0, network), number)
        frames.append(captures.outer(frame, number, vtep if is_many else 0,
                                     captures.VNI + (network if is_many else 0)))
    return frames


def tenants(is_many):
    """A container's MAC a network."""
    bridges, networks = (BRIDGES, NETWORKS) if is_many else (1, 1)
    commands = []
    for number in range(bridges):
        commands += [f"link add br{number} type bridge", f"link add out{number} master br{number} type null"]
    for number in range(networks):
        vni = captures.VNI + number
        commands += [f"link add vxlan{vni} type vxlan id {vni} local {captures.LOCAL} learning",
                     f"link set vxlan{vni} master br{number % bridges}"]
    for number in range(NETWORKS):
        commands.append(f"fdb add {captures.mac(0, number)} dev out{number % bridges} master static")
    return commands


def decap_tenants(env):
    for label, is_many in ((f"{NETWORKS} VNIs x {VTEPS} VTEPs", True), ("one VNI", False)):
        capture = env.capture(f"tenants-{is_many}", lambda is_many=is_many: tenant_frames(is_many))
        yield Vxd(env, label, [*tenants(is_many), f"link add in address {captures.LOCAL_MAC} {pcap(capture)}",
                               *underlay("in")])


def encap_tenants(env):
    """A bridge whose FDB entries name VTEP and VNI, against one VTEP and VNI for as many entries."""
    numbers = [network * VTEPS + vtep for network, vtep in pairs()]
    capture = env.capture("to-tenants", lambda: captures.to_tunnel(len(numbers), choices=numbers))
    for label, is_many in ((f"{NETWORKS} VNIs x {VTEPS} VTEPs", True), ("one VNI", False)):
        yield Vxd(env, label, many_vteps(pcap(capture), is_many))


def many_vteps(receiver, is_many):
    commands = ["link add out type null", *underlay("out"), *bridge()]
    for vtep in range(1, VTEPS if is_many else 0):
        commands.append(f"neigh add {captures.far(vtep)} lladdr {captures.FAR_MAC} dev out")
    for number in range(NETWORKS * VTEPS):
        network, vtep = divmod(number, VTEPS) if is_many else (0, 0)
        commands.append(f"fdb append {captures.mac(1, number)} dev vxlan100 dst {captures.far(vtep)}"
                        f" vni {captures.VNI + network}")
    return [*commands, f"link add in master br100 {receiver}"]


# ---- entries ----------------------------------------------------------------------------------------------------

def entries(env):
    draw = random.Random(2544)
    few = [draw.randrange(1000) for _ in range(RANDOM_FRAMES)]
    many = draw.sample(range(MILLION), RANDOM_FRAMES)
    for label, count, choices in (("1M random", MILLION, many), ("1k", 1000, few)):
        capture = env.capture(f"entries-{count}",
                              lambda count=count, choices=choices: captures.to_tunnel(count, choices=choices))
        yield Vxd(env, label, encap_commands(count, pcap(capture)), arguments=["--packet-buffers", BUFFERS])
    yield Ceiling(env, "testpmd io", capture, buffers=BUFFERS)


MANY = f"{NETWORKS} VNIs x {VTEPS} VTEPs"

SCALE = [
    Scenario("networks-decap", f"decap, {MANY} interleaved", decap_tenants, [Ratio(MANY, "one VNI", .9)], plot="scale"),
    Scenario("networks-encap", f"encap, {MANY} interleaved", encap_tenants, [Ratio(MANY, "one VNI", .9)], plot="scale"),
    Scenario("entries", f"encap, FDB of 1M, {RANDOM_FRAMES // 1000}k random", entries,
             [Ratio("1M random", "1k", .6)], plot="scale"),
]
