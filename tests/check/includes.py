#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Who may include what, and what every source file must look like. The tables below are the rule; nothing else is.

Prints one line per violation, FILE:LINE: what is wrong, and exits 1 if there is any.
"""

import os
import re
import sys

# A file's rule is the first row that its path starts with. A row: the project's headers that it may include (a name
# that ends in '/' is a folder), and the libraries beyond the standard one and the kernel's.
NET, DPDK, STATE, OFFLOAD, STAGE, PORT, CAPTURE = (
    "dataplane/net/", "dataplane/dpdk/", "dataplane/state/", "dataplane/offload/", "dataplane/stage/", "dataplane/port/",
    "dataplane/capture/")
RULES = [
    # what the compiler reads once for many sources: libraries alone
    ("control/pch/libraries.h", [], ["fmt", "json", "dpdk"]),
    ("tools/pch/libraries.h", [], ["fmt", "json"]),
    (NET, [NET], ["fmt"]),
    (DPDK, [DPDK, NET], ["fmt", "dpdk", "numa"]),
    (STATE, [STATE, NET, "dataplane/dpdk/qsbr.h", "dataplane/dpdk/rcu_pointer.h"], ["fmt"]),
    (OFFLOAD, [OFFLOAD, NET, "dataplane/dpdk/mbuf.h"], []),
    (STAGE, [STAGE, OFFLOAD, STATE, NET, "dataplane/dpdk/mbuf.h"], []),
    # what captures see: part of the pipeline where there are some, beside it else
    (CAPTURE, [CAPTURE, STAGE, STATE, DPDK, NET, "dataplane/port/port.h"], ["fmt", "dpdk"]),
    (PORT, [PORT, OFFLOAD, DPDK, NET], ["fmt", "dpdk", "mnl", "numa"]),
    # pipeline, worker, transmitter, dataplane: what joins the folders
    ("dataplane/", ["dataplane/"], ["fmt", "dpdk", "numa"]),
    ("control/", ["control/", "dataplane/dataplane.h", "dataplane/port/port_kind.h", "dataplane/port/file_descriptor.h",
                  STATE, NET, CAPTURE],
     ["fmt", "json", "cli", "mnl", "numa", "systemd"]),
    ("tools/vxctl/top/screen", ["tools/vxctl/top/", NET], ["fmt", "curses"]), # the rest of it knows no terminal
    ("tools/vxctl/", ["tools/vxctl/", "control/wire.h", "control/command_list.h", "control/pcapng.h",
                      "dataplane/port/file_descriptor.h", NET], ["fmt", "json", "cli"]),
    ("tools/cni/", ["tools/cni/", "tools/vxctl/client.h", "control/wire.h", "dataplane/port/netns.h",
                    "dataplane/port/file_descriptor.h", NET], ["fmt", "json", "mnl"]),
    ("tools/exporter/", ["tools/exporter/", "tools/vxctl/client.h", "control/wire.h", "dataplane/port/file_descriptor.h", NET],
     ["fmt", "json", "cli", "prometheus"]),
    ("tests/", ["tests/", "control/", "dataplane/", "tools/"], ["fmt", "json", "cli", "dpdk", "catch2", "numa", "prometheus"]),
    ("bench/", ["bench/", "tests/support/", "control/", "dataplane/"], ["fmt", "json", "cli", "dpdk", "numa"]),
]
LIBRARIES = [
    ("dpdk", r"rte_|ethdev_|bus_.*driver|cmdline"),
    ("fmt", r"fmt/"),
    ("json", r"nlohmann/"),
    ("cli", r"CLI/"),
    ("curses", r"n?curses|term\.h"),
    ("mnl", r"libmnl/"),
    ("numa", r"numa(if)?\.h"),
    ("systemd", r"systemd/"),
    ("catch2", r"catch2/"),
    ("prometheus", r"prometheus/"),
]
MAX_LINES = {"dataplane/": 400, "control/": 400, "tools/": 400, "tests/": 400}

SPDX = "SPDX-License-Identifier: BSD-3-Clause"
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')


def library_of(header):
    return next((name for name, pattern in LIBRARIES if re.match(pattern, header)), None)


def allows(names, header):
    return any(header.startswith(name) if name.endswith("/") else header == name for name in names)


def check(path, lines):
    """(line number, message) of each violation in one file."""
    rule = next((row for row in RULES if path.startswith(row[0])), None)
    if rule is None:
        return
    folder, project, libraries = rule
    if not lines or SPDX not in lines[0]:
        yield 1, f"the first line does not say {SPDX}"
    # what is precompiled is a main file to the compiler, which warns of it there
    once = path.endswith("/pch/libraries.h") or any(line.startswith("#pragma once") for line in lines)
    if path.endswith(".h") and not once:
        yield 1, "a header without #pragma once"
    for prefix, most in MAX_LINES.items():
        if path.startswith(prefix) and len(lines) > most:
            yield most + 1, f"{len(lines)} lines, {most} is the ceiling"
    for number, line in enumerate(lines, 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        is_ours, header = found[1] == '"', found[2]
        if is_ours and not allows(project, header):
            if "/" not in header:
                yield number, f'"{header}": name it from the root of the repository'
            else:
                yield number, f'{folder} must not include "{header}"; it may include {", ".join(project)}'
        library = None if is_ours else library_of(header)
        if library is not None and library not in libraries:
            yield number, f'{folder} must not include <{header}>; its libraries are {", ".join(libraries) or "none"}'


def sources(root):
    for folder in sorted({row[0].split("/")[0] for row in RULES}):
        for where, folders, names in os.walk(os.path.join(root, folder)):
            folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
            for name in sorted(names):
                if name.endswith((".h", ".cpp")):
                    yield os.path.relpath(os.path.join(where, name), root)


def main():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    files = violations = 0
    for path in sources(root):
        files += 1
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
        for number, message in check(path, lines):
            violations += 1
            print(f"{path}:{number}: {message}")
    print(f"{files} files, {violations} violations")
    return 1 if violations or not files else 0


if __name__ == "__main__":
    sys.exit(main())
