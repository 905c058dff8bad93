# SPDX-License-Identifier: BSD-3-Clause
"""Pairs of containers that talk through vxd and through the kernel: what bench/container_rate compares."""

import contextlib
import json
import re
import subprocess
import time
from dataclasses import dataclass

from lib.host import mac_of
from lib.shell import expect

ALL_OFFLOADS = ("tx", "tso", "gso", "gro", "tx-udp_tnl-segmentation", "tx-udp_tnl-csum-segmentation")


def tunnel(lab, hosts):
    lab.bridged(hosts, options="dstport 4789")
    return [lab.container(host, f"c{number}", f"172.18.20.{number}/16", mac=mac_of(number))
            for number, host in enumerate(hosts, 1)]


def veth(kind, offloads, inner=None):
    """Two hosts on a veth pair. With offloads, the kernel sends encapsulated frames of 64 KiB through it. With "udp" alone
    it takes bundles of datagrams, as a network card with UDP segmentation does, which sends frames of the MTU."""
    def make(lab):
        hosts = lab.underlay(kind, kind)
        for host in hosts:
            interface = "uplink" if kind == "kernel" else "eth1"
            if offloads == "udp":
                host.namespace.offloads(interface, "off", ALL_OFFLOADS)
                host.namespace.offloads(interface, "on", ("tx", "gso", "tx-udp-segmentation"))
            else:
                host.namespace.offloads(interface, offloads, (*ALL_OFFLOADS, "tx-udp-segmentation"))
        containers = tunnel(lab, hosts)
        if inner:
            for container in containers:
                container.offloads(inner)
        return containers
    return make


def taps(lab):
    """Two vxd whose underlay ports are TAPs on one bridge of the kernel, which carries frames of 64 KiB."""
    rack = lab.namespace("rack")
    rack.ip("link", "add", "rack", "mtu", 1500, "type", "bridge")
    rack.ip("link", "set", "rack", "up")
    hosts = []
    for number in (1, 2):
        host = lab.endpoint("vxd", lab.namespace(f"h{number}"), number)
        host.address = f"192.0.2.{number}"
        host.do(f"link add uplink type tap netns {rack.name} ifname port{number}", f"addr add {host.address}/24 dev uplink")
        # vxd has the address that the interface had; a bridge keeps for itself what is sent to that of its own port.
        rack.ip("link", "set", f"port{number}", "address", mac_of(100 + number), "master", "rack")
        hosts.append(host)
    return tunnel(lab, hosts)


def local(kind):
    """Two containers of one host."""
    def make(lab):
        host, = lab.underlay(kind)
        host.do("link add br0 type bridge")
        return [lab.container(host, f"c{number}", f"172.18.20.{number}/16", mtu=1500) for number in (1, 2)]
    return make


CONTESTANTS = {
    "kernel vxlan, 64 KiB on a veth": veth("kernel", "on"),
    "kernel vxlan, MTU frames on a veth": veth("kernel", "off"),
    "vxd, TAP underlay": taps,
    "vxd, af_packet on a veth": veth("vxd", "off"),
    "vxd, af_packet on a veth that cuts UDP": veth("vxd", "udp"),
    "vxd, TAP underlay, no offloads": lambda lab: [turned_off(end) for end in taps(lab)],
    "kernel bridge, one host": local("kernel"),
    "vxd, one host": local("vxd"),
}


def turned_off(container):
    container.offloads("off")
    return container


@dataclass(frozen=True)
class Ratio:
    one: str
    over: str
    least: float | None = None  # wanted of TCP


RATIOS = (
    Ratio("vxd, TAP underlay", "kernel vxlan, 64 KiB on a veth", 0.65),
    Ratio("vxd, af_packet on a veth", "kernel vxlan, MTU frames on a veth", 1.2),
    Ratio("vxd, af_packet on a veth that cuts UDP", "kernel vxlan, MTU frames on a veth", 1.2),
    Ratio("vxd, TAP underlay", "vxd, TAP underlay, no offloads", 5),
    Ratio("vxd, one host", "kernel bridge, one host", 0.8),
)


# --- what is measured: functions (source, target, seconds) -> {kind of result: number}

def iperf(source, target, seconds, *options):
    with target.iperf_server():
        result = source.namespace.run("iperf3", "-J", "-c", target.address, "-t", seconds, *options, timeout=seconds + 15)
    report = json.loads(result.out)
    expect("error" not in report, f"iperf3: {report.get('error')}")
    return report["end"]


def tcp(source, target, seconds):
    end = iperf(source, target, seconds)
    return {"Gbit/s": end["sum_received"]["bits_per_second"] / 1e9, "retransmits": end["sum_sent"]["retransmits"]}


def datagrams(source, target, seconds):
    """Of 64 bytes, as fast as iperf3 sends them; what arrived counts."""
    end = iperf(source, target, seconds, "-u", "-b", "0", "-l", 64)
    arrived = end["sum"]["packets"] - end["sum"]["lost_packets"]
    return {"thousand/s": arrived / end["sum"]["seconds"] / 1e3, "lost": end["sum"]["lost_percent"] / 100}


def round_trips(source, target, seconds):
    """Of a datagram of 64 bytes and its answer, one at a time."""
    with sockperf_server(target):
        out = source.namespace.run("sockperf", "ping-pong", "-i", target.address, "-m", 64, "-t", seconds, "--full-rtt",
                                   timeout=seconds + 15).out
    found = {f"p{part}": re.search(rf"percentile {part}\.000 =\s+([0-9.]+)", out) for part in (50, 99)}
    expect(all(found.values()), f"sockperf printed no percentiles: {out}")
    return {name: float(match[1]) for name, match in found.items()}


@contextlib.contextmanager
def sockperf_server(target):
    process = subprocess.Popen(target.namespace.argv("sockperf", "server", "-i", target.address),
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.3)
        expect(process.poll() is None, f"sockperf server in {target.name} ended")
        yield
    finally:
        process.terminate()
        process.wait()


@dataclass(frozen=True)
class Kind:
    """A kind of traffic. `program` makes it; `units`: which of its results are shown, in what unit."""
    title: str
    program: str
    measure: object
    units: dict


KINDS = {
    "tcp": Kind("one TCP stream", "iperf3", tcp, {"Gbit/s": "Gbit/s"}),
    "udp": Kind("datagrams of 64 bytes", "iperf3", datagrams, {"thousand/s": "thousand/s"}),
    "latency": Kind("there and back, 64 bytes", "sockperf", round_trips, {"p50": "us", "p99": "us"}),
}
