# SPDX-License-Identifier: BSD-3-Clause
"""The configuration as a whole: shown, made anew, compared, and replaced under traffic."""

import os

from lib.host import mac_of
from lib.shell import expect
from lib.testcase import needs_vxd
from lib.traffic import Stream
from test_cli import one_vxd


def written(lab, text, name="wanted.conf"):
    path = os.path.join(lab.directory, name)
    with open(path, "w") as file:
        file.write(text)
    return path


def with_traffic(lab):
    near, far = lab.underlay("vxd", "kernel")
    lab.bridged([near, far])
    c1 = lab.container(near, "c1", "172.18.20.1/16", mac=mac_of(1))
    c2 = lab.container(far, "c2", "172.18.20.2/16", mac=mac_of(2))
    c1.ping(c2)
    return near, far, c1, c2


@needs_vxd
def test_what_is_shown_makes_the_same_in_a_fresh_vxd(lab):
    near, _, c1, c2 = with_traffic(lab)
    near.do(f"link add mem type memif path {lab.directory}/m.sock id 3 role server rsize 8",
            f"link add vm type vhost-user path {lab.directory}/v.sock mode server queues 2",
            f"link add cap type pcap tx {lab.directory}/tx.pcap",
            "link set vm mtu 1400 down",
            "link set uplink mtu 1480",
            "link set vm master br0",
            "link add vxlan7 type vxlan id 7 local 192.0.2.1 remote 192.0.2.9 dstport 8472 nolearning ttl 9 ageing 0",
            "addr add 172.18.30.0/32 dev vxlan7",
            "neigh add 172.18.40.0 lladdr 0e:00:00:00:00:04 dev vxlan7",
            "fdb append 0e:00:00:00:00:04 dev vxlan7 dst 192.0.2.4 port 4789 vni 8",
            "fdb append 0e:00:00:00:00:04 dev vxlan7 dst 192.0.2.5 port 4789 vni 8",
            "fdb add 02:00:00:00:00:99 dev c1 master",
            "route add 172.18.40.0/24 via 172.18.40.0 dev vxlan7 onlink",
            "route add default via 192.0.2.254 dev uplink")
    shown, state = near.vxctl("config", "show").out, near.state()
    expect(len(shown.splitlines()) > 20, shown)
    near.stop()
    near.start()
    expect(near.vxctl("config", "show").out == "", "a fresh vxd has a configuration")
    result = near.vxctl("-batch", "-", input=shown)
    complaints = [line for line in result.err.splitlines() if "is a veth" not in line]
    expect(not complaints, f"it complained of its own words: {result}")
    again = near.vxctl("config", "show").out
    expect(again == shown, f"shown was\n{shown}\nand then\n{again}")
    expect(near.state() == state, f"the state was\n{state}\nand is\n{near.state()}")
    expect([" ".join(words) for words in near.json("config", "show")] == shown.splitlines(), "-j shows something else")
    c1.add_address("172.18.20.1/16")
    c1.wait_ping(c2)


@needs_vxd
def test_apply_keeps_what_stays(lab):
    near, _, c1, c2 = with_traffic(lab)
    shown = near.vxctl("config", "show").out
    index = c1.namespace.links()["eth0"]["ifindex"]
    with Stream(c1, c2) as stream:
        stream.flows()
        counted = near.json("stats", "show", "dev", "c1")["links"][0]["rx"]["packets"]
        wanted = written(lab, shown + "link add spare type tap ifname vxt-spare\nlink set spare master br0\n"
                         "fdb append 02:00:00:00:00:77 dev vxlan100 dst 192.0.2.7\n")
        near.vxctl("config", "apply", wanted)
        stream.flows()
        expect(near.json("link", "show", "spare")[0]["master"] == "br0", "what was added")
        near.vxctl("config", "apply", written(lab, shown))
        stream.flows()
    expect(near.vxctl("link", "show", "spare", check=False).status == 1, "what was removed is there")
    expect("vxt-spare" not in near.namespace.links(), "the interface of what was removed is there")
    expect(c1.namespace.links()["eth0"]["ifindex"] == index, "the container's interface is another one")
    expect(near.json("stats", "show", "dev", "c1")["links"][0]["rx"]["packets"] > counted, "counters began anew")
    expect(any(entry["mac"] == str(c1.mac) for entry in near.fdb()), "what was learned is gone")


@needs_vxd
def test_diff_exits_as_diff_does(lab):
    host = one_vxd(lab)
    shown = host.vxctl("config", "show").out
    same = host.vxctl("config", "diff", written(lab, "# the same\n" + shown, "same.conf"), check=False)
    expect((same.status, same.out) == (0, ""), same)
    lines = shown.splitlines()
    other = written(lab, "\n".join(line for line in lines if "neigh" not in line) + "\nlink add extra type null\n")
    before = host.state()
    for words, status in ((("config", "diff", other), 1), (("conf", "d", other), 1),
                          (("config", "apply", other, "--dry-run"), 0)):
        result = host.vxctl(*words, check=False)
        expect(result.status == status, result)
        expect("-neigh add 172.18.20.0 " in result.out and "+link add extra " in result.out, result)
        expect(len(result.out.splitlines()) == 2, result)
    expect(host.json("config", "diff", written(lab, shown, "same.conf")) == {"removed": [], "added": []}, "-j of no difference")
    expect(host.vxctl("-j", "config", "diff", other, check=False).status == 1, "-j of a difference")
    expect(host.vxctl("config", "diff", "-", check=False, input=shown).status == 0, "from stdin")
    missing = host.vxctl("config", "diff", os.path.join(lab.directory, "nothing"), check=False)
    expect(missing.status == 2 and "nothing: No such file" in missing.err, missing)
    wrong = host.vxctl("config", "diff", written(lab, "link add x type null\nlink frob y\n"), check=False)
    expect(wrong.status == 2 and "wanted.conf:2: link: \"frob\"" in wrong.err, wrong)
    expect(host.vxctl("config", "diff", check=False).status == 2, "without FILE")
    expect(host.vxctl("config", "diff", "--dry-run", other, check=False).status == 2, "a diff is dry anyway")
    expect(host.state() == before, "a look changed something")


@needs_vxd
def test_a_file_that_fails_changes_nothing(lab):
    host = one_vxd(lab)
    shown = host.vxctl("config", "show").out
    before = host.state()
    for added, place, says in (("link add a type null\nlink add b type tap netns nowhere-at-all\n", 2, "nowhere-at-all"),
                               ("link add a type null\naddr add 192.0.2.1/24 dev a\n", 2, "File exists"),
                               ("link add a type null\nfdb append zz dev a\n", 2, "\"zz\""),
                               ("# ümlaut\nlink add a type af_packet dev vxt-missing\n", 2, "vxt-missing")):
        result = host.vxctl("config", "apply", written(lab, shown + added), check=False)
        line = len(shown.splitlines()) + place
        expect(result.status == 1 and f"wanted.conf:{line}: " in result.err and says in result.err, result)
        expect(host.state() == before, f"something changed with {added!r}")
    host.vxctl("config", "apply", "-", input="")
    expect(host.vxctl("config", "show").out == "" and host.json("link", "show") == [], "an empty file empties it")


@needs_vxd
def test_what_takes_a_port_that_is_opened_anew_is_refused(lab):
    """An interface gets back what it had only when its port is closed, which is at a transaction's end."""
    near, _, c1, c2 = with_traffic(lab)
    shown = near.vxctl("config", "show").out
    near.do("link set uplink mtu 1480")
    before = near.state()
    result = near.vxctl("config", "apply", written(lab, shown), check=False)
    expect(result.status == 1 and "wanted.conf:1: config apply: \"uplink\": " in result.err, result)
    expect("delete it in a transaction of its own" in result.err, result)
    expect(near.state() == before, "it was refused and changed something")
    c1.ping(c2)
    near.do("link del uplink")
    near.vxctl("config", "apply", written(lab, shown))
    expect(near.vxctl("config", "show").out.splitlines()[1:] != [], "it is empty")
    expect(near.vxctl("config", "diff", written(lab, shown)).out == "", "it is not what was wanted")
    expect(near.namespace.links()["eth1"]["mtu"] == 1500, "the interface's MTU")
    c1.wait_ping(c2)
