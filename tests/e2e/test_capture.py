# SPDX-License-Identifier: BSD-3-Clause
"""vxctl capture: what goes where, seen at every place, read by tcpdump and tshark."""

import contextlib
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import time

from lib.capture import IN, OUT, Capture, with_tcpdump, with_tshark
from lib.host import mac_of
from lib.rpc import Rpc
from lib.shell import expect, is_so, run, wait_until
from lib.testcase import cases, needs_vxd
from test_bridged import two_containers

LIMIT = 8  # captures at a time


def file_of(lab, name):
    return os.path.join(lab.directory, f"{name}.pcapng")


def send_frame(container, frame):
    with container.namespace.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((container.interface, 0))
        raw.send(frame)


def to(mac, kind=b"\x88\xb5", source=mac_of(1), size=60):
    plain = [bytes.fromhex(address.replace(":", "")) for address in (mac, source)]
    return (plain[0] + plain[1] + kind).ljust(size, b"\0")


@needs_vxd
@cases(family=[4, 6])
def test_a_ping_is_one_packet_at_every_place(lab, family):
    """The tutorial's chapter on trouble: where does the ping get lost? Here, nowhere."""
    c1, c2 = two_containers(lab, far="vxd", family=family, options="dstport 4789")
    c1.ping(c2, count=1)
    c1.host.wait_fdb(c2.mac)
    far = "192.0.2.2" if family == 4 else "2001:db8::2"
    with contextlib.ExitStack() as stack:
        places = {place: stack.enter_context(Capture(c1.host, place, file=file_of(lab, place)))
                  for place in ("c1", "br0", "vxlan100", "uplink", "all")}
        there = stack.enter_context(Capture(c2.host, "all", file=file_of(lab, "there")))
        c1.ping(c2, count=1)
        for capture in (*places.values(), there):
            captured, dropped = capture.end()
            expect(captured >= 2 and dropped == 0, f"{captured} captured, {dropped} dropped")

    seen = {place: with_tshark(capture.file) for place, capture in places.items()}
    requests = {place: [packet for packet in seen[place] if packet["icmp"] == "8"] for place in seen}
    replies = {place: [packet for packet in seen[place] if packet["icmp"] == "0"] for place in seen}
    for place in ("c1", "br0", "vxlan100", "uplink"):
        expect(len(requests[place]) == 1 and len(replies[place]) == 1, f"{place}: {requests[place]} {replies[place]}")
        request, reply = requests[place][0], replies[place][0]
        expect(request["interface"] == place, request)
        expect(request["direction"] == (IN if place in ("c1", "br0") else OUT), request)
        expect(reply["direction"] == (OUT if place == "c1" else IN), reply)
        expect(("vxlan" in request["protocols"]) == (place == "uplink"), request)
        expect(request["vni"] == ("100" if place == "uplink" else ""), request)
        # tcpdump finds the same.
        lines = with_tcpdump(places[place].file)
        expect(sum("ICMP echo request" in line for line in lines) == 1, lines)
    expect({request["id"] for place in requests for request in requests[place]} == {requests["c1"][0]["id"]},
           f"one packet, several ids: {requests}")
    expect(len({reply["id"] for place in replies for reply in replies[place]}) == 1, f"several ids: {replies}")
    expect(requests["c1"][0]["id"] != replies["c1"][0]["id"], "two packets, one id")
    expect(requests["br0"][0]["comment"] == f"to {far} by vxlan100", requests["br0"])
    expect(requests["vxlan100"][0]["comment"] == f"to {far}", requests["vxlan100"])
    expect(replies["vxlan100"][0]["comment"] == f"from {far}", replies["vxlan100"])
    expect(replies["br0"][0]["comment"] == "to c1", replies["br0"])
    # One capture of all places shows the packet's way.
    expect([seen["interface"] for seen in requests["all"]] == ["c1", "br0", "vxlan100", "uplink"], requests["all"])
    expect([seen["interface"] for seen in replies["all"]] == ["uplink", "vxlan100", "br0", "c1"], replies["all"])
    times = [float(seen["time"]) for seen in requests["all"]]
    expect(times == sorted(times) and abs(times[0] - time.time()) < 30, f"{times}")
    arrived = with_tshark(there.file, "icmp.type == 8")
    expect([seen["interface"] for seen in arrived] == ["uplink", "vxlan100", "br0", "c2"], arrived)


@needs_vxd
def test_what_pipes_out_is_read_by_tcpdump(lab):
    c1, c2 = two_containers(lab)
    vxctl = f"{c1.host.build}/vxctl --socket {c1.host.socket}"
    reader = subprocess.Popen(["/bin/sh", "-c", f"{vxctl} capture vxlan100 in icmp | tcpdump -n -c 2 -r -"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        end = time.monotonic() + 10
        while reader.poll() is None and time.monotonic() < end:
            c1.ping(c2, count=1)
        out, err = reader.communicate(timeout=5)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(reader.pid, signal.SIGKILL)
    expect(out.count("ICMP echo reply") == 2 and "request" not in out, f"{out}\n{err}")


@needs_vxd
def test_a_filter_takes_what_it_says_and_a_bad_one_is_refused(lab):
    c1, c2 = two_containers(lab)
    c1.ping(c2)
    with Capture(c1.host, "c1", "icmp[icmptype] == icmp-echo and dst host 172.18.20.2",
                 file=file_of(lab, "echo")) as capture:
        c1.forget_neighbours()
        c1.ping(c2, count=3)
        captured, _ = capture.end()
    seen = with_tshark(capture.file)
    expect(captured == 3 and [packet["icmp"] for packet in seen] == ["8"] * 3, f"{captured}: {seen}")
    for words, says in ((("c1", "tcp porty 80"), "tcp porty 80"), (("c1", "(icmp"), "syntax error"),
                        (("c9",), "Cannot find device \"c9\""), ((), "POINT is missing"),
                        (("drop", "reason", "x"), "is no reason for a drop"), (("c1", "-s", "0"), "-s"),
                        (("c1", "in", "out"), "\"out\""), (("c1", "out", "in"), "\"in\""), (("c1", "icmp", "-c", "3"), "comes last"), (("c1", "ip6 protochain 6"), "loop")):
        result = c1.host.vxctl("capture", *words, check=False)
        expect(result.status == 1 and says in result.err and not result.out, f"{words}: {result}")
    with Rpc(c1.host.socket) as rpc:
        for commands, says in (([["capture", "c1", "filter", "1,5 0 0 4294967295"]], "loop"),
                               ([["capture", "c1", "filter", "1,6 0 0"]], "four numbers"),
                               ([["capture", "c1", "filter", "2,6 0 0 1"]], "1 instructions"),
                               ([["capture", "c1", "filter", "1,0 0 0 1"]], "not sound"),
                               ([["link", "show"]], "no stream"), ([["capture", "c1"]] * 2, "alone")):
            reply = rpc.call("stream", commands=commands)
            expect("error" in reply and says in reply["error"]["message"], f"{commands}: {reply}")
        reply = rpc.run("capture c1")
        expect("alone" in reply["error"]["message"], reply)


@needs_vxd
def test_drops_come_with_their_reason(lab):
    c1, _ = two_containers(lab)
    reserved, own = to("01:80:c2:00:00:00"), to(c1.host.json("link", "show", "br0")[0]["address"])
    with Capture(c1.host, "drop", file=file_of(lab, "drop")) as every, \
            Capture(c1.host, "drop", "reason", "local_unserved", file=file_of(lab, "one")) as one:
        before = c1.host.drops()
        send_frame(c1, reserved)
        send_frame(c1, own)
        wait_until("both are dropped", lambda: c1.host.drops().get("local_unserved", 0) > 0)
        every.end()
        one.end()
    expect(not before.get("reserved_group"), before)
    seen = {packet["comment"].split(":")[0]: packet for packet in with_tshark(every.file, "eth.type == 0x88b5")}
    expect(set(seen) == {"drop reserved_group", "drop local_unserved"}, seen)
    expect(all(packet["interface"] == "c1" for packet in seen.values()), seen)
    comments = [packet["comment"].split(":")[0] for packet in with_tshark(one.file)]
    expect(comments == ["drop local_unserved"], comments)


@needs_vxd
def test_the_control_threads_frames_are_seen_at_the_host(lab):
    c1, c2 = two_containers(lab)
    c1.host.do("addr add 172.18.20.100/16 dev br0")
    with Capture(c1.host, "host", "arp or icmp", file=file_of(lab, "host")) as capture:
        c1.ping("172.18.20.100", count=1)
        capture.end()
    seen = [(packet["direction"], packet["protocols"].split(":")[2]) for packet in with_tshark(capture.file)]
    for expected in ((IN, "arp"), (OUT, "arp"), (IN, "ip"), (OUT, "ip")):
        expect(expected in seen, f"{expected} is not in {seen}")


@needs_vxd
def test_a_count_a_snaplen_and_a_ring_of_files(lab):
    c1, c2 = two_containers(lab)
    with Capture(c1.host, "c1", "-c", "4", "-s", "60", "icmp", file=file_of(lab, "few")) as capture:
        c1.ping(c2, count=5, size=500)
        captured, _ = capture.end(by=None)
    seen = with_tshark(capture.file)
    expect(captured == 4 and len(seen) == 4 and seen[0]["size"] == "542", f"{captured}: {seen}")
    expect(all("length 542" in line for line in with_tcpdump(capture.file)), "tcpdump lost the size")
    name = file_of(lab, "ring")
    argv = [os.path.join(c1.host.build, "vxctl"), "--socket", c1.host.socket, "capture", "c1", "-w", name, "-C", "1",
            "-W", "3", "udp"]
    process = subprocess.Popen(argv, stderr=subprocess.PIPE, start_new_session=True)
    wait_until("the first file is there", lambda: os.path.exists(name + "0") and os.path.getsize(name + "0") > 0)
    with c1.namespace.socket() as sender:
        for number in range(2800):
            sender.sendto(struct.pack("!I", number).ljust(1400, b"x"), (c2.address, 9))
            if number % 50 == 0:
                time.sleep(0.005)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    expect(process.returncode == 0 and b" captured" in err, err)
    sizes = [os.path.getsize(name + str(number)) for number in range(3)]
    expect(not os.path.exists(name + "3") and not os.path.exists(name), "files beyond the ring")
    expect(all(0 < size <= 1_000_000 for size in sizes), sizes)
    numbers = []
    for number in range(3):
        out = run("tshark", "-n", "-r", name + str(number), "-T", "fields", "-e", "data.data").out
        numbers += [int(line[:8], 16) for line in out.splitlines() if line]
    expect(max(numbers) == 2799 and min(numbers) > 0 and len(set(numbers)) == len(numbers), "the last ones are there")


@needs_vxd
def test_killed_readers_end_their_captures(lab):
    c1, c2 = two_containers(lab)
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            running = [stack.enter_context(Capture(c1.host, "all", file=file_of(lab, f"k{number}")))
                       for number in range(LIMIT)]
            full = c1.host.vxctl("capture", "c1", check=False)
            expect(full.status == 2 and "8 captures" in full.err, full)
            c1.ping(c2, count=2)
            for capture in running:
                capture.kill()
            # A place is free as soon as vxd has seen it.
            free = stack.enter_context(contextlib.closing(Probe(c1.host)))
            expect(is_so(free.is_taken, timeout=2), "the captures of killed readers go on")
            free.close()
    c1.ping(c2)


class Probe:
    """Tries to capture."""

    def __init__(self, host):
        self.host = host
        self.rpc = None

    def is_taken(self):
        rpc = Rpc(self.host.socket)
        if "result" in rpc.call("stream", commands=[["capture", "all"]]):
            self.rpc = rpc
            return True
        rpc.socket.close()
        return False

    def close(self):
        if self.rpc:
            self.rpc.socket.close()
            self.rpc = None
            time.sleep(0.2)


def memory_mb(host):
    with open(f"/proc/{host.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) >> 10


@needs_vxd
def test_a_reader_that_does_not_read_stops_nobody_and_is_told_what_it_lost(lab):
    c1, c2 = two_containers(lab)
    c1.ping(c2)
    with Rpc(c1.host.socket, timeout=10) as rpc:
        expect("result" in rpc.call("stream", commands=[["capture", "all"]]), "no stream")
        before = memory_mb(c1.host)
        end = time.monotonic() + 3
        with c1.namespace.socket() as sender:
            while time.monotonic() < end:
                for _ in range(200):
                    sender.sendto(bytes(1400), (c2.address, 9))
                asked = time.monotonic()
                c1.host.vxctl("link", "show")
                expect(time.monotonic() - asked < 1, "the control thread was kept waiting")
        c1.ping(c2)
        grown = memory_mb(c1.host) - before
        expect(grown < 32, f"vxd grew by {grown} MB")
        rpc.socket.shutdown(socket.SHUT_WR)
        data = rpc._read
        while chunk := rpc.socket.recv(1 << 20):
            data += chunk
    blocks = list(blocks_of(data))
    packets = sum(kind == 6 for kind, _ in blocks)
    expect(blocks[-1][0] == 5, "the counts are not at the end")
    options = blocks[-1][1][20:]
    received, dropped = struct.unpack_from("<Q", options, 4)[0], struct.unpack_from("<Q", options, 16)[0]
    expect(dropped > 0 and received == packets + dropped, f"{received} wanted, {packets} came, {dropped} lost")


def blocks_of(data):
    at = 0
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        expect(size >= 12 and at + size <= len(data), f"a block of {size} bytes at {at} of {len(data)}")
        yield kind, data[at:at + size]
        at += size


@needs_vxd
def test_a_capture_ends_with_its_device_and_with_vxd(lab):
    c1, _ = two_containers(lab)
    with Capture(c1.host, "c1", file=file_of(lab, "gone")) as gone, \
            Capture(c1.host, "all", file=file_of(lab, "down")) as down:
        c1.host.do("link del c1")
        gone.end(by=None)
        c1.host.stop()
        status, _, err = down._end()
        expect(status == 2 and "vxd ended" in err, f"{status}: {err}")


@needs_vxd
def test_a_signal_that_comes_twice_at_once_is_one(lab):
    """timeout(1) sends it to its child and to the child's process group."""
    c1, _ = two_containers(lab)
    vxctl = os.path.join(lab.settings.build, "vxctl")
    for _ in range(8):
        done = run("timeout", "0.3", vxctl, "--socket", c1.host.socket, "capture", "drop", "-w", file_of(lab, "drops"), check=False)
        expect("0 packets dropped by capture" in done.err and "unknown" not in done.err, done)


@needs_vxd
def test_a_terminal_gets_a_line_for_each_packet(lab):
    c1, c2 = two_containers(lab)
    ours, theirs = pty.openpty()
    argv = [os.path.join(c1.host.build, "vxctl"), "--socket", c1.host.socket, "capture", "all", "icmp"]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE,
                               start_new_session=True)
    os.close(theirs)
    try:
        text = b""
        end = time.monotonic() + 10
        while text.count(b"\n") < 4 and time.monotonic() < end:
            c1.ping(c2, count=1)
            while select.select([ours], [], [], 0.1)[0]:
                text += os.read(ours, 1 << 16)
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
        os.close(ours)
    expect(process.returncode == 0, err)
    lines = text.decode().splitlines()
    expect(any("c1 in #" in line and "172.18.20.1 > 172.18.20.2 ICMP echo request" in line for line in lines), lines)
    expect(any("uplink out #" in line and "VXLAN vni 100" in line for line in lines), lines)
