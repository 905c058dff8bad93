# SPDX-License-Identifier: BSD-3-Clause
"""The CNI plugin, run as a container runtime runs it, with Debian's host-local for the addresses."""

import json
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

from lib.cni import CniContainer, Runtime
from lib.podman import Podman
from lib.shell import expect, wait_until
from lib.testcase import cases, needs_vxd
from lib.traffic import tcp_both_ways

HOSTS = {4: ["192.0.2.1", "192.0.2.2"], 6: ["2001:db8::1", "2001:db8::2"]}


def slice_of(number):
    """Host `number`'s part of 10.1.0.0/16, which is one network."""
    return {"subnet": "10.1.0.0/16", "rangeStart": f"10.1.{number}.10", "rangeEnd": f"10.1.{number}.99",
            "gateway": "10.1.0.1"}


def bridged(lab, family=4, subnets=slice_of, **members):
    """Two vxd hosts, and on each a runtime with the same configuration but for its slice of the addresses."""
    pairs = []
    for number, host in enumerate(lab.underlay("vxd", "vxd", family=family), 1):
        runtime = Runtime(lab, host)
        pairs.append((runtime, runtime.conf(subnets(number), vni=100, dev="uplink", remotes=HOSTS[family], **members)))
    return pairs


def alone(lab):
    """One vxd without an underlay, and its runtime."""
    return Runtime(lab, lab.endpoint("vxd", lab.namespace("h1"), 1))


@needs_vxd
@cases(family=[4, 6])
def test_two_containers_of_one_vni_on_two_hosts_talk(lab, family):
    (near, near_conf), (far, far_conf) = bridged(lab, family)
    c1 = CniContainer(lab, near, "c1", near_conf)
    c2 = CniContainer(lab, far, "c2", far_conf)
    c1.ping(c2)
    tcp_both_ways(c1, c2)
    mtu = 1450 if family == 4 else 1430
    expect(c1.namespace.links()["eth0"]["mtu"] == mtu, f"the MTU: {c1.namespace.links()['eth0']}")
    c1.ping(c2, size=mtu - 28, dont_fragment=True)
    same = CniContainer(lab, near, "same", near_conf)
    c1.ping(same)
    c2.ping(same)
    near.delete(near_conf, c1.namespace, "c1")
    expect("eth0" not in c1.namespace.links(), "DEL left eth0")
    expect(near.leased() == {same.address}, f"leases after DEL: {near.leased()}")
    same.ping(c2)


@needs_vxd
def test_the_result_says_what_was_made(lab):
    runtime = alone(lab)
    routes = [{"dst": "0.0.0.0/0"}, {"dst": "10.2.0.0/16", "gw": "10.1.0.9"}]
    conf = runtime.conf("10.1.0.0/24", ipam={"routes": routes}, dns={"nameservers": ["10.1.0.53"]}, mtu=1300)
    c1 = CniContainer(lab, runtime, "c1", conf)
    interface = c1.namespace.links()["eth0"]
    expect(c1.result == {
        "cniVersion": "1.0.0",
        "interfaces": [{"name": "eth0", "mac": interface["address"], "sandbox": c1.namespace.path}],
        "ips": [{"interface": 0, "address": "10.1.0.2/24", "gateway": "10.1.0.1"}],
        "routes": [{"dst": "0.0.0.0/0", "gw": "10.1.0.1"}, {"dst": "10.2.0.0/16", "gw": "10.1.0.9"}],
        "dns": {"nameservers": ["10.1.0.53"]},
    }, c1.result)
    expect(interface["mtu"] == 1300 and "UP" in interface["flags"], interface)
    routes = {(route["dst"], route.get("gateway")) for route in json.loads(c1.namespace.ip("-j", "route").out)}
    expect(routes == {("10.1.0.0/24", None), ("default", "10.1.0.1"), ("10.2.0.0/16", "10.1.0.9")}, routes)
    (port,) = runtime.ports().values()
    expect(port["master"] == "br0" and len(port["ifname"]) <= 15, port)
    runtime.check(conf, c1.result, c1.namespace)


@needs_vxd
@cases(version=["0.3.0", "0.3.1", "0.4.0", "1.0.0"])
def test_each_version_of_cni_gets_its_result(lab, version):
    runtime = alone(lab)
    conf = runtime.conf("10.1.0.0/24", version=version)
    c1 = CniContainer(lab, runtime, "c1", conf)
    expect(c1.result["cniVersion"] == version, c1.result)
    expect(c1.result["ips"][0].get("version") == (None if version == "1.0.0" else "4"), c1.result)
    if version.startswith("0.3"):
        runtime.refused("CHECK", {**conf, "prevResult": c1.result}, "CHECK", code=1, netns=c1.namespace)
    else:
        runtime.check(conf, c1.result, c1.namespace)
    runtime.delete(conf, c1.namespace)
    answer = runtime.call("VERSION", {"cniVersion": version})
    expect(answer.json["cniVersion"] == version and "1.0.0" in answer.json["supportedVersions"], answer)
    runtime.refused("ADD", {**conf, "cniVersion": "0.2.0"}, "0.2.0", "1.0.0", code=1, netns=c1.namespace)


@needs_vxd
def test_routed_containers_with_vxd_as_their_gateway(lab):
    hosts = lab.underlay("vxd", "vxd")
    lab.routed(hosts)
    containers = []
    for number, host in enumerate(hosts, 1):
        host.do(f"addr del 172.18.{10 * number}.1/24 dev br0")  # the plugin's to give
        runtime = Runtime(lab, host)
        conf = runtime.conf(f"172.18.{10 * number}.0/24", isDefaultGateway=True)
        containers.append(CniContainer(lab, runtime, f"c{number}", conf))
        runtime.check(conf, containers[-1].result, containers[-1].namespace, container=f"c{number}")
    c1, c2 = containers
    c1.ping("172.18.10.1")
    c1.ping(c2)
    tcp_both_ways(c1, c2)
    expect(c1.namespace.links()["eth0"]["mtu"] == 1450, "the VXLAN device's MTU, though it is not in the bridge")


@needs_vxd
def test_both_families(lab):
    def ranges(number):
        return [slice_of(number), {"subnet": "fd00:1::/64", "rangeStart": f"fd00:1::{number}:10"}]
    (near, near_conf), (far, far_conf) = bridged(lab, subnets=ranges)
    c1 = CniContainer(lab, near, "c1", near_conf)
    c2 = CniContainer(lab, far, "c2", far_conf)
    for address in c2.addresses:
        c1.ping(address)
    near.check(near_conf, c1.result, c1.namespace)


@needs_vxd
def test_a_moved_address_is_announced(lab):
    """Those who knew it at the old container's MAC have it at the new one's at once."""
    (near, near_conf), (far, far_conf) = bridged(lab, subnets=lambda _: None)
    def static(address):
        return {"type": "static", "addresses": [{"address": address}]}
    peer = CniContainer(lab, near, "peer", {**near_conf, "ipam": static("10.1.0.9/16")})
    moving = {"ipam": static("10.1.0.5/16")}
    old = CniContainer(lab, near, "old", {**near_conf, **moving})
    peer.ping(old)
    near.delete({**near_conf, **moving}, old.namespace, "old")
    new = CniContainer(lab, far, "new", {**far_conf, **moving})
    peer.ping(new, wait=1)


@needs_vxd
def test_podman(lab):
    """Two hosts with the same conflist but for their slice of the addresses."""
    pods = []
    for runtime, conf in bridged(lab):
        plugin = {name: value for name, value in conf.items() if name not in ("cniVersion", "name")}
        conflist = {"cniVersion": "1.0.0", "name": "tenant", "plugins": [plugin, {"type": "tuning"}]}
        pods.append((runtime, lab.enter(Podman(lab, runtime, conflist))))
    (near, near_podman), (far, far_podman) = pods
    address = far_podman.detached("server", "sleep", "100")
    expect(far.leased() == {address} and len(far.ports()) == 1, f"{address}, {far.leased()}, {far.ports()}")
    said = near_podman.start("ping", "-c", "3", "-i", "0.1", "-W", "2", address, rest=["--rm"])
    expect(" 3 received" in said.out, said)
    expect(not near.ports() and not near.leased(), f"--rm left {near.ports()}, {near.leased()}")
    far_podman("kill", "server")
    far_podman.wait_ended("server")
    wait_until("the killed container's port and address are gone", lambda: not far.ports() and not far.leased())
    far_podman("start", "server")
    expect(len(far.ports()) == 1 and len(far.leased()) == 1, f"{far.ports()}, {far.leased()}")
    (again,) = far.leased()
    near_podman.start("ping", "-c", "1", "-W", "2", again, rest=["--rm"])


@needs_vxd
def test_many_at_once_make_one_network(lab):
    (runtime, conf), _ = bridged(lab, isGateway=True)
    count = 16
    namespaces = [lab.namespace(f"c{number}") for number in range(count)]
    answers = {}

    def call(number):
        answers[number] = runtime.call("ADD", conf, f"c{number}", namespaces[number])
    threads = [threading.Thread(target=call, args=(number,)) for number in range(count)]
    os.kill(runtime.host.pid, signal.SIGSTOP)  # so that all of them ask before the first is answered
    try:
        for thread in threads:
            thread.start()
        wait_until("all are connected", lambda: runtime.host.connections() >= count, timeout=20)
    finally:
        os.kill(runtime.host.pid, signal.SIGCONT)
    for thread in threads:
        thread.join()
    expect(all(answer.status == 0 for answer in answers.values()), [str(answer) for answer in answers.values()])
    addresses = {answer.json["ips"][0]["address"] for answer in answers.values()}
    expect(len(addresses) == len(runtime.ports()) == count, f"{addresses}, {runtime.ports()}")
    flood = [entry for entry in runtime.host.fdb() if entry["mac"] == "00:00:00:00:00:00"]
    expect([entry["dst"] for entry in flood] == ["192.0.2.2"], flood)


@needs_vxd
def test_del_is_idempotent(lab):
    runtime = alone(lab)
    conf = runtime.conf("10.1.0.0/24")
    runtime.delete(conf)  # what never was
    c1 = CniContainer(lab, runtime, "c1", conf)
    other = CniContainer(lab, runtime, "other", conf)
    c1.namespace.close()
    runtime.delete(conf, c1.namespace)
    expect(len(runtime.ports()) == 1, runtime.ports())
    expect(runtime.leased() == {other.address}, runtime.leased())
    runtime.delete(conf, c1.namespace)
    runtime.delete({**conf, "name": "another-net"}, other.namespace, "other")
    expect("eth0" in other.namespace.links(), "a DEL of another network removed it")


@needs_vxd
def test_a_killed_container_is_cleaned_up_after_by_the_next(lab):
    runtime = alone(lab)
    conf = runtime.conf("10.1.0.0/24")
    killed = CniContainer(lab, runtime, "killed", conf)
    alive = CniContainer(lab, runtime, "alive", conf)
    mac = killed.result["interfaces"][0]["mac"]
    (port,) = (name for name, link in runtime.ports().items() if link["address"] == mac)
    killed.namespace.close()
    runtime.wait_gone(port)
    after = CniContainer(lab, runtime, "next", conf)
    expect(port not in runtime.ports() and len(runtime.ports()) == 2, runtime.ports())
    alive.ping(after)


@needs_vxd
def test_a_killed_container_starts_again_at_once(lab):
    """In a namespace of the same name, before vxd has noticed that the first is gone."""
    runtime = alone(lab)
    conf = runtime.conf("10.1.0.0/24")
    peer = CniContainer(lab, runtime, "peer", conf)
    for name in ("c1", "c1", "c2"):
        namespace = lab.namespace("restarted")
        runtime.add(conf, namespace, name)
        wait_until("it pings", lambda: namespace.run("ping", "-c1", "-W1", peer.address, check=False).status == 0)
        namespace.close()


@needs_vxd
def test_a_killed_container_starts_again_elsewhere(lab):
    """Under its old id, in another namespace, while its old one is still there."""
    runtime = alone(lab)
    conf = runtime.conf("10.1.0.0/24")
    peer = CniContainer(lab, runtime, "peer", conf)
    addresses = []
    for number in (1, 2, 3):
        namespace = lab.namespace(f"life{number}")
        addresses.append(runtime.add(conf, namespace, "c1")["ips"][0]["address"])
        wait_until("it pings", lambda: namespace.run("ping", "-c1", "-W1", peer.address, check=False).status == 0)
    expect(len(runtime.leased()) == 2, f"{addresses} were given, and are still leased: {runtime.leased()}")


@needs_vxd
def test_an_add_that_is_tried_again_meanwhile_takes_nothing_away(lab):
    runtime = alone(lab)
    conf = runtime.conf("10.1.0.0/24")
    for number in range(3):
        namespace = lab.namespace(f"twice{number}")
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda _: runtime.call("ADD", conf, f"c{number}", namespace), range(2)))
        expect(sorted(answer.status for answer in answers) == [0, 1], answers)
        given = next(answer for answer in answers if answer.status == 0).json["ips"][0]["address"].split("/")[0]
        expect(given in runtime.leased(), f"{given} is in use, and free: {runtime.leased()}")
    expect(len(runtime.leased()) == 3, runtime.leased())


@needs_vxd
def test_without_vxd(lab):
    runtime = alone(lab)
    conf = runtime.conf("10.1.0.0/24")
    c1 = CniContainer(lab, runtime, "c1", conf)
    runtime.host.stop()
    words = "no vxd is listening", runtime.host.socket, "start it with"
    runtime.refused("ADD", conf, *words, code=11, container="c2", netns=lab.namespace("c2"))
    runtime.refused("CHECK", {**conf, "prevResult": c1.result}, *words, code=11, netns=c1.namespace)
    answer = runtime.delete(conf, c1.namespace)
    expect("no vxd is listening" in answer.err, f"DEL says nothing of it: {answer}")
    expect(not runtime.leased(), f"DEL left {runtime.leased()}")


# What makes an ADD fail: commands for vxd, the configuration, the error's code (None: the IPAM plugin's), a word of it.
PROBLEMS = {
    "a gateway that cannot be reached":
        ([], dict(ipam={"routes": [{"dst": "10.2.0.0/16", "gw": "10.99.0.1"}]}), 101, "10.99.0.1"),
    "an IPAM plugin that there is not": ([], dict(ipam={"type": "no-such-plugin"}), 4, "no-such-plugin"),
    "an IPAM plugin that refuses": ([], dict(ipam={"ranges": [[{"subnet": "no subnet"}]]}), None, "host-local"),
    "a gateway's address that is taken":
        (["link add br9 type bridge", "addr add 10.1.0.1/24 dev br9"], dict(isGateway=True), 100, "br9"),
}


@needs_vxd
def test_an_add_that_fails_leaves_nothing(lab):
    runtime = alone(lab)
    for number, (problem, (commands, options, code, word)) in enumerate(PROBLEMS.items()):
        namespace = lab.namespace(f"c{number}")
        runtime.host.do(*commands)
        answer = runtime.call("ADD", runtime.conf("10.1.0.0/24", **options), netns=namespace)
        expect(answer.status == 1 and word in answer.json["msg"], f"{problem}: {answer}")
        expect(code in (None, answer.code), f"{problem}: expected the code {code}: {answer}")
        expect(not runtime.ports(), f"{problem}: it left {runtime.ports()}")
        expect(not runtime.leased(), f"{problem}: it left {runtime.leased()}")
        expect(set(namespace.links()) == {"lo"}, f"{problem}: {namespace.links()}")


CONTRADICTIONS = {
    "no bridge": (["link add br0 type null"], "expected a bridge"),
    "outside": (["link add vxlan7 type vxlan id 100 local 192.0.2.1"], "in no bridge"),
    "another host": (["link add br0 type bridge", "link add vxlan7 type vxlan id 100 local 192.0.2.7 master br0"],
                     "192.0.2.7"),
}


@needs_vxd
def test_devices_that_contradict_the_configuration(lab):
    runtime = alone(lab)
    namespace = lab.namespace("c1")
    for commands, word in CONTRADICTIONS.values():
        runtime.host.do(*commands)
        before = runtime.host.state()
        runtime.refused("ADD", runtime.conf("10.1.0.0/24", vni=100, local="192.0.2.1"), word, code=7, netns=namespace)
        expect(runtime.host.state() == before and not runtime.leased(), "it changed something")
        runtime.host.do(*(f"link del {link['ifname']}" for link in before["link"]))


@needs_vxd
def test_a_wrong_place_for_a_container(lab):
    runtime = alone(lab)
    conf = runtime.conf("10.1.0.0/24")
    runtime.refused("ADD", conf, "host's own", code=4, netns=runtime.host.namespace)
    runtime.refused("ADD", conf, "/nonexistent", code=4, netns="/nonexistent")
    c1 = CniContainer(lab, runtime, "c1", conf)
    runtime.refused("ADD", conf, "already an interface eth0", code=4, netns=c1.namespace)
    c1.namespace.ip("link", "show", "eth0")
    second = runtime.add({**conf, "name": "second", "bridge": "br1"}, c1.namespace, ifname="eth1")
    expect(set(c1.namespace.links()) == {"lo", "eth0", "eth1"}, second)


CHANGES = {
    "no address": ("c1 ip addr flush dev eth0", "ADDRESS"),
    "no route": ("c1 ip route del default", "0.0.0.0/0"),
    "down": ("c1 ip link set eth0 down", "down"),
    "another MAC": ("c1 ip link set eth0 address 02:00:00:00:00:99", "02:00:00:00:00:99"),
    "no interface": ("c1 ip link del eth0", "eth0"),
    "no bridge": ("vxd link set PORT nomaster", "br0"),
    "no port": ("vxd link del PORT", "no port"),
    "no gateway": ("vxd addr flush dev br0", "10.1.0.1/24"),
    "another vxd": ("restart", "restarted"),
}


@needs_vxd
def test_check_finds_what_is_not_as_add_left_it(lab):
    runtime = alone(lab)
    conf = runtime.conf("10.1.0.0/24", isDefaultGateway=True)
    for number, (command, word) in enumerate(CHANGES.values()):
        c1 = CniContainer(lab, runtime, f"c{number}", conf)
        options = dict(container=c1.name, netns=c1.namespace)
        runtime.check(conf, c1.result, **options)
        (port,) = runtime.ports()
        who, *words = command.replace("PORT", port).split()
        if who == "c1":
            c1.namespace.run(*words)
        elif who == "vxd":
            runtime.host.do(" ".join(words))
        else:
            runtime.host.stop()
            runtime.host.start()
        runtime.refused("CHECK", {**conf, "prevResult": c1.result}, word.replace("ADDRESS", c1.address), code=103,
                        **options)
        runtime.delete(conf, **options)


@needs_vxd
def test_a_mac_address_that_was_asked_for(lab):
    runtime = alone(lab)
    c1 = CniContainer(lab, runtime, "c1", runtime.conf("10.1.0.0/24"), CNI_ARGS="IgnoreUnknown=1;MAC=02:00:00:00:00:42")
    expect(c1.mac == c1.result["interfaces"][0]["mac"] == "02:00:00:00:00:42", c1.result)


@needs_vxd
def test_a_container_without_ipam_has_an_interface_and_no_address(lab):
    runtime = alone(lab)
    c1 = CniContainer(lab, runtime, "c1", runtime.conf())
    expect("ips" not in c1.result and "UP" in c1.namespace.links()["eth0"]["flags"], c1.result)
    runtime.check(runtime.conf(), c1.result, c1.namespace)
