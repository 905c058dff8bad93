#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Who may include what, and what every source file must look like. The tables below are the rule; nothing else is.

Prints one line per violation, FILE:LINE: what is wrong, and exits 1 if there is any.
"""

import os
import re
import sys

# A file's rule is the first row that its path starts with. A row: the project's headers that it may include beside those
# of its own folder (a name that ends in '/' is a folder), and the libraries beyond the standard one and the kernel's.
# Each folder stands below all that may include it: from one row to another there is no way back (see circles()).
BASE, NET, DPDK, STATE, OFFLOAD, STAGE, PORT, CAPTURE = (
    "dataplane/base/", "dataplane/net/", "dataplane/dpdk/", "dataplane/state/", "dataplane/offload/", "dataplane/stage/",
    "dataplane/port/", "dataplane/capture/")
ETH, KERNEL = "dataplane/port/eth/", "dataplane/port/kernel/"
(CONTROL_BASE, WIRE, MODEL, COMPILE, NEIGHBOURS, TRANSACTION, WATCH, GRAMMAR, CONFIG, COMMANDS, CONTROLLER, SERVER, DAEMON) = (
    f"control/{room}/" for room in ("base", "wire", "model", "compile", "neighbours", "transaction", "watch", "grammar",
                                    "config", "commands", "controller", "server", "daemon"))
DATAPLANE, PORT_KIND = "dataplane/dataplane.h", "dataplane/port/port_kind.h"
CLIENT = "tools/vxctl/client.h"
RULES = [
    # what the compiler reads once for many sources: libraries alone
    ("control/pch/", [], ["fmt", "json", "dpdk"]),
    ("dataplane/pch/", [], ["fmt", "dpdk"]),
    ("tools/pch/", [], ["fmt", "json"]),
    ("tests/pch/", [], ["fmt", "json", "dpdk", "catch2"]),
    (BASE, [], ["fmt"]),
    (NET, [BASE], ["fmt"]),
    (DPDK, [NET, BASE], ["fmt", "dpdk", "numa"]),
    (STATE, [NET, BASE, "dataplane/dpdk/qsbr.h", "dataplane/dpdk/rcu_pointer.h"], ["fmt"]),
    (OFFLOAD, [NET, BASE, "dataplane/dpdk/mbuf.h"], []),
    (STAGE, [OFFLOAD, STATE, NET, BASE, "dataplane/dpdk/mbuf.h"], []),
    (KERNEL, [OFFLOAD, DPDK, NET, BASE], ["fmt", "dpdk", "mnl"]),
    (ETH, [KERNEL, OFFLOAD, DPDK, NET, BASE], ["fmt", "dpdk", "numa"]),
    (PORT, [ETH, KERNEL, OFFLOAD, DPDK, NET, BASE], ["fmt"]),
    # what captures see: part of the pipeline where there are some, beside it else
    (CAPTURE, [STAGE, STATE, DPDK, NET, BASE, "dataplane/port/port.h"], ["fmt", "dpdk"]),
    # pipeline, worker, transmitter, dataplane: what joins the folders
    ("dataplane/", [CAPTURE, PORT, STAGE, OFFLOAD, STATE, DPDK, NET, BASE], ["fmt", "dpdk", "numa"]),
    (CONTROL_BASE, [NET, BASE], ["fmt"]),
    (WIRE, [CONTROL_BASE, NET, BASE], ["fmt", "json"]),
    (MODEL, [PORT_KIND, STATE, NET, BASE], ["fmt"]),
    (COMPILE, [MODEL, STATE, NET, BASE], []),
    (NEIGHBOURS, [MODEL, CONTROL_BASE, STATE, NET, BASE], ["fmt"]),
    (TRANSACTION, [NEIGHBOURS, MODEL, WIRE, CONTROL_BASE, DATAPLANE, STATE, NET, BASE], ["fmt"]),
    (WATCH, [MODEL, WIRE, CONTROL_BASE, DATAPLANE, CAPTURE, STATE, NET, BASE], ["fmt", "json"]),
    (GRAMMAR, [WATCH, TRANSACTION, MODEL, WIRE, CONTROL_BASE, STATE, NET, BASE], ["fmt", "json"]),
    (CONFIG, [GRAMMAR, TRANSACTION, MODEL, WIRE, CONTROL_BASE, STATE, NET, BASE], ["fmt"]),
    (COMMANDS, [CONFIG, GRAMMAR, WATCH, TRANSACTION, MODEL, WIRE, CONTROL_BASE, DATAPLANE, PORT_KIND, CAPTURE, STATE, NET, BASE],
     ["fmt", "json"]),
    (CONTROLLER, [COMMANDS, CONFIG, GRAMMAR, WATCH, TRANSACTION, NEIGHBOURS, COMPILE, MODEL, WIRE, CONTROL_BASE, DATAPLANE,
                  STATE, NET, BASE], ["fmt", "json"]),
    (SERVER, [WIRE, CONTROL_BASE, NET, BASE], ["fmt"]),
    (DAEMON, [SERVER, CONTROLLER, COMMANDS, CONFIG, GRAMMAR, WATCH, WIRE, CONTROL_BASE, DATAPLANE, NET, BASE],
     ["fmt", "cli", "numa", "systemd"]),
    ("tools/vxctl/top/screen", [NET, BASE], ["fmt", "curses"]), # the rest of it knows no terminal
    ("tools/vxctl/", [WIRE, CONTROL_BASE, NET, BASE], ["fmt", "json", "cli"]),
    ("tools/cni/", [CLIENT, WIRE, CONTROL_BASE, NET, BASE], ["fmt", "json", "mnl"]),
    ("tools/exporter/", [CLIENT, WIRE, CONTROL_BASE, NET, BASE], ["fmt", "json", "cli", "prometheus"]),
    ("tests/", ["control/", "dataplane/", "tools/"], ["fmt", "json", "cli", "dpdk", "catch2", "numa", "prometheus"]),
    ("bench/", ["tests/support/", "control/", "dataplane/"], ["fmt", "json", "cli", "dpdk", "numa"]),
]
# What a snapshot and a burst's context hand on from above to above, and their own folder never looks into.
HANDLES = {"dataplane/state/forwarding_config.h": {"Port", "CaptureSet"}, "dataplane/stage/packet.h": {"Transmitter", "Probe"}}
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
# A class of ours at the beginning of a line, declared or defined; enumerations and nested classes are not declared ahead.
CLASS = re.compile(r"(?:class|struct) (\w+)(?: final)?\s*(;|\{|:|$)")


def library_of(header):
    return next((name for name, pattern in LIBRARIES if re.match(pattern, header)), None)


def allows(names, header):
    return any(header.startswith(name) if name.endswith("/") else header == name for name in names)


def rule_of(path):
    return next((row for row in RULES if path.startswith(row[0])), None)


def folder_of(rule):
    """The folder of a rule's files; a rule of some files in a folder ("tools/vxctl/top/screen") is in it."""
    return rule[0] if rule[0].endswith("/") else os.path.dirname(rule[0]) + "/"


def may_include(rule, header):
    return allows([folder_of(rule)] + rule[1], header)


def circles():
    """Rows from which the includes that they allow lead back to them. A folder's row is not about folders in it that
    have rows of their own; what joins the folders ("dataplane/") is above all of them."""
    below = {row[0]: {rule_of(name + ("x.h" if name.endswith("/") else ""))[0] for name in row[1] if rule_of(name)} - {row[0]}
             for row in RULES}
    for start in below:
        reached, new = set(), set(below[start])
        while new:
            reached |= new
            new = {further for name in new for further in below[name]} - reached
        if start in reached:
            yield start


def declared_ahead(path, lines, rule, definitions):
    """(line number, message) of each class that is declared here and defined where this file may not look."""
    for number, line in enumerate(lines, 1):
        found = CLASS.match(line)
        if not found or found[2] != ";" or found[1] in HANDLES.get(path, ()):
            continue
        places = definitions.get(found[1], set()) - {path}
        if places and not any(may_include(rule, place) for place in places):
            yield number, f"{found[1]} is declared here to go round its header, {sorted(places)[0]}, which is above this file"


def definitions_of(files):
    """Class -> the headers that define it."""
    found = {}
    for path, lines in files.items():
        for line in lines if path.endswith(".h") else []:
            match = CLASS.match(line)
            if match and match[2] != ";":
                found.setdefault(match[1], set()).add(path)
    return found


def check(path, lines, definitions):
    """(line number, message) of each violation in one file."""
    rule = rule_of(path)
    if rule is None:
        yield 1, "no row of the table in tests/check/includes.py says what it may include"
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
        if is_ours and not may_include(rule, header):
            if "/" not in header:
                yield number, f'"{header}": name it from the root of the repository'
            else:
                yield number, f'{folder} must not include "{header}"; it may include {", ".join(project)}'
        library = None if is_ours else library_of(header)
        if library is not None and library not in libraries:
            yield number, f'{folder} must not include <{header}>; its libraries are {", ".join(libraries) or "none"}'
    yield from declared_ahead(path, lines, rule, definitions)


def sources(root):
    for folder in sorted({row[0].split("/")[0] for row in RULES}):
        for where, folders, names in os.walk(os.path.join(root, folder)):
            folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
            for name in sorted(names):
                if name.endswith((".h", ".cpp")):
                    yield os.path.relpath(os.path.join(where, name), root)


def main():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    files, violations = {}, 0
    for path in sources(root):
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
            files[path] = file.read().splitlines()
    for row in circles():
        violations += 1
        print(f"tests/check/includes.py: what {row} may include may include {row}")
    definitions = definitions_of(files)
    for path, lines in files.items():
        for number, message in check(path, lines, definitions):
            violations += 1
            print(f"{path}:{number}: {message}")
    print(f"{len(files)} files, {violations} violations")
    return 1 if violations or not files else 0


if __name__ == "__main__":
    sys.exit(main())
