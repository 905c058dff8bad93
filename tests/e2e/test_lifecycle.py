# SPDX-License-Identifier: BSD-3-Clause
"""vxd itself: how it starts, idles, wakes and ends."""

import os
import re
import signal
import subprocess
import time

from lib.host import mac_of
from lib.lab import Lab
from lib.shell import expect, run, wait_until
from lib.testcase import cases, needs_vxd
from lib.traffic import Stream, tcp_both_ways


def with_network(lab, port=None):
    """A vxd with everything that it can make, and traffic through it."""
    near, far = lab.underlay("vxd", "kernel", port=port)
    lab.bridged([near, far])
    c1 = lab.container(near, "c1", "172.18.20.1/16", mac=mac_of(1))
    c2 = lab.container(far, "c2", "172.18.20.2/16", mac=mac_of(2))
    c1.ping(c2)
    return near, far, c1, c2


def rejected(lab, *arguments, namespace=None, socket="other.sock", config=None):
    """What a vxd says that must not start."""
    namespace = namespace or lab.namespaces[0]
    path = os.path.join(lab.directory, socket)
    if config is not None:
        with open(os.path.join(lab.directory, "config"), "w") as file:
            file.write(config)
        arguments += ("--config", os.path.join(lab.directory, "config"))
    program = os.path.join(lab.settings.build, "vxd")
    result = namespace.run(program, "--socket", path, *arguments, check=False, timeout=20)
    expect(result.status not in (0, 124, -6, -11, 134, 139), f"it should have been refused: {result}")
    return result.out + result.err


@needs_vxd
@cases(by=["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_ends_it_and_nothing_is_left(lab, by):
    near, far, c1, c2 = with_network(lab)
    pid = near.pid
    with Stream(c1, c2) as stream:
        stream.flows()
        started = time.monotonic()
        near.stop(by=getattr(signal, by))
        expect(time.monotonic() - started < 3, f"it took {time.monotonic() - started:.1f} s to end")
    expect("eth0" not in c1.namespace.links(), "the container still has its interface")
    expect(set(near.namespace.links()) == {"lo", "eth1"}, f"interfaces: {set(near.namespace.links())}")
    expect(sorted(os.listdir(lab.directory)) == ["h1.log"], f"files: {os.listdir(lab.directory)}")
    expect(not near.namespace.processes(), "processes in its namespace")
    expect(not os.path.exists(f"/proc/{pid}"), "the process is there")
    left = [name for name in os.listdir("/run/dpdk") if str(pid) in name] if os.path.isdir("/run/dpdk") else []
    expect(not left, f"DPDK's run-time files: {left}")


@needs_vxd
def test_af_xdp_leaves_no_program_on_the_interface(lab):
    near, far, c1, c2 = with_network(lab, port="af_xdp")
    expect("prog" in str(near.namespace.links()["eth1"].get("xdp")), "there is no XDP program while it runs")
    near.stop()
    expect(not near.namespace.links()["eth1"].get("xdp"), f"left behind: {near.namespace.links()['eth1'].get('xdp')}")


@needs_vxd
def test_it_starts_again_after_it_was_killed(lab):
    near, far, c1, c2 = with_network(lab)
    near.kill()
    expect(os.path.exists(near.socket), "a killed vxd cannot remove its socket")
    near.start()
    expect(near.json("link", "show") == [] or all(link["ifname"] == "lo" for link in near.json("link", "show")),
           f"a new vxd knows nothing: {near.json('link', 'show')}")
    lab.uplink(near, near.address, 24)
    lab.bridged([near])
    near.do(f"fdb append 00:00:00:00:00:00 dev vxlan100 dst {far.address}")
    c1.attach("br0", mac_of(1))
    c1.add_address("172.18.20.1/16")
    c1.wait_ping(c2)


@needs_vxd
def test_ports_are_replaced_in_one_transaction(lab):
    near, far, c1, c2 = with_network(lab)
    near.do("link add extra type tap ifname vxt-extra")
    before = near.json("link", "show", "extra")
    result = near.vxctl("-batch", "-", input="link del extra\nlink add extra mtu 1300 type tap ifname vxt-extra\n"
                        "link del nowhere\n", check=False)
    expect(result.status == 1, str(result))
    expect(near.json("link", "show", "extra") == before, "a failed replacement changed the port")
    uplink = near.json("link", "show", "type", "af_packet")[0]["ifname"]
    address = near.json("-br", "-4", "addr", "show", uplink)[0]["addr_info"][0]
    near.vxctl("-batch", "-", input="link del extra\nlink add other mtu 1300 type tap ifname vxt-extra\n"
               f"link del {uplink}\nlink add {uplink} type af_packet dev eth1\n"
               f"addr add {address['local']}/{address['prefixlen']} dev {uplink}\n")
    expect(near.namespace.links()["vxt-extra"]["mtu"] == 1300, "the MTU of the replaced TAP")
    c1.wait_ping(c2)


@needs_vxd
def test_an_idle_vxd_sleeps_and_wakes_at_the_first_frame(lab):
    near, far, c1, c2 = with_network(lab)
    c1.know(c2)
    c2.know(c1)
    time.sleep(1)
    seconds = 3
    start = near.processor_seconds()
    time.sleep(seconds)
    share = (near.processor_seconds() - start) / seconds
    expect(share < 0.02, f"idle, it uses {share:.1%} of a core")
    slowest = 0
    for one, other in ((c1, c2), (c2, c1)) * 3:
        time.sleep(0.3)
        slowest = max(slowest, one.round_trip_ms(other))
    expect(slowest < 100, f"a first frame took {slowest} ms to come back")


@needs_vxd
def test_an_idle_vxd_without_any_port_sleeps(lab):
    near = lab.endpoint("vxd", lab.namespace("h1"), 1)
    time.sleep(0.5)
    start = near.processor_seconds()
    time.sleep(2)
    expect(near.processor_seconds() - start < 0.04, f"{near.processor_seconds() - start:.3f} s in 2 s")


@needs_vxd
def test_a_second_vxd_on_the_same_socket_is_refused(lab):
    near, far, c1, c2 = with_network(lab)
    with Stream(c1, c2) as stream:
        said = rejected(lab, socket="h1.sock")
        expect("h1.sock" in said, f"it does not name the socket: {said}")
        stream.flows()
    expect(near.json("link", "show"), "the first still answers")


@needs_vxd
def test_two_vxd_in_one_namespace_run_side_by_side(lab):
    namespace = lab.namespace("h1")
    first = lab.endpoint("vxd", namespace, 1)
    second = lab.endpoint("vxd", namespace, 2)
    for number, host in enumerate((first, second), 1):
        host.do("link add br0 type bridge")
        lab.container(host, f"a{number}", f"10.0.{number}.1/24").ping(
            lab.container(host, f"b{number}", f"10.0.{number}.2/24"))
    first.stop()
    lab.containers["a2"].ping("10.0.2.2")
    second.stop()


@needs_vxd
def test_a_limit_of_memory_that_is_too_low_is_refused_at_the_start_and_what_is_enough_is_said(lab):
    program = os.path.join(lab.settings.build, "vxd")
    path = os.path.join(lab.directory, "limited.sock")
    log = os.path.join(lab.directory, "limited.log")
    namespace = lab.namespace("h1")
    enough, refusals = 400, 0
    while True:
        with open(log, "wb") as file:
            process = subprocess.Popen(namespace.argv("prlimit", f"--as={enough << 20}", program, "--socket", path),
                                       stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True)
        try:
            vxctl = (os.path.join(lab.settings.build, "vxctl"), "--socket", path)
            wait_until("it ends, or can be asked", lambda: process.poll() is not None or
                       run(*vxctl, "link", "show", check=False).status == 0, 20)
            if process.poll() is None:
                break
        finally:
            process.terminate()
            process.wait(10)
        with open(log) as file:
            said = file.read()
        match = re.search(r"\(ulimit -v\).* expected a limit of (\d+) MiB at least", said)
        expect(process.returncode == 2 and match and int(match.group(1)) > enough, f"with {enough} MiB: {said}")
        enough, refusals = int(match.group(1)), refusals + 1
    expect(1 <= refusals <= 2, f"{refusals} refusals")  # DPDK's memory, then what vxd sets aside


@needs_vxd
def test_too_few_descriptors_are_refused_at_the_start_and_how_many_are_enough_is_said(lab):
    lab.namespace("h1")
    program = os.path.join(lab.settings.build, "vxd")
    result = lab.namespaces[0].run("prlimit", "--nofile=16", program, "--socket",
                                   os.path.join(lab.directory, "limited.sock"), check=False, timeout=20)
    expect(result.status == 2 and re.search(r"16 file descriptors \(ulimit -n\); expected \d+ at least", result.err),
           result)


@needs_vxd
def test_it_starts_without_arguments(lab):
    """With the default socket, and whatever memory there is."""
    namespace = lab.namespace("h1")
    if os.path.exists("/run/vxd/vxd.sock"):
        expect(run(os.path.join(lab.settings.build, "vxctl"), "link", "show", check=False).status != 0,
               "another vxd runs on the default socket; it would disturb this test")
    log = os.path.join(lab.directory, "default.log")
    with open(log, "wb") as file:
        process = subprocess.Popen(namespace.argv(os.path.join(lab.settings.build, "vxd")), stdin=subprocess.DEVNULL,
                                   stdout=file, stderr=file, start_new_session=True)
    try:
        vxctl = os.path.join(lab.settings.build, "vxctl")
        wait_until("vxctl reaches it without --socket", lambda: run(vxctl, "link", "show", check=False).status == 0, 20)
        process.send_signal(signal.SIGTERM)
        expect(process.wait(10) == 0, f"status {process.returncode}")
    finally:
        process.kill()
        process.wait()
    with open(log) as file:
        said = file.read()
    with open("/proc/meminfo") as file:
        has_hugepages = "HugePages_Free:        0" not in file.read()
    expect(has_hugepages or "hugepage" in said.lower(), f"without hugepages it should say what that costs: {said}")
    expect(not os.path.exists("/run/vxd/vxd.sock"), "it left its socket")
    left = os.listdir("/run/vxd") if os.path.isdir("/run/vxd") else []
    expect(not left, f"in /run/vxd: {left}")


CONFIG = """# the near end of scheme 2
link add uplink type af_packet dev eth1
addr add 192.0.2.1/24 dev uplink

link add br0 type bridge
link add vxlan100 type vxlan id 100 local 192.0.2.1 dstport 4789 nolearning
link set vxlan100 master br0
fdb append 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.2
"""


@needs_vxd
def test_a_config_file_sets_everything_up(lab):
    one, other = lab.switch(2)
    near = lab.endpoint("vxd", one, 1, config=CONFIG)
    near.address = "192.0.2.1"
    far = lab.endpoint("kernel", other, 2)
    lab.uplink(far, "192.0.2.2", 24)
    lab.bridged([far], flood=False)
    far.do("fdb append 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.1")
    c1 = lab.container(near, "c1", "172.18.20.1/16")
    c2 = lab.container(far, "c2", "172.18.20.2/16")
    c1.ping(c2)
    tcp_both_ways(c1, c2)


@needs_vxd
def test_an_error_in_line_7_of_the_config_file_is_named(lab):
    namespace, _ = lab.switch(2)
    lines = CONFIG.splitlines()
    lines[6] = "link set vxlan100 mastre br0"
    said = rejected(lab, namespace=namespace, config="\n".join(lines) + "\n")
    for word in ("config:7", "mastre", "master"):
        expect(word in said, f"{word!r} is not in what it said: {said}")
    expect(set(namespace.links()) == {"lo", "eth1"}, f"it left {set(namespace.links())}")
    said = rejected(lab, "--config", "/nonexistent/file")
    expect("/nonexistent/file" in said, said)


@needs_vxd
@cases(dict(arguments="--frobnicate", word="frobnicate"), dict(arguments="--workers 9999", word="9999"),
       dict(arguments="--workers x", word="x"), dict(arguments="--socket /nonexistent/x.sock", word="/nonexistent"))
def test_a_wrong_option_is_named(lab, arguments, word):
    namespace = lab.namespace("h1")
    result = namespace.run(os.path.join(lab.settings.build, "vxd"), *arguments.split(), check=False, timeout=20)
    expect(result.status != 0 and result.status > 0 and word in result.out + result.err, str(result))


@needs_vxd
def test_the_end_of_one_test_kills_what_it_left(lab):
    """The lab itself: a vxd that a test forgot is stopped, and its namespace goes."""
    with Lab(lab.settings, lab.name) as inner:
        host = inner.endpoint("vxd", inner.namespace("inner"), 9)
        pid = host.pid
    expect(not os.path.exists(f"/proc/{pid}"), "it still runs")


@needs_vxd
@cases(far=["kernel"])
def test_a_hundred_ports_come_and_go(lab, far):
    near, other = lab.underlay("vxd", far)
    lab.bridged([near, other])
    c1 = lab.container(near, "c1", "172.18.20.1/16")
    c2 = lab.container(other, "c2", "172.18.20.2/16")
    inside = lab.namespace("inside")
    with Stream(c1, c2) as stream:
        for number in range(100):
            near.do(f"link add t{number} type tap netns {inside.name} ifname t{number}",
                    f"link set t{number} master br0")
        stream.flows()
        for number in range(100):
            near.do(f"link del t{number}")
        stream.flows()
    expect(set(inside.links()) == {"lo"}, f"left: {set(inside.links())}")


@needs_vxd
def test_a_port_after_one_whose_interface_vanished_wakes_its_worker(lab):
    """The new one may have the descriptor of the old one, whose end the worker is being told of just then."""
    near, far, c1, c2 = with_network(lab)
    for _ in range(10):
        c1.namespace.ip("link", "del", "eth0")
        near.do("link del c1")
        c1.attach("br0", mac_of(1))
        c1.add_address("172.18.20.1/16")
        time.sleep(0.05)  # the worker sleeps again
        c1.wait_ping(c2)
