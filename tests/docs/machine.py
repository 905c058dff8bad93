# SPDX-License-Identifier: BSD-3-Clause
"""A machine to type commands on: its own network, processes, /run, and an /etc, /opt and /var that nobody else sees
change. When its first process ends, the kernel ends all of it, so nothing can be left behind."""

import os
import select
import signal
import subprocess
import time
import uuid

SETUP = r"""
mount --make-rprivate /
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs "$1"
for folder in etc opt var; do
    mkdir -p "$1/$folder" "$1/work-$folder"
    mount -t overlay overlay -o "lowerdir=/$folder,upperdir=$1/$folder,workdir=$1/work-$folder" "/$folder"
done
mount -t tmpfs tmpfs /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /run/lock /opt/cni/bin
hostname "$2"
echo "$3" >/etc/machine-id
ln -sf "$4/vxd-cni" /opt/cni/bin/vxd
mkdir "$1/home"
ln -s "$4" "$1/home/build"
ln -s "$5/tools" "$1/home/tools"
ip link set lo up
touch "$1/ready"
exec sleep infinity
"""

# What a person does without being told: wait until vxd says that it listens, and be root where sudo is not needed.
RC = r"""
set -E
trap 'printf "failed: %s\n" "$BASH_COMMAND"' ERR
sudo() { "$@"; }
vxctl() {
    local n
    for n in {1..200}; do
        [[ -S ${VXD_SOCKET:-/run/vxd/vxd.sock} || ! $(jobs -r; pgrep -l .) =~ vxd ]] && break
        sleep 0.05
    done
    command vxctl "$@"
}
export -f sudo vxctl
cd "$MACHINE_HOME"
"""

# podman as Debian has it, but for what a machine inside of a machine cannot: cgroups, limits above its own, a file system
# below an overlay. The image has what ping needs, so nothing is downloaded.
PODMAN = r"""
mkdir -p /etc/containers image/bin
cat >/etc/containers/containers.conf <<'END'
[containers]
cgroups = "disabled"
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
END
cat >/etc/containers/storage.conf <<'END'
[storage]
driver = "vfs"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"
END
for program in sh sleep ping ip; do
    cp -L "$(type -P $program)" image/bin/
    ldd "$(type -P $program)" | grep -o '/[^ ]*' | xargs cp -uL --parents -t image
done
tar -C image -c . | podman import --quiet - localhost/tools >/dev/null
rm -r image
"""


class Ended(Exception):
    """A command failed, or did not end; the text is what was printed."""


class Machine:
    def __init__(self, name, folder, build, root):
        self.folder = os.path.join(folder, name)
        self.build = build
        os.makedirs(self.folder)
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--net", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc",
             "bash", "-euc", SETUP, "machine", self.folder, name, uuid.uuid4().hex, build, root],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        self.pid = self._first_process()

    def _first_process(self):
        end = time.monotonic() + 10
        while time.monotonic() < end:
            if self._process.poll() is not None:
                raise Ended("no machine: " + self._process.stdout.read().decode())
            try:
                with open(f"/proc/{self._process.pid}/task/{self._process.pid}/children") as file:
                    (pid,) = file.read().split()
                if os.path.exists(f"/proc/{pid}/root{self.folder}/ready"):
                    return int(pid)
            except (OSError, ValueError):
                pass
            time.sleep(0.01)
        raise Ended("no machine within 10 s")

    def write(self, path, text):
        path = f"/proc/{self.pid}/root{path}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)

    def argv(self, *argv):
        return ["nsenter", f"--target={self.pid}", "--mount", "--net", "--uts", "--ipc", "--pid", *argv]

    def close(self):
        self._process.send_signal(signal.SIGKILL)  # the kernel sends it to the first process, and that ends the others
        self._process.wait()
        self._process.stdout.close()


def cable(one, other):
    """Between their eth1."""
    subprocess.run(["ip", "link", "add", "eth1", "netns", str(one.pid), "type", "veth", "peer", "name", "eth1", "netns",
                    str(other.pid)], check=True)
    for machine in (one, other):
        subprocess.run(machine.argv("ip", "link", "set", "eth1", "up"), check=True)


class Shell:
    """A bash that goes on from one block to the next. What it is told comes by its standard input, as from a terminal,
    so that "nsenter ... bash" is a shell in it. A command that fails ends it."""

    MARK = "=== the end of what the block prints:"

    def __init__(self, machine):
        environment = {**os.environ, "PATH": machine.build + ":" + os.environ["PATH"], "MACHINE_HOME": f"{machine.folder}/home",
                       "LC_ALL": "C.UTF-8", "TERM": "xterm"}
        environment.pop("VXD_SOCKET", None)
        self._process = subprocess.Popen(machine.argv("bash"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT, env=environment, start_new_session=True)
        self._buffer = b""
        self.type(RC, 10)

    def type(self, text, timeout):
        """What it printed."""
        self._process.stdin.write(f"set -e -o pipefail\n{text}\nprintf '\\n%s\\n' '{self.MARK}'\n".encode())
        self._process.stdin.flush()
        end = time.monotonic() + timeout
        mark = f"\n{self.MARK}\n".encode()
        while mark not in self._buffer:
            has_ended = self._process.poll() is not None  # what it left in the background may still hold the pipe
            ready, _, _ = select.select([self._process.stdout], [], [], 0.05)
            data = os.read(self._process.stdout.fileno(), 65536) if ready else b""
            if not data and (has_ended or ready or time.monotonic() > end):
                why = "a command failed" if has_ended or ready else f"no end after {timeout} s"
                raise Ended(f"{why}; printed was:\n{self._buffer.decode(errors='replace')}")
            self._buffer += data
        printed, _, self._buffer = self._buffer.partition(mark)
        return printed.decode(errors="replace")

    def close(self):
        self._process.kill()
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
