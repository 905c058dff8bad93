# SPDX-License-Identifier: BSD-3-Clause
"""The config socket: clients that send what is no request, or too much, or that never read."""

import contextlib
import json
import random
import socket
import time

from lib.rpc import Rpc
from lib.shell import expect
from lib.testcase import cases, needs_vxd
from test_cli import one_vxd


def alive(host, within=1.0):
    start = time.monotonic()
    host.vxctl("link", "show")
    took = time.monotonic() - start
    expect(took < within, f"another client had to wait {took:.1f} s")


@needs_vxd
@cases(kind=["random", "json", "line", "zeros", "nested"])
def test_ten_megabytes_of_garbage_stop_nobody(lab, kind):
    size = 10 << 20
    garbage = {"random": random.Random(7).randbytes(size),
               "json": b'{"jsonrpc":"2.0","id":1,"method":"run"}\n' * (size // 40),
               "line": b'{"jsonrpc":"2.0","id":"' + b"x" * size,
               "zeros": bytes(size),
               "nested": b"[" * size}[kind]
    host = one_vxd(lab)
    before = host.state()
    with Rpc(host.socket) as rpc:
        rpc.socket.setblocking(False)
        sent = replies = 0
        end = time.monotonic() + 8
        while sent < len(garbage) and time.monotonic() < end:
            try:
                sent += rpc.socket.send(garbage[sent:sent + (1 << 16)])
            except BlockingIOError:
                time.sleep(0.001)
            except (BrokenPipeError, ConnectionResetError):
                break
            try:
                got = rpc.socket.recv(1 << 20)
            except (BlockingIOError, ConnectionResetError):
                continue
            replies += got.count(b'"error"')
            if not got:
                break
        alive(host)
        rpc.socket.settimeout(2)
        while not replies:
            try:
                got = rpc.socket.recv(1 << 20)
            except (TimeoutError, ConnectionResetError):
                break
            replies += got.count(b'"error"')
            if not got:
                break
        expect(replies, f"no error came back for {sent} bytes of {kind}")
    alive(host)
    expect(host.state() == before, "garbage changed something")
    with open(f"/proc/{host.pid}/status") as status:
        resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) >> 10
    expect(resident < 1000, f"it uses {resident} MB")


@needs_vxd
def test_half_a_json_text_is_an_error(lab):
    host = one_vxd(lab)
    with Rpc(host.socket) as held, Rpc(host.socket) as ended, Rpc(host.socket) as line:
        for rpc in (held, ended, line):
            rpc.send(b'{"jsonrpc":"2.0","id":1,"method":"run","params":{"comm')
        alive(host)
        line.send(b"\n")
        reply = line.line()
        expect(reply and reply["error"]["code"] == -32700, f"half a line: {reply}")
        ended.socket.shutdown(socket.SHUT_WR)
        reply = ended.line()
        expect(reply and reply["error"]["code"] == -32700, f"half a text, then the end: {reply}")
        expect("newline" in reply["error"]["message"], f"half a text, then the end: {reply}")
        expect(ended.line() is None, "the connection stays after its end")
        held.send(b'ands":[["link","show"]],"atomic":true,"format":"text"}}\n')
        reply = held.line()
        expect(reply and "result" in reply, f"both halves: {reply}")


WRONG = {
    "unknown method": ('{"jsonrpc":"2.0","id":1,"method":"frobnicate","params":{}}', -32601, "frobnicate"),
    "another version": ('{"jsonrpc":"1.0","id":1,"method":"run","params":{}}', -32600, "jsonrpc"),
    "commands as a string": (
        '{"jsonrpc":"2.0","id":1,"method":"run","params":{"commands":"link show"}}', -32602, "commands"),
    "a number for a word": (
        '{"jsonrpc":"2.0","id":1,"method":"run","params":{"commands":[["link",7]]}}', -32602, "[1]"),
    "a list": ("[1,2,3]", None, ""),
    "a string": ('"text"', None, ""),
    "not UTF-8": ('{"jsonrpc":"2.0","id":1,"method":"run","params":{"commands":[["link","\udcff"]]}}', None, ""),
}


@needs_vxd
@cases(kind=list(WRONG))
def test_a_wrong_request_is_an_error(lab, kind):
    text, code, word = WRONG[kind]
    host = one_vxd(lab)
    with Rpc(host.socket) as rpc:
        rpc.send(text.encode("utf-8", "surrogateescape") + b"\n")
        reply = rpc.line()
        expect(reply and "error" in reply, f"{kind}: {reply}")
        expect(code in (None, reply["error"]["code"]) and word in reply["error"]["message"], f"{kind}: {reply}")
    alive(host)


@needs_vxd
def test_a_client_that_never_reads_stops_nobody(lab):
    host = one_vxd(lab)
    parameters = {"commands": [["link", "show"]] * 50, "atomic": True, "format": "json"}
    request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "run", "params": parameters}).encode() + b"\n"
    with Rpc(host.socket) as deaf:
        deaf.socket.setblocking(False)
        sent, end = 0, time.monotonic() + 4
        while time.monotonic() < end and sent < 50 << 20:
            try:
                sent += deaf.socket.send(request)
            except BlockingIOError:
                time.sleep(0.01)
            except (BrokenPipeError, ConnectionResetError):
                break
            alive(host) if sent % (len(request) * 100) == 0 else None
        alive(host)
        with open(f"/proc/{host.pid}/status") as status:
            resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) >> 10
        expect(resident < 1000, f"for a client that never reads it keeps {resident} MB")
    alive(host)


@needs_vxd
def test_many_clients_at_once(lab):
    host = one_vxd(lab)
    clients = [Rpc(host.socket) for _ in range(50)]
    try:
        for number, client in enumerate(clients):
            reply = client.run(f"fdb append 02:00:00:00:01:{number:02x} dev vxlan100 dst 192.0.2.9")
            expect("result" in reply, reply)
        expect(sum(entry["mac"].startswith("02:00:00:00:01") for entry in host.fdb()) == 50, "entries are missing")
    finally:
        for client in clients:
            client.socket.close()


@needs_vxd
@cases(kind=["idle", "half"])
def test_clients_that_hold_every_place_lock_nobody_out(lab, kind):
    host = one_vxd(lab)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Rpc(host.socket)) for _ in range(64)]
        for client in clients:
            client.send(b'{"jsonrpc":"2.0","id":1,"met' if kind == "half" else b"")
        time.sleep(0.1 if kind == "idle" else 2.5)  # a request that moves is not in the way
        alive(host)
        alive(host)
        reply = clients[0].line()
        expect(reply and "make room" in reply["error"]["message"], f"the first that made room was told {reply}")
    with open(host.log) as log:
        reports = [line for line in log if "places were taken" in line]
    expect(len(reports) == 1, f"in the log: {reports}")
