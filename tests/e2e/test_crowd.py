# SPDX-License-Identifier: BSD-3-Clause
"""Many clients of the config socket, of whom some mean no good: who may only look keeps nobody who may change things
from doing so, nor one user another."""

import contextlib
import os
import subprocess
import sys
import time

from lib.rpc import Rpc
from lib.shell import expect
from lib.testcase import needs_vxd
from test_cli import NETWORK
from test_faults import READER, READERS, as_reader

CONNECTS = """
import os, socket, sys
os.setgroups([%d]); os.setgid(%d); os.setuid(%d)
held = []
while True:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(2)
    try:
        client.connect(sys.argv[1])
        client.send(b"{")
        held = (held + [client])[-300:]
    except OSError:
        pass
"""


def started(lab):
    os.chmod(lab.directory, 0o755)
    host = lab.endpoint("vxd", lab.namespace("h1"), 1, arguments=("--socket-group", READERS))
    host.do(*NETWORK)
    return host


@contextlib.contextmanager
def crowd(host, uid):
    process = subprocess.Popen([sys.executable, "-c", CONNECTS % (READERS, READERS, uid), host.socket])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def monitors(host, stack, count, uid=None):
    """So many that were asked for; what those that were refused were told."""
    refusals = []
    for _ in range(count):
        with as_reader(uid) if uid is not None else contextlib.nullcontext():
            rpc = stack.enter_context(Rpc(host.socket))
        reply = rpc.call("stream", commands=[["monitor"]])
        refusals += [reply["error"]["message"]] if "error" in reply else []
    return refusals


@needs_vxd
def test_readers_that_connect_in_a_loop_cost_root_and_other_readers_nothing(lab):
    host = started(lab)
    batch = "".join(f"fdb replace 02:00:00:00:{i >> 8 & 255:02x}:{i & 255:02x} dev vxlan100 dst 192.0.2.9\n"
                    for i in range(20000))
    with crowd(host, READER), crowd(host, READER + 1):
        time.sleep(0.5)
        for _ in range(10):
            host.vxctl("link", "show")
            host.vxctl("-batch", "-", input=batch, timeout=60)
        for _ in range(10):
            with as_reader(READER + 2):
                rpc = Rpc(host.socket)
            with rpc:
                expect("result" in rpc.run("link show"), "another reader is pushed out")
    expect(len(host.fdb()) >= 20000, "entries are missing")


@needs_vxd
def test_monitors_are_shared_between_readers_and_some_are_kept_for_root(lab):
    host = started(lab)
    with contextlib.ExitStack() as stack:
        told = monitors(host, stack, 16, READER)
        expect(len(told) == 12 and f"user {READER} has 4 monitors running" in told[0], told)
        expect(not monitors(host, stack, 4, READER + 1), "another user")
        told = monitors(host, stack, 16, READER + 2) + monitors(host, stack, 16, READER + 3)
        expect(len(told) == 28 and "12 monitors of users who may only look are running" in told[-1], told)
        expect(not monitors(host, stack, 4), "root")
        expect("16 monitors are running" in monitors(host, stack, 1)[0], "a 17th")
