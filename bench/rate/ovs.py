# SPDX-License-Identifier: BSD-3-Clause
"""Open vSwitch with DPDK (Debian's): two user-space bridges, a VXLAN port between them, one PMD thread. It is a
learning switch here too (action NORMAL), as vxd is; its flow caches are as Debian ships them."""

import json
import os
import re
import shutil
import socket
import subprocess

from lib.shell import Failed, expect, is_so, run, wait_until

from . import captures
from .contestant import Contestant, die_with_parent, end
from .testpmd import RUNTIME, nothing, replay

VSWITCHD = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
MIB = 512


def devices(capture):
    return {"in": replay(capture), "out": nothing()}


class Ovs(Contestant):
    """`tunnel_in`: "in" gets VXLAN and "out" is a container's port (decapsulation); otherwise the other way round.
    `macs`: (address, bridge port) that are known from the start, as vxd's static entries are."""

    def __init__(self, env, label, ports, tunnel_in, macs, udp_checksum=False):
        super().__init__(label)
        self.env = env
        self.ports = ports
        self.tunnel_in = tunnel_in
        self.macs = macs
        self.udp_checksum = udp_checksum
        self.name = env.unique("ovs")
        self.directory = os.path.join(env.directory, self.name)
        self.namespace = None
        self._database = self._control = None

    # --- starting

    def __enter__(self):
        os.mkdir(self.directory)
        self.namespace = self.env.namespace("o")
        try:
            self._start_database()
            self._start_switch()
            self._build()
        except Failed as error:
            text = self.tail()
            self.__exit__()
            raise Failed(f"{error}\n{text}") from None
        except BaseException:
            self.__exit__()
            raise
        return self

    def _spawn(self, name, argv):
        environment = {**os.environ, **{f"OVS_{what}DIR": self.directory for what in ("RUN", "LOG", "DB")}}
        with open(os.path.join(self.directory, name + ".out"), "wb") as out:
            return subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                    start_new_session=True, preexec_fn=die_with_parent)

    def _path(self, name):
        return os.path.join(self.directory, name)

    def _start_database(self):
        run("ovsdb-tool", "create", self._path("conf.db"), SCHEMA)
        self._database = self._spawn("ovsdb", [
            "ovsdb-server", self._path("conf.db"), f"--remote=punix:{self._path('db.sock')}",
            f"--unixctl={self._path('db.ctl')}", f"--log-file={self._path('db.log')}", "-vconsole:off"])
        wait_until("ovsdb-server answers", lambda: os.path.exists(self._path("db.sock")), timeout=10)

    def _vsctl(self, *words, wait=True, check=True):
        return run("ovs-vsctl", f"--db=unix:{self._path('db.sock')}", *([] if wait else ["--no-wait"]), "-vconsole:off",
                   *words, check=check, timeout=60)

    def _start_switch(self):
        # OVS adds --in-memory unless it finds --legacy-mem, and DPDK refuses the former with --no-huge.
        pages = [f"other_config:dpdk-socket-mem={MIB // 2}", f"other_config:dpdk-socket-limit={MIB // 2}"]
        extra = "-a 0000:00:00.0 --no-telemetry"
        if self.env.pages == "small":
            pages = []
            extra += f" --no-huge --legacy-mem --no-shconf -m {MIB} --file-prefix={self.name}"
        self._vsctl("init", "--", "set", "open", ".", "other_config:dpdk-init=true",
                    f"other_config:dpdk-lcore-mask={1 << self.env.other_cpu:#x}",
                    f"other_config:pmd-cpu-mask={1 << self.env.cpu:#x}", f"other_config:dpdk-extra={extra}", *pages,
                    wait=False)
        argv = [VSWITCHD, f"unix:{self._path('db.sock')}", f"--unixctl={self._path('vs.ctl')}",
                f"--log-file={self._path('vs.log')}", "-vconsole:off"]
        self.process = self._spawn("vswitchd", self.namespace.argv(*self.env.measured(*argv)))
        wait_until("ovs-vswitchd answers", self._connect, timeout=30)

    def _connect(self):
        expect(self.process.poll() is None, "ovs-vswitchd ended")
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.settimeout(30)
        try:
            made.connect(self._path("vs.ctl"))
        except OSError:
            made.close()
            return False
        self._control = made
        return True

    def appctl(self, method, *words):
        """Over its socket, without a process for each question: the answer's time is when it was asked for."""
        self._control.sendall(json.dumps({"method": method, "params": [str(word) for word in words], "id": 0}).encode())
        text, decoder = "", json.JSONDecoder()
        while True:
            chunk = self._control.recv(1 << 16)
            expect(chunk, f"ovs-vswitchd closed its socket after {method}")
            text += chunk.decode()
            try:
                reply, _ = decoder.raw_decode(text)
            except ValueError:
                continue
            expect(reply.get("error") is None, f"ovs-appctl {method}: {reply.get('error')}")
            return reply["result"]

    def _build(self):
        ports = {"br-phy": "in" if self.tunnel_in else "out", "br-int": "out" if self.tunnel_in else "in"}
        self._vsctl("add-br", "br-phy", "--", "set", "bridge", "br-phy", "datapath_type=netdev",
                    f"other_config:hwaddr={captures.LOCAL_MAC}", "--", "add-br", "br-int", "--", "set", "bridge",
                    "br-int", "datapath_type=netdev", "other_config:mac-table-size=65536")
        # Addresses first, so that no frame meets half a tunnel.
        self.namespace.ip("addr", "add", f"{captures.LOCAL}/24", "dev", "br-phy")
        self.namespace.ip("link", "set", "br-phy", "up")
        wait_until("OVS has the underlay's route", lambda: captures.LOCAL in self.appctl("ovs/route/show"))
        self._vsctl("add-port", "br-int", "tunnel", "--", "set", "interface", "tunnel", "type=vxlan",
                    f"options:key={captures.VNI}", f"options:local_ip={captures.LOCAL}",
                    f"options:remote_ip={captures.far()}", f"options:dst_port={captures.PORT}",
                    f"options:csum={'true' if self.udp_checksum else 'false'}")
        for bridge, port in sorted(ports.items(), key=lambda item: item[1], reverse=True):  # "out" before "in"
            self._vsctl("add-port", bridge, port, "--", "set", "interface", port, "type=dpdk",
                        f"options:dpdk-devargs={self.ports[port]}", check=False)
            self._wait_port(port)
        self.appctl("tnl/neigh/set", "br-phy", captures.far(), captures.FAR_MAC)
        for address, port in self.macs:
            self.appctl("fdb/add", "br-int", port, 0, address)

    # DPDK's vdevs may need a second attempt, which ovs-vswitchd makes by itself while ovs-vsctl already complains.
    def _wait_port(self, port):
        if not is_so(lambda: re.search(rf"port \d+: {port} \(dpdk", self.appctl("dpctl/show")), 8):
            why = self._vsctl("get", "interface", port, "error", check=False).out
            raise Failed(f"OVS does not take {self.ports[port]}: {why.strip()}")

    # --- measuring

    def counters(self):
        text = self.appctl("dpctl/show", "-s")
        found = {}
        for block in re.split(r"\n  port \d+: ", text)[1:]:
            name = block.split(" ", 1)[0]
            numbers = re.findall(r"([RT]X) packets:(\d+)", block)
            found[name] = {direction: int(count) for direction, count in numbers}
        return found["out"]["TX"], found["in"]["RX"]

    def resume(self):
        super().resume()
        if self._control:
            self.appctl("dpif-netdev/pmd-stats-clear")

    def facts(self):
        """Its own count since it was resumed, and which of its caches answered."""
        text = self.appctl("dpif-netdev/pmd-stats-show").split("main thread")[0]
        numbers = dict(re.findall(r"  ([a-z. -]+): (\d+(?:\.\d+)?)", text))
        return {"ticks_per_packet": float(numbers.get("avg processing cycles per packet", 0)),
                "emc_hits": int(numbers.get("emc hits", 0)), "megaflow_hits": int(numbers.get("megaflow hits", 0)),
                "misses": int(numbers.get("miss with success upcall", 0))}

    def verify(self):
        """The flows are what the scenario says: no flooding, and a tunnel on the way."""
        flows = self.appctl("dpctl/dump-flows", "-m")
        expect(("tnl_pop" if self.tunnel_in else "tnl_push") in flows, f"OVS does not use its tunnel:\n{flows[:2000]}")

    def tail(self):
        text = ""
        for name in ("vs.log", "vswitchd.out"):
            if os.path.exists(self._path(name)):
                with open(self._path(name), errors="replace") as file:
                    text += f"--- {name}\n" + "".join(file.readlines()[-12:])
        return text

    def __exit__(self, *_):
        if self._control:
            self._control.close()
        end(self.process)
        end(self._database)
        if self.namespace:
            self.namespace.close()
        shutil.rmtree(f"{RUNTIME}/{self.name}", ignore_errors=True)
        shutil.rmtree(self.directory, ignore_errors=True)
