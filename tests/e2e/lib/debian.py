# SPDX-License-Identifier: BSD-3-Clause
"""Debian packages that a test unpacks and does not install: none of their services starts, now or with the machine."""

import glob
import os

from .shell import expect, run

APT = ("apt-get", "-q", "-o", "APT::Sandbox::User=root", "-o", "DPkg::Lock::Timeout=300")


def unpack(packages, folder):
    """`packages(check)` is a list of names; empty if apt's lists of packages are not there, or too old to say."""
    os.makedirs(folder)

    def get(check):
        names = packages(check)
        return names and run("env", "-C", folder, *APT, "download", *names, check=check, timeout=300).status == 0

    if not get(check=False):
        run(*APT, "update", timeout=300)
        expect(get(check=True), f"apt does not know what {folder} is made of")
    for package in glob.glob(os.path.join(folder, "*.deb")):
        run("dpkg-deb", "-x", package, folder, timeout=120)
        os.unlink(package)
