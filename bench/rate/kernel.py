# SPDX-License-Identifier: BSD-3-Clause
"""The Linux kernel's bridge and VXLAN device. No pktgen is needed: testpmd replays a capture into a veth through
af_packet on the other CPU; receive packet steering moves the kernel's work to the measured one. vxd gets the same
frames from the same veth by its af_packet port. All namespaces are the contestant's own."""

import json

from lib.shell import run

from . import captures
from .contestant import Contestant, Sample
from .scenarios import Ratio, Scenario, decap_commands, encap_commands
from .testpmd import Testpmd, replay
from .vxd import Vxd

MACS = 1000


class Veths(Contestant):
    """generator [g0]---[in] measured [out]---[s0] sink: what arrives at s0 counts."""

    def __init__(self, env, label, capture):
        super().__init__(label)
        self.env, self.capture = env, capture
        self.spaces = {}
        self.generator = None

    def __enter__(self):
        try:
            for name in ("generator", "measured", "sink"):
                self.spaces[name] = self.env.namespace(name[0])
            self._cable("generator", "g0", "in")
            self._cable("sink", "s0", "out")
            self.set_up()
            # 64 frames of 2 KiB a block: the driver's default ring holds 512.
            device = "net_af_packet0,iface=g0,qpairs=1,framesz=2048,blocksz=4096,framecnt=1024"
            self.generator = Testpmd(self.env, "generator", [replay(self.capture), device], cpu=self.env.other_cpu,
                                     namespace=self.spaces["generator"])
            self.generator.__enter__()
        except BaseException:
            self.__exit__(Exception)
            raise
        return self

    def _cable(self, far, far_name, name):
        """No offloads: a NIC's frames are finished."""
        run("ip", "link", "add", name, "netns", self.spaces["measured"].name, "type", "veth", "peer", "name", far_name,
            "netns", self.spaces[far].name)
        for space, interface in ((self.spaces[far], far_name), (self.spaces["measured"], name)):
            space.offloads(interface, "off")
            space.ip("link", "set", interface, "up", "promisc", "on")

    def set_up(self):
        raise NotImplementedError

    def sample(self, cpu):
        now = self.generator.sample(self.env.other_cpu).seconds
        shown = json.loads(self.spaces["sink"].ip("-j", "-s", "link", "show", "s0").out)
        return Sample(now, shown[0]["stats64"]["rx"]["packets"], 0, now,
                      {"offered": self.generator.counters()[0], "seconds": now})

    def check(self, before, after):
        super().check(before, after)
        self.offered = ((after.facts["offered"] - before.facts["offered"])
                        / (after.facts["seconds"] - before.facts["seconds"]) / 1e6)

    def facts(self):
        return {"offered_mpps": self.offered} if hasattr(self, "offered") else {}

    def pause(self):
        self.generator.pause()

    def resume(self):
        self.generator.resume()

    def __exit__(self, kind, *_):
        if self.generator:
            self.generator.__exit__()
        for space in self.spaces.values():
            space.close()
        self.spaces = {}


class Kernel(Veths):
    def __init__(self, env, label, capture, is_decap):
        super().__init__(env, label, capture)
        self.is_decap = is_decap

    def set_up(self):
        space = self.spaces["measured"]
        space.run("sh", "-c", f"echo {1 << self.env.cpu:x} > /sys/class/net/in/queues/rx-0/rps_cpus")
        uplink, container = ("in", "out") if self.is_decap else ("out", "in")
        space.ip("link", "set", uplink, "address", captures.LOCAL_MAC)
        space.ip("addr", "add", f"{captures.LOCAL}/24", "dev", uplink)
        space.ip("neigh", "add", captures.far(), "lladdr", captures.FAR_MAC, "dev", uplink, "nud", "permanent")
        space.ip("link", "add", "br0", "type", "bridge")
        space.ip("link", "add", "vxlan0", "type", "vxlan", "id", captures.VNI, "local", captures.LOCAL, "dstport",
                 captures.PORT, "learning" if self.is_decap else "nolearning")
        lines = []
        for number in range(MACS):
            if self.is_decap:
                lines.append(f"fdb add {captures.mac(0, number)} dev out master static")
            else:  # the bridge's entry, then the device's
                lines += [f"fdb add {captures.mac(1, number)} dev vxlan0 master static",
                          f"fdb append {captures.mac(1, number)} dev vxlan0 dst {captures.far()} self"]
        for name in ("vxlan0", container):
            space.ip("link", "set", name, "master", "br0")
            space.ip("link", "set", name, "up")
        space.ip("link", "set", "br0", "up")
        space.bridge("-batch", "-", input="\n".join(lines) + "\n")


class VxdOnVeths(Veths):
    def __init__(self, env, label, capture, is_decap):
        super().__init__(env, label, capture)
        self.is_decap = is_decap
        self.vxd = None

    def set_up(self):
        commands = (decap_commands if self.is_decap else encap_commands)(MACS, "type af_packet dev in",
                                                                          "type af_packet dev out")
        self.vxd = Vxd(self.env, self.label, commands, namespace=self.spaces["measured"], lossy=True)
        self.vxd.__enter__()

    def pause(self):
        super().pause()
        if self.vxd:
            self.vxd.pause()

    def resume(self):
        if self.vxd:
            self.vxd.resume()
        super().resume()

    def __exit__(self, kind, *rest):
        try:
            if self.vxd:
                self.vxd.__exit__(kind, *rest)
        finally:
            super().__exit__(kind, *rest)


def contestants(is_decap):
    def make(env):
        if is_decap:
            capture = env.capture(f"from-tunnel-{MACS}", lambda: captures.from_tunnel(MACS))
        else:
            capture = env.capture(f"to-tunnel-{MACS}", lambda: captures.to_tunnel(MACS))
        yield VxdOnVeths(env, "vxd", capture, is_decap)
        yield Kernel(env, "Linux", capture, is_decap)
    return make


KERNEL = [
    Scenario(f"kernel-{name}", f"veth in and out, {name}, {MACS} MACs", contestants(name == "decap"),
             [Ratio("vxd", "Linux")], "wall", "two cores")
    for name in ("encap", "decap")
]
