# SPDX-License-Identifier: BSD-3-Clause
"""vxctl monitor: what changes is told as it changes."""

import contextlib
import json
import os
import select
import signal
import subprocess
import time

from lib.rpc import Rpc
from lib.shell import expect
from lib.testcase import needs_vxd
from test_bridged import two_containers


class Monitor:
    """One that runs, and the lines that it has said."""

    def __init__(self, host, *words):
        argv = [os.path.join(host.build, "vxctl"), "--socket", host.socket, *words]
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, start_new_session=True)
        self.text = b""
        # It runs when its connection is there; a change that it wants and that nobody else makes.
        self.host = host
        number = 0
        while not self.has(lambda line: "begin" in line, timeout=0.3):
            number += 1
            expect(number < 20 and self.process.poll() is None, f"no monitor: {self.text}")
            host.do(f"link add begin{number} type bridge", f"fdb add 02:be:91:00:00:{number:02x} dev c1 master static",
                    f"link del begin{number}", f"fdb del 02:be:91:00:00:{number:02x} dev c1")
            if self.has(lambda line: "02:be:91" in line, timeout=0.1):
                break

    def lines(self, timeout=0.0):
        while select.select([self.process.stdout], [], [], timeout)[0]:
            chunk = os.read(self.process.stdout.fileno(), 1 << 16)
            if not chunk:
                break
            self.text += chunk
        return self.text.decode().splitlines()

    def has(self, predicate, timeout=5.0):
        end = time.monotonic() + timeout
        while True:
            found = [line for line in self.lines(0.05) if predicate(line)]
            if found or time.monotonic() > end:
                return found[0] if found else None

    def expects(self, *parts):
        found = self.has(lambda line: all(part in line for part in parts))
        expect(found, f"{parts} is not in\n{self.text.decode()}")
        return found

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.stdout.close()
        self.process.wait()


@needs_vxd
def test_every_kind_of_change_is_told(lab):
    c1, c2 = two_containers(lab, options="dstport 4789")
    host = c1.host
    with Monitor(host, "monitor") as every, Monitor(host, "-j", "monitor", "-t", "fdb") as fdb:
        host.do("link add br9 type bridge", "link set br9 down", "addr add 10.9.0.1/24 dev br9",
                "link set br9 up", "route add 10.10.0.0/16 via 10.9.0.2",
                "neigh add 10.9.0.2 lladdr 02:00:00:00:09:02 dev br9", "fdb add 02:00:00:00:09:09 dev c1 master static",
                "fdb del 02:00:00:00:09:09 dev c1", "neigh del 10.9.0.2 dev br9", "route del 10.10.0.0/16",
                "addr del 10.9.0.1/24 dev br9", "link del br9", "link add n9 type null", "link set n9 master br0",
                "fdb add 02:00:00:00:09:10 dev n9 master static", "link del n9")
        c1.ping(c2)
        for parts in (("[LINK]", ": br9:", " up"), ("[LINK]", ": br9:", " down"), ("[ADDR]10.9.0.1/24 dev br9",),
                      ("[ROUTE]10.10.0.0/16 via 10.9.0.2 dev br9",),
                      ("[NEIGH]10.9.0.2 dev br9 lladdr 02:00:00:00:09:02 PERMANENT",),
                      ("[FDB]02:00:00:00:09:09 dev c1", "configured"), ("[FDB]Deleted 02:00:00:00:09:09", "removed"),
                      ("[FDB]Deleted 02:00:00:00:09:10 dev n9", "removed"),
                      ("[NEIGH]Deleted 10.9.0.2 dev br9",), ("[ROUTE]Deleted 10.10.0.0/16",),
                      ("[ADDR]Deleted 10.9.0.1/24 dev br9",), ("[LINK]Deleted", ": br9:"),
                      (f"[FDB]{c1.mac} dev c1 master br0 learned",),
                      (f"[FDB]{c2.mac} dev vxlan100 dst 192.0.2.2 master br0 learned",)):
            every.expects(*parts)
        learned = json.loads(fdb.expects(c2.mac))
        expect(learned["event"] == "fdb" and learned["action"] == "add" and learned["dst"] == "192.0.2.2" and
               learned["cause"] == "learned" and learned["ifname"] == "vxlan100" and "T" in learned["timestamp"], learned)
        expect(all(json.loads(line)["event"] == "fdb" for line in fdb.lines()), "more than was asked for")


@needs_vxd
def test_a_move_ageing_and_a_miss_are_told(lab):
    c1, c2 = two_containers(lab, options="dstport 4789")
    host = c1.host
    other = lab.container(host, "c3", "172.18.20.3/16")
    host.do("link set br0 type bridge ageing_time 200", "addr add 172.18.20.100/16 dev br0")
    c1.ping(c2)
    with Monitor(host, "monitor", "fdb", "miss") as monitor:
        mac = c1.mac
        c1.namespace.ip("link", "set", "eth0", "down")
        other.namespace.ip("link", "set", "eth0", "address", mac)
        other.namespace.run("ping", "-c", "1", "-W", "1", "172.18.20.2", check=False)
        monitor.expects(f"[FDB]{mac} dev c3 master br0 learned, was dev c1")
        monitor.expects(f"[FDB]Deleted {mac}", "aged")
        other.namespace.ip("route", "add", "10.77.0.0/16", "via", "172.18.20.100")
        host.do("addr add 10.77.0.1/16 dev br0")
        other.namespace.run("ping", "-c", "1", "-W", "1", "10.77.0.9", check=False)
        monitor.expects("[MISS]neighbour of 10.77.0.9 unknown")


@needs_vxd
def test_an_underlays_carrier_and_mac_are_told(lab):
    c1, c2 = two_containers(lab)
    host = c1.host
    with Monitor(host, "monitor", "link") as text, Monitor(host, "-j", "monitor", "link") as machines:
        time.sleep(1.5)  # it is looked at once a second
        c2.host.namespace.ip("link", "set", "uplink", "down")
        text.expects("[LINK]", ": uplink: <NO-CARRIER,BROADCAST,MULTICAST,UP>")
        expect("NO-CARRIER" in host.json("link", "show", "uplink")[0]["flags"], "link show says otherwise")
        c2.host.namespace.ip("link", "set", "uplink", "up")
        text.expects("[LINK]", ": uplink: <BROADCAST,MULTICAST,UP,LOWER_UP>")
        found = json.loads(machines.expects('"uplink"', '"LOWER_UP"'))
        expect(found["action"] == "change" and found["flags"] == ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"], found)
        host.namespace.ip("link", "set", "eth1", "address", "02:00:00:00:00:99")
        text.expects("[LINK]", ": uplink: <", "link/ether 02:00:00:00:00:99")
        c1.namespace.ip("link", "set", "eth0", "down")
        text.expects("[LINK]", ": c1: <NO-CARRIER,")
    said = [line for line in host.tail().splitlines() if "carrier" in line]
    expect(len(said) == 2 and "uplink: it has lost its carrier" in said[0] and "uplink: its carrier is back" in said[1], said)


@needs_vxd
def test_a_slow_monitor_is_told_what_it_lost(lab):
    c1, _ = two_containers(lab)
    host = c1.host
    macs = [f"02:77:00:00:{number >> 8:02x}:{number & 255:02x}" for number in range(30000)]
    with Rpc(host.socket, timeout=20) as rpc:
        expect("result" in rpc.call("stream", commands=[["monitor", "fdb"]], format="json"), "no stream")
        batch = "\n".join(f"fdb add {mac} dev c1 master static" for mac in macs)
        host.vxctl("-batch", "-", input=batch)
        host.vxctl("link", "show")
        lines = told = lost = 0
        while told + lost < len(macs):
            line = rpc.line()
            expect(line is not None, "the stream ended")
            lines += 1
            if line["event"] == "lost":
                lost += line["events"]
            else:
                told += 1
    expect(lost > 0 and told > 1000 and told + lost == len(macs), f"{told} told, {lost} lost")


@needs_vxd
def test_bad_words_and_a_full_house(lab):
    c1, _ = two_containers(lab)
    result = c1.host.vxctl("monitor", "weather", check=False)
    expect(result.status == 1 and '"weather"' in result.err, result)
    with contextlib.ExitStack() as stack:
        for _ in range(16):
            rpc = stack.enter_context(Rpc(c1.host.socket))
            expect("result" in rpc.call("stream", commands=[["monitor"]]), "refused too early")
        full = c1.host.vxctl("monitor", check=False)
        expect(full.status == 2 and "16 monitors" in full.err, full)
    time.sleep(0.3)
    with Rpc(c1.host.socket) as rpc:
        expect("result" in rpc.call("stream", commands=[["monitor"]]), "the places of those who left are taken")
