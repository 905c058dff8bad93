#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What vxd's control plane does at scale: loading, changing, learning and withdrawing FDB entries while it forwards.

Starts a real vxd with pcap and null ports (root, but no network, no hugepages), gives it many VXLAN devices, far VTEPs
and FDB entries, and measures each figure against the target that the project set itself. Times are those of a client on
the config socket; what a worker loses is taken from its own counters."""

import argparse
import json
import os
import platform
import random
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOCAL = "10.0.0.1"
NEXT_HOP = "10.0.0.2"
CONTAINER = bytes.fromhex("02cc00000001")  # the sender of what is forwarded during the measurements
FAR = bytes.fromhex("02fa00000001")  # its destination, behind a VTEP
LEARNED = 0x02_1E_00_00_00_00


def mac_text(number):
    return ":".join(f"{number >> shift & 0xff:02x}" for shift in range(40, -8, -8))


def entry_mac(index):
    return mac_text(0x02_AB_00_00_00_00 + index)


def vtep_address(index):
    return f"10.{64 + (index >> 16)}.{index >> 8 & 255}.{index & 255}"


def frame(destination, source, size=60):
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, size - 14, 0, 0, 64, 17, 0, bytes([10, 9, 0, 1]), bytes([10, 9, 0, 2]))
    total = sum(struct.unpack("!10H", ip))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    ip = ip[:10] + struct.pack("!H", ~total & 0xFFFF) + ip[12:]
    head = destination + source + b"\x08\x00" + ip + struct.pack("!HHHH", 1000, 2000, size - 34, 0)
    return head.ljust(size, b"\0")


def write_pcap(path, frames):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for data in frames:
            file.write(struct.pack("<IIII", 0, 0, len(data), len(data)) + data)


class Client:
    """A connection to the config socket that stays open."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)

    @staticmethod
    def encode(commands, output="text"):
        request = {"jsonrpc": "2.0", "id": 1, "method": "run",
                   "params": {"commands": [command.split() for command in commands], "format": output}}
        return json.dumps(request, separators=(",", ":")).encode() + b"\n"

    def exchange(self, request):
        self.socket.sendall(request)
        parts = []
        while not parts or not parts[-1].endswith(b"\n"):
            part = self.socket.recv(1 << 20)
            if not part:
                raise SystemExit("vxd closed the connection")
            parts.append(part)
        return b"".join(parts)

    def run(self, *commands, output="text"):
        answer = json.loads(self.exchange(self.encode(commands, output)))
        if "error" in answer:
            raise SystemExit(f"vxd: {answer['error']['message']}")
        return answer["result"]["outputs"]

    def stats(self, *words):
        return self.run(" ".join(("stats", "show") + words), output="json")[0]


def check(answer):
    if b'"error"' in answer[:200]:
        raise SystemExit(f"vxd: {json.loads(answer)['error']['message']}")


class Vxd:
    def __init__(self, options, name):
        self.folder = tempfile.TemporaryDirectory(prefix="vxd-scale-")
        self.socket = os.path.join(self.folder.name, "vxd.sock")
        self.vxctl = os.path.join(options.build, "vxctl")
        self.log = open(os.path.join(self.folder.name, "log"), "w+")
        command = [os.path.join(options.build, "vxd"), "--socket", self.socket, "--workers", str(options.worker_cpu),
                   "--control-cpu", str(options.control_cpu)]
        if options.eal:
            command += ["--eal", options.eal]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 30
        while not os.path.exists(self.socket) or b"listening on" not in self.read_log():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{name}: vxd did not start:\n{self.read_log().decode()}")
            time.sleep(0.05)
        self.client = Client(self.socket)

    def read_log(self):
        with open(self.log.name, "rb") as file:
            return file.read()

    def file(self, name):
        return os.path.join(self.folder.name, name)

    def batch(self, lines, name="batch"):
        """Seconds that `vxctl -batch` takes, from its start to its end."""
        path = self.file(name)
        with open(path, "w") as file:
            file.write("\n".join(lines) + "\n")
        start = time.perf_counter()
        done = subprocess.run([self.vxctl, "--socket", self.socket, "-batch", path], capture_output=True, text=True)
        seconds = time.perf_counter() - start
        if done.returncode != 0:
            raise SystemExit(f"vxctl -batch: {done.stderr.strip()}")
        return seconds

    def resident(self):
        with open(f"/proc/{self.process.pid}/status") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS"))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        self.folder.cleanup()


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Report:
    def __init__(self):
        self.rows = []

    def add(self, name, value, unit, target=None, is_met=None):
        self.rows.append({"name": name, "value": value, "unit": unit, "target": target, "met": is_met})
        row = self.rows[-1]
        mark = "" if is_met is None else "ok" if is_met else "MISSED"
        print(f"{name:<64} {value:>14,.4g} {unit:<14} {row['target'] or '':<12} {mark}", flush=True)


def ticks_per_packet(client, seconds):
    """A worker's busy ticks per packet, and packets per second, during some seconds."""
    before = client.stats("worker")["workers"][0]
    start = time.perf_counter()
    time.sleep(seconds)
    after = client.stats("worker")["workers"][0]
    elapsed = time.perf_counter() - start
    packets = after["packets"] - before["packets"]
    return (after["busy_ticks"] - before["busy_ticks"]) / max(packets, 1), packets / elapsed


def set_up(vxd, options, report):
    write_pcap(vxd.file("traffic.pcap"), [frame(FAR, CONTAINER)] * 32)
    lines = ["link add uplink type null", f"addr add {LOCAL}/8 dev uplink",
             f"neigh add {NEXT_HOP} lladdr 02:00:00:00:00:02 dev uplink",
             f"route add 10.64.0.0/10 via {NEXT_HOP} dev uplink", "link add br0 type bridge",
             f"link add c0 mtu 1450 type pcap rx {vxd.file('traffic.pcap')} loop", "link set c0 master br0"]
    for index in range(1, options.vnis + 1):
        lines.append(f"link add x{index} type vxlan id {index} local {LOCAL} nolearning")
        lines.append(f"fdb append 00:00:00:00:00:00 dev x{index} dst {vtep_address(index % options.vteps)}")
    lines += ["link set x1 master br0", f"fdb add {FAR.hex(':')} dev x1 dst {vtep_address(1)}"]
    seconds = vxd.batch(lines)
    report.add(f"set up {options.vnis} VNIs with a flood entry each, {options.vteps} VTEPs", seconds, "s")


def device_of(options, index):
    return index % options.vnis + 1


def entry(options, index, shift=0):
    device = device_of(options, index)
    return f"{entry_mac(index)} dev x{device} dst {vtep_address((device + shift) % options.vteps)}"


def load(vxd, options, report):
    before = vxd.resident()
    lines = [f"fdb add {entry(options, index)}" for index in range(options.entries)]
    seconds = vxd.batch(lines)
    report.add(f"vxctl -batch: load {options.entries} FDB entries", seconds, "s", "< 2", seconds < 2)
    time.sleep(2)
    growth = (vxd.resident() - before) / options.entries
    report.add("resident memory per FDB entry", growth, "bytes", "<= 40", growth <= 40)


def measure_latency(vxd, options, report):
    client = vxd.client
    random.seed(1)

    def series(name, commands, target_ms=1.0):
        times = []
        for command in commands:
            request = client.encode([command])
            start = time.perf_counter()
            answer = client.exchange(request)
            times.append((time.perf_counter() - start) * 1e3)
            check(answer)
            time.sleep(0.0005)
        report.add(f"one change, {name}: p50", percentile(times, 0.5), "ms", "< 1",
                   percentile(times, 0.5) < target_ms)
        report.add(f"one change, {name}: p99", percentile(times, 0.99), "ms", "< 1",
                   percentile(times, 0.99) < target_ms)

    count = options.changes
    picks = [random.randrange(options.entries) for _ in range(count)]
    series("unicast entry, known VTEP", [f"fdb replace {entry(options, index)}" for index in picks])
    series("unicast entry, new VTEP", [f"fdb replace {entry(options, index, 7)}" for index in picks])
    for index in set(picks):
        check(client.exchange(client.encode([f"fdb replace {entry(options, index)}"])))
    floods = [f"00:00:00:00:00:00 dev x{random.randrange(2, options.vnis + 1)} dst {vtep_address(options.vteps + i)}"
              for i in range(count // 2)]
    series("all-zero entry", [f"fdb {verb} {flood}" for flood in floods for verb in ("append", "del")])
    wide = [f"fdb append 00:00:00:00:00:00 dev x2 dst {vtep_address(i)}" for i in range(options.flood)]
    vxd.batch(wide)
    series(f"all-zero entry, list of {options.flood}",
           [f"fdb {verb} 00:00:00:00:00:00 dev x2 dst {vtep_address(options.vteps + i)}"
            for i in range(count // 4) for verb in ("append", "del")])
    names = [f"y{i}" for i in range(count // 10)]
    series("a VXLAN device", [line for i, name in enumerate(names) for line in
                              (f"link add {name} type vxlan id {100000 + i} local {LOCAL} nolearning",
                               f"link del {name}")])


def measure_impact(vxd, options, report):
    """What a stream of one-entry changes costs the worker: calm and busy intervals by turns."""
    client, costs = vxd.client, {"calm": [], "busy": []}
    rates = {"calm": [], "busy": []}
    requests = [Client.encode([f"fdb replace {entry(options, index, index & 1)}"]) for index in range(2000)]
    other = Client(vxd.socket)
    sent = 0
    for _ in range(options.rounds):
        ticks, rate = ticks_per_packet(client, 0.5)
        costs["calm"].append(ticks)
        rates["calm"].append(rate)
        before = client.stats("worker")["workers"][0]
        start = time.perf_counter()
        while time.perf_counter() - start < 0.5:
            other.exchange(requests[sent % len(requests)])
            sent += 1
            time.sleep(0.001)
        after = client.stats("worker")["workers"][0]
        packets = after["packets"] - before["packets"]
        costs["busy"].append((after["busy_ticks"] - before["busy_ticks"]) / max(packets, 1))
        rates["busy"].append(packets / (time.perf_counter() - start))
    calm, busy = percentile(costs["calm"], 0.5), percentile(costs["busy"], 0.5)
    report.add("forwarding meanwhile", percentile(rates["calm"], 0.5) / 1e6, "Mpps")
    report.add("ticks per packet: calm", calm, "ticks")
    cost = 100 * (busy / calm - 1)
    report.add(f"cost to the worker of {sent / (0.5 * options.rounds):.0f} changes/s", cost, "%", "< 5", cost < 5)


def measure_updates(vxd, options, report):
    def requests(lines):
        return [Client.encode(lines[first:first + options.batch]) for first in range(0, len(lines), options.batch)]

    def rate(name, batches, count):
        best = 0
        for group in batches:
            start = time.perf_counter()
            for request in group:
                check(vxd.client.exchange(request))
            best = max(best, count / (time.perf_counter() - start))
        report.add(f"fdb {name}: updates in requests of {options.batch}", best, "1/s", ">= 500,000", best >= 500_000)

    random.seed(2)
    count = min(options.entries, options.updates)
    picks = random.sample(range(options.entries), count)
    # Not to other VTEPs: with so many devices there are no numbers left for them.
    rate("replace", [requests([f"fdb replace {entry(options, index)}{state}" for index in picks])
                     for state in (" static", "", " static", "")], count)
    gone = requests([f"fdb del {entry(options, index)}" for index in picks])
    back = requests([f"fdb append {entry(options, index)}" for index in picks])
    pair = []
    for _ in range(2):
        start = time.perf_counter()
        for request in gone:
            check(vxd.client.exchange(request))
        middle = time.perf_counter()
        for request in back:
            check(vxd.client.exchange(request))
        pair.append((count / (middle - start), count / (time.perf_counter() - middle)))
    for name, best in (("del", max(a for a, _ in pair)), ("append", max(b for _, b in pair))):
        report.add(f"fdb {name}: updates in requests of {options.batch}", best, "1/s", ">= 500,000", best >= 500_000)


def measure_withdrawal(vxd, options, report):
    count = options.withdrawn
    address = vtep_address(options.vteps + 5000)
    vxd.batch([f"fdb add {mac_text(0x02_DD_00_00_00_00 + index)} dev x3 dst {address}" for index in range(count)])
    client = vxd.client
    before = client.stats("worker")["fdb"]["entries"]
    request = client.encode([f"fdb flush dev x3 dst {address}"])
    start = time.perf_counter()
    check(client.exchange(request))
    milliseconds = (time.perf_counter() - start) * 1e3
    gone = before - client.stats("worker")["fdb"]["entries"]
    report.add(f"withdraw a VTEP with {gone} MACs (fdb flush dev DEV dst ADDR)", milliseconds, "ms", "< 100",
               gone == count and milliseconds < 100)


def measure_learning(options, report):
    vxd = Vxd(options, "learning")
    try:
        count = options.learned
        write_pcap(vxd.file("learn.pcap"),
                   [frame(b"\xff" * 6, (LEARNED + index).to_bytes(6, "big")) for index in range(count)])
        vxd.client.run("link add br0 type bridge", "link add sink mtu 1450 type null", "link set sink master br0")
        start = time.perf_counter()
        # One transaction: what came before the port is in the bridge would be dropped, and not learned.
        vxd.client.run(f"link add source mtu 1450 type pcap rx {vxd.file('learn.pcap')}", "link set source master br0")
        best, samples = 0, [(0.0, 0)]
        for _ in range(200):
            time.sleep(0.02)
            entries = vxd.client.stats("worker")["fdb"]["entries"] - 1
            samples.append((time.perf_counter() - start, entries))
            best = max(best, (samples[-1][1] - samples[-2][1]) / (samples[-1][0] - samples[-2][0]))
            if len(samples) > 10 and samples[-1][1] == samples[-10][1]:
                break
        stats = vxd.client.stats()
        worker = stats["workers"][0]
        learned = samples[-1][1]
        first = next(at for at, entries in samples if entries >= learned)
        offered = next(link for link in stats["links"] if link["ifname"] == "source")["rx"]["packets"]
        rate = learned / max(first, 1e-9)
        lost = worker["learn_lost"] + stats["learn_refused"]
        report.add(f"learned MACs, of {offered} offered at once", learned, "MACs")
        report.add("learning rate", rate, "MACs/s", ">= 200,000", rate >= 200_000)
        report.add("not learned, and counted", lost, "MACs", "the rest", learned + lost >= offered)
    finally:
        vxd.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help="where vxd and vxctl are")
    parser.add_argument("--entries", type=int, default=1_000_000, help="FDB entries (default: %(default)s)")
    parser.add_argument("--vnis", type=int, default=64_000, help="VXLAN devices (default: %(default)s, at most 65,000)")
    parser.add_argument("--vteps", type=int, default=16_384, help="far VTEPs (default: %(default)s)")
    parser.add_argument("--flood", type=int, default=1000, help="VTEPs of the long flood list (default: %(default)s)")
    parser.add_argument("--updates", type=int, default=500_000, help="commands of one series (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=10_000, help="commands of one request (default: %(default)s)")
    parser.add_argument("--changes", type=int, default=1000, help="one-entry changes timed (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=6, help="calm and busy intervals (default: %(default)s)")
    parser.add_argument("--withdrawn", type=int, default=100_000, help="MACs withdrawn (default: %(default)s)")
    parser.add_argument("--learned", type=int, default=250_000, help="MACs to learn (default: %(default)s)")
    parser.add_argument("--worker-cpu", type=int, default=1)
    parser.add_argument("--control-cpu", type=int, default=0)
    parser.add_argument("--eal", default="", help="more arguments for DPDK")
    parser.add_argument("--only", nargs="+", choices=["latency", "impact", "updates", "withdrawal", "learning"],
                        help="measure these alone (what they need is set up)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    options = parser.parse_args()
    parts = options.only or ["latency", "impact", "updates", "withdrawal", "learning"]
    report = Report()
    if set(parts) - {"learning"}:
        vxd = Vxd(options, "scale")
        try:
            set_up(vxd, options, report)
            load(vxd, options, report)
            for part, measure in (("latency", measure_latency), ("impact", measure_impact),
                                  ("updates", measure_updates), ("withdrawal", measure_withdrawal)):
                if part in parts:
                    measure(vxd, options, report)
        finally:
            vxd.stop()
    if "learning" in parts:
        measure_learning(options, report)
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"machine": platform.processor() or platform.machine(), "cpus": os.cpu_count(),
                       "command": sys.argv, "figures": report.rows}, file, indent=1)
    return 0 if all(row["met"] is not False for row in report.rows) else 1


if __name__ == "__main__":
    sys.exit(main())
