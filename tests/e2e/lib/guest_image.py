# SPDX-License-Identifier: BSD-3-Clause
"""What a virtual machine boots: Debian's kernel, and an initramfs of a static busybox and virtio's modules. Neither is
installed: the packages are downloaded and unpacked into the build folder once, and kept there."""

import glob
import hashlib
import os
import re
import shutil
from dataclasses import dataclass

from .debian import unpack
from .shell import expect, run

KERNEL = "linux-image-cloud-amd64"  # names the newest kernel's package
MODULES = ("virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "failover",
           "net_failover", "virtio_net")  # in the order of what they need
# Each line of the console is a command; what it prints is followed by a line with its exit status.
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in {modules}; do insmod /modules/$module.ko; done
stty raw -echo
echo "=== ready"
while read -r line; do
    sh -c "$line" </dev/null 2>&1
    echo "=== $?"
done
"""


@dataclass
class Image:
    kernel: str
    initramfs: str


def guest_image(build):
    """Made now, unless an earlier run has."""
    with open(__file__, "rb") as recipe:
        folder = os.path.join(build, "guest-image-" + hashlib.md5(recipe.read()).hexdigest()[:8])
    image = Image(os.path.join(folder, "vmlinuz"), os.path.join(folder, "initramfs"))
    if not os.path.exists(image.initramfs):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        _make(folder, image)
    return image


def _make(folder, image):
    unpacked = os.path.join(folder, "unpacked")
    unpack(_packages, unpacked)
    shutil.copy(_only(unpacked, "boot/vmlinuz-*"), image.kernel)
    root = os.path.join(folder, "root")
    for name in ("bin", "dev", "modules", "proc", "sys", "tmp"):
        os.makedirs(os.path.join(root, name))
    busybox = shutil.copy(_only(unpacked, "bin/busybox"), os.path.join(root, "bin"))
    for module in MODULES:
        shutil.copy(_only(unpacked, f"lib/modules/**/{module}.ko"), os.path.join(root, "modules"))
    with open(os.path.join(root, "init"), "w") as file:
        file.write(INIT.format(modules=" ".join(MODULES)))
        os.fchmod(file.fileno(), 0o755)
    made = image.initramfs + ".new"
    run("sh", "-c", f"cd {root} && find . | {busybox} cpio -o -H newc >{made}")
    os.rename(made, image.initramfs)  # from now on it is there
    shutil.rmtree(unpacked)
    shutil.rmtree(root)


def _only(folder, pattern):
    found = glob.glob(os.path.join(folder, pattern), recursive=True)
    expect(len(found) == 1, f"{pattern} in the packages: {found}")
    return found[0]


def _packages(check):
    """Of the kernel and what is with it; none if apt's lists do not say."""
    shown = run("apt-cache", "show", "--no-all-versions", KERNEL, check=check)
    kernel = re.search(r"^Depends: (linux-image-\S+)", shown.out, re.M)
    return [kernel[1], "busybox-static"] if kernel else []
