# SPDX-License-Identifier: BSD-3-Clause
"""Memory, threads, descriptors and disks that are not there when vxd wants them: what cannot be done is refused, and
nothing else happens.

$VXD_FAULT_COUNT says how many random failures there are to be (1000 if not told), $VXD_FAULT_SEED where they begin: the
same number has the same requests and failures."""

import contextlib
import json
import os
import random
import resource
import time

from lib.faults import Faults
from lib.rpc import Rpc
from lib.shell import Failed, expect
from lib.testcase import cases, needs_vxd
from test_cli import NETWORK, one_vxd

READER, READERS = 42001, 42011
KINDS = ["allocation"] * 12 + ["descriptor"] * 4 + ["thread"] * 3 + ["disk"]


@contextlib.contextmanager
def as_reader(uid=READER):
    """Sockets that are connected now are those of somebody who may only look."""
    os.setegid(READERS)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


class Requests:
    """Requests of all kinds, at random, for a small world of devices whose names come again and again."""

    def __init__(self, rng):
        self.rng = rng

    def mac(self, number):
        return f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}"

    def command(self):
        rng = self.rng
        number = rng.randrange(4)
        bridge, port, tap, vxlan = f"br{number}", f"c{number}", f"t{number}", f"vx{number}"
        device = rng.choice([bridge, port, tap, vxlan, "uplink"])
        entry = self.mac(0x200 + rng.randrange(64))
        far = f"192.0.2.{rng.randrange(2, 40)}"
        return rng.choice([
            f"link add {bridge} address {self.mac(number)} type bridge",
            f"link add {port} address {self.mac(16 + number)} type null",
            f"link add {tap} address {self.mac(32 + number)} type tap",
            f"link add {vxlan} address {self.mac(48 + number)} type vxlan id {100 + number} local 192.0.2.1 nolearning",
            f"link set {rng.choice([port, tap, vxlan])} master {bridge}",
            f"link set {rng.choice([port, tap, vxlan])} nomaster",
            f"link set {rng.choice([bridge, port, tap])} {rng.choice(['up', 'down'])}",
            f"link set {rng.choice([bridge, port, tap, vxlan])} address {self.mac(64 + rng.randrange(64))}",
            f"link set {rng.choice([port, tap])} mtu {rng.choice([1400, 1450, 1500])}",
            f"link del {rng.choice([bridge, port, tap, vxlan])}",
            f"addr {rng.choice(['add', 'replace', 'del'])} 10.{number}.0.{rng.randrange(1, 9)}/24 dev {device}",
            "addr replace 192.0.2.1/24 dev uplink",
            f"route {rng.choice(['add', 'replace', 'del'])} 203.0.{rng.randrange(8)}.0/24 via {far}",
            f"neigh {rng.choice(['replace', 'del'])} 10.{number}.0.{rng.randrange(20, 30)} "
            f"lladdr {entry} dev {bridge}",
            f"fdb {rng.choice(['add', 'replace', 'append', 'del'])} {entry} dev {vxlan} dst {far}",
            f"fdb {rng.choice(['append', 'del'])} 00:00:00:00:00:00 dev {vxlan} dst {far}",
            f"fdb flush dev {vxlan}",
        ])

    def question(self):
        return self.rng.choice(["link show", "addr show", "route show", "neigh show", "fdb show", "stats show",
                                "config show", "route get 192.0.2.9", "top", "help", "link help", "stats packets"])

    def many(self):
        number = self.rng.randrange(4)
        return [f"fdb replace {self.mac(0x1000 + i)} dev vx{number} dst 192.0.2.{2 + i % 40}"
                for i in range(self.rng.choice([20, 300, 2000]))]


class Pair:
    """A vxd in which something fails, and one in which nothing does, which is told what the other has acknowledged."""

    def __init__(self, lab, round, rng):
        self.faults = Faults(lab.settings.build, os.path.join(lab.directory, f"faults{round}"))
        options = ("--socket-group", READERS)
        self.subject = lab.endpoint("vxd", lab.namespace(f"s{round}"), 2 * round + 1, arguments=options, start=False)
        self.subject.environment = self.faults.environment()
        self.subject.start()
        self.reference = lab.endpoint("vxd", lab.namespace(f"r{round}"), 2 * round + 2, arguments=options)
        os.chmod(lab.directory, 0o755)
        self.rng = rng
        self.requests = Requests(rng)
        self.streams = []
        first = ["link add uplink address 02:00:00:00:99:01 type null", "addr add 192.0.2.1/24 dev uplink"]
        for host in (self.subject, self.reference):
            with Rpc(host.socket) as rpc:
                rpc.run(*first)

    def state(self, host):
        with Rpc(host.socket, timeout=60) as rpc:
            reply = rpc.run("config show", "fdb show")
        expect("result" in reply, reply)
        outputs = reply["result"]["outputs"]
        return [outputs[0].splitlines(), sorted(outputs[1].splitlines())]

    def compare(self, story):
        ours, others = self.state(self.subject), self.state(self.reference)
        for here, there in zip(ours, others):
            expect(here == there, f"{story}\nit has, and should not: {[x for x in here if x not in there][:20]}\n"
                                  f"it lacks: {[x for x in there if x not in here][:20]}")
        devices = [sorted(os.path.basename(line.split()[1].rstrip(":")) for line in
                          host.namespace.run("ip", "-o", "link").out.splitlines()) for host in
                   (self.subject, self.reference)]
        expect(devices[0] == devices[1], f"{story}\ninterfaces: {devices}")

    def step(self):
        """One request while something fails. What was asked, of whom, and what came of it."""
        rng = self.rng
        kind = rng.choice(KINDS)
        after = int(10 ** rng.uniform(0, 3.7)) - 1 if kind == "allocation" else rng.randrange(4)
        what = rng.choice(["change", "change", "change", "list", "many", "question", "question", "diff", "apply",
                           "monitor", "capture", "reader", "reader", "close", "close"])
        # A few are made good for; many are refused. What is shown is made of JSON, which is not destroyed without memory.
        many = what in ("change", "list", "many", "monitor", "capture") and rng.random() < 0.5
        burst = 20 if many else rng.choice([1, 1, 1, 2, 3])
        story = f"{kind} {after}+{burst} {what}"
        if what == "close":
            if self.streams:
                self.faults.plan(kind, after, burst)
                self.streams.pop(rng.randrange(len(self.streams))).socket.close()
                time.sleep(0.01)  # its thread ends
                self.faults.end()
            return story
        commands, params, method, reader = [], {}, "run", False
        if what in ("change", "list"):
            commands = [self.requests.command() for _ in range(rng.randrange(1, 6))]
            params = {"atomic": what == "change"}
        elif what == "many":
            commands = self.requests.many()
        elif what == "question":
            commands = [self.requests.question() for _ in range(rng.randrange(1, 3))]
        elif what in ("diff", "apply"):
            text = self.state(self.reference)[0]
            commands = [line for line in text if not line.startswith("#") and line.strip()]
            if commands and rng.random() < 0.7:
                del commands[rng.randrange(len(commands))]
            commands += [self.requests.command()]
            params = {"config": what}
        elif what == "reader":
            commands, reader = [rng.choice([self.requests.question(), self.requests.command()])], True
        else:
            commands, method = [{"monitor": "monitor", "capture": "capture all"}[what]], "stream"
            reader = what == "monitor" and rng.random() < 0.5
        story += f": {commands[:6]}"
        words = [command.split() for command in commands]
        params = {"commands": words, "atomic": True, "format": rng.choice(["text", "json"]), **params}
        late = rng.random() < 0.3
        if not late:
            self.faults.plan(kind, after, burst)
        with as_reader() if reader else contextlib.nullcontext():
            rpc = Rpc(self.subject.socket, timeout=60)
        if late:
            time.sleep(0.002)
            self.faults.plan(kind, after, burst)
        rpc.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode() + b"\n")
        reply = rpc.line()
        if method == "stream" and reply and "result" in reply:
            self.streams.append(rpc)  # is not read any more
            if len(self.streams) > 6:
                self.streams.pop(0).socket.close()
        else:
            rpc.socket.close()
        self.faults.end()
        story += f" -> {str(reply)[:300]}"
        done = commands
        if reply is None:
            done = []
        elif "error" in reply:
            if "was carried out" in reply["error"]["message"]:
                pass
            elif params["atomic"] or "data" not in reply["error"]:
                done = []
            else:
                done = commands[:reply["error"]["data"]["index"]]
        if done and not reader and what in ("change", "list", "many", "apply"):
            with Rpc(self.reference.socket, timeout=60) as rpc:
                same = rpc.call("run", **{**params, "commands": words[:len(done)]})
            expect("result" in same, f"{story}: the reference says {same}")
        return story

    def end(self):
        """SIGTERM, while it is short of something and clients do what they like."""
        held = [Rpc(self.subject.socket) for _ in range(4)]
        held[0].send(b'{"jsonrpc":"2.0","id":1,"meth')
        held[1].send(b'{"jsonrpc":"2.0","id":1,"method":"run","params":{"commands":[["config","show"]]}}\n' * 500)
        self.faults.plan(self.rng.choice(KINDS), self.rng.randrange(3), 3)
        begin = time.monotonic()
        self.subject.stop(within=10)
        took = time.monotonic() - begin
        self.faults.end()
        self.reference.stop()
        for rpc in held + self.streams:
            rpc.socket.close()
        return took


@needs_vxd
def test_random_failures_leave_nothing_but_what_was_acknowledged(lab):
    wanted = int(os.environ.get("VXD_FAULT_COUNT", "1000"))
    seed = int(os.environ.get("VXD_FAULT_SEED", "1"))
    rounds = 4
    failed, steps, longest = 0, 0, 0
    for round in range(rounds):
        rng = random.Random(f"{seed}/{round}")
        pair = Pair(lab, round, rng)
        last = ""
        try:
            while pair.faults.count < wanted / rounds:
                last = f"seed {seed}, round {round}, step {steps}: "
                last += pair.step()
                steps += 1
                expect(pair.subject.is_alive(), f"vxd has ended: {last}")
                pair.compare(last)
        except (OSError, Failed) as error:
            pair.faults.end()
            raise Failed(f"{error}\nafter {last}\n{pair.subject.tail(60)}") from error
        failed += pair.faults.count
        longest = max(longest, pair.end())
    print(f"    {failed} failures in {steps} requests; the longest end took {longest:.1f} s")


def limited(host, what, value):
    """The soft limit of a process that runs; what it was."""
    before, hard = resource.prlimit(host.pid, what)
    resource.prlimit(host.pid, what, (value, hard))
    return before


def without_descriptors(host):
    """From now on there is none for it; its limit before."""
    taken = {int(name) for name in os.listdir(f"/proc/{host.pid}/fd")}
    return limited(host, resource.RLIMIT_NOFILE, min(set(range(len(taken) + 1)) - taken))


@needs_vxd
def test_a_request_for_which_there_is_no_memory_is_refused_and_nothing_else_stops(lab):
    host = one_vxd(lab)
    batch = "".join(f"fdb replace 02:00:00:{i >> 16 & 255:02x}:{i >> 8 & 255:02x}:{i & 255:02x} dev vxlan100 "
                    f"dst 192.0.2.9\n" for i in range(300000))
    before = host.state()
    with open(f"/proc/{host.pid}/statm") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    was = limited(host, resource.RLIMIT_AS, size + (8 << 20))
    for words, text in ((("-batch", "-"), batch), (("config", "diff", "-"), batch), (("config", "apply", "-"), batch)):
        result = host.vxctl(*words, input=text, check=False)
        expect(result.status != 0 and "memory" in result.err, result)
        expect(host.state() == before, f"{words} has an effect")
    host.do("link add br9 type bridge", "addr add 10.9.0.1/24 dev br9")
    limited(host, resource.RLIMIT_AS, was)
    expect(host.vxctl("-batch", "-", input=batch, timeout=60).status == 0, "not even with memory")
    expect(len(host.fdb()) > 300000, "entries are missing")


@needs_vxd
def test_with_no_memory_left_what_is_there_can_be_taken_away(lab):
    """However much there is: a commit asks for what the change needs, and not for what the whole would."""
    host = one_vxd(lab)
    count = 200000

    def far(number):
        return f"198.{18 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"

    lines = [f"fdb add 02:00:00:{i >> 16:02x}:{i >> 8 & 255:02x}:{i & 255:02x} dev vxlan100 dst {far(i)}\n"
             for i in range(count)]
    for first in range(0, count, 5000):  # no request leaves much behind for the next
        host.vxctl("-batch", "-", input="".join(lines[first:first + 5000]), timeout=60)
    host.do(f"fdb append 00:00:00:00:00:00 dev vxlan100 dst {far(7)}", "link add br9 type bridge",
            "addr add 10.9.0.1/24 dev br9", "neigh add 10.9.0.2 lladdr 02:00:00:00:00:01 dev br9")
    with open(f"/proc/{host.pid}/statm") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    was = limited(host, resource.RLIMIT_AS, size)
    for command in ("fdb del 02:00:00:00:00:07 dev vxlan100", f"fdb del 00:00:00:00:00:00 dev vxlan100 dst {far(7)}",
                    "fdb del 00:00:00:00:00:00 dev vxlan100", "neigh del 10.9.0.2 dev br9",
                    "addr del 10.9.0.1/24 dev br9", "link del br9"):
        host.do(command)
    limited(host, resource.RLIMIT_AS, was)
    left = host.vxctl("fdb", "show", "dev", "vxlan100").out
    expect("02:00:00:00:00:07" not in left and "00:00:00:00:00:00 dst" not in left, "entries that were deleted")
    expect(left.count(" dst ") == count - 1, f"{left.count(' dst ')} entries of {count} - 1 are left")


@needs_vxd
def test_without_descriptors_readers_are_told_so_and_root_is_served(lab):
    os.chmod(lab.directory, 0o755)
    host = lab.endpoint("vxd", lab.namespace("h1"), 1, arguments=("--socket-group", READERS))
    host.do(*NETWORK)
    soft, hard = resource.prlimit(host.pid, resource.RLIMIT_NOFILE)
    expect(soft == hard, f"its limit of descriptors is {soft} of {hard}")
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(Rpc(host.socket))
        expect("result" in first.run("link show"), "before")
        without_descriptors(host)
        for _ in range(3):
            with as_reader():
                refused = stack.enter_context(Rpc(host.socket))
            reply = refused.line()
            expect(reply and "no file descriptor left" in reply["error"]["message"], reply)
        for _ in range(20):  # also more often than there are spare ones
            host.vxctl("link", "show")
        host.do("link add br9 type bridge")
        # A stream wants one more, and says so; its client is a client still.
        root = stack.enter_context(Rpc(host.socket))
        expect("result" in root.run("link show"), "root")
        was = without_descriptors(host)
        reply = root.call("stream", commands=[["monitor"]])
        expect("error" in reply and "eventfd" in reply["error"]["message"] and
               "Too many open files" in reply["error"]["message"], reply)
        limited(host, resource.RLIMIT_NOFILE, was)  # the spare ones lie above the other
        expect("result" in root.run("link show"), "the client of a stream that failed")
        held = [stack.enter_context(Rpc(host.socket)) for _ in range(8)]  # nobody of them goes by himself
        expect("result" in held[-1].run("link show"), "root is locked out")
        host.stop()


@needs_vxd
@cases(kind=["thread", "descriptor"])
def test_a_stream_that_cannot_begin_is_refused_by_name_and_vxd_ends_in_time(lab, kind):
    faults = Faults(lab.settings.build, os.path.join(lab.directory, "faults"))
    host = lab.endpoint("vxd", lab.namespace("h1"), 1, start=False)
    host.environment = faults.environment()
    host.start()
    host.do(*NETWORK)
    with contextlib.ExitStack() as stack:
        for command in ("monitor", "capture all"):
            rpc = stack.enter_context(Rpc(host.socket))
            expect("result" in rpc.run("link show"), command)
            faults.plan(kind, 0)
            reply = rpc.call("stream", commands=[command.split()])
            faults.end()
            says = {"thread": "a thread for the stream: Resource temporarily unavailable",
                    "descriptor": "an eventfd for the stream: Too many open files"}[kind]
            expect("error" in reply and f"{command.split()[0]}: {says}" in reply["error"]["message"], reply)
            expect("result" in rpc.call("stream", commands=[command.split()]), f"{command}: the second time")
        expect(faults.count == 2, f"{faults.count} failures")
        host.stop()
