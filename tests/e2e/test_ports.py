# SPDX-License-Identifier: BSD-3-Clause
"""Ports whose interface in the kernel is renamed, removed, made again or asked for twice."""

import os
import signal
import time

from lib.host import mac_of
from lib.netns import Namespace
from lib.shell import expect, wait_until
from lib.testcase import cases, needs_vxd
from lib.traffic import Stream, broadcast


def with_network(lab, port=None):
    near, far = lab.underlay("vxd", "kernel", port=port)
    lab.bridged([near, far])
    c1 = lab.container(near, "c1", "172.18.20.1/16", mac=mac_of(1))
    c2 = lab.container(far, "c2", "172.18.20.2/16", mac=mac_of(2))
    c1.ping(c2)
    return near, far, c1, c2


def link(host, name):
    return host.json("link", "show", name)[0]


def wait_gone(host, name):
    wait_until(f"{name} is shown as gone", lambda: "GONE" in link(host, name)["flags"])
    expect(link(host, name)["operstate"] == "DOWN" and "NO-CARRIER" in link(host, name)["flags"], link(host, name))


def log_of(host):
    with open(host.log, errors="replace") as file:
        return file.read()


@needs_vxd
@cases(end=["namespace", "interface"])
def test_a_container_that_ends_is_noticed_and_not_kept_alive(lab, end):
    near, far, c1, c2 = with_network(lab)
    c3 = lab.container(near, "c3", "172.18.20.3/16", mac=mac_of(3))
    c3.ping(c2)
    # It goes with the last of the namespace.
    c3.namespace.ip("link", "add", "probe", "type", "veth", "peer", "name", "probe", "netns", c1.namespace.name)
    with Stream(c1, c2) as stream:
        stream.flows()
        if end == "namespace":
            c3.namespace.close()
            wait_until("its namespace is gone", lambda: "probe" not in c1.namespace.links(), timeout=10)
        else:
            c3.namespace.ip("link", "del", "eth0")
        wait_gone(near, "c3")
        stream.flows()
        before = near.drops().get("link_down", 0)
        broadcast(c1, [c2])
        expect(near.drops().get("link_down", 0) > before, f"what is sent there is not counted: {near.drops()}")
        refused = near.command(["link", "set", "c3", "mtu", "1400"], check=False)
        expect(refused.status == 2 and '"c3": its interface is gone' in refused.err, str(refused))
        expect(log_of(near).count("c3: its interface is gone") == 1, near.tail())
        near.do("link del c3")
        stream.flows()
    if end == "namespace":
        lab.container(near, "c4", "172.18.20.4/16").ping(c2)
    else:
        c3.attach("br0", mac_of(3))
        c3.add_address("172.18.20.3/16")
        c3.wait_ping(c2)


@needs_vxd
@cases(end=["namespace", "interface"])
def test_config_apply_opens_again_a_tap_that_was_gone(lab, end):
    near, far, c1, c2 = with_network(lab)
    shown, address = near.vxctl("config", "show").out, c1.mac
    wanted = os.path.join(lab.directory, "wanted.conf")
    with open(wanted, "w") as file:
        file.write(shown)
    line = next(line for line in shown.splitlines() if line.startswith("link add c1 "))
    if end == "namespace":
        c1.namespace.close()
        wait_gone(near, "c1")
        # Nothing can be done yet, and that is said.
        for words in (("diff", wanted), ("apply", wanted)):
            result = near.vxctl("config", *words, check=False)
            expect((result.status, result.out) == (0, "") and '"c1" is gone' in result.err, result)
        expect("GONE" in link(near, "c1")["flags"], "it is there without its namespace")
        c1.namespace = Namespace(c1.namespace.name)
    else:
        c1.namespace.ip("link", "del", "eth0")
    diff = near.vxctl("config", "diff", wanted, check=False)
    expect((diff.status, diff.out) == (1, f"+{line}\n"), diff)
    expect('"c1" is gone: apply would open it again' in diff.err, diff)
    dry = near.vxctl("config", "apply", wanted, "--dry-run", check=False)
    expect(dry.out == diff.out and "GONE" in link(near, "c1")["flags"], dry)
    applied = near.vxctl("config", "apply", wanted, check=False)
    expect(applied.status == 0 and '"c1" was gone and is opened again' in applied.err, applied)
    expect("GONE" not in link(near, "c1")["flags"], link(near, "c1"))
    expect(near.vxctl("config", "show").out == shown, "the configuration is another one")
    expect(near.vxctl("config", "diff", wanted, check=False).status == 0, "there is a difference left")
    expect(c1.mac == address and c1.namespace.links()["eth0"]["mtu"] == 1450, c1.namespace.links())
    c1.namespace.ip("link", "set", "eth0", "up")
    c1.add_address("172.18.20.1/16")
    c1.wait_ping(c2)


@needs_vxd
def test_a_refused_config_apply_opens_no_port_again(lab):
    near, far, c1, c2 = with_network(lab)
    wanted = os.path.join(lab.directory, "wanted.conf")
    with open(wanted, "w") as file:
        file.write(near.vxctl("config", "show").out + "link add zz type af_packet dev no-such\n")
    c1.namespace.ip("link", "del", "eth0")
    wait_gone(near, "c1")
    refused = near.vxctl("config", "apply", wanted, check=False)
    expect(refused.status == 1 and "no-such" in refused.err, refused)
    expect("GONE" in link(near, "c1")["flags"] and "eth0" not in c1.namespace.links(), "half of it was done")


@needs_vxd
def test_a_container_may_rename_its_interface(lab):
    near, far, c1, c2 = with_network(lab)
    inside = c1.namespace
    inside.ip("link", "set", "eth0", "down")
    inside.ip("link", "set", "eth0", "name", "lan0")
    expect(link(near, "c1")["operstate"] == "DOWN", "it is down")
    inside.ip("link", "set", "lan0", "up")
    wait_until("it is up again", lambda: link(near, "c1")["operstate"] == "UP")
    near.do("link set c1 mtu 1400 address 02:00:00:00:00:77")
    found = inside.links()["lan0"]
    expect((found["mtu"], found["address"]) == (1400, "02:00:00:00:00:77"), found)
    c1.wait_ping(c2)


@needs_vxd
@cases(port=["af_packet", "af_xdp"])
def test_an_underlay_interface_that_is_made_again_is_used_again(lab, port):
    near, far, c1, c2 = with_network(lab, port)
    near.do("link set uplink mtu 1490")
    for round_number in (1, 2):
        near.namespace.ip("link", "del", "eth1")
        expect(link(near, "uplink")["operstate"] == "DOWN", "shown as up")
        wait_gone(near, "uplink")
        before = near.drops().get("link_down", 0)
        c1.no_ping(c2)
        expect(near.drops().get("link_down", 0) > before, f"what is sent there is not counted: {near.drops()}")
        expect(log_of(near).count("uplink: its interface is gone") == round_number, near.tail())
        lab.cable(near.namespace, "eth1", far.namespace, "eth1")
        lab.uplink(far, far.address, 24)
        wait_until("it is up again", lambda: link(near, "uplink")["operstate"] == "UP", timeout=10)
        expect(link(near, "uplink")["address"] == near.namespace.mac("eth1"), "not the new interface's address")
        expect(near.namespace.links()["eth1"]["mtu"] == 1490, "the MTU that was set is lost")
        c1.wait_ping(c2, timeout=10)
    near.do("link del uplink")


@needs_vxd
@cases(end=["stop", "kill"])
def test_a_memif_client_finds_its_server_again(lab, end):
    server, client = (lab.endpoint("vxd", lab.namespace(f"h{number}"), number) for number in (1, 2))
    path = f"{lab.directory}/m.sock"

    def serve():
        server.do("link add br0 type bridge", f"link add m type memif path {path} id 0 role server", "link set m master br0")

    serve()
    c1 = lab.container(server, "c1", "172.18.20.1/16", mac=mac_of(1))
    client.do("link add br0 type bridge", f"link add m type memif path {path} id 0 role client", "link set m master br0")
    c2 = lab.container(client, "c2", "172.18.20.2/16", mac=mac_of(2))
    c2.wait_ping(c1)
    getattr(server, end)()
    wait_gone(client, "m")
    server.start()
    serve()
    c1.attach("br0", mac_of(1))
    c1.add_address("172.18.20.1/16")
    wait_until("it is up again", lambda: link(client, "m")["operstate"] == "UP", timeout=10)
    c2.wait_ping(c1)


@needs_vxd
def test_a_renamed_underlay_interface_is_still_its_ports(lab):
    near, far, c1, c2 = with_network(lab)
    near.namespace.ip("link", "set", "eth1", "name", "wan0")
    refused = near.vxctl("link", "add", "other", "type", "af_packet", "dev", "wan0", check=False)
    expect(refused.status == 2 and '"uplink" already has that interface' in refused.err, str(refused))
    c1.wait_ping(c2)
    near.namespace.ip("link", "add", "eth1", "type", "veth", "peer", "name", "wan1")
    near.do("link add other type af_packet dev eth1")
    c1.wait_ping(c2)


@needs_vxd
@cases(port=["af_packet", "af_xdp"])
def test_the_underlays_mtu_is_followed(lab, port):
    near, far, c1, c2 = with_network(lab, port)

    def mtus():
        return [link(near, name)["mtu"] for name in ("uplink", "vxlan100", "br0")]

    expect(mtus() == [1500, 1450, 1450], mtus())
    near.namespace.ip("link", "set", "eth1", "mtu", "1400")
    wait_until("it is followed", lambda: mtus() == [1400, 1350, 1350], timeout=5)
    expect(log_of(near).count("uplink: its interface has another MTU now, 1400") == 1, near.tail())
    before = near.drops().get("frame_too_big", 0)
    c1.no_ping(c2, size=1450 - 28, dont_fragment=True)
    expect(near.drops().get("frame_too_big", 0) > before, f"what does not fit is not counted: {near.drops()}")
    c1.ping(c2, size=1350 - 28, dont_fragment=True)
    near.namespace.ip("link", "set", "eth1", "mtu", "1500")
    wait_until("it is followed back", lambda: mtus() == [1500, 1450, 1450], timeout=5)
    c1.ping(c2, size=1450 - 28, dont_fragment=True)
    if port == "af_packet":  # more than its ring was made for
        for host in (near, far):
            host.namespace.ip("link", "set", "eth1" if host is near else "uplink", "mtu", "9000")
        wait_until("it is followed", lambda: mtus() == [9000, 8950, 1450], timeout=5)
        near.namespace.ip("link", "set", "eth1", "mtu", "1500")
        wait_until("it is followed back", lambda: mtus()[0] == 1500, timeout=5)
        expect(log_of(near).count("uplink: its interface has another MTU now") == 4, near.tail())
    # A container must not be able to change what its neighbours may send.
    c1.namespace.ip("link", "set", "eth0", "mtu", "600")
    time.sleep(1.5)
    expect(mtus() == [1500, 1450, 1450], mtus())


@needs_vxd
@cases(port=["af_packet", "af_xdp"])
def test_the_underlays_mac_is_followed_and_announced(lab, port):
    near, far, c1, c2 = with_network(lab, port)
    mac = "02:00:00:00:00:99"
    near.namespace.ip("link", "set", "eth1", "address", mac)
    wait_until("it is followed", lambda: link(near, "uplink")["address"] == mac, timeout=5)
    expect(log_of(near).count(f"uplink: its interface has another MAC address now, {mac}") == 1, near.tail())
    wait_until("the far end has heard", lambda: mac in far.namespace.ip("neigh", "show", "192.0.2.1").out, timeout=2)
    c2.ping(c1)
    near.do("link set uplink address 02:00:00:00:00:9a")  # which is our own doing, and nothing to tell
    time.sleep(1.5)
    expect(log_of(near).count("another MAC address") == 1, near.tail())
    c2.ping(c1)


@needs_vxd
def test_a_second_port_on_one_interface_is_refused(lab):
    near, far, c1, c2 = with_network(lab)
    inside = c1.namespace.name
    for words in ("other type af_packet dev eth1", "other type af_xdp dev eth1",
                  f"other type tap netns {inside} ifname eth0", f"eth0 type tap netns {inside}"):
        result = near.command(f"link add {words}".split(), check=False)
        holder = '"c1"' if "tap" in words else '"uplink"'
        expect(result.status == 2 and holder in result.err and "File exists" in result.err, str(result))
    near.namespace.ip("link", "property", "add", "dev", "eth1", "altname", "fabric0")
    result = near.command("link add other type af_packet dev fabric0".split(), check=False)
    expect(result.status == 2 and '"uplink"' in result.err, str(result))
    c1.ping(c2)


@needs_vxd
def test_what_a_port_loses_is_counted(lab):
    near, far, c1, c2 = with_network(lab)
    c2.know(c1)
    os.kill(near.pid, signal.SIGSTOP)  # nobody receives
    try:
        with c2.namespace.socket() as sender:
            for _ in range(6000):
                sender.sendto(b"lost", (c1.address, 9))
    finally:
        os.kill(near.pid, signal.SIGCONT)
    counts = {entry["ifname"]: entry["rx"] for entry in near.json("stats")["links"]}
    expect(counts["uplink"]["missed"] > 0, f"by the uplink: {counts}")
    expect({"missed", "errors", "nombuf"} <= set(counts["c1"]), counts)
    expect("rx_missed" in near.vxctl("stats").out, near.vxctl("stats").out)


@needs_vxd
@cases(port=["af_packet", "af_xdp"])
def test_an_interface_gets_back_only_what_vxd_changed(lab, port):
    near, far = lab.underlay("vxd", "kernel", port=port)
    inside = near.namespace
    mac = inside.mac("eth1")
    inside.ip("link", "set", "eth1", "mtu", "1400", "promisc", "on")
    near.do("link del uplink", f"link add uplink type {port} dev eth1")
    expect("PROMISC" in inside.links()["eth1"]["flags"], "promisc is off")
    inside.ip("link", "set", "eth1", "mtu", "1450")
    near.do("link del uplink")
    found = inside.links()["eth1"]
    expect((found["mtu"], found["address"]) == (1450, mac) and "PROMISC" in found["flags"], f"not as it was: {found}")

    near.do(f"link add uplink address 02:00:00:00:00:55 mtu 1300 type {port} dev eth1", "link set uplink mtu 1250")
    found = inside.links()["eth1"]
    expect((found["mtu"], found["address"]) == (1250, "02:00:00:00:00:55"), found)
    near.do("link del uplink")
    found = inside.links()["eth1"]
    expect((found["mtu"], found["address"]) == (1450, mac), f"not given back: {found}")

    near.do(f"link add uplink mtu 1300 type {port} dev eth1")
    inside.ip("link", "set", "eth1", "mtu", "1380")
    near.stop()
    expect(inside.links()["eth1"]["mtu"] == 1380, f"the user's MTU is lost: {inside.links()['eth1']}")


@needs_vxd
def test_a_tunnel_wider_than_its_underlay_drops_what_is_too_big(lab):
    near, far, c1, c2 = with_network(lab)
    near.do("link set vxlan100 mtu 1480", "link set c1 mtu 1480")
    c1.no_ping(c2, size=1480 - 28, dont_fragment=True)
    drops = {entry["ifname"]: entry.get("drops", {}) for entry in near.json("stats")["links"]}
    expect("frame_too_big" in near.drops() and "tx_full" not in near.drops(), f"{near.drops()} {drops}")
    c1.ping(c2)
