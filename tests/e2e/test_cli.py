# SPDX-License-Identifier: BSD-3-Clause
"""vxctl: what it understands, what it refuses and how, what it prints."""

import json
import os

from lib.rpc import Rpc
from lib.shell import expect, run
from lib.testcase import needs_vxd

NETWORK = ["link add uplink type null",
           "addr add 192.0.2.1/24 dev uplink",
           "link add br0 type bridge",
           "addr add 172.18.10.1/24 dev br0",
           "link add vxlan100 type vxlan id 100 local 192.0.2.1 dstport 4789 nolearning",
           "link add vxlan200 type vxlan id 200 local 192.0.2.1 dstport 4789 nolearning",
           "link set vxlan100 master br0",
           "addr add 172.18.10.0/32 dev vxlan200",
           "route add 172.18.20.0/24 via 172.18.20.0 dev vxlan200 onlink",
           "neigh add 172.18.20.0 lladdr 0e:e6:e6:5d:c2:da dev vxlan200",
           "fdb append 0e:e6:e6:5d:c2:da dev vxlan200 dst 192.0.2.2",
           "fdb append 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.2"]


def one_vxd(lab, *commands):
    host = lab.endpoint("vxd", lab.namespace("h1"), 1)
    host.do(*(commands or NETWORK))
    return host


def refused(host, command, *says, status=(1, 2)):
    """It fails with that exit status, says each of `says`, and changes nothing."""
    before = host.state()
    result = host.vxctl(*command.split(), check=False)
    expect(result.status in (status if isinstance(status, tuple) else (status,)), f"{status} was expected: {result}")
    for words in says:
        options = words if isinstance(words, tuple) else (words,)
        expect(any(word.lower() in result.err.lower() for word in options), f"{words!r} is not in: {result}")
    expect(not result.out.strip(), f"an error belongs to stderr: {result}")
    after = host.state()
    for noun in before:
        expect(before[noun] == after[noun], f"{command!r} failed and changed {noun}:\n{before[noun]}\n{after[noun]}")


# Words of the command, the word that the error must name, what it must say was expected, exit status.
BAD_INPUT = [
    ("frobnicate", "frobnicate", "link", 1),
    ("link frobnicate", "frobnicate", "add", 1),
    ("link add br1 type brigde", "brigde", "bridge", 1),
    ("link add br1 type bridge colour red", "colour", "ageing_time", 1),
    ("link add vxlan7 type vxlan id 7 local 192.0.2.1 learnign", "learnign", "learning", 1),
    ("fdb append 02:42:ac:12:14:02 dev vxlan100 dts 192.0.2.2", "dts", "dst", 1),
    ("link add vxlan7 type vxlan id", "id", "vni", 1),
    ("link add vxlan7 type vxlan local 192.0.2.1", "id", "vni", 1),
    ("link add", "link add", "name", 1),
    ("link add br1", "type", "type", 1),
    ("link add c1 type af_packet", "dev", "iface", (1, 2)),
    ("link set br0 master", "master", "bridge", 1),
    ("addr add 172.18.0.1/24", "dev", "dev", 1),
    ("route add 10.0.0.0/8 via", "via", "addr", 1),
    ("neigh add 172.18.20.1 dev vxlan200", "lladdr", "lladdr", 1),
    ("fdb append dev vxlan100", "dev", "lladdr", 1),
    ("fdb append 02:42:ac:12:14:02 dst 192.0.2.2", "dev", "dev", 1),
    ("fdb append 02:42:ac:12:14 dev vxlan100 dst 192.0.2.2", "02:42:ac:12:14", "mac", 1),
    ("fdb append 02:42:ac:12:14:gg dev vxlan100 dst 192.0.2.2", "02:42:ac:12:14:gg", "mac", 1),
    ("link add br1 address 02-42 type bridge", "02-42", "mac", 1),
    ("fdb append 02:42:ac:12:14:02 dev vxlan100 dst 192.0.2.256", "192.0.2.256", "address", 1),
    ("fdb append 02:42:ac:12:14:02 dev vxlan100 dst 2001:db8::g", "2001:db8::g", "address", 1),
    ("link add vxlan7 type vxlan id 7 local 300.0.2.1", "300.0.2.1", "address", 1),
    ("link add vxlan7 type vxlan id 16777216 local 192.0.2.1", "16777216", "16777215", 1),
    ("link add vxlan7 type vxlan id -1 local 192.0.2.1", "-1", "16777215", 1),
    ("link add vxlan7 type vxlan id seven local 192.0.2.1", "seven", "16777215", 1),
    ("link add vxlan7 type vxlan id 7 local 192.0.2.1 dstport 65536", "65536", "65535", 1),
    ("link add vxlan7 type vxlan id 7 id 8 local 192.0.2.1", "id", ("twice", "duplicate", "again"), 1),
    ("addr add 172.18.0.1/33 dev br0", "172.18.0.1/33", ("32", "prefix"), 1),
    ("addr add 2001:db8::1/129 dev br0", "2001:db8::1/129", ("128", "prefix"), 1),
    ("route add 172.18.30.0/x via 172.18.20.0 dev vxlan200", "172.18.30.0/x", "prefix", 1),
    ("route add 172.18.30.0/240 via 172.18.20.0 dev vxlan200", "172.18.30.0/240", "prefix", 1),
    ("link set nowhere master br0", "nowhere", (), 1),
    ("link set vxlan200 master nowhere", "nowhere", (), 1),
    ("link set vxlan200 master uplink", "uplink", "bridge", 2),
    ("link del nowhere", "nowhere", (), 1),
    ("addr add 172.18.0.1/24 dev nowhere", "nowhere", (), 1),
    ("addr del 172.18.0.1/24 dev br0", "172.18.0.1/24", (), 2),
    ("route add 10.0.0.0/8 via 172.18.20.0 dev nowhere", "nowhere", (), 1),
    ("route del 10.0.0.0/8", "10.0.0.0/8", (), 2),
    ("neigh add 172.18.20.0 lladdr 0e:e6:e6:5d:c2:da dev nowhere", "nowhere", (), 1),
    ("neigh del 172.18.20.9 dev vxlan200", "172.18.20.9", (), 2),
    ("fdb append 02:42:ac:12:14:02 dev nowhere dst 192.0.2.2", "nowhere", (), 1),
    ("fdb del 02:42:ac:12:14:02 dev vxlan100", "02:42:ac:12:14:02", (), 2),
    ("link add br0 type bridge", "br0", ("exists", "already"), 2),
    ("link add vxlan9 type vxlan id 100 local 192.0.2.1 dstport 4789", "100", ("vxlan100", "exists", "already"), 2),
    ("addr add 172.18.10.1/24 dev br0", "172.18.10.1/24", ("exists", "already"), 2),
    ("route add 172.18.20.0/24 via 172.18.20.0 dev vxlan200 onlink", "172.18.20.0/24", ("exists", "already"), 2),
    ("neigh add 172.18.20.0 lladdr 0e:e6:e6:5d:c2:db dev vxlan200", "172.18.20.0", ("exists", "already"), 2),
    ("fdb add 0e:e6:e6:5d:c2:da dev vxlan200 dst 192.0.2.2", "0e:e6:e6:5d:c2:da", ("exists", "already"), 2),
    ("link add a-name-far-too-long type bridge", "a-name-far-too-long", "15", 1),
    ("link add a/b type bridge", "a/b", (), 1),
    ("link add c1 type tap ifname a-name-far-too-long", "a-name-far-too-long", "15", (1, 2)),
    ("link add up2 type af_packet dev eth99", "eth99", (), 2),
    ("link add up2 type af_xdp dev eth99", "eth99", (), 2),
    ("link add c1 type tap netns nosuchnetns ifname eth0", "nosuchnetns", (), 2),
    ("link add c1 type tap netns 4000000000 ifname eth0", "4000000000", (), 2),
    ("link add c1 type tap netns /proc/self/ns/pid ifname eth0", "/proc/self/ns/pid", (), 2),
    ("link add c1 mtu 67 type tap", "67", (), (1, 2)),
    ("link add c1 mtu 70000 type tap", "70000", (), (1, 2)),
    ("link add up2 type pci 0000:zz:00.0", "0000:zz:00.0", (), (1, 2)),
    ("link add up2 type pci 0000:fe:1f.7", "0000:fe:1f.7", (), 2),
    ("link add up2 type pcap rx /nonexistent/file.pcap", "/nonexistent/file.pcap", (), 2),
    ("link del uplink uplink", "uplink", (), 1),
]


@needs_vxd
def test_bad_input_is_named_and_changes_nothing(lab):
    host = one_vxd(lab)
    problems = []
    for command, word, expected, status in BAD_INPUT:
        try:
            refused(host, command, word, *([expected] if expected else []), status=status)
        except AssertionError as error:
            problems.append(f"vxctl {command}\n  {error}")
    expect(not problems, f"{len(problems)} of {len(BAD_INPUT)}:\n" + "\n".join(problems))


@needs_vxd
def test_a_failed_list_of_commands_changes_nothing(lab):
    host = one_vxd(lab)
    before = host.state()
    with Rpc(host.socket) as rpc:
        reply = rpc.run("link add br7 type bridge", "addr add 10.7.0.1/24 dev br7", "link set nowhere master br7")
        expect("error" in reply and reply["error"]["data"]["index"] == 2, reply)
        expect("nowhere" in reply["error"]["message"], reply)
    expect(host.state() == before, "an atomic list that failed changed something")
    batch = "link add br7 type bridge\n\n# a comment\nlink add br8 type bridge\nlink add br9 type brigde\n"
    path = os.path.join(lab.directory, "batch")
    with open(path, "w") as file:
        file.write(batch)
    result = host.vxctl("-batch", path, check=False)
    expect(result.status in (1, 2) and "batch:5" in result.err and "brigde" in result.err, str(result))
    expect(host.state() == before, "a batch file that failed changed something")
    with open(path, "w") as file:
        file.write(batch.replace("brigde", "bridge"))
    host.vxctl("-batch", path)
    names = {link["ifname"] for link in host.json("link", "show")}
    expect({"br7", "br8", "br9"} <= names, f"after the batch: {names}")
    host.vxctl("-batch", "-", input="link del br7\nlink del br8\n")
    names = {link["ifname"] for link in host.json("link", "show")}
    expect("br7" not in names and "br9" in names, f"after the batch from stdin: {names}")


# --- vxctl as a program

@needs_vxd
def test_exit_status_is_that_of_ip(lab):
    host = one_vxd(lab)
    vxctl = os.path.join(lab.settings.build, "vxctl")
    expect(host.vxctl("link", "show").status == 0, "0 for success")
    expect(host.vxctl("link", "add", "x", "type", "brigde", check=False).status == 1, "1 for words that make no sense")
    expect(host.vxctl("link", "show", "nowhere", check=False).status == 1, "1 for a device that there is not")
    expect(host.vxctl("link", "add", "br0", "type", "bridge", check=False).status == 2, "2 for what is refused")
    expect(host.vxctl("-batch", "/nope", check=False).status == 1, "1 for a file that cannot be read")
    for options in (["-batch", "-"], ["-force", "-batch", "-"]):
        result = host.vxctl(*options, input="link add br0 type bridge\n", check=False)
        expect(result.status == 1, f"1 for a batch, whatever failed: {result}")
    for color in ("-c", "-color", "-color=never", "-color=auto", "-color=always"):
        expect(host.vxctl(color, "link").out == host.vxctl("link").out, color)
    gone = run(vxctl, "--socket", os.path.join(lab.directory, "no.sock"), "link", "show", check=False)
    expect(gone.status == 2 and "no.sock" in gone.err, f"nobody there: {gone}")
    expect(run(vxctl, "--frobnicate", check=False).status == 1, "1 for an unknown option")
    by_variable = run(vxctl, "link", "show", env={**os.environ, "VXD_SOCKET": host.socket}, check=False)
    expect(by_variable.status == 0 and "br0" in by_variable.out, f"$VXD_SOCKET: {by_variable}")


@needs_vxd
def test_somebody_who_may_not_open_the_socket_is_told(lab):
    host = one_vxd(lab)
    os.chmod(lab.directory, 0o755)
    vxctl = os.path.join(lab.settings.build, "vxctl")
    result = run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", vxctl, "--socket", host.socket,
                 "link", "show", check=False)
    if "setpriv" in result.err or "exec" in result.err:  # the build folder is not for everybody's eyes
        return
    expect(result.status == 2 and "may not be opened" in result.err, str(result))


@needs_vxd
def test_help_on_every_level(lab):
    host = one_vxd(lab)
    everything = host.vxctl("help")
    for noun in ("link", "addr", "route", "neigh", "fdb", "stats"):
        expect(noun in everything.out + everything.err, f"help does not mention {noun}")
        level = host.vxctl(noun, "help")
        expect(noun in level.out + level.err, str(level))
    for words, mention in ((("link", "add", "help"), "type"), (("fdb", "append", "help"), "LLADDR"),
                           (("link", "help"), "vxlan"), (("link", "add", "v", "type", "vxlan", "help"), "VNI :="),
                           (("link", "add", "type", "tap", "help"), "netns")):
        result = host.vxctl(*words)
        expect(mention in result.out + result.err, str(result))
    vxctl = os.path.join(lab.settings.build, "vxctl")
    for words in (["--help"], ["--version"]):
        result = run(vxctl, *words)
        expect(result.out.strip(), str(result))
    result = run(os.path.join(lab.settings.build, "vxd"), "--help")
    for word in ("--config", "--socket", "--workers", "--control-cpu", "--eal", "--packet-buffers"):
        expect(word in result.out, f"vxd --help does not mention {word}")


@needs_vxd
def test_help_needs_no_daemon(lab):
    host = one_vxd(lab)
    vxctl = os.path.join(lab.settings.build, "vxctl")
    for words in ("help", "-help", "link help", "l a help", "fdb append help", "link add v type vxlan help"):
        told = host.vxctl(*words.split())
        found = run(vxctl, "--socket", os.path.join(lab.directory, "no.sock"), *words.split())
        expect(found.out == told.out and not found.err, f"{words} without vxd: {found}")
    for words in ("stats reasons", "stat r no_route", "-j s reasons tx_full", "-j -p stats reasons rx_missed"):
        told = host.vxctl(*words.split())
        found = run(vxctl, "--socket", os.path.join(lab.directory, "no.sock"), *words.split())
        expect(found.out == told.out and told.out and not found.err, f"{words} without vxd: {found}")
    result = run(vxctl, "--socket", os.path.join(lab.directory, "no.sock"), "stats", "reasons", "x", check=False)
    expect(result.status == 1 and "is no reason" in result.err, str(result))
    result = run(vxctl, "--socket", os.path.join(lab.directory, "no.sock"), "frobnicate", "help", check=False)
    expect(result.status == 1 and "no such command" in result.err, str(result))


@needs_vxd
def test_words_are_abbreviated_as_with_ip(lab):
    host = one_vxd(lab)
    full = host.vxctl("link", "show").out
    for words in ("l s", "l", "link", "li sh", "link list", "link ls"):
        expect(host.vxctl(*words.split()).out == full, f"vxctl {words}")
    expect(host.vxctl("a").out == host.vxctl("addr", "show").out, "vxctl a")
    expect(host.vxctl("r").out == host.vxctl("route", "show").out, "vxctl r")
    expect(host.vxctl("n").out == host.vxctl("neigh", "show").out, "vxctl n")


@needs_vxd
def test_show_has_the_fields_of_iproute2(lab):
    host = one_vxd(lab)
    links = {link["ifname"]: link for link in host.json("link", "show")}
    expect({"uplink", "br0", "vxlan100"} <= set(links), links)
    for link in links.values():
        for field in ("ifindex", "ifname", "mtu", "address"):
            expect(field in link, f"{field} is not in {link}")
    expect(links["vxlan100"].get("master") == "br0", links["vxlan100"])
    info = links["vxlan100"]["linkinfo"]
    expect(info["info_kind"] == "vxlan" and info["info_data"]["id"] == 100, info)
    expect(info["info_data"]["local"] == "192.0.2.1" and info["info_data"]["port"] == 4789, info)
    addresses = {address["ifname"]: address for address in host.json("addr", "show")}
    expect(addresses["br0"]["addr_info"][0]["local"] == "172.18.10.1", addresses["br0"])
    expect(addresses["br0"]["addr_info"][0]["prefixlen"] == 24, addresses["br0"])
    route = next(route for route in host.json("route", "show") if route["dst"] == "172.18.20.0/24")
    expect((route["gateway"], route["dev"]) == ("172.18.20.0", "vxlan200"), route)
    neighbour = next(entry for entry in host.json("neigh", "show") if entry["dst"] == "172.18.20.0")
    expect((neighbour["lladdr"], neighbour["dev"]) == ("0e:e6:e6:5d:c2:da", "vxlan200"), neighbour)
    expect("PERMANENT" in neighbour["state"], neighbour)
    entry = next(entry for entry in host.fdb() if entry["mac"] == "0e:e6:e6:5d:c2:da")
    expect((entry["ifname"], entry["dst"], entry["state"]) == ("vxlan200", "192.0.2.2", "permanent"), entry)


@needs_vxd
def test_options_before_the_object_are_those_of_ip(lab):
    host = one_vxd(lab)
    link, = host.json("-s", "-d", "link", "show", "br0")
    expect(set(link["stats64"]["rx"]) >= {"packets", "bytes", "dropped"}, link)
    expect("RX:  bytes packets errors dropped" in host.vxctl("-stats", "l").out, "-stats l")
    for options in ("-4", "-f inet", "-family=inet"):
        addresses = host.vxctl("-br", *options.split(), "addr", "show", "uplink").out
        expect(addresses.split() == ["uplink", "UP", "192.0.2.1/24"], f"{options}: {addresses}")
    lines = host.vxctl("-s", "-o", "-batch", "-", input="link show br0\naddr show br0\n").out.splitlines()
    expect(len(lines) == 2, f"-o with -batch: {lines}")
    for option, says in (("-r", "ip's -resolve"), ("-color=red", "never, auto and always"), ("-x", "unknown"),
                         ("--sokcet=x", "unknown"), ("-force=x", "takes no value")):
        result = host.vxctl(option, "link", "show", check=False)
        expect(result.status == 1 and says in result.err, str(result))


@needs_vxd
def test_every_vni_is_taken(lab):
    host = one_vxd(lab, "link add uplink type null", "addr add 192.0.2.1/24 dev uplink")
    for vni in (0, 1, 100, 4095, 4096, 65535, 65536, 0x123456, 16777214, 16777215):
        host.do(f"link add v{vni} type vxlan id {vni} local 192.0.2.1")
    links = [link for link in host.json("link", "show") if link["ifname"][0] == "v"]
    found = {link["linkinfo"]["info_data"]["id"] for link in links}
    expect(found == {0, 1, 100, 4095, 4096, 65535, 65536, 0x123456, 16777214, 16777215}, found)


@needs_vxd
def test_dev_of_a_vxlan_device_may_be_the_interface_of_a_port(lab):
    host = lab.endpoint("vxd", lab.namespace("h1"), 1)
    host.namespace.ip("link", "add", "eth1", "type", "veth", "peer", "name", "eth2")
    host.do("link add uplink type af_packet dev eth1", "addr add 192.0.2.1/24 dev uplink",
            "link add v1 type vxlan id 1 dev eth1 local 192.0.2.1", "link add v2 type vxlan id 2 dev eth1")
    links = {link["ifname"]: link for link in host.json("link", "show")}
    for name in ("v1", "v2"):
        expect(links[name]["linkinfo"]["info_data"]["local"] == "192.0.2.1", links[name])
    refused(host, "link add v3 type vxlan id 3 dev eth2", "eth2", "cannot find device", status=1)


@needs_vxd
def test_fdb_verbs_behave_as_those_of_bridge(lab):
    host = one_vxd(lab)
    mac = "02:42:ac:12:14:02"

    def destinations(of=mac):
        return sorted(entry.get("dst") for entry in host.fdb() if entry["mac"] == of and entry["ifname"] == "vxlan100")
    host.do(f"fdb add {mac} dev vxlan100 dst 192.0.2.3")
    expect(destinations() == ["192.0.2.3"], destinations())
    refused(host, f"fdb add {mac} dev vxlan100 dst 192.0.2.4", mac, "already", status=2)
    host.do(f"fdb replace {mac} dev vxlan100 dst 192.0.2.4")
    expect(destinations() == ["192.0.2.4"], destinations())
    host.do("fdb append 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.5",
            "fdb append 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.5")  # once more is no error, and no second entry
    expect(destinations("00:00:00:00:00:00") == ["192.0.2.2", "192.0.2.5"], destinations("00:00:00:00:00:00"))
    host.do("fdb del 00:00:00:00:00:00 dev vxlan100 dst 192.0.2.2")
    expect(destinations("00:00:00:00:00:00") == ["192.0.2.5"], destinations("00:00:00:00:00:00"))
    host.do(f"fdb del {mac} dev vxlan100")
    expect(destinations() == [], destinations())
    host.do("fdb flush dev vxlan100")


@needs_vxd
def test_stats_have_ports_drops_and_workers(lab):
    host = one_vxd(lab)
    text = json.dumps(host.json("stats"))
    for word in ("uplink", "packets", "bytes", "busy", "idle", "bursts"):
        expect(word in text, f"{word} is not in {text}")
