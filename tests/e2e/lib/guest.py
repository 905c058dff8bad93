# SPDX-License-Identifier: BSD-3-Clause
"""A virtual machine of QEMU, emulated (TCG) for want of KVM, whose network card is a vhost-user port. Its serial
console takes one command a line."""

import os
import re
import selectors
import shutil
import subprocess
import time

from .guest_image import guest_image
from .shell import Failed, expect

QEMU = "qemu-system-x86_64"
BOOT = 120  # seconds; a machine that emulates another and has other work needs long
ANSWER = 60


class Guest:
    """`mode` is the port's: whoever is the server of the socket, the other end connects again when it was away."""

    interface = "eth0"

    def __init__(self, lab, name, mode="server", mac="52:54:00:00:00:01", mtu=1450, queues=1, device=""):
        expect(shutil.which(QEMU), f"{QEMU} is not installed; tools/setup")
        self.name = name
        self.mode = mode
        self.address = None
        self.path = os.path.join(lab.directory, f"{name}.vhost")
        self.log = os.path.join(lab.directory, f"{name}.log")
        self._image = guest_image(lab.settings.build)
        # Without KVM, MSI-X and vhost together crash Debian 12's QEMU: it unmasks an irqfd that is not there.
        self._device = f"virtio-net-pci,netdev=net,mac={mac},host_mtu={mtu},vectors=0{device}"
        if queues > 1:
            self._device += ",mq=on"
        self._queues = queues
        self.process = None
        self._buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    # --- the machine

    def argv(self):
        socket = "server=on,wait=off" if self.mode == "client" else "reconnect=1"
        return ["setpriv", "--pdeathsig", "KILL", QEMU, "-accel", "tcg", "-smp", "2", "-m", "192",
                "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio",
                "-object", "memory-backend-memfd,id=memory,size=192M,share=on", "-machine", "pc,memory-backend=memory",
                "-kernel", self._image.kernel, "-initrd", self._image.initramfs,
                "-append", "console=ttyS0 quiet panic=-1",
                "-chardev", f"socket,id=port,path={self.path},{socket}",
                "-netdev", f"vhost-user,id=net,chardev=port,queues={self._queues}", "-device", self._device]

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.argv(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                                            bufsize=0, start_new_session=True)
        self._buffer = b""
        self._booted()

    def _booted(self):
        expect(self._answer(BOOT)[0] == "ready", f"{self.name} did not boot")

    def reboot(self):
        """The guest restarts, and QEMU goes on."""
        self._say("reboot -f")
        self._booted()

    def kill(self):
        """As if the power had failed."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()

    # --- its console

    def begin(self, command):
        """`end` waits for it."""
        self._say(command)

    def end(self, timeout=ANSWER, check=True):
        """(exit status, output) of what was begun."""
        status, output = self._answer(timeout)
        expect(not check or status == "0", f"{self.name}: exit status {status}\n{output}")
        return status, output

    def do(self, command, timeout=ANSWER, check=True):
        self.begin(command)
        return self.end(timeout, check)[1]

    def succeeds(self, command, timeout=ANSWER):
        self.begin(command)
        return self.end(timeout, check=False)[0] == "0"

    def _say(self, command):
        self.process.stdin.write(command.encode() + b"\n")

    def _answer(self, timeout):
        """(word, what was printed before): the next line "=== word"."""
        end = time.monotonic() + timeout
        while True:
            found = re.search(rb"^=== (\w+)\r?\n", self._buffer, re.M)
            if found:
                printed, self._buffer = self._buffer[:found.start()], self._buffer[found.end():]
                return found[1].decode(), printed.decode(errors="replace").replace("\r", "")
            self._buffer += self._read(end - time.monotonic())

    def _read(self, timeout):
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            ready = selector.select(max(timeout, 0))
        said = os.read(self.process.stdout.fileno(), 65536) if ready else b""
        if said:
            with open(self.log, "ab") as log:
                log.write(said)
            return said
        with open(self.log, errors="replace") as log:
            tail = "".join(log.readlines()[-20:])
        what = f"has ended with status {self.process.wait(10)}" if ready else "does not answer"
        raise Failed(f"{self.name} {what}; its console:\n{tail}")

    # --- its network

    def add_address(self, address):
        if ":" not in address:
            self.address = address.split("/")[0]
        self.do(f"echo 0 >/proc/sys/net/ipv6/conf/{self.interface}/accept_dad && ip link set {self.interface} up &&"
                f" ip addr add {address} dev {self.interface}")

    def features(self):
        """The bits of virtio that its driver and vxd have agreed on."""
        bits = self.do("cat /sys/bus/virtio/devices/virtio0/features").strip()
        return {number for number, bit in enumerate(bits) if bit == "1"}

    def ping(self, target, size=56):
        output = self.do(f"ping -c 3 -i 0.2 -W 3 -s {size} {target.address}", check=False)
        expect(" 3 packets received" in output and "DUP!" not in output,
               f"{self.name} pings {target.address} with {size} bytes: {output}")

    def cannot_ping(self, target, size=56):
        output = self.do(f"ping -c 3 -i 0.2 -W 1 -s {size} {target.address}", check=False)
        expect(" 0 packets received" in output, f"{self.name} can ping {target.address}, and should not: {output}")

    def wait_ping(self, target, timeout=30):
        end = time.monotonic() + timeout
        while not self.succeeds(f"ping -c 1 -W 1 {target.address}"):
            expect(time.monotonic() < end, f"{self.name} could not ping {target.address} for {timeout} s")
