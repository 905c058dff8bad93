# SPDX-License-Identifier: BSD-3-Clause
"""Two processes on two cores: the measured one between shared-memory ports, and testpmd that replays a capture into
one of them and throws away what comes out of the other. Rates are of the wall: the slower of the two sets them."""

import os

from . import captures
from .contestant import Contestant
from .ovs import Ovs
from .scenarios import Ratio, Scenario, decap_commands, encap_commands, local_macs, tunnel_macs
from .testpmd import Testpmd, nothing, replay
from .vxd import Vxd

MACS = 1000
RING = 1024


class Pair(Contestant):
    """`measured` and the generator that feeds it: started, stopped and continued together."""

    def __init__(self, measured, generator):
        super().__init__(measured.label)
        self.measured, self.generator = measured, generator

    def __enter__(self):
        self.measured.__enter__()
        try:
            self.generator.__enter__()
        except BaseException:
            self.measured.__exit__(Exception, None, None)
            raise
        return self

    def __exit__(self, *what):
        try:
            self.measured.__exit__(*what)
        finally:
            self.generator.__exit__(*what)

    def sample(self, cpu):
        sample = self.measured.sample(cpu)
        sample.packets = self.generator.counters()[0]  # what really came out
        sample.received = 0                            # and more was offered than could: that is no loss
        return sample

    def facts(self):
        return self.measured.facts()

    def verify(self):
        self.measured.verify()

    def check(self, before, after):
        Contestant.check(self, before, after)

    def pause(self):
        self.generator.pause()
        self.measured.pause()

    def resume(self):
        self.measured.resume()
        self.generator.resume()


def generator(env, capture, to_in, from_out, queues):
    """Ports 0 and 1: capture to "in"; ports 2 and 3: from "out" to null."""
    return Testpmd(env, "generator", [replay(capture, queues=queues), to_in, from_out, nothing("net_null9")],
                   cpu=env.other_cpu, counted=3, source=0, queues=queues)


# ---- memif ------------------------------------------------------------------------------------------------------

class Memif:
    """A socket for each of "in" and "out"; the measured process listens."""

    title = "memif"
    queues = 1

    def __init__(self, env):
        base = os.path.join(env.directory, env.unique("memif"))
        self.sockets = [f"{base}-{number}" for number in (0, 1)]  # DPDK's driver panics when two links leave one

    def _device(self, number, role):
        return (f"net_memif{number},socket={self.sockets[number]},socket-abstract=no,id=0,role={role},"
                f"rsize={RING.bit_length() - 1},bsize=2048")

    def served(self):
        return {"in": self._device(0, "server"), "out": self._device(1, "server")}

    def driven(self):
        return [self._device(number, "client") for number in (0, 1)]

    def vxd_ports(self):
        return [f"type memif path {path} id 0 role server" for path in self.sockets]


# ---- vhost-user -------------------------------------------------------------------------------------------------

class Vhost:
    """The measured process has the vhost side of a VM, testpmd is the VM with virtio-user."""

    title = "vhost-user"
    queues = 1
    ring = "mrg_rxbuf=0,in_order=1"

    def __init__(self, env):
        base = os.path.join(env.directory, env.unique("vhost"))
        self.sockets = [f"{base}-{number}" for number in (0, 1)]

    def _device(self, number):
        return f"net_vhost{number},iface={self.sockets[number]},queues={self.queues}"

    def served(self):
        return {"in": self._device(0), "out": self._device(1)}

    def driven(self):
        return [f"net_virtio_user{number},path={self.sockets[number]},queue_size={RING},queues={self.queues},{self.ring}"
                for number in (0, 1)]

    def vxd_ports(self):
        return [f"type vhost-user path {path} queues {self.queues}" for path in self.sockets]


class PackedVhost(Vhost):
    title = "vhost-user, packed rings"
    ring = "mrg_rxbuf=0,in_order=1,packed_vq=1"


class TwoQueuesVhost(Vhost):
    title = "vhost-user, 2 queues"
    queues = 2


# ---- scenarios --------------------------------------------------------------------------------------------------

def pair(kind, is_decap):
    def contestants(env):
        if is_decap:
            capture = env.capture(f"from-tunnel-{MACS}", lambda: captures.from_tunnel(MACS))
            commands, macs = decap_commands, local_macs(MACS)
        else:
            capture = env.capture(f"to-tunnel-{MACS}", lambda: captures.to_tunnel(MACS))
            commands, macs = encap_commands, tunnel_macs(MACS)

        def fed(make):
            ports = kind(env)
            return Pair(make(ports), generator(env, capture, *ports.driven(), ports.queues))

        yield fed(lambda ports: Vxd(env, "vxd", commands(MACS, *ports.vxd_ports()), lossy=True))
        if kind is Vhost or kind is PackedVhost:  # to memif OVS sends by a queue that its other end has not made
            yield fed(lambda ports: Ovs(env, "OVS-DPDK", ports.served(), is_decap, macs))
        yield fed(lambda ports: Testpmd(env, "testpmd io", [ports.served()["in"], ports.served()["out"]],
                                        queues=ports.queues))
    return contestants


RATIOS = [Ratio("vxd", "OVS-DPDK"), Ratio("vxd", "testpmd io")]

PROCESSES = [
    Scenario(f"{name}-{'decap' if is_decap else 'encap'}",
             f"{kind.title}, {'decap' if is_decap else 'encap'}, {MACS} MACs", pair(kind, is_decap), RATIOS,
             "wall", "two cores")
    for name, kind in (("memif", Memif), ("vhost", Vhost), ("vhost-packed", PackedVhost),
                       ("vhost-2-queues", TwoQueuesVhost))
    for is_decap in (False, True)
]
