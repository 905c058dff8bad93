# SPDX-License-Identifier: BSD-3-Clause
"""What the kernel leaves undone of the frames that it sends into a veth, and takes undone from there: checksums, TCP and
UDP segmentation, tunnels. Nothing is switched off here; other tests' veths behave like network cards."""

from lib.host import mac_of
from lib.shell import expect
from lib.testcase import cases, needs_vxd
from lib.traffic import tcp_both_ways, tcp_transfer, udp_segments

SIZE = 16 << 20
DAMAGED = ("offload_invalid", "outer_udp_checksum", "outer_ip_checksum", "outer_truncated", "outer_udp_length", "frame_too_big",
           "no_mbuf")
EVERYTHING = ("tx", "tso", "gso", "tx-udp_tnl-segmentation", "tx-udp_tnl-csum-segmentation", "tx-udp-segmentation")


def kernel_counts(host, interface):
    return host.namespace.run("cat", f"/sys/class/net/{interface}/statistics/tx_bytes",
                              f"/sys/class/net/{interface}/statistics/tx_packets").out.split()


@needs_vxd
@cases(*(dict(far=far, family=family, cuts=cuts) for far in ("kernel", "vxd") for family in (4, 6)
         for cuts in ("late", "early")))
def test_an_underlay_that_leaves_all_undone(lab, far, family, cuts):
    near, other = lab.underlay("vxd", far, family=family)
    for host in (near, other):
        interface = "uplink" if host.kind == "kernel" else "eth1"
        host.namespace.offloads(interface, "on", EVERYTHING)
        if cuts == "early":  # the kernel cuts what vxd sends in one; its checksums are still undone
            host.namespace.offloads(interface, "off", ("tx-udp-segmentation",))
    lab.bridged([near, other], options="dstport 4789")
    mtu = 1450 if family == 4 else 1430
    c1 = lab.container(near, "c1", "172.18.20.1/16", mtu=mtu, mac=mac_of(1))
    c2 = lab.container(other, "c2", "172.18.20.2/16", mtu=mtu, mac=mac_of(2))
    lab.number_ipv6(c1, c2)
    c1.ping(c2)
    tcp_both_ways(c1, c2, size=SIZE)
    for one, two, address in ((c1, c2, "fd00::2"), (c2, c1, "fd00::1")):
        tcp_transfer(one, two, address=address, size=SIZE)
        udp_segments(one, two)
        udp_segments(one, two, address=address)
    size, packets = map(int, kernel_counts(near, "eth1"))
    if cuts == "late":
        expect(size / packets > 2000, f"vxd sends {size / packets:.0f} bytes at a time: datagrams are not bundled")
    for host in (near, other):
        if host.kind == "vxd":
            drops = {reason: count for reason, count in host.json("stats")["drops"].items() if reason in DAMAGED}
            expect(not drops, f"{host.name} drops {drops}")


@needs_vxd
@cases(peer=["veth", "tap", "tunnel"])
def test_containers_behind_veths(lab, peer):
    near, other = lab.underlay("vxd", "vxd" if peer == "tunnel" else "kernel")
    lab.bridged([near, other], options="dstport 4789")
    c1 = lab.veth_container(near, "c1", 1)
    if peer == "veth":
        c2 = lab.veth_container(near, "c2", 2)
    else:
        c2 = lab.container(near if peer == "tap" else other, "c2", "172.18.20.2/16", mac=mac_of(2))
    lab.number_ipv6(c1, c2)
    c1.ping(c2)
    c2.ping("fd00::1")
    tcp_both_ways(c1, c2, size=SIZE)
    for one, two, address in ((c1, c2, "fd00::2"), (c2, c1, "fd00::1")):
        tcp_transfer(one, two, address=address, size=SIZE)
        udp_segments(one, two)
        udp_segments(one, two, address=address)
    expect("PROMISC" not in near.namespace.links()["v-c1"]["flags"], "the interface was set promiscuous by its flag")
