# SPDX-License-Identifier: BSD-3-Clause
"""Ports whose other end shares its memory, and takes it away: the port fails by name, vxd and the other ports go on."""

import os
import time

from lib.front_ends import MemifClient, VhostFrontEnd
from lib.host import mac_of
from lib.shell import expect, wait_until
from lib.testcase import cases, needs_vxd

TAKEN = "its other end has taken away memory that both share"


def scene(lab, kind):
    """(vxd's host, two of its containers, how an other end of the port "vm1" is made)"""
    near, = lab.underlay("vxd")
    near.do("link add br0 type bridge")
    c1 = lab.container(near, "c1", "172.18.20.1/16", mac=mac_of(1))
    c2 = lab.container(near, "c2", "172.18.20.2/16", mac=mac_of(2))
    path = os.path.join(lab.directory, "vm1.sock")
    options = f"memif path {path} id 7 role server" if kind == "memif" else f"vhost-user path {path}"
    near.do(f"link add vm1 type {options}", "link set vm1 master br0")
    c1.ping(c2)
    return near, c1, c2, (lambda: MemifClient(path, 7)) if kind == "memif" else (lambda: VhostFrontEnd(path))


def flags(host):
    return host.json("link", "show", "vm1")[0]["flags"]


def wait_up(host):
    wait_until("vm1 has a carrier", lambda: "LOWER_UP" in flags(host), timeout=5)


def errors(host):
    return host.json("stats", "show", "dev", "vm1")["links"][0]["rx"]["errors"]


def log_of(host):
    with open(host.log, errors="replace") as file:
        return file.read()


@needs_vxd
@cases(kind=["vhost-user", "memif"])
def test_memory_that_is_cut_off_under_a_running_port_fails_that_port_alone(lab, kind):
    near, c1, c2, other_end = scene(lab, kind)
    pid = near.process.pid
    for turn in (1, 2):  # a port that failed is opened again
        with other_end() as front:
            front.start()
            wait_up(near)
            front.truncate(0)
            wait_until("vm1 is shown as gone", lambda: "GONE" in flags(near), timeout=5)
            c1.ping(c2)
        expect(log_of(near).count(f"vm1: {TAKEN}") == turn, near.tail())
        expect(errors(near) >= turn, f"{errors(near)} errors are counted")
        wait_until("vm1 is back", lambda: "GONE" not in flags(near), timeout=5)
    with other_end() as front:
        front.start()
        wait_up(near)
        c1.ping(c2)
    expect(near.process.pid == pid and near.process.poll() is None, near.tail())


@needs_vxd
def test_memory_that_ends_behind_the_rings_fails_the_port_when_a_frame_lies_there(lab):
    near, c1, c2, other_end = scene(lab, "vhost-user")
    with other_end() as front:
        front.start()
        wait_up(near)
        front.truncate(front.BUFFERS)
        time.sleep(1.5)
        expect(TAKEN not in log_of(near), "nobody has touched what is missing")
        frame = bytes(60)
        os.pwrite(front.memory, (front.BUFFERS + 4096).to_bytes(8, "little") + (12 + len(frame)).to_bytes(4, "little")
                  + bytes(4), 0x4000)
        os.pwrite(front.memory, b"\0\0\1\0\0\0", 0x4000 + 0x1000)
        wait_until("vm1 has failed", lambda: f"vm1: {TAKEN}" in log_of(near), timeout=5)
        c1.ping(c2)


@needs_vxd
def test_memory_that_is_missing_from_the_start_fails_the_port(lab):
    near, c1, c2, other_end = scene(lab, "vhost-user")
    with other_end() as front:
        front.truncate(0)
        front.negotiate()
        front.start_rings()
        wait_until("vm1 has failed", lambda: f"vm1: {TAKEN}" in log_of(near), timeout=5)
        c1.ping(c2)
    with other_end() as front:
        wait_until("vm1 is back", lambda: "GONE" not in flags(near), timeout=5)
    with other_end() as front:
        front.start()
        wait_up(near)
