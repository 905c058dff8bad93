# SPDX-License-Identifier: BSD-3-Clause
"""The same words for Linux and for vxd: ip(8) and bridge(8) say what is understood, and the kernel what comes of it."""

import ctypes
import json
import os
import socket

from lib.shell import expect
from lib.testcase import needs_vxd

DEVICES = ("uplink", "br0", "docker1", "vxlan100", "vxlan200")
NETWORK = ["link add br0 type bridge",
           "link set docker1 master br0",
           "addr add 192.0.2.1/24 dev uplink",
           "link add vxlan100 type vxlan id 100 local 192.0.2.1 dstport 4789 nolearning",
           "link add vxlan200 type vxlan id 200 local 192.0.2.1 dstport 4789 nolearning",
           "link set vxlan100 master br0"]


class Both:
    """A kernel and a vxd that are configured alike."""

    def __init__(self, lab):
        self.kernel = lab.namespace("k1")
        for name in ("uplink", "docker1"):
            self.kernel.ip("link", "add", name, "type", "veth", "peer", "name", f"{name}-far")
            self.kernel.ip("link", "set", f"{name}-far", "up")
        self.vxd = lab.endpoint("vxd", lab.namespace("h1"), 1)
        self.vxd.do("link add uplink type null", "link add docker1 type null")
        for line in NETWORK:
            self.kernel.ip(*line.split())
            self.vxd.do(line)
        for name in DEVICES:
            self.kernel.ip("link", "set", name, "up")

    def say(self, line):
        """To both; whether each took it."""
        words = line.split()
        linux = (self.kernel.bridge if words[0] == "fdb" else self.kernel.ip)(*words, check=False)
        ours = self.vxd.vxctl(*words, check=False)
        return linux, ours

    def agree(self, *lines):
        for line in lines:
            linux, ours = self.say(line)
            expect((linux.status == 0) == (ours.status == 0), f"{line!r}:\n{linux}\n{ours}")
            theirs, mine = self.states()
            expect(theirs == mine, f"after {line!r} Linux has\n  {theirs}\nand vxd\n  {mine}")

    def states(self):
        def tell(what):
            linux, ours = (json.loads(text or "[]") for text in what)
            return linux, ours

        def both(tool, *words):
            run = self.kernel.bridge if tool == "bridge" else self.kernel.ip
            return tell((run("-j", *words).out, self.vxd.vxctl("-j", *words).out))

        def neighbours(entries):
            return sorted((entry["dst"], entry["dev"], entry.get("lladdr"), entry["state"]) for entry in entries
                          if entry["dst"].startswith("172.18.") and entry["state"] in (["PERMANENT"], ["NOARP"]))

        def entries(table):
            """Those that the tests make: 02:00:00:00:0x:xx, and where is flooded to."""
            return sorted((entry["mac"], entry["ifname"], entry.get("dst"), entry.get("port"), entry.get("vni"),
                           entry["state"], "extern_learn" in entry["flags"], entry.get("master")) for entry in table
                          if entry["mac"].startswith(("02:00:00:00:0", "00:00:00:00:00:00")))

        def routes(table):
            return sorted((route["dst"], route.get("gateway"), route["dev"], "onlink" in route["flags"])
                          for route in table)

        def addresses(links):
            return sorted((link["ifname"], address["local"], address["prefixlen"]) for link in links
                          if link.get("ifname") in DEVICES for address in link["addr_info"])
        pairs = ((neighbours, both("ip", "neigh", "show", "nud", "all")), (entries, both("bridge", "fdb", "show")),
                 (routes, both("ip", "route", "show")), (addresses, both("ip", "addr", "show")))
        return [digest(linux) for digest, (linux, _) in pairs], [digest(ours) for digest, (_, ours) in pairs]


@needs_vxd
def test_words_in_any_order_mean_what_they_mean_to_linux(lab):
    both = Both(lab)
    both.agree("fdb append dev vxlan100 00:00:00:00:00:00 dst 192.0.2.2",
               "fdb append dst 192.0.2.3 dev vxlan100 to 00:00:00:00:00:00",
               "fdb add self dev vxlan200 dst 192.0.2.2 02:00:00:00:00:01",
               "fdb replace dev vxlan200 02:00:00:00:00:01 dst 192.0.2.3 static",
               "fdb add dev docker1 master static 02:00:00:00:01:01",
               "fdb add dev vxlan200 dst 192.0.2.2",
               "fdb add dev vxlan200 dst 192.0.2.2 02:00",
               "fdb add dev vxlan200 02:00:00:00:00:02 02:00:00:00:00:03 dst 192.0.2.2",
               "fdb del dst 192.0.2.3 dev vxlan200 02:00:00:00:00:01",
               "addr add dev br0 172.18.10.1/24", "addr add brd + dev uplink local 10.1.0.1/24",
               "neigh add dev br0 172.18.10.5 lladdr 02:00:00:00:00:05",
               "neigh add lladdr 02:00:00:00:00:06 dev br0 to 172.18.10.6 nud permanent",
               "neigh add nud noarp lladdr 02:00:00:00:00:07 172.18.10.7 dev br0",
               "neigh add dev br0 172.18.10.7 lladdr 02:00:00:00:00:08",
               "neigh add dev br0 lladdr 02:00:00:00:00:08",
               "neigh add dev br0 172.18.10.8 172.18.10.9 lladdr 02:00:00:00:00:08",
               "neigh replace dev br0 172.18.10.6 lladdr 02:00:00:00:00:09 nud noarp",
               "neigh del dev br0 172.18.10.5",
               "route add via 192.0.2.9 10.5.0.0/16", "route add dev uplink onlink via 192.0.3.9 to 10.6.0.0/16",
               "route add dev br0 10.7.0.0/16", "route add dev br0", "route add via 192.0.2.9 10.8.0.0/16 10.9.0.0/16",
               "route replace dev uplink 10.7.0.0/16", "route del via 192.0.2.9 10.5.0.0/16",
               "addr del dev uplink 10.1.0.1/24")


@needs_vxd
def test_neighbours_and_addresses_are_flushed_as_by_linux(lab):
    both = Both(lab)
    fill = ["neigh replace 172.18.10.5 dev br0 lladdr 02:00:00:00:00:05 nud permanent",
            "neigh replace 172.18.10.7 dev br0 lladdr 02:00:00:00:00:07 nud noarp"]
    both.agree("addr add 172.18.10.1/24 dev br0")
    for flush in ("dev br0 nud permanent", "nud noarp dev br0", "dev br0 nud noarp nud permanent", "dev br0 nud all",
                  "172.18.10.5 nud permanent"):
        both.agree(*fill, f"neigh flush {flush}")
    both.agree("neigh flush", "addr add 10.0.0.1/24 dev br0", "addr flush dev br0 to 10.0.0.0/16", "addr flush",
               "addr add 10.0.0.1/24 dev uplink", "addr flush dev uplink")


@needs_vxd
def test_fdb_flush_and_extern_learn_are_those_of_linux(lab):
    both = Both(lab)
    fill = ["fdb append 00:00:00:00:00:00 dev vxlan200 dst 192.0.2.2",
            "fdb replace 02:00:00:00:00:01 dev vxlan200 dst 192.0.2.2",
            "fdb replace 02:00:00:00:00:02 dev vxlan200 dst 192.0.2.2 static",
            "fdb replace 02:00:00:00:00:03 dev vxlan200 dst 192.0.2.2 dynamic",
            "fdb replace 02:00:00:00:00:04 dev vxlan200 dst 192.0.2.2 dynamic extern_learn",
            "fdb replace 02:00:00:00:00:05 dev vxlan200 dst 192.0.2.2 extern_learn",
            "fdb replace 02:00:00:00:00:06 dev vxlan200 dst 192.0.2.2 extern_learn static",
            "fdb replace 02:00:00:00:01:02 dev docker1 master static",
            "fdb replace 02:00:00:00:01:03 dev docker1 master dynamic",
            "fdb replace 02:00:00:00:01:04 dev docker1 master extern_learn"]
    both.agree(*fill)
    if both.kernel.bridge("fdb", "flush", "dev", "vxlan200", "static", "permanent", check=False).status != 0:
        return  # Linux before 6.7 flushes no VXLAN devices
    for words in ("", "permanent", "nopermanent", "static", "nostatic", "dynamic", "nodynamic", "extern_learn",
                  "noextern_learn", "permanent static", "nopermanent nostatic", "nopermanent static",
                  "permanent nostatic", "static dynamic", "nodynamic nostatic", "nosticky", "nooffloaded"):
        for line in fill:
            both.say(line)
        both.agree(f"fdb flush dev vxlan200 {words}", f"fdb flush dev br0 {words}")
    both.agree(*fill, "fdb flush dev vxlan200 self", "fdb flush dev docker1 master", "fdb flush dev vxlan200 master",
               "fdb flush dev docker1 self", "fdb flush", "fdb flush dev vxlan200 added_by_user")


@needs_vxd
def test_options_of_bridges_have_the_units_and_the_off_of_linux(lab):
    both = Both(lab)

    def ageing_times():
        link, = json.loads(both.kernel.ip("-d", "-j", "link", "show", "br0").out)
        return [info["linkinfo"]["info_data"]["ageing_time"] for info in (link, *both.vxd.json("link", "show", "br0"))]
    expect(ageing_times() == [30000, 30000], ageing_times())
    both.agree("link set br0 type bridge ageing_time 2500")
    expect(ageing_times() == [2500, 2500], ageing_times())
    for option in ("stp_state", "forward_delay", "group_fwd_mask", "vlan_filtering", "vlan_default_pvid",
                   "vlan_stats_enabled", "vlan_stats_per_port", "mcast_snooping", "mcast_vlan_snooping",
                   "mcast_querier", "mcast_query_use_ifaddr", "mcast_stats_enabled", "nf_call_iptables",
                   "nf_call_ip6tables", "nf_call_arptables"):
        linux, ours = both.say(f"link set br0 type bridge {option} 0")
        expect(linux.status == 0 or "not supported" in linux.err, linux)
        expect(ours.status == 0, ours)
    both.agree("link change br0 mtu 1400", "link replace br1 type bridge", "link replace docker1 up",
               "link add vxlan9 type vxlan id 9 local 192.0.2.1 dstport 0", "link change nope up",
               "link set vxlan200 type vxlan id 200", "link set vxlan200 type vxlan id 201")


@needs_vxd
def test_what_is_shown_is_chosen_by_the_words_that_linux_takes(lab):
    both = Both(lab)
    both.agree("addr add 172.18.10.1/24 dev br0", "link set vxlan200 down")
    for line in ("addr show up", "addr show br0 up", "addr show type vxlan", "addr show dev br0", "addr show master br0",
                 "addr show to 172.18.0.0/16", "addr show type vxlan up", "link show up", "link show type bridge",
                 "link show nomaster", "link show master br0 type vxlan"):
        words = line.split()
        theirs, ours = (sorted(link["ifname"] for link in json.loads(text or "[]") if link.get("ifname") in DEVICES)
                        for text in (both.kernel.ip("-j", *words).out, both.vxd.vxctl("-j", *words).out))
        expect(theirs == ours, f"{line}: Linux shows {theirs}, vxd {ours}")
    for line in ("link show -j", "addr show -s", "route show -4", "link -j"):
        linux, ours = both.say(line)
        expect(linux.status != 0 and ours.status == 1, f"{linux}\n{ours}")
        expect("options come before the object" in ours.err, ours)


@needs_vxd
def test_macs_do_not_depend_on_the_host_name(lab):
    def named(name):
        def before_exec():
            ctypes.CDLL(None).unshare(0x04000000)  # CLONE_NEWUTS
            socket.sethostname(name)
        return before_exec
    host = lab.endpoint("vxd", lab.namespace("h1"), 1)
    found = set()
    for name in ("localhost", "name-from-dhcp"):
        host.stop()
        host.before_exec = named(name)
        host.start()
        host.do("link add br0 type bridge")
        found.add(host.json("link", "show", "br0")[0]["address"])
    other = lab.endpoint("vxd", lab.namespace("h2"), 2)
    other.do("link add br0 type bridge")
    expect(len(found) == 1 or not os.path.exists("/etc/machine-id"), found)
    expect(other.json("link", "show", "br0")[0]["address"] not in found, "two sockets, one MAC")
