# SPDX-License-Identifier: BSD-3-Clause
"""Container runtimes' side of CNI: the plugin is run as they run it."""

import json
import os
import re
import shutil
from dataclasses import dataclass

from .container import Container
from .shell import Failed, expect, run, wait_until

SYSTEM_PLUGINS = "/usr/lib/cni"


def needs_plugins():
    expect(os.path.exists(f"{SYSTEM_PLUGINS}/host-local"), "containernetworking-plugins is not installed; tools/setup")


@dataclass
class Answer:
    status: int
    json: object  # None: nothing was said
    err: str

    @property
    def code(self):
        return self.json["code"]

    def __str__(self):
        return f"exit status {self.status}, {json.dumps(self.json)}, stderr: {self.err.strip()}"


class Runtime:
    """Of one host. It keeps what a runtime keeps: nothing but the results of ADD."""

    def __init__(self, lab, host):
        needs_plugins()
        self.lab = lab
        self.host = host
        self.folder = os.path.join(lab.directory, f"cni-{host.name}")
        self.plugins = os.path.join(self.folder, "bin")
        self.leases = os.path.join(self.folder, "leases")
        os.makedirs(self.plugins)
        shutil.copy(os.path.join(lab.settings.build, "vxd-cni"), os.path.join(self.plugins, "vxd"))

    def conf(self, subnet=None, version="1.0.0", name="net", bridge="br0", ipam=None, **members):
        """A network configuration; `subnet` is host-local's."""
        conf = {"cniVersion": version, "name": name, "type": "vxd", "socket": self.host.socket, "bridge": bridge}
        if subnet:
            subnets = [subnet] if isinstance(subnet, (str, dict)) else subnet
            ranges = [[part if isinstance(part, dict) else {"subnet": part}] for part in subnets]
            conf["ipam"] = {"type": "host-local", "dataDir": self.leases, "ranges": ranges, **(ipam or {})}
        return {**conf, **members}

    def call(self, command, conf, container="c1", netns=None, ifname="eth0", path=None, **variables):
        """One run of the plugin."""
        environment = {"PATH": os.environ["PATH"], "CNI_COMMAND": command, "CNI_CONTAINERID": container,
                       "CNI_IFNAME": ifname, "CNI_PATH": path or f"{self.plugins}:{SYSTEM_PLUGINS}", **variables}
        if netns:
            environment["CNI_NETNS"] = netns if isinstance(netns, str) else netns.path
        text = conf if isinstance(conf, str) else json.dumps(conf)
        done = run(*self.host.namespace.argv(os.path.join(self.plugins, "vxd")), check=False, input=text,
                   env=environment)
        try:
            said = json.loads(done.out) if done.out.strip() else None
        except ValueError:
            raise Failed(f"{command}: not JSON: {done}") from None
        expect(done.status in (0, 1), str(done))
        expect((done.status == 0) != (isinstance(said, dict) and "code" in said), f"{command}: {done}")
        return Answer(done.status, said, done.err)

    def add(self, conf, netns, container="c1", **options):
        answer = self.call("ADD", conf, container, netns, **options)
        expect(answer.status == 0, f"ADD: {answer}")
        return answer.json

    def refused(self, command, conf, *words, code, **options):
        """It fails with that code, and says all of these words."""
        answer = self.call(command, conf, **options)
        expect(answer.status == 1 and answer.code == code, f"{command}, expected the code {code}: {answer}")
        for word in words:
            expect(word in answer.json["msg"] + answer.json.get("details", ""), f"{word!r} is not in {answer}")
        return answer

    def delete(self, conf, netns=None, container="c1", **options):
        answer = self.call("DEL", conf, container, netns, **options)
        expect(answer.status == 0 and answer.json is None, f"DEL: {answer}")
        return answer

    def check(self, conf, result, netns, container="c1", **options):
        answer = self.call("CHECK", {**conf, "prevResult": result}, container, netns, **options)
        expect(answer.status == 0 and answer.json is None, f"CHECK: {answer}")

    def ports(self):
        """The plugin's, by name."""
        return {link["ifname"]: link for link in self.host.json("link", "show") if link["ifname"].startswith("cni")}

    def leased(self):
        """Addresses that host-local has given away."""
        found = set()
        for _, _, names in os.walk(self.leases):
            found |= {name for name in names if re.fullmatch(r"[0-9.]+|[0-9a-f:]+", name)}
        return found

    def wait_gone(self, port):
        wait_until(f"{port} is GONE", lambda: "GONE" in self.ports()[port]["flags"])


class CniContainer(Container):
    """A container that CNI connects."""

    def __init__(self, lab, runtime, name, conf, **options):
        self.namespace = lab.namespace(name)
        self.namespace.sysctl("net.ipv6.conf.default.accept_dad", 0)
        self.host = runtime.host
        self.name = name
        self.result = runtime.add(conf, self.namespace, container=name, **options)
        addresses = [ip["address"].split("/")[0] for ip in self.result.get("ips", [])]
        self.address = addresses[0] if addresses else None
        self.addresses = addresses
