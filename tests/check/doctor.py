#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""tools/doctor against pictures of hosts: each check says OK of a good one, and WARN or FAIL, with how to mend it, of one
that lacks the thing. The last line is "N passed, N failed"."""

import json
import os
import subprocess
import sys
import tempfile
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

NIC = "/sys/bus/pci/devices/0000:81:00.0"
HUGE = "hugepages/hugepages-2048kB/free_hugepages"
LINKS = [{"ifname": "uplink", "mtu": 1500, "linkinfo": {"info_kind": "af_xdp", "info_data": {"dev": "eth1"}}},
         {"ifname": "vxlan100", "mtu": 1450, "linkinfo": {"info_kind": "vxlan", "info_data":
                                                        {"id": 100, "local": "192.0.2.1", "port": 4789}}}]
ADDRESSES = [{"ifname": "uplink", "mtu": 1500, "addr_info": [{"local": "192.0.2.1", "prefixlen": 24}]}]
GOOD = {
    "/proc/cpuinfo": "processor : 0\nflags : fpu avx2 bmi2 fma movbe\n",
    "/sys/kernel/mm/" + HUGE: "1024\n",
    "/sys/kernel/iommu_groups/7/devices/0000:81:00.0": "",
    NIC + "/class": "0x020000\n",
    NIC + "/numa_node": "1\n",
    NIC + "/net/eth1": "",
    NIC + "/driver": "->/sys/bus/pci/drivers/mlx5_core",
    "/sys/devices/system/node/node0/cpulist": "0-3\n",
    "/sys/devices/system/node/node1/cpulist": "4-7\n",
    "/sys/devices/system/node/node1/" + HUGE: "1024\n",
    "/sys/devices/system/cpu/isolated": "4-7\n",
    "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance\n",
    "/dev/net/tun": "",
    "/proc/self/limits": "Max locked memory         unlimited            unlimited            bytes\n",
    "/proc/sys/net/ipv4/conf/all/rp_filter": "0\n",
    "/proc/sys/net/ipv4/conf/eth1/rp_filter": "2\n",
    "/proc/net/udp": "  sl  local_address rem_address\n  1: 0100007F:0035 00000000:0000 07\n",
    "/commands/vxctl_-j_link_show": json.dumps(LINKS),
    "/commands/vxctl_-j_addr_show": json.dumps(ADDRESSES),
    "/commands/ip_-j_-d_link_show_type_vxlan": "[]",
    "/commands/ip_-j_addr_show": json.dumps([{"ifname": "eth0", "addr_info": [{"local": "198.51.100.1"}]}]),
    "/commands/ethtool_-k_eth1": "Features for eth1:\ntx-checksumming: on\ngeneric-receive-offload: off\n"
                                 "large-receive-offload: off [fixed]\ntx-udp_tnl-segmentation: off\n",
    "/commands/ethtool_-l_eth1": "Channel parameters for eth1:\nPre-set maximums:\nRX:\t\tn/a\nCombined:\t8\n"
                                 "Current hardware settings:\nRX:\t\tn/a\nTX:\t\tn/a\nOther:\t\tn/a\nCombined:\t4\n",
    "/commands/ethtool_-i_eth1": "driver: mlx5_core\nversion: 1\n",
}
CHECKS = {"cpu", "hugepages", "iommu", "driver", "numa", "cores", "tun", "memlock", "mtu", "udp-port", "address", "offload",
          "xdp-queues", "rp_filter"}


def vxlan(port, vni, name="vxk"):
    return json.dumps([{"ifname": name, "linkinfo": {"info_kind": "vxlan", "info_data": {"id": vni, "port": port}}}])


def links(**changes):
    changed = json.loads(json.dumps(LINKS))
    for name, value in changes.items():
        changed[0 if name == "uplink" else 1].update(value)
    return json.dumps(changed)


# What is wrong, files that are otherwise (None: not there), the check, its status, what the text and the mending say.
BAD = [
    ("an old processor", {"/proc/cpuinfo": "flags : fpu sse2\n"}, "cpu", "FAIL", "avx2", "cpu host"),
    ("too few hugepages", {"/sys/kernel/mm/" + HUGE: "100\n"}, "hugepages", "WARN", "200 MiB", "vm.nr_hugepages"),
    ("no IOMMU", {"/sys/kernel/iommu_groups/7/devices/0000:81:00.0": None}, "iommu", "WARN", "no IOMMU", "intel_iommu=on"),
    ("vfio without an IOMMU", {"/sys/kernel/iommu_groups/7/devices/0000:81:00.0": None,
                               NIC + "/driver": "->/sys/bus/pci/drivers/vfio-pci"}, "iommu", "FAIL", "0000:81:00.0",
     "intel_iommu=on"),
    ("vfio that is told to do without", {"/sys/kernel/iommu_groups/7/devices/0000:81:00.0": None,
                                         "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode": "Y\n"}, "iommu", "WARN",
     "anywhere in memory", "iommu=pt"),
    ("a group that the kernel has too", {NIC + "/driver": "->/sys/bus/pci/drivers/vfio-pci",
                                         NIC + "/iommu_group": "->/sys/kernel/iommu_groups/7",
                                         "/sys/kernel/iommu_groups/7/devices/0000:81:00.1": "",
                                         "/sys/bus/pci/devices/0000:81:00.1/class": "0x010000\n",
                                         "/sys/bus/pci/devices/0000:81:00.1/driver": "->/x/nvme"}, "driver", "FAIL",
     "0000:81:00.1", "driverctl set-override 0000:81:00.1"),
    ("uio", {NIC + "/driver": "->/sys/bus/pci/drivers/uio_pci_generic"}, "driver", "WARN", "uio_pci_generic", "vfio-pci"),
    ("no driver", {NIC + "/driver": None}, "driver", "WARN", "no driver", "driverctl"),
    ("workers at the far node", {}, "numa", "WARN", "CPU 1 are not", "--workers with CPUs of 4-7", "--workers=1,5"),
    ("hugepages at the far node", {"/sys/devices/system/node/node1/" + HUGE: "0\n"}, "numa", "WARN", "no free hugepage",
     "node1/hugepages"),
    ("a card of no node", {NIC + "/numa_node": "-1\n"}, "numa", "WARN", "does not say", "BIOS"),
    ("no isolated CPU", {"/sys/devices/system/cpu/isolated": "\n"}, "cores", "WARN", "no CPU is isolated", "isolcpus"),
    ("workers beside the isolated CPUs", {"/sys/devices/system/cpu/isolated": "6-7\n"}, "cores", "WARN", "CPU 5",
     "--workers", "--workers=5-6"),
    ("a slow governor", {"/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n"}, "cores", "WARN",
     "powersave", "cpupower"),
    ("no tun", {"/dev/net/tun": None}, "tun", "FAIL", "/dev/net/tun", "modprobe tun"),
    ("little memory to lock", {"/proc/self/limits": "Max locked memory         8388608    8388608   bytes\n"}, "memlock",
     "WARN", "8192 KiB", "LimitMEMLOCK"),
    ("a tunnel that is too large", {"/commands/vxctl_-j_link_show": links(vxlan100={"mtu": 1500})}, "mtu", "FAIL",
     "room for 1450", "mtu 1550"),
    ("a local address that nobody has", {"/commands/vxctl_-j_addr_show": "[]"}, "mtu", "FAIL", "no port has 192.0.2.1",
     "vxctl addr add"),
    ("the kernel's VNI too", {"/commands/ip_-j_-d_link_show_type_vxlan": vxlan(4789, 100)}, "udp-port", "FAIL", "vxk",
     "ip link del vxk"),
    ("the kernel's port too", {"/commands/ip_-j_-d_link_show_type_vxlan": vxlan(4789, 7)}, "udp-port", "WARN", "4789",
     "dstport"),
    ("a process' port", {"/proc/net/udp": "  sl\n  1: 00000000:12B5 00000000:0000 07\n"}, "udp-port", "WARN", "4789",
     "ss -lunp"),
    ("an address twice", {"/commands/ip_-j_addr_show": json.dumps([{"ifname": "eth1", "addr_info":
                                                                  [{"local": "192.0.2.1"}]}])}, "address", "FAIL",
     "192.0.2.1", "ip addr del 192.0.2.1 dev eth1"),
    ("GRO", {"/commands/ethtool_-k_eth1": "generic-receive-offload: on\n"}, "offload", "WARN", "merges",
     "ethtool -K eth1 generic-receive-offload off"),
    ("tunnels that the card finishes", {"/commands/ethtool_-k_eth1": "generic-receive-offload: off\n"
                                        "tx-udp_tnl-csum-segmentation: on\n"}, "offload", "WARN", "tx-udp_tnl",
     "tx-udp_tnl-csum-segmentation off"),
    ("a veth", {"/commands/ethtool_-i_eth1": "driver: veth\n"}, "offload", "WARN", "veth", "ethtool -K PEER tx off"),
    ("queues that nobody serves", {"/commands/ethtool_-l_eth1": "Current hardware settings:\nRX:\t\t4\nTX:\t\t4\n"
                                                               "Combined:\tn/a\n"}, "xdp-queues", "WARN",
     "4 queues, of which uplink serves 1", "ethtool -L eth1 rx 1 tx 1"),
    ("fewer queues than there are", {"/commands/vxctl_-j_link_show": links(uplink={"linkinfo": {
        "info_kind": "af_xdp", "info_data": {"dev": "eth1", "queues": 2}}})}, "xdp-queues", "WARN", "uplink serves 2",
     "ethtool -L eth1 combined 2"),
    ("no ethtool", {"/commands/ethtool_-k_eth1": None}, "offload", "WARN", "says nothing", "apt install ethtool"),
    ("a strict rp_filter", {"/proc/sys/net/ipv4/conf/eth1/rp_filter": "1\n"}, "rp_filter", "WARN", "eth1",
     "net.ipv4.conf.eth1.rp_filter=2"),
]


def picture(folder, files):
    for name, text in files.items():
        if text is None:
            continue
        path = folder + name
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if text.startswith("->"):
            os.symlink(text[2:], path)
        else:
            with open(path, "w") as file:
                file.write(text)


def doctor(folder, *options):
    command = [sys.executable, os.path.join(ROOT, "tools", "doctor"), "--root", folder, *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


def findings(files, *options):
    with tempfile.TemporaryDirectory() as folder:
        picture(folder, files)
        done = doctor(folder, "-j", *options)
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    worst = max(("OK", "WARN", "FAIL").index(finding["status"]) for finding in found)
    assert done.returncode == worst, f"exit status {done.returncode}: {found}"
    return found


def test_a_good_host():
    found = findings(GOOD, "--workers=4-5")
    bad = [finding for finding in found if finding["status"] != "OK"]
    assert not bad, bad
    assert {finding["check"] for finding in found} == CHECKS, found


def test_af_packet_has_no_offloads_to_fall_for():
    """The kernel tells it of each frame what it is owed, also on a veth and where the card merges."""
    for changes in ({"/commands/ethtool_-i_eth1": "driver: veth\n"},
                    {"/commands/ethtool_-k_eth1": "tx-checksumming: on\ngeneric-receive-offload: on\n"}):
        shown = {"/commands/vxctl_-j_link_show": json.dumps(LINKS).replace("af_xdp", "af_packet")}
        bad = [finding for finding in findings({**GOOD, **changes, **shown}, "--workers=4-5") if finding["status"] != "OK"]
        assert not bad, bad


def test_an_empty_host():
    """Whatever is missing is told; nothing breaks."""
    found = findings({"/nothing": ""})
    assert {finding["check"] for finding in found} == CHECKS, found


def test_bad(row):
    what, changes, check, status, says, mends, *options = row
    found = findings({**GOOD, **changes}, *options)
    hits = [finding for finding in found if finding["check"] == check and finding["status"] == status]
    assert len(hits) == 1, f"{what}: {found}"
    assert says in hits[0]["text"], hits
    assert mends in hits[0]["mend"], hits


def test_every_check_can_fail():
    assert {row[2] for row in BAD} == CHECKS


def test_text():
    with tempfile.TemporaryDirectory() as folder:
        picture(folder, {**GOOD, "/dev/net/tun": None})
        done = doctor(folder)
    assert done.returncode == 2, done
    assert "FAIL tun: " in done.stdout and "\n       mend: modprobe tun\n" in done.stdout, done.stdout
    assert doctor("/no/such/folder").returncode == 3
    assert doctor("/", "--workers=x").returncode == 3


def main():
    tests = [(test_a_good_host,), (test_an_empty_host,), (test_every_check_can_fail,), (test_text,)]
    tests += [(test_bad, row) for row in BAD]
    failed = 0
    for test, *arguments in tests:
        try:
            test(*arguments)
        except Exception:
            failed += 1
            print(f"FAIL {test.__name__} {arguments[0][0] if arguments else ''}")
            traceback.print_exc()
    print(f"{len(tests) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
