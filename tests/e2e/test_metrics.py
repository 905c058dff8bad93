# SPDX-License-Identifier: BSD-3-Clause
"""vxd-exporter: what its page says against what vxctl says, and Debian's Prometheus, which reads the page, the alerts
and what the dashboard asks for."""

import json
import os
import re
import signal
import time

from lib.exporter import ADDRESS, PORT, Exporter
from lib.http import get
from lib.prometheus import Prometheus, promtool
from lib.shell import expect, run, wait_until
from lib.testcase import cases, needs_vxd
from lib.traffic import Stream, tcp_transfer

from test_config import with_traffic

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ALERTS = os.path.join(ROOT, "tools", "exporter", "alerts.yml")
DASHBOARD = os.path.join(ROOT, "tools", "exporter", "dashboard.json")
TARGET = f"{ADDRESS}:{PORT}"
USER, READERS = 42001, 42011  # nobody's


def with_drops(near, c1, c2):
    """Something that is dropped at the underlay's port: the trap of an MTU that nobody lowered."""
    c1.namespace.ip("link", "set", "eth0", "mtu", "1500")
    c1.no_ping(c2, size=1460)
    expect(near.drops().get("frame_too_big", 0) > 0, near.drops())


def reasons_of(host, kind):
    """The names of all that there are, of a "drop" or a "loss"."""
    found = {reason["reason"] for reason in host.json("stats", "reasons") if reason["kind"] == kind}
    expect(found, f"there are no reasons of a {kind}")
    return found


def at_rest(host, exporter):
    """A page and vxctl's numbers of the same moment: nothing was counted while they were made."""
    def look():
        before = host.json("stats")
        page = exporter.page()
        return before["links"] == host.json("stats")["links"] and (before, page)
    return wait_until("nothing is counted any more", look, timeout=15, interval=0.2)


@needs_vxd
def test_the_page_says_to_the_packet_what_vxctl_says(lab):
    near, far, c1, c2 = with_traffic(lab)
    with Exporter(lab, near.namespace, near.socket) as exporter:
        expect(exporter.page().value("vxd_up") == 1, exporter.said())
        tcp_transfer(c1, c2)
        with_drops(near, c1, c2)
        stats, page = at_rest(near, exporter)
    for link in stats["links"]:
        name = link["ifname"]
        for direction, word in (("rx", "receive"), ("tx", "transmit")):
            for what in ("packets", "bytes"):
                found = page.value(f"vxd_device_{word}_{what}_total", device=name)
                expect(found == link[direction][what], f"{name} {word} {what}: {found} is not {link[direction][what]}")
        for reason, packets in link["drops"].items():
            found = page.value("vxd_device_drops_total", device=name, reason=reason)
            expect(found == packets, f"{name} {reason}: {found} is not {packets}")
    expect(page.value("vxd_device_receive_bytes_total", device="c1") > 4 << 20, "there was no traffic")
    losses, shown = reasons_of(near, "loss"), page.labels("vxd_receive_lost_packets_total", "reason")
    expect(shown == losses, f"{shown} is not {losses}")
    reasons, shown = reasons_of(near, "drop"), page.labels("vxd_drops_total", "reason")
    expect(shown == reasons, f"in one of them alone: {shown ^ reasons}")
    for reason in reasons:
        found = page.value("vxd_drops_total", reason=reason)
        expect(found == stats["drops"].get(reason, 0), f"{reason}: {found} is not {stats['drops'].get(reason, 0)}")
    expect(page.value("vxd_device_info", device="vxlan100", kind="vxlan", vni="100", master="br0") == 1, page.text)
    expect(page.value("vxd_device_mtu_bytes", device="c1") == 1450, "the MTU")
    expect(page.value("vxd_devices") == len(stats["links"]), "how many devices there are")
    expect(page.value("vxd_fdb_entries") == stats["fdb"]["entries"], "the forwarding database")
    said = run(os.path.join(lab.settings.build, "vxctl"), "-V").out
    version, = page.labels("vxd_build_info", "version")
    expect(version in said, f"{version} is not in {said}")


@needs_vxd
def test_the_workers_numbers_are_vxctls(lab):
    near, far, c1, c2 = with_traffic(lab)
    with Exporter(lab, near.namespace, near.socket) as exporter:
        tcp_transfer(c1, c2)
        stats, page = at_rest(near, exporter)
    for worker in stats["workers"]:
        name = str(worker["worker"])
        for what in ("packets", "bursts", "learn_lost"):
            expect(page.value(f"vxd_worker_{what}_total", worker=name) == worker[what], f"{what} of worker {name}")
        busy = page.value("vxd_worker_busy_seconds_total", worker=name)
        expect(abs(busy - worker["busy_ticks"] / stats["tsc_hz"]) < 1e-6, f"busy {busy} s: {worker}")
        expect(page.value("vxd_worker_info", worker=name, cpu=str(worker["cpu"])) == 1, page.text)
        bursts = worker["bursts_by_packets"]
        for most in (1, 2, 4, 8, 16, 32):
            found = page.value("vxd_worker_burst_packets_bucket", worker=name, le=str(most))
            expect(found == sum(bursts[:most + 1]), f"bursts of at most {most}: {found} of {bursts}")
        expect(page.value("vxd_worker_burst_packets_count", worker=name) == worker["bursts"] == sum(bursts), bursts)
        in_bursts = sum(packets * count for packets, count in enumerate(bursts))
        found = page.value("vxd_worker_burst_packets_sum", worker=name)
        # What the control thread sends comes in no burst.
        expect(0 < found == in_bursts <= worker["packets"], f"{found} packets in bursts: {worker}")
        turns = page.value("vxd_worker_turn_seconds_count", worker=name)
        expect(turns == sum(worker["turns_by_log2_ticks"]) > 0, f"{turns} turns: {worker['turns_by_log2_ticks']}")
        last = page.value("vxd_worker_turn_seconds_bucket", worker=name, le="+Inf")
        expect(last == turns, "the last bucket has all turns")


@needs_vxd
def test_promtool_has_nothing_to_say(lab):
    near, far, c1, c2 = with_traffic(lab)
    with_drops(near, c1, c2)
    build = lab.settings.build
    with Exporter(lab, near.namespace, near.socket) as exporter:
        exporter.page()
        checked = promtool(build, "check", "metrics", input=exporter.page().text)
        expect(checked.status == 0 and not checked.out + checked.err, checked)
        near.stop()
        checked = promtool(build, "check", "metrics", input=exporter.page().text)
        expect(checked.status == 0 and not checked.out + checked.err, checked)
    checked = promtool(build, "check", "rules", ALERTS)
    expect(checked.status == 0, checked)
    tested = promtool(build, "test", "rules", os.path.join(ROOT, "tests", "e2e", "alerts_test.yml"))
    expect(tested.status == 0, tested)


def dashboard_expressions():
    with open(DASHBOARD) as file:
        dashboard = json.load(file)
    found = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    expect(len(found) > 20, found)
    variables = [variable["definition"] for variable in dashboard["templating"]["list"] if "definition" in variable]
    return found, variables


def alert_expressions():
    with open(ALERTS) as file:
        return re.findall(r"^ +expr: (.*)$", file.read(), re.M)


@needs_vxd
def test_every_metric_that_is_asked_for_exists(lab):
    near, far, c1, c2 = with_traffic(lab)
    with Exporter(lab, near.namespace, near.socket) as exporter:
        there = exporter.page().names()
    expressions, variables = dashboard_expressions()
    alerts = alert_expressions()
    for expression in expressions + variables + alerts:
        names = set(re.findall(r"\bvxd_\w+", expression))
        expect(names and names <= there, f"{expression} asks for {names - there}")
    # What it makes, somebody asks for; or it is there to look things up.
    asked = " ".join(expressions + variables + alerts)
    unused = {name for name in exporter_families(there) if not re.search(rf"\b{name}", asked)}
    expect(unused <= {"vxd_worker_info", "vxd_worker_idle_seconds_total", "vxd_worker_bursts_total"}, unused)
    reasons = reasons_of(near, "drop") | reasons_of(near, "loss")
    for named in re.findall(r'reason=~?"([^"]+)"', asked):
        expect(set(named.split("|")) <= reasons, f"there is no reason {set(named.split('|')) - reasons}")


def exporter_families(names):
    return {name for name in names if name.startswith("vxd_") and not name.endswith(("_bucket", "_sum", "_count"))}


@needs_vxd
def test_prometheus_scrapes_it_and_answers_what_the_dashboard_asks(lab):
    near, far, c1, c2 = with_traffic(lab)
    with_drops(near, c1, c2)
    with Exporter(lab, near.namespace, near.socket) as exporter, \
            Prometheus(lab, near.namespace, TARGET, ALERTS) as prometheus:
        wait_until("it has scraped", lambda: prometheus.query("vxd_up == 1"), timeout=10)
        target, = prometheus.ask("targets")["activeTargets"]
        expect(target["health"] == "up" and not target["lastError"], target)
        with Stream(c1, c2) as stream:
            stream.flows()
            wait_until("it sees the traffic", lambda: prometheus.query(
                'rate(vxd_device_receive_packets_total{device="c1"}[5s]) > 100'), timeout=15)
            for expression in dashboard_expressions()[0]:
                asked = expression.replace("$__rate_interval", "5s")
                asked = asked.replace("$instance", ".*").replace("$device", ".*")
                answer = prometheus.query(asked)
                may_be_nothing = "_lost_packets_total" in asked or "> 0" in asked
                expect(answer or may_be_nothing, f"nothing to show for {asked}")
        stats, _ = at_rest(near, exporter)
        bytes_in = next(link["rx"]["bytes"] for link in stats["links"] if link["ifname"] == "c1")
        wait_until("it has the last number", lambda: [value for _, value in prometheus.query(
            'vxd_device_receive_bytes_total{device="c1"}')] == [bytes_in], timeout=10)
        rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
        expect(len(rules) == len(alert_expressions()), rules)
        near.stop()
        wait_until("it sees that vxd has ended", lambda: prometheus.query("vxd_up == 0"), timeout=10)
        wait_until("the alert is on its way", lambda: prometheus.query('ALERTS{alertname="VxdDown"}'), timeout=10)
        down, = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"] if rule["name"] == "VxdDown"]
        expect(f"vxd on {TARGET} does not answer" == down["alerts"][0]["annotations"]["summary"], down)
        rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
        expect(all(rule["health"] == "ok" for rule in rules), rules)
        near.start()
        wait_until("it sees that vxd is back", lambda: prometheus.query("vxd_up == 1"), timeout=10)


@needs_vxd
def test_a_vxd_that_ends_is_down_and_one_that_starts_is_up(lab):
    near = lab.endpoint("vxd", lab.namespace("h1"), 1)
    near.do("link add n type null")
    with Exporter(lab, near.namespace, near.socket) as exporter:
        expect(exporter.page().value("vxd_up") == 1, exporter.said())
        near.stop()
        for _ in range(2):
            page = exporter.page()
            expect(page.value("vxd_up") == 0 and page.value("vxd_devices") is None, page.text)
        near.start()
        page = exporter.page()
        expect(page.value("vxd_up") == 1 and page.value("vxd_devices") == 0, page.text)
        near.kill()  # its socket stays
        expect(exporter.page().value("vxd_up") == 0, "a killed vxd")
        near.start()
        expect(exporter.page().value("vxd_up") == 1, "started again")
        said = exporter.said()
        # Each is said once, not at every scrape.
        expect(said.count("no vxd is listening on") == 2 and said.count("vxd answers again") == 2, said)


@needs_vxd
def test_a_vxd_that_does_not_answer_is_down(lab):
    near = lab.endpoint("vxd", lab.namespace("h1"), 1)
    with Exporter(lab, near.namespace, near.socket) as exporter:
        os.kill(near.pid, signal.SIGSTOP)
        try:
            start = time.monotonic()
            page = exporter.page()
            expect(page.value("vxd_up") == 0 and time.monotonic() - start < 8, page.text)
            expect("vxd does not answer" in exporter.said(), exporter.said())
        finally:
            os.kill(near.pid, signal.SIGCONT)
        wait_until("it is up again", lambda: exporter.page().value("vxd_up") == 1)


@needs_vxd
def test_it_needs_nothing_but_the_sockets_group(lab):
    near = lab.endpoint("vxd", lab.namespace("h1"), 1, arguments=("--socket-group", READERS))
    near.do("link add n type null")
    with Exporter(lab, near.namespace, near.socket, user=USER, groups=[READERS]) as exporter:
        page = exporter.page()
        expect(page.value("vxd_up") == 1 and page.value("vxd_devices") == 1, exporter.said())


@needs_vxd
def test_a_socket_that_may_not_be_opened_is_said(lab):
    near = lab.endpoint("vxd", lab.namespace("h1"), 1, arguments=("--socket-group", READERS))
    with Exporter(lab, near.namespace, near.socket, user=USER) as exporter:
        for _ in range(2):
            expect(exporter.page().value("vxd_up") == 0, "whoever is not in the group")
        expect(exporter.said().count(f"{near.socket} may not be opened by this user") == 1, exporter.said())


@needs_vxd
def test_more_devices_than_are_shown_are_one(lab):
    near = lab.endpoint("vxd", lab.namespace("h1"), 1)
    near.do(*(f"link add n{number} type null" for number in range(6)))
    with Exporter(lab, near.namespace, near.socket, "--max-devices", "2") as exporter:
        page = exporter.page()
        expect(page.labels("vxd_device_receive_packets_total", "device") == {"n0", "n1", "other devices"}, page.text)
        expect(page.labels("vxd_device_info", "device") == {"n0", "n1"}, page.text)
        expect(page.value("vxd_devices") == 6 and page.value("vxd_devices_not_shown") == 4, page.text)
        near.do("link del n0")
        page = exporter.page()
        expect(page.labels("vxd_device_info", "device") == {"n1", "n2"}, page.text)


@needs_vxd
def test_drops_do_not_go_back_when_a_device_is_removed(lab):
    near = lab.endpoint("vxd", lab.namespace("h1"), 1)
    near.do("link add br0 type bridge")
    c1 = lab.container(near, "c1", "10.0.0.1/24")
    c1.no_ping("10.0.0.2")  # its ARP is for all, and there is nobody else
    with Exporter(lab, near.namespace, near.socket) as exporter:
        drops = exporter.page().value("vxd_drops_total", reason="no_destination")
        expect(drops > 0 and drops == near.drops()["no_destination"], near.drops())
        near.do("link del c1")
        expect("no_destination" not in near.drops(), near.drops())
        expect(exporter.page().value("vxd_drops_total", reason="no_destination") >= drops, "the sum went back")


@needs_vxd
@cases(by=["SIGTERM", "SIGINT"])
def test_the_exporter_ends_when_it_is_asked_to(lab, by):
    near = lab.endpoint("vxd", lab.namespace("h1"), 1)
    with Exporter(lab, near.namespace, near.socket) as exporter:
        exporter.page()
        expect(exporter.end(getattr(signal, by), within=5) == 0, exporter.said())


@needs_vxd
def test_only_its_page_is_served(lab):
    near = lab.endpoint("vxd", lab.namespace("h1"), 1)
    with Exporter(lab, near.namespace, near.socket, "--listen", f"{ADDRESS}:0") as exporter:
        port = int(re.search(rf"http://{ADDRESS}:(\d+)/metrics", exporter.said())[1])
        expect(exporter.page(port).value("vxd_up") == 1, exporter.said())
        for path in ("/", "/etc/passwd", "/../../etc/passwd", "/metrics/../etc/passwd"):
            expect(get(near.namespace, ADDRESS, port, path).status in (400, 403, 404), path)


@needs_vxd
@cases(dict(arguments="--listen nowhere", word="\"nowhere\" is not an IPv4 address and a port", status=1),
       dict(arguments="--listen 192.0.2.77:9950", word="listen on 192.0.2.77:9950: Cannot assign requested address", status=2),
       dict(arguments="--listen 127.0.0.1:9950", word="listen on 127.0.0.1:9950: Address already in use", status=2),
       dict(arguments="--max-devices x", word="--max-devices: \"x\" is not a number", status=1),
       dict(arguments="--frobnicate", word="--frobnicate", status=1))
def test_what_cannot_be_is_refused(lab, arguments, word, status):
    namespace = lab.namespace("h1")
    with Exporter(lab, namespace, "/nonexistent/vxd.sock") as first:
        result = namespace.run(os.path.join(lab.settings.build, "vxd-exporter"), *arguments.split(), check=False, timeout=20)
        expect(result.status == status and word in result.err, result)
        expect(first.page().value("vxd_up") == 0, "the first goes on")
