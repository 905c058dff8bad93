# SPDX-License-Identifier: BSD-3-Clause
"""What the benchmarks need and is not vxd's: whoever starts one without it is told which package has it, and which
script installs that, before anything is measured."""

import importlib.util
import os
import shutil
import sys
from collections import namedtuple

Needed = namedtuple("Needed", "package script")

BENCH, TOOLS = "bench/setup", "tools/setup"
PROGRAMS = {
    "ip": Needed("iproute2", TOOLS),
    "ethtool": Needed("ethtool", TOOLS),
    "ping": Needed("iputils-ping", TOOLS),
    "iperf3": Needed("iperf3", BENCH),
    "sockperf": Needed("sockperf", BENCH),
    "valgrind": Needed("valgrind", BENCH),
    "setarch": Needed("util-linux", TOOLS),
    "taskset": Needed("util-linux", TOOLS),
    "dpdk-testpmd": Needed("dpdk-dev", BENCH),
    "ovsdb-tool": Needed("openvswitch-switch-dpdk", BENCH),
    "ovsdb-server": Needed("openvswitch-switch-dpdk", BENCH),
    "ovs-vsctl": Needed("openvswitch-switch-dpdk", BENCH),
    "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk": Needed("openvswitch-switch-dpdk", BENCH),
}
OVS = tuple(name for name, needed in PROGRAMS.items() if needed.package == "openvswitch-switch-dpdk")
MODULES = {
    "scapy": Needed("python3-scapy", BENCH),
    "matplotlib": Needed("python3-matplotlib", BENCH),
}


def is_there(name):
    if name in MODULES:
        return importlib.util.find_spec(name) is not None
    # Where administrators' programs lie is not in everybody's PATH.
    return shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin") is not None


def missing(names):
    """A line for each that is not there."""
    lines = []
    for name in dict.fromkeys(names):
        needed = MODULES.get(name) or PROGRAMS[name]
        if not is_there(name):
            what = "Python's module " if name in MODULES else ""
            lines.append(f"{what}{name} is missing: package {needed.package}, which {needed.script} installs")
    return lines


def require(*names):
    """Ends the benchmark if something is not there."""
    lines = missing(names)
    if lines:
        sys.exit("\n".join(f"{os.path.basename(sys.argv[0])}: {line}" for line in lines))
