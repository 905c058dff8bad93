# SPDX-License-Identifier: BSD-3-Clause
"""TCP at full speed through every kind of port: no packet buffer is lost, and TCP sees nothing out of order.
VXD_IPERF_SECONDS says for how long in each direction (default: 2); with a sanitizer's build (--build) it says more."""

import os
import re
import time

from lib.host import mac_of
from lib.shell import expect, is_so
from lib.testcase import cases, needs_vxd

SECONDS = int(os.environ.get("VXD_IPERF_SECONDS", 2))
REORDERED = ("TCPSACKReorder", "TCPRenoReorder", "TCPTSReorder", "TCPDSACKOfoRecv")


def far_hosts(lab, port):
    """Two vxd whose underlay ports are of this kind."""
    if port in ("af_packet", "af_xdp"):
        return lab.underlay("vxd", "vxd", port=port)
    hosts = [lab.endpoint("vxd", lab.namespace(f"h{number}"), number) for number in (1, 2)]
    if port == "tap":
        rack = lab.namespace("rack")
        rack.ip("link", "add", "rack", "type", "bridge")
        rack.ip("link", "set", "rack", "up")
    for number, host in enumerate(hosts, 1):
        host.address = f"192.0.2.{number}"
        if port == "memif":
            role = "server" if number == 1 else "client"
            host.do(f"link add uplink type memif path {lab.directory}/fabric.sock id 0 role {role}")
        else:
            host.do(f"link add uplink type tap netns {rack.name} ifname port{number}")
        host.do(f"addr add {host.address}/24 dev uplink")
        if port == "tap":  # vxd has the interface's address; the bridge would keep for itself what is sent to it
            rack.ip("link", "set", f"port{number}", "address", mac_of(100 + number), "master", "rack")
    return hosts


def behind(lab, host, port):
    """A container whose way to the host's bridge leads through a port of this kind: another vxd carries its frames from
    a TAP to there."""
    if port == "tap":
        return lab.container(host, "c1", "172.18.20.1/16", mac=mac_of(1)), []
    between = lab.endpoint("vxd", lab.namespace("between"), 3)
    socket = f"{lab.directory}/port.sock"
    if port == "memif":
        ours, theirs = f"memif path {socket} id 0 role server", f"memif path {socket} id 0 role client"
    else:
        ours, theirs = f"vhost-user path {socket}", f"vdev args net_virtio_user0,path={socket}"
    host.do(f"link add inner mtu 1450 type {ours}", "link set inner master br0")
    between.do("link add br0 type bridge", f"link add outer mtu 1450 type {theirs}", "link set outer master br0")
    return lab.container(between, "c1", "172.18.20.1/16", mac=mac_of(1)), [between]


def reordered(container):
    with container.namespace.entered(), open("/proc/thread-self/net/netstat") as file:
        text = file.read()
    names, values = re.findall(r"^TcpExt: (.*)$", text, re.M)
    counts = dict(zip(names.split(), map(int, values.split())))
    return {name: counts[name] for name in REORDERED if counts[name]}


def free_buffers(host):
    return host.json("stats")["buffers"]["free"]


@needs_vxd
@cases(dict(near="tap", port="af_packet"), dict(near="tap", port="af_xdp"), dict(near="tap", port="tap"),
       dict(near="tap", port="memif"), dict(near="memif", port="af_packet"), dict(near="vhost-user", port="af_packet"))
def test_no_buffer_is_lost_and_nothing_is_reordered(lab, near, port):
    hosts = far_hosts(lab, port)
    lab.bridged(hosts, options="dstport 4789")
    c1, between = behind(lab, hosts[0], near)
    c2 = lab.container(hosts[1], "c2", "172.18.20.2/16", mac=mac_of(2))
    c1.wait_ping(c2, timeout=20)
    for source, target in ((c1, c2), (c2, c1)):
        source.iperf(target, 1)  # rings are filled as far as they ever are
    time.sleep(0.5)
    before = {host.name: free_buffers(host) for host in hosts + between}
    for source, target in ((c1, c2), (c2, c1)):
        source.iperf(target, SECONDS)
    for container in (c1, c2):
        expect(not reordered(container), f"{container.name}: {reordered(container)}")
    # What was sent lies in a ring until the next frame goes out: a burst of it; DPDK's virtio-user leaves more, and
    # never more than its ring holds.
    slack = 1024 if near == "vhost-user" else 64
    for host in hosts + between:
        expect(is_so(lambda host=host: free_buffers(host) >= before[host.name] - slack, 5),
               f"{host.name}: {free_buffers(host)} buffers are free, {before[host.name]} were before")
        lost = host.json("stats")["drops"].get("no_mbuf", 0)
        expect(lost == 0, f"{host.name} had no buffer {lost} times")
