# SPDX-License-Identifier: BSD-3-Clause
"""vxctl top: rates in a terminal, and as lines."""

import json
import os
import re
import signal
import socket
import subprocess
import time

from lib.shell import expect, run
from lib.terminal import Terminal
from lib.testcase import needs_vxd
from lib.traffic import Stream
from test_bridged import two_containers
from test_cli import one_vxd

PORTS = "".join(f"link add p{number} type null\n" for number in range(1, 31))


def top(host, *words, options=(), **terminal):
    return Terminal(os.path.join(host.build, "vxctl"), "--socket", host.socket, *options, "top", *words, **terminal)


def number(text):
    return float(re.match(r"[0-9.]+", text)[0]) * {"k": 1e3, "M": 1e6, "G": 1e9}.get(text[-1], 1)


def names(terminal, prefix):
    terminal.read()
    return [line.split()[0] for line in terminal.lines if line.startswith(prefix)]


@needs_vxd
def test_the_rates_of_traffic_are_seen_where_it_goes(lab):
    c1, c2 = two_containers(lab, far="vxd", options="dstport 4789")
    c1.ping(c2)
    with Stream(c1, c2) as stream, top(c1.host, "-d", "0.5") as terminal:
        stream.flows()
        terminal.wait_for("drop/s")

        def is_measured():
            row = terminal.row("c1")
            return row and number(row[3]) > 50
        terminal.wait("c1 has a rate", is_measured)
        # device type state rx-pps rx-bits tx-pps tx-bits drops
        for name, kind, column in (("c1", "tap", 3), ("vxlan100", "vxlan", 5), ("uplink", "af_packet", 5)):
            row = terminal.wait(f"{name} carries it", lambda: terminal.row(name))
            expect(row[1] == kind and row[2] == "up", row)
            expect(50 < number(row[column]) < 1100, f"a datagram a millisecond: {row}")
            bits = number(row[column + 1]) / number(row[column])
            expect(4000 < bits < 5000, f"500 bytes and their headers: {row}")
        expect(terminal.row("100")[1] == "vxlan100", "the view of VNIs")
        worker = terminal.row("0")
        expect(worker[2].endswith("%") and 0 < float(worker[2][:-1]) <= 100, worker)
        expect(number(worker[4 if "|" in worker[3] else 3]) > 50, worker)
    rates = json.loads(c1.host.vxctl("-j", "top", "-n", "1", "-d", "0.2").out)
    expect(all(device["rx_pps"] < 100 for device in rates["devices"]), f"the stream has ended: {rates}")


@needs_vxd
def test_vteps_are_counted_while_they_are_seen(lab):
    c1, c2 = two_containers(lab, far="vxd", options="dstport 4789")
    c1.ping(c2)
    with Stream(c1, c2) as stream, top(c1.host, "-d", "0.3") as terminal:
        stream.flows()
        terminal.wait("c1 has a rate", lambda: terminal.row("c1"))
        expect(terminal.row("VTEP") is None, terminal)
        terminal.press("3")
        row = terminal.wait("the far VTEP has a rate", lambda: terminal.row("192.0.2.2"))
        expect(row[1] == "vxlan100", row)
        terminal.wait("it is that of the stream", lambda: 50 < number(terminal.row("192.0.2.2")[4]) < 1100)
        terminal.press("0")
        terminal.wait("all are seen, and VTEPs no more", lambda: terminal.row("c1") and not terminal.row("192.0.2.2"))
        rates = json.loads(c1.host.vxctl("-j", "top", "-v", "-n", "1", "-d", "0.3").out)
    expect(rates["vteps"][0]["dst"] == "192.0.2.2" and 50 < rates["vteps"][0]["tx_pps"] < 1100, rates["vteps"])


@needs_vxd
def test_drops_are_named_with_their_rate_and_meaning(lab):
    c1, c2 = two_containers(lab, far="vxd")
    with c1.namespace.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw, top(c1.host, "-d", "0.2") as terminal:
        raw.bind((c1.interface, 0))
        tagged = bytes.fromhex("02000000000202000000000181000064") + bytes(50)
        end = time.monotonic() + 10
        while not terminal.row("inner_vlan") and time.monotonic() < end:
            raw.send(tagged)
            terminal.read(0.01)
        row = terminal.row("inner_vlan")
        expect(row and row[1] == "c1" and number(row[3]) > 0, f"{row}\n{terminal}")
        expect("the inner frame has a VLAN tag" in str(terminal), terminal)
        terminal.press("5")
        terminal.wait("drops are alone", lambda: not terminal.row("device"))
        expect(terminal.row("inner_vlan"), terminal)


@needs_vxd
def test_keys_choose_what_is_seen_in_which_order(lab):
    host = lab.endpoint("vxd", lab.namespace("h1"), 1, config=PORTS)
    with top(host, "-d", "0.2") as terminal:
        terminal.wait_for("drop/s 0")
        terminal.press("1")
        terminal.wait("devices are alone", lambda: not terminal.row("worker"))
        # To the left, as any terminal says it; and a key that nobody knows, which is not Esc.
        for keys in ("\x1b[D", "\x1bOD", "\x1b[99~", "<<<<<"):
            terminal.press(keys)
            terminal.read(0.05)
        first = [f"p{number}" for number in sorted(range(1, 31), key=str)]
        terminal.wait("they go by name", lambda: names(terminal, "p") == first[:19])
        terminal.press("r")
        terminal.wait("and the other way", lambda: names(terminal, "p") == first[:-20:-1])
        terminal.wait_for("0 above, 11 below")
        terminal.press("\x1bOB")
        terminal.wait_for("1 above, 10 below")
        terminal.press("\x1b[6~")
        terminal.wait_for("11 above, 0 below")
        terminal.press("0")
        terminal.wait("all are seen", lambda: terminal.row("worker"))
        terminal.press("p")
        terminal.wait_for("PAUSED")
        terminal.press("p+")
        terminal.wait_for("  every 0.5 s")
        terminal.press("h")
        terminal.wait_for("turn p50 p99")
        terminal.press("x")
        terminal.wait("help has gone", lambda: terminal.row("device"))


@needs_vxd
def test_the_screen_follows_the_terminal_s_size(lab):
    host = lab.endpoint("vxd", lab.namespace("h1"), 1, config=PORTS + "link add long-named-port type null\n")
    with top(host, "-d", "60") as terminal:  # so that it is the size that draws anew
        terminal.wait_for("drop/s 0")
        for lines, columns in ((10, 40), (50, 132), (24, 80), (3, 20), (30, 100)):
            terminal.resize(lines, columns)
            terminal.wait("the last line has the keys",
                          lambda: terminal.lines[-1].startswith("q quit") and "vxctl top" in terminal.lines[0])
            terminal.wait("the whole width is used",
                          lambda: terminal.screen.buffer[0][columns - 1].bold or columns == 20)
            if lines > 5:
                terminal.wait("devices are seen", lambda: terminal.row("device"))
                expect(len(names(terminal, "p")) >= 4, terminal)
            expect(("long-named-port" in str(terminal)) == (lines == 50), terminal)
        terminal.resize(10, 40)
        terminal.wait("few columns are left", lambda: "rx pps" in str(terminal) and "dropped" not in str(terminal))


@needs_vxd
def test_however_it_ends_the_terminal_is_as_it_was(lab):
    host = one_vxd(lab)
    for what, end in (("q", lambda terminal: terminal.press("q")), ("Esc", lambda terminal: terminal.press("\x1b")),
                      ("Ctrl-C", lambda terminal: terminal.press("\x03")),
                      ("SIGTERM", lambda terminal: terminal.process.send_signal(signal.SIGTERM)),
                      ("SIGHUP", lambda terminal: terminal.process.send_signal(signal.SIGHUP))):
        with top(host) as terminal:
            terminal.wait_for("drop/s 0")
            expect(not terminal.is_restored(), f"{what}: it has taken nothing over")
            end(terminal)
            status = terminal.end()
            expect(status == 0, f"{what}: exit status {status}\n{terminal}")
            expect(terminal.is_restored(), f"{what}: {terminal.raw[-200:]}")
    with top(host, "-n", "2", "-d", "0.1") as terminal:
        expect(terminal.end() == 0 and terminal.is_restored(), f"-n: {terminal.raw[-200:]}")


@needs_vxd
def test_a_vxd_that_goes_and_comes_back_is_followed(lab):
    host = lab.endpoint("vxd", lab.namespace("h1"), 1, config="link add before type null\n")
    with top(host, "-d", "0.2") as terminal:
        terminal.wait("a device is seen", lambda: terminal.row("before"))
        os.kill(host.pid, signal.SIGSTOP)
        try:
            terminal.wait_for("vxd has not answered for")
            expect(terminal.row("before"), "what was known last is still seen")
        finally:
            os.kill(host.pid, signal.SIGCONT)
        terminal.wait_for("drop/s 0")
        host.stop()
        terminal.wait_for("trying again")
        with open(os.path.join(host.directory, "h1.conf"), "w") as file:
            file.write("link add after type null\n")
        host.start()
        terminal.wait("the new one is seen", lambda: terminal.row("after") and not terminal.row("before"))
        terminal.wait_for("drop/s 0")
        host.kill()
        host.start()
        terminal.wait_for("drop/s 0")
        terminal.press("q")
        expect(terminal.end() == 0 and terminal.is_restored(), terminal)


@needs_vxd
def test_q_ends_it_when_vxd_says_nothing(lab):
    host = one_vxd(lab)
    with top(host, "-d", "0.2") as terminal:
        terminal.wait_for("drop/s 0")
        os.kill(host.pid, signal.SIGSTOP)
        try:
            time.sleep(0.5)
            terminal.press("q")
            expect(terminal.end() == 0 and terminal.is_restored(), terminal)
        finally:
            os.kill(host.pid, signal.SIGCONT)


@needs_vxd
def test_colours_are_there_only_where_they_are_wanted(lab):
    host = one_vxd(lab)
    colour = re.compile(rb"\x1b\[[0-9;]*\b(3[0-7]|9[0-7]|4[0-7])m")
    for environment, options, is_coloured in (({}, (), True), ({"NO_COLOR": ""}, (), True), ({}, ("-c=auto",), True),
                                              ({"NO_COLOR": "1"}, (), False), ({}, ("-color=never",), False),
                                              ({"TERM": "vt100"}, (), False)):
        with top(host, options=options, environment=environment) as terminal:
            terminal.wait_for("drop/s 0")
            expect(bool(colour.search(terminal.raw)) == is_coloured, f"{environment} {options}: {terminal.raw}")
            terminal.press("q")
            expect(terminal.end() == 0, terminal)


@needs_vxd
def test_where_there_is_no_screen_it_says_what_to_do(lab):
    host = one_vxd(lab)
    for name in ("dumb", "", "no-such-terminal"):
        with top(host, environment={"TERM": name}, columns=200) as terminal:
            expect(terminal.end() == 1 and "vxctl top -b" in str(terminal) and f'"{name}"' in str(terminal), terminal)
    piped = host.vxctl("top", check=False)
    expect(piped.status == 1 and "vxctl top -b" in piped.err and not piped.out, piped)
    host.stop()
    for words in ((), ("-b",)):
        nobody = host.vxctl("top", *words, check=False)
        expect(nobody.status == 2 and "no vxd is listening" in nobody.err, nobody)
    host.start()


@needs_vxd
def test_lines_are_for_scripts(lab):
    c1, c2 = two_containers(lab, far="vxd", options="dstport 4789")
    c1.ping(c2)
    with Stream(c1, c2) as stream:
        stream.flows()
        begin = time.monotonic()
        text = c1.host.vxctl("top", "-b", "-n", "2", "-d", "0.5").out
        expect(1.0 <= time.monotonic() - begin < 8, "two looks, half a second apart")
        lines = [json.loads(line) for line in c1.host.vxctl("-j", "top", "-b", "-n", "3", "-d", "0.2").out.splitlines()]
        pretty = c1.host.vxctl("-j", "-p", "top", "-n", "1", "-d", "0.2").out
    seconds = re.findall(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  (\d\.\d\d) s$", text, re.M)
    expect(len(seconds) == 2 and all(0.4 < float(each) < 4 for each in seconds), text)
    expect(text.count("\ndevice ") == 2 and text.count("\nworker ") == 2 and "\x1b" not in text, text)
    expect(len(lines) == 3 and json.loads(pretty)["seconds"] > 0 and pretty.count("\n") > 20, pretty)
    for rates in lines:
        devices = {device["ifname"]: device for device in rates["devices"]}
        expect(50 < devices["c1"]["rx_pps"] < 1100, devices["c1"])
        expect(devices["vxlan100"]["tx_bps"] > 8 * 500 * 50, devices["vxlan100"])
        expect(rates["vnis"][0]["vni"] == 100 and rates["vnis"][0]["local"] == "192.0.2.1:4789", rates["vnis"])
        expect(0 < rates["workers"][0]["load"] <= 1 and rates["workers"][0]["turn_p99_ns"] > 0, rates["workers"])
    # A reader that has enough ends it, and so does the end of vxd.
    vxctl = os.path.join(c1.host.build, "vxctl")
    run("bash", "-c", f"{vxctl} --socket {c1.host.socket} top -b -d 0.1 | head -n 3", timeout=5)
    process = subprocess.Popen([vxctl, "--socket", c1.host.socket, "top", "-b", "-d", "0.1"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    time.sleep(0.3)
    c1.host.stop()
    _, err = process.communicate(timeout=5)
    expect(process.returncode == 2 and re.search(rb"connection (to vxd broke|without)", err), err)
    c1.host.start()


@needs_vxd
def test_bad_words_are_named(lab):
    host = one_vxd(lab)
    for words, says in (("-d 0", '"0" is not a number from 0.1 to 3600'), ("-d", "needs a value"), ("-n 1.5", '"1.5"'),
                        ("-x", '"-x" is not expected'), ("vxlan100", '"vxlan100" is not expected')):
        result = host.vxctl("top", *words.split(), check=False)
        expect(result.status == 1 and says in result.err and not result.out, result)


@needs_vxd
def test_help_and_completion_know_it(lab):
    host = one_vxd(lab)
    expect("vxctl top [ -d SECONDS ] [ -n COUNT ] [ -v ] [ -b ]" in host.vxctl("top", "help").out, "help")
    offered = run(os.path.join(host.build, "vxctl"), "__complete", "--socket", host.socket, "top", "-").out
    expect(offered.split() == ["-d", "-n", "-v", "-b"], offered)
    batch = host.vxctl("-batch", "-", input="top\n", check=False)
    expect(batch.status == 1 and "vxctl shows it" in batch.err, batch)
