# SPDX-License-Identifier: BSD-3-Clause
"""A vxd in a namespace: started, waited for, spoken to through vxctl, stopped, and looked at afterwards."""

import json
import os
import signal
import socket
import subprocess

from .host import Host
from .shell import Failed, expect, run, wait_until


class VxdHost(Host):
    kind = "vxd"
    before_exec = None  # in the child, before it becomes the program

    def __init__(self, namespace, name, build, directory, arguments=(), config=None, start=True):
        super().__init__(namespace, name)
        self.build = build
        self.directory = directory
        self.socket = os.path.join(directory, f"{name}.sock")
        self.log = os.path.join(directory, f"{name}.log")
        self.arguments = [str(word) for word in arguments]
        self.environment = {}
        self.process = None
        if config is not None:
            self.configure(config)
        if start:
            self.start()

    def configure(self, config):
        """From the next start on."""
        path = os.path.join(self.directory, f"{self.name}.conf")
        with open(path, "w") as file:
            file.write(config)
        self.arguments += ["--config", path]

    def argv(self):
        return [os.path.join(self.build, "vxd"), "--socket", self.socket, *self.arguments]

    def start(self):
        with open(self.log, "ab") as log:
            # `ip netns exec` becomes the program, so the pid is vxd's own. A session of its own keeps the terminal's
            # Ctrl-C away from it: it is the test that ends it.
            self.process = subprocess.Popen(self.namespace.argv(*self.argv()), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True, cwd=self.directory,
                                            env={**os.environ, **self.environment},
                                            preexec_fn=self.before_exec)
        try:
            wait_until(f"vxd on {self.name} listens on its socket", self._is_ready, timeout=30)
        except Failed as failure:
            raise Failed(f"{failure}\n{self.tail()}") from None

    def _is_ready(self):
        expect(self.process.poll() is None, f"vxd on {self.name} ended with status {self.process.returncode}")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(self.socket)
            except OSError:
                return False
        return self.vxctl("link", "show", check=False).status == 0

    @property
    def pid(self):
        return self.process.pid

    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def vxctl(self, *words, check=True, input=None, timeout=30):
        return run(os.path.join(self.build, "vxctl"), "--socket", self.socket, *words, check=check, input=input,
                   timeout=timeout)

    def json(self, *words):
        result = self.vxctl("-j", *words)
        try:
            return json.loads(result.out or "[]")
        except ValueError as error:
            raise Failed(f"not JSON ({error}): {result}") from None

    def command(self, words, check=True):
        return self.vxctl(*words, check=check)

    def fdb(self):
        return self.json("fdb", "show")

    def state(self):
        """Everything that commands can change, for "this changed nothing"; not what vxd finds out by itself."""
        state = {noun: self.json(noun, "show") for noun in ("link", "addr", "route", "neigh", "fdb")}
        state["neigh"] = [entry for entry in state["neigh"] if "PERMANENT" in entry["state"]]
        state["fdb"] = [entry for entry in state["fdb"] if entry.get("state")]
        return state

    def drops(self, device=None):
        """Reason -> packets; of one device, or of all."""
        return self.json("stats", "show", *(["dev", device] if device else []))["drops"]

    def processor_seconds(self):
        """Of all its threads, to the nanosecond."""
        total = 0
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{task}/schedstat") as file:
                total += int(file.read().split()[0])
        return total / 1e9

    def connections(self):
        """To its socket from its own network namespace, accepted or not."""
        with self.namespace.entered(), open("/proc/thread-self/net/unix") as file:
            return sum(line.rstrip().endswith(" " + self.socket) and " 01 " not in line for line in file)

    def tail(self, lines=20):
        with open(self.log, errors="replace") as file:
            return f"--- the log of {self.name} ends:\n" + "".join(file.readlines()[-lines:])

    def stop(self, by=signal.SIGTERM, within=10):
        """Asks it to end, and checks that it does so in time, with status 0, leaving nothing."""
        if self.process is None:
            return
        process, self.process = self.process, None
        status = process.poll()
        if status is not None:
            raise Failed(f"vxd on {self.name} had ended by itself with status {status}\n{self.tail()}")
        process.send_signal(by)
        try:
            status = process.wait(within)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise Failed(f"vxd on {self.name}: no end {within} s after {by.name}\n{self.tail()}") from None
        expect(status == 0, f"vxd on {self.name} ended with status {status} after {by.name}\n{self.tail()}")
        expect(not os.path.exists(self.socket), f"vxd on {self.name} left its socket behind")

    def kill(self):
        process, self.process = self.process, None
        process.kill()
        process.wait()

    close = stop
