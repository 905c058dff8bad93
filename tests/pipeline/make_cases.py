#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the golden cases: make_cases.py writes tests/pipeline/cases anew; make_cases.py --check compares it with what
would be written, and with the list of drop reasons, of which each has to be in some case. Needs Debian's python3-scapy."""

import os
import re
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
WHERE = os.path.join(HERE, "cases")
REASONS = os.path.join(ROOT, "dataplane", "net", "drop_reasons.def")

# Reasons that no frame can cause here, and why. Nothing but this list excuses a reason from having a case.
UNREACHABLE = {}


def load():
    sys.path.insert(0, HERE)
    sys.dont_write_bytecode = True
    try:
        from golden import CASES
    except ImportError as failure:
        if "scapy" not in str(failure):
            raise
        sys.exit("make_cases: scapy is missing; 'apt install python3-scapy' (tools/setup does it)")
    return CASES


def on_disk(directory):
    """Name -> bytes, or the target of a symbolic link."""
    found = {}
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        if os.path.islink(path):
            found[name] = os.readlink(path)
        else:
            with open(path, "rb") as file:
                found[name] = file.read()
    return found


def write(cases):
    shutil.rmtree(WHERE, ignore_errors=True)
    for case in cases.values():
        directory = os.path.join(WHERE, case.name)
        os.makedirs(directory)
        for name, data in case.files().items():
            with open(os.path.join(directory, name), "wb") as file:
                file.write(data)
        for name, target in case.links.items():
            os.symlink(target, os.path.join(directory, name))
    print(f"{len(cases)} cases written")


def outdated(cases):
    """One line for each file that is not as it would be written."""
    there = set(os.listdir(WHERE)) if os.path.isdir(WHERE) else set()
    for name in sorted(there | cases.keys()):
        if name not in cases:
            yield f"{name}: no longer made"
        elif name not in there:
            yield f"{name}: is missing"
        else:
            wanted, found = {**cases[name].files(), **cases[name].links}, on_disk(os.path.join(WHERE, name))
            for file in sorted(wanted.keys() | found.keys()):
                if wanted.get(file) != found.get(file):
                    yield f"{name}/{file}: " + ("no longer made" if file not in wanted else "is missing" if file not in found
                                                else "differs")


def unreached(cases):
    """One line for each drop reason without a case, or with a case and an excuse, or unknown."""
    with open(REASONS) as file:
        known = set(re.findall(r"^VX_DROP\((\w+),", file.read(), re.M))
    reached = set().union(*(case.reasons for case in cases.values()))
    for reason in sorted(known | reached | UNREACHABLE.keys()):
        if reason not in known:
            yield f"{reason}: no such drop reason"
        elif reason not in reached and reason not in UNREACHABLE:
            yield f"{reason}: no case drops a frame for this reason"
        elif reason in reached and reason in UNREACHABLE:
            yield f"{reason}: is said to be unreachable, and is reached"


def main():
    cases = load()
    if sys.argv[1:] == []:
        write(cases)
        complaints = list(unreached(cases))
    elif sys.argv[1:] == ["--check"]:
        complaints = [*outdated(cases), *unreached(cases)]
    else:
        sys.exit(__doc__)
    for complaint in complaints:
        print(complaint)
    if complaints and sys.argv[1:]:
        print("tests/pipeline/make_cases.py writes them anew")
    print(f"{len(cases)} cases, {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
