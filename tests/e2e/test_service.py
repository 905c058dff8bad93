# SPDX-License-Identifier: BSD-3-Clause
"""vxd under a service manager: what it is told and when, played by the test; no systemd has to run."""

import ctypes
import os
import shutil
import time

from lib.notify import NotifySocket
from lib.shell import expect, run, wait_until
from lib.testcase import cases, needs_vxd

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def started(lab, manager, config=None, watchdog_seconds=None):
    host = lab.endpoint("vxd", lab.namespace("h1"), 1, config=config, start=False)
    host.environment = manager.environment(watchdog_seconds)
    host.start()
    return host


class Frozen:
    """One thread that does not run until the block ends: traced, and stopped."""

    SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17

    def __init__(self, thread):
        self.thread = thread
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        self.libc.ptrace.restype = ctypes.c_long

    def _ptrace(self, request):
        expect(self.libc.ptrace(request, self.thread, None, None) == 0,
               f"ptrace {request:#x}: {os.strerror(ctypes.get_errno())}")

    def __enter__(self):
        self._ptrace(self.SEIZE)
        self._ptrace(self.INTERRUPT)
        os.waitpid(self.thread, 0x40000000)  # __WALL
        return self

    def __exit__(self, *_):
        self._ptrace(self.DETACH)


def worker_of(host):
    for task in os.listdir(f"/proc/{host.pid}/task"):
        with open(f"/proc/{host.pid}/task/{task}/comm") as file:
            if file.read().startswith("vxd-worker"):
                return int(task)
    raise AssertionError("no worker")


@needs_vxd
def test_ready_comes_when_it_is_configured_and_stopping_when_it_ends(lab):
    config = "\n".join(["link add uplink type null", "addr add 192.0.2.1/24 dev uplink"]
                       + [f"link add v{number} type vxlan id {number} local 192.0.2.1" for number in range(1, 200)])
    with NotifySocket(lab.directory) as manager:
        host = lab.endpoint("vxd", lab.namespace("h1"), 1, config=config, start=False)
        host.environment = manager.environment()
        seen = []
        original = host._is_ready

        def watched():
            seen.append((manager.count("READY=1"), os.path.exists(host.socket)))
            return original()
        host._is_ready = watched
        host.start()
        wait_until("READY=1 comes", lambda: manager.count("READY=1") == 1)
        expect(any(not ready for ready, _ in seen), "it was ready before it was started")
        expect(len(host.json("link", "show")) == 200, "ready, and not configured")
        expect(manager.count("STOPPING=1") == 0 and manager.count("WATCHDOG=1") == 0, manager.messages)
        host.stop()
        expect(manager.count("STOPPING=1") == 1, manager.said())
        expect(manager.first("STOPPING=1") == len(manager.said()) - 1, f"something came after the end: {manager.said()}")


@needs_vxd
def test_not_ready_if_its_configuration_is_refused(lab):
    with NotifySocket(lab.directory) as manager:
        path = os.path.join(lab.directory, "bad.conf")
        with open(path, "w") as file:
            file.write("link add x type nonsense\n")
        program = os.path.join(lab.settings.build, "vxd")
        result = run(program, "--socket", os.path.join(lab.directory, "x.sock"), "--config", path, check=False, timeout=30,
                     env={**os.environ, **manager.environment()})
        expect(result.status != 0 and "bad.conf:1" in result.err, result)
        expect(manager.count("READY=1") == 0, manager.said())


@needs_vxd
def test_a_reload_is_told_from_its_beginning_to_its_end(lab):
    with NotifySocket(lab.directory) as manager:
        host = started(lab, manager, "link add uplink type null\n")
        wait_until("READY=1 comes", lambda: manager.count("READY=1") == 1)
        host.vxctl("config", "apply", "-", input="link add other type null\n")
        expect(manager.count("RELOADING=1") == 1 and manager.count("READY=1") == 2, manager.said())
        at = manager.first("RELOADING=1")
        _, lines = manager.said()[at]
        stamp = next(int(line.partition("=")[2]) for line in lines if line.startswith("MONOTONIC_USEC="))
        expect(abs(stamp / 1e6 - time.monotonic()) < 10, f"when it began: {lines}")
        expect("READY=1" in manager.said()[at + 1][1], manager.said())
        # One that is refused ends too, and a look is no reload.
        host.vxctl("config", "apply", "-", input="nonsense\n", check=False)
        expect(manager.count("RELOADING=1") == 2 and manager.count("READY=1") == 3, manager.said())
        host.vxctl("config", "diff", "-", input="nonsense\n", check=False)
        expect(manager.count("RELOADING=1") == 2, manager.said())


@needs_vxd
def test_signs_of_life_come_only_while_workers_work(lab):
    period = 2.0
    with NotifySocket(lab.directory) as manager:
        host = started(lab, manager, watchdog_seconds=period)
        # It sleeps, for it has nothing to do, and is alive.
        wait_until("signs of life come", lambda: manager.count("WATCHDOG=1") >= 3, timeout=3 * period)
        moments = [moment for moment, lines in manager.said() if "WATCHDOG=1" in lines]
        gaps = [later - earlier for earlier, later in zip(moments, moments[1:])]
        expect(max(gaps) < period, f"between signs of life: {gaps}")
        with Frozen(worker_of(host)):
            time.sleep(period)  # one that was under way may still come
            before = manager.count("WATCHDOG=1")
            time.sleep(1.5 * period)
            expect(manager.count("WATCHDOG=1") == before, "a sign of life, and the worker stands still")
            expect("does nothing any more" in host.tail(), host.tail())
        wait_until("signs of life come again", lambda: manager.count("WATCHDOG=1") > before, timeout=2 * period)


def installed(lab):
    """What `meson install` puts where, in a folder of its own."""
    folder = os.path.join(lab.directory, "root")
    run("meson", "install", "-C", lab.settings.build, "--no-rebuild", "--destdir", folder, timeout=120)
    return folder


@needs_vxd
def test_install_puts_everything_where_it_belongs(lab):
    folder = installed(lab)
    found = {os.path.relpath(os.path.join(where, name), folder) for where, _, names in os.walk(folder) for name in names}
    ends = ("bin/vxd", "bin/vxctl", "libexec/vxd-cni", "opt/cni/bin/vxd", "man8/vxd.8", "man8/vxctl.8", "man8/vxd-doctor.8", "man5/vxd.conf.5",
            "bin/vxd-exporter", "man8/vxd-exporter.8", "lib/systemd/system/vxd-exporter.service", "share/vxd/alerts.yml", "share/vxd/dashboard.json",
            "man7/vxd-drops.7",
            "bash-completion/completions/vxctl", "bash-completion/completions/vxd", "lib/systemd/system/vxd.service",
            "etc/vxd/vxd.conf", "lib/sysusers.d/vxd.conf", "sbin/vxd-doctor")
    for end in ends:
        expect(any(name.endswith(end) for name in found), f"{end} is not in {sorted(found)}")
    example = next(name for name in found if name.endswith("etc/vxd/vxd.conf"))
    # The example is what it says: without its comments' signs, a configuration.
    with open(os.path.join(folder, example)) as file:
        lines = [line[1:] if line.startswith("#link") or line.startswith("#addr") or line.startswith("#fdb") else line
                 for line in file]
    hosts = lab.switch(2)
    host = lab.endpoint("vxd", hosts[0], 1)
    host.vxctl("config", "apply", "-", input="".join(lines))
    expect(len(host.json("link", "show")) == 3, "the example's devices")
    # What an administrator has made of it stays.
    with open(os.path.join(folder, example), "a") as file:
        file.write("# mine\n")
    installed(lab)
    with open(os.path.join(folder, example)) as file:
        expect(file.read().endswith("# mine\n"), "a second installation put the example in the configuration's place")


@needs_vxd
@cases(dict(name="vxd.service", most_exposed=70), dict(name="vxd-exporter.service", most_exposed=20))
def test_the_units_are_ones_that_systemd_takes(lab, name, most_exposed):
    if not shutil.which("systemd-analyze"):
        return
    folder = installed(lab)
    with open(os.path.join(folder, "lib/systemd/system", name)) as file:
        text = file.read()
    # systemd looks for the programs, which are not installed here.
    for line in text.splitlines():
        if line.startswith(("ExecStart=", "ExecReload=")):
            program = line.partition("=")[2].split()[0]
            expect(os.access(os.path.join(folder, program.lstrip("/")), os.X_OK), f"{program} is not installed")
            text = text.replace(program, os.path.join(folder, program.lstrip("/")))
    checked = os.path.join(lab.directory, name)
    with open(checked, "w") as file:
        file.write(text)
    result = run("systemd-analyze", "verify", "--man=no", checked, check=False, timeout=60)
    complaints = [line for line in result.err.splitlines() if name in line]
    expect(result.status == 0 and not complaints, result)
    rated = run("systemd-analyze", "security", "--offline=true", f"--threshold={most_exposed}", checked, check=False, timeout=60)
    expect(rated.status == 0, rated)
