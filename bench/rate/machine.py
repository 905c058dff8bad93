# SPDX-License-Identifier: BSD-3-Clause
"""What a figure has to name: machine, commit, load; and what disturbed it."""

import glob
import os
import platform
import re
import subprocess

from . import ROOT


def _read(path, otherwise=""):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return otherwise


def tsc_hz():
    """Linux prints BogoMIPS as twice the TSC's MHz, to a hundredth."""
    found = re.search(r"bogomips\s*:\s*([0-9.]+)", _read("/proc/cpuinfo"))
    return float(found[1]) / 2 * 1e6 if found else 0.0


def free_hugepages_mib():
    """Of 2 MiB pages, over all nodes."""
    return sum(2 * int(_read(path, "0"))
               for path in glob.glob("/sys/devices/system/node/node*/hugepages/hugepages-2048kB/free_hugepages"))


def load_average():
    return float(_read("/proc/loadavg", "0").split()[0])


def ticks_of(cpu):
    """(all, stolen) of a CPU since boot, in clock ticks."""
    for line in _read("/proc/stat").splitlines():
        if line.startswith(f"cpu{cpu} "):
            fields = [int(word) for word in line.split()[1:9]]
            return sum(fields), fields[7]
    return 0, 0


def _git(*words):
    done = subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def commit():
    head = _git("rev-parse", "--short=12", "HEAD") or "unknown"
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return head + ("-dirty" if changed else "")


def describe():
    cpuinfo = _read("/proc/cpuinfo")
    field = {name: (re.search(rf"^{name}\s*:\s*(.*)$", cpuinfo, re.M) or ["", "?"])[1]
             for name in ("model name", "cpu family", "model", "cache size")}
    return {
        "cpu": field["model name"],
        "cpu_family": field["cpu family"],
        "cpu_model": field["model"],
        "cpus": os.cpu_count(),
        "l2": field["cache size"],
        "tsc_hz": tsc_hz(),
        "kernel": platform.release(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "free_hugepages_mib": free_hugepages_mib(),
        "load_average": load_average(),
    }
