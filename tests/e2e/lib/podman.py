# SPDX-License-Identifier: BSD-3-Clause
"""Debian's podman with CNI for its networks, on a host that is a network namespace. Its containers have the machine's
own files, so no image is needed. Everything that it keeps is in the lab's directory.

It does not run under `ip netns exec`, whose mount namespace vxd would not see podman's network namespaces in, and gets
a cgroup hierarchy of its own: crun refuses the mixture of both versions that some machines have.
"""

import json
import os

from .shell import run, wait_until

_WITH_CGROUPS = ("mount --make-rprivate /sys/fs/cgroup && umount -l /sys/fs/cgroup && "
                 'mount -t cgroup2 none /sys/fs/cgroup && exec "$@"')


class Podman:
    def __init__(self, lab, runtime, conflist):
        self.host = runtime.host
        self.folder = os.path.join(lab.directory, f"podman-{self.host.name}")
        networks = os.path.join(self.folder, "networks")
        os.makedirs(networks)
        with open(os.path.join(networks, "10-vxd.conflist"), "w") as file:
            json.dump(conflist, file)
        self.network = conflist["name"]
        self.settings = os.path.join(self.folder, "containers.conf")
        with open(self.settings, "w") as file:
            file.write(f"""[network]
network_backend = "cni"
cni_plugin_dirs = ["{runtime.plugins}", "/usr/lib/cni"]
network_config_dir = "{networks}"
default_network = "{self.network}"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
lock_type = "file"
""")

    def __call__(self, *words, **options):
        state = [word for name in ("root", "runroot", "tmpdir")
                 for word in (f"--{name}", os.path.join(self.folder, name))]
        return run("nsenter", f"--net={self.host.namespace.path}", "unshare", "--mount", "--propagation", "unchanged",
                   "bash", "-c", _WITH_CGROUPS, "bash", "podman", *state, "--storage-driver", "vfs", *words,
                   env={**os.environ, "CONTAINERS_CONF": self.settings}, **options)

    def start(self, *words, rest=(), **options):
        """Runs a command in a new container; `rest` are podman's options."""
        return self("run", *rest, "--cgroups=disabled", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000",
                    "--network", self.network, "--rootfs", "/:O", *words, **options)

    def detached(self, name, *words):
        """The same in the background; returns the addresses that CNI gave it."""
        self.start(*words, rest=["--detach", "--name", name])
        networks = json.loads(self("inspect", name).out)[0]["NetworkSettings"]["Networks"]
        return networks[self.network]["IPAddress"]

    def wait_ended(self, name):
        wait_until(f"podman knows that {name} has ended",
                   lambda: self("inspect", "-f", "{{.State.Running}}", name).out.strip() == "false", timeout=10)

    def close(self):
        self("rm", "--all", "--force", "--time", "0", check=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
