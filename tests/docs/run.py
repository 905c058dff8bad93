#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Types every block of README.md and docs/ into machines made of namespaces, as their readers do. See README.md here.

    sudo tests/docs/run.py                   all of them
    sudo tests/docs/run.py -k tutorial       pages whose path contains a word (several -k: any of them)
    tests/docs/run.py --list                 what becomes of each block
"""

import argparse
import contextlib
import os
import signal
import sys
import tempfile
import time

FOLDER = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(FOLDER))
sys.path.insert(0, FOLDER)

from blocks import Malformed, blocks_of, is_as_shown, steps_of  # noqa: E402
from machine import PODMAN, Ended, Machine, Shell, cable  # noqa: E402

PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md"]
LABS = {"one machine": ["machine"], "two hosts": ["h1", "h2"], "two hosts with podman": ["h1", "h2"]}
LIMIT = 60  # seconds for a block; the longest takes a few


class Lab:
    """Machines h1 and h2, whose eth1 are on one network; on "one machine", which has none, every shell is of it."""

    def __init__(self, name, build):
        if name not in LABS:
            raise Malformed(f"there is no lab {name!r}, only {', '.join(LABS)}")
        self._stack = contextlib.ExitStack()
        self._shells = {}
        self._machines = {}
        try:
            self._folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="vxdoc-"))
            self._machines = {one: self._machine(one, build) for one in LABS[name]}
            if "h2" in self._machines:
                cable(*self._machines.values())
            if name.endswith(" with podman"):
                for machine in self._machines.values():
                    self._open(machine).type(PODMAN, LIMIT)
        except BaseException:
            self.close()
            raise

    def _machine(self, name, build):
        machine = Machine(name, self._folder, build, ROOT)
        self._stack.callback(machine.close)
        return machine

    def _open(self, machine):
        shell = Shell(machine)
        self._stack.callback(shell.close)
        return shell

    def machine_of(self, name):
        """h2, and a second terminal of it, h2b, are on the second machine."""
        if "machine" in self._machines:
            return self._machines["machine"]
        if name[:2] not in self._machines:
            raise Malformed(f"{name} is on none of the machines {', '.join(self._machines)}")
        return self._machines[name[:2]]

    def shell(self, name):
        if name not in self._shells:
            self._shells[name] = self._open(self.machine_of(name))
        return self._shells[name]

    def do(self, block):
        for name in block.shells:
            if block.action == "file":
                self.machine_of(name).write(block.target, block.text)
                continue
            for step in steps_of(block):
                self._step(self.shell(name), block, step)

    def _step(self, shell, block, step):
        command = step.command
        if block.seconds:
            command = f"set +e\ntimeout --foreground -s INT {block.seconds} {command.strip()}\n[[ $? == 124 ]] || exit"
        printed = shell.type(command, LIMIT)
        if step.expected is not None and not is_as_shown(step.expected, printed):
            raise Ended(f"{command}should print\n" + "".join(f"  {line}\n" for line in step.expected) + f"and printed\n{printed}")

    def close(self):
        self._stack.close()


def pages():
    found = [page for page in PAGES if os.path.exists(os.path.join(ROOT, page))]
    return found + [f"docs/{name}" for name in sorted(os.listdir(os.path.join(ROOT, "docs"))) if name.endswith(".md")]


def run_page(blocks, build, report):
    """Until a block of a lab fails; what comes behind in that lab is not tried. Labs stay until the page ends, for it may
    come back to them."""
    labs, broken = {}, set()
    with contextlib.ExitStack() as stack:
        for block in (block for block in blocks if block.action != "skip" and block.lab_line not in broken):
            begin = time.monotonic()
            problem = None
            try:
                if block.lab_line not in labs:
                    labs[block.lab_line] = Lab(block.lab, build)
                    stack.callback(labs[block.lab_line].close)
                labs[block.lab_line].do(block)
            except (Ended, Malformed) as error:
                broken.add(block.lab_line)
                problem = str(error)
            report(block, problem, time.monotonic() - begin)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-k", dest="words", action="append", default=[], help="only pages whose path contains this")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help="the folder with vxd and vxctl")
    parser.add_argument("--list", action="store_true", help="print what becomes of each block")
    options = parser.parse_args()

    passed, failed = 0, []

    def report(block, problem, seconds):
        nonlocal passed
        print(f"{'FAIL' if problem else 'PASS'} {block.place} {' '.join(block.shells)} ({seconds:.1f}s)", flush=True)
        if problem:
            failed.append(block)
            print("    " + problem.rstrip().replace("\n", "\n    "), flush=True)
        else:
            passed += 1

    chosen = []
    for page in pages():
        with open(os.path.join(ROOT, page), encoding="utf-8") as file:
            text = file.read()
        try:
            blocks = blocks_of(page, text)
            for block in blocks:
                steps_of(block)
        except Malformed as error:
            print(f"FAIL {error}")
            failed.append(page)
            continue
        if not options.words or any(word in page for word in options.words):
            chosen.append(blocks)
    if options.list:
        for block in (block for blocks in chosen for block in blocks):
            what = block.reason if block.action == "skip" else f"{block.lab}, line {block.lab_line}: {' '.join(block.shells)}"
            print(f"{block.place} {'not run' if block.action == 'skip' else block.action}: {what}")
        return 1 if failed else 0
    if os.geteuid() != 0:
        sys.exit("needs root: it makes namespaces")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    begin = time.monotonic()
    try:
        for blocks in chosen:
            run_page(blocks, os.path.abspath(options.build), report)
    except KeyboardInterrupt:
        print("interrupted; everything is taken down")
        return 130
    skipped = sum(block.action == "skip" for blocks in chosen for block in blocks)
    print(f"the documentation's blocks took {time.monotonic() - begin:.0f} s")
    print(f"{passed} passed, {len(failed)} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
