# SPDX-License-Identifier: BSD-3-Clause
"""Segmentation and checksums that containers leave to their devices: on one host, through tunnels, through a router."""

from lib.host import mac_of
from lib.shell import expect
from lib.testcase import cases, needs_vxd
from lib.traffic import tcp_both_ways, tcp_transfer, udp_segments
from lib.wire import Sniffer

SIZE = 16 << 20


def traffic(host, device, direction):
    counters = next(link for link in host.json("-s", "link", "show") if link["ifname"] == device)["stats64"][direction]
    return counters["bytes"], counters["packets"]


def bytes_per_packet(host, device, direction, before=(0, 0)):
    now = traffic(host, device, direction)
    return (now[0] - before[0]) / (now[1] - before[1])


@needs_vxd
def test_frames_between_containers_of_one_host_are_never_cut(lab):
    host, = lab.underlay("vxd")
    host.do("link add br0 type bridge")
    c1, c2 = lab.container(host, "c1", "172.18.20.1/16"), lab.container(host, "c2", "172.18.20.2/16")
    lab.number_ipv6(c1, c2)
    for address in ("172.18.20.2", "fd00::2"):
        tcp_transfer(c1, c2, address=address, size=SIZE)
    for device, direction in (("c1", "rx"), ("c2", "tx")):
        size = bytes_per_packet(host, device, direction)
        expect(size > 8000, f"{direction} of {device}: {size:.0f} bytes per packet")
    udp_segments(c1, c2)
    udp_segments(c1, c2, address="fd00::2")
    for device in ("c1", "c2", "br0"):
        expect(not host.drops(device), f"{device} drops: {host.drops(device)}")


@cases(*(dict(far=far, family=family, checksum=checksum) for far in ("kernel", "vxd")
         for family, checksum in ((4, "udpcsum"), (4, "noudpcsum"), (6, "udpcsum"))))
def test_tcp_and_datagrams_through_a_tunnel(lab, far, family, checksum):
    near, other = lab.underlay("vxd", far, family=family)
    lab.bridged([near, other], options=f"dstport 4789 {checksum}")
    mtu = 1450 if family == 4 else 1430
    c1 = lab.container(near, "c1", "172.18.20.1/16", mtu=mtu, mac=mac_of(1))
    c2 = lab.container(other, "c2", "172.18.20.2/16", mtu=mtu, mac=mac_of(2))
    lab.number_ipv6(c1, c2)
    c1.ping(c2)
    with Sniffer(other.namespace, "uplink" if far == "kernel" else "eth1") as wire:
        tcp_transfer(c1, c2, size=1 << 20)
        tunnels = wire.tunnelled()
    expect(tunnels, "nothing was seen on the wire")
    expect(all(tunnel.ip_checksum_ok and tunnel.udp_checksum_ok for tunnel in tunnels), "an outer checksum is wrong")
    longest = max(len(tunnel.inner) for tunnel in tunnels)
    expect(longest == mtu + 14, f"the longest inner frame on the wire has {longest} bytes")
    tcp_both_ways(c1, c2, size=SIZE)
    for one, two, address in ((c1, c2, "fd00::2"), (c2, c1, "fd00::1")):
        tcp_transfer(one, two, address=address, size=SIZE)
        udp_segments(one, two)
        udp_segments(one, two, address=address)


@needs_vxd
def test_what_comes_out_of_a_tunnel_is_merged(lab):
    near, other = lab.underlay("vxd", "vxd")
    lab.bridged([near, other], options="dstport 4789")
    c1 = lab.container(near, "c1", "172.18.20.1/16", mac=mac_of(1))
    c2 = lab.container(other, "c2", "172.18.20.2/16", mac=mac_of(2))
    lab.number_ipv6(c1, c2)
    for address in ("172.18.20.2", "fd00::2"):
        tcp_transfer(c1, c2, address=address, size=SIZE)
    sizes = [bytes_per_packet(other, "c2", "tx")]
    while sizes[-1] <= 2000 and len(sizes) < 6:  # what can be merged is what came at once: as many as the machine's load lets
        before = traffic(other, "c2", "tx")
        tcp_transfer(c1, c2, size=SIZE)
        sizes.append(bytes_per_packet(other, "c2", "tx", before))
    expect(sizes[-1] > 2000, f"{sizes} bytes per packet")


@cases(far=["kernel", "vxd"])
def test_tcp_through_a_router(lab, far):
    near, other = lab.underlay("vxd", far)
    lab.routed([near, other])
    one, two = lab.routed_container(near, 1), lab.routed_container(other, 2)
    tcp_both_ways(one, two, size=SIZE)
    udp_segments(one, two)
    udp_segments(two, one)
