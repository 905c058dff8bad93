# SPDX-License-Identifier: BSD-3-Clause
"""vxctl explain says what becomes of a packet, and vxctl trace what became of it."""

import os
import signal
import subprocess

from lib.shell import expect, is_so
from lib.testcase import needs_vxd
from test_bridged import two_containers


@needs_vxd
def test_explain_says_what_happens_and_changes_nothing(lab):
    c1, c2 = two_containers(lab, options="dstport 4789")
    host = c1.host
    c1.ping(c2)
    host.wait_fdb(c2.mac)
    before = host.state()
    learned = {(entry["mac"], entry["ifname"]) for entry in host.fdb()}
    eth = f"eth src {c1.mac} dst {c2.mac}"
    frame = f"{eth} ip src 172.18.20.1 dst 172.18.20.2 tcp dport 80"
    far = host.json("neigh", "show", "192.0.2.2", "dev", "uplink")[0]["lladdr"]
    for words, says in (
            (f"{frame} dev c1", ("c1: comes in", "br0: to 192.0.2.2 by vxlan100", "in the FDB: dev vxlan100 dst 192.0.2.2",
                                 "learned", "vxlan100: encapsulated, vni 100, to 192.0.2.2", "uplink: leaves",
                                 f"to {far}")),
            (f"dev c1 eth src {c1.mac} dst 02:77:00:00:00:01", ("is not in the FDB", "flooded", "uplink: leaves")),
            (f"dev c1 eth src 02:77:00:00:00:02 dst {c2.mac}", ("its source address would be learned",)),
            (f"dev c1 {eth} size 2000", ("drop frame_too_big",)),
            (f"dev c1 {eth} vlan 7", ("drop inner_vlan",)),
            (f"dev c1 eth src {c1.mac} dst 01:80:c2:00:00:00", ("drop reserved_group",)),
            ("dev c1 0102", ("drop inner_truncated",)),
            (f"dev uplink eth src {far} dst {host.namespace.mac('eth1')} ip src 192.0.2.2 dst 192.0.2.1 udp sport 50000 "
             f"vxlan vni 100 eth src {c2.mac} dst {c1.mac} ip src 172.18.20.2 dst 172.18.20.1 icmp",
             ("vxlan100: decapsulated, vni 100, from 192.0.2.2", "br0: to c1", "c1: leaves")),
            (f"dev uplink eth src {far} dst {host.namespace.mac('eth1')} ip src 192.0.2.2 dst 192.0.2.1 udp "
             f"vxlan vni 99 eth src {c2.mac} dst {c1.mac}", ("drop vni_unknown",)),
            (f"dev uplink eth src {far} dst ff:ff:ff:ff:ff:ff arp who 192.0.2.1 tell 192.0.2.2",
             ("to the control thread",))):
        out = host.vxctl("explain", *words.split()).out
        for part in says:
            expect(part in out, f"explain {words}: {part!r} is not in\n{out}")
    steps = host.json("explain", *f"dev c1 {eth} size 2000".split())
    expect(steps[-1]["drop"] == "frame_too_big" and steps[0]["point"] == "port", steps)
    expect(host.state() == before, "something has changed")
    now = {(entry["mac"], entry["ifname"]) for entry in host.fdb()}
    # The far kernel's own interfaces may speak meanwhile.
    expect(learned <= now and not any(mac.startswith("02:77:") for mac, _ in now), f"the FDB has changed: {learned ^ now}")
    explained = {"frame_too_big", "inner_vlan", "reserved_group", "inner_truncated", "vni_unknown"}
    expect(not explained & set(host.drops()), f"it was counted: {host.drops()}")
    for words, says in (("dev c9 00", "Cannot find device"), ("dev c1 eth src 02:00:00:00:00:01", "dst MAC"),
                        ("dev c1 xyz", '"xyz"'), ("00", '"dev"'), ("dev c1", "frame"),
                        ("dev c1 eth src 02:00:00:00:00:01 dst 02:00:00:00:00:02 ip src 10.0.0.1", "dst ADDR"),
                        ("dev c1 eth src 02:00:00:00:00:01 dst 02:00:00:00:00:02 ip src ::1 dst ::2", "no address of ip")):
        result = host.vxctl("explain", *words.split(), check=False)
        expect(result.status == 1 and says in result.err, result)


@needs_vxd
def test_trace_shows_each_step_of_real_packets(lab):
    c1, c2 = two_containers(lab, options="dstport 4789")
    c1.ping(c2)
    c1.host.wait_fdb(c2.mac)
    argv = [os.path.join(c1.host.build, "vxctl"), "--socket", c1.host.socket, "trace", "add", "c1", "icmp", "count", "2"]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, start_new_session=True)
    try:
        def pinged():
            c1.ping(c2, count=1)
            return process.poll() is not None
        expect(is_so(pinged, timeout=10, interval=0.1), "the trace does not end")
        out, err = process.communicate(timeout=5)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
    lines = out.splitlines()
    numbers = {line.split("#")[1].split()[0] for line in lines}
    expect(process.returncode == 0 and len(numbers) == 2, f"{out}\n{err}")
    requests = [line for line in lines if "echo request" in line and f"#{lines[0].split('#')[1].split()[0]} " in line]
    for line, part in zip(requests, ("c1 in", "br0 in", "vxlan100 out", "uplink out")):
        expect(part in line, out)
    expect(len(requests) in (1, 4), out)  # 1: the first one seen was a reply
