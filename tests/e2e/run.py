#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs the end-to-end tests: vxd in network namespaces, with other vxd and with the kernel's vxlan as its peers.

    sudo tests/e2e/run.py                 all of them
    sudo tests/e2e/run.py -k routed       those whose name contains a word (several -k: any of them)
    sudo tests/e2e/run.py --kernel-only   with the kernel in place of vxd: tests the tests
"""

import argparse
import os
import signal
import sys
import time
import traceback

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, FOLDER)

from lib.lab import Lab, Settings  # noqa: E402
from lib.leftovers import Leftovers  # noqa: E402
from lib.shell import Failed  # noqa: E402
from lib.testcase import collect  # noqa: E402


def arguments():
    root = os.path.dirname(os.path.dirname(FOLDER))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-k", dest="words", action="append", default=[], help="only tests whose name contains this")
    parser.add_argument("-v", dest="verbose", action="store_true", help="show what failed at once, with its trace")
    parser.add_argument("-x", dest="stop", action="store_true", help="stop at the first failure")
    parser.add_argument("--quick", action="store_true", help="only the first case of each test")
    parser.add_argument("--list", action="store_true", help="print the names of the tests")
    parser.add_argument("--build", default=os.path.join(root, "build"), help="the folder with vxd and vxctl")
    parser.add_argument("--port", default="af_packet", choices=("af_packet", "af_xdp"),
                        help="kind of the underlay port")
    parser.add_argument("--kernel-only", action="store_true", help="the kernel in place of vxd: a test of the tests")
    return parser.parse_args()


def run_one(test, settings):
    """None, or what went wrong."""
    lab = None
    problem = None
    try:
        with Lab(settings, test.name) as lab:
            try:
                test.run(lab)
            except Exception as error:
                problem = _describe(error) + lab.story()
                raise
    except Exception as error:
        if problem is None:  # it was the end that failed
            problem = _describe(error)
    return problem


def _describe(error):
    frames = traceback.extract_tb(error.__traceback__)
    in_tests = [frame for frame in frames if os.path.basename(frame.filename).startswith("test_")]
    here = (in_tests or frames)[-1]
    where = f"{os.path.basename(here.filename)}:{here.lineno}: "
    if isinstance(error, Failed):
        return where + str(error) + "\n"
    return where + "".join(traceback.format_exception(error))


def main():
    options = arguments()
    tests = collect(FOLDER)
    if options.words:
        tests = [test for test in tests if any(word in test.name for word in options.words)]
    if options.quick:
        tests = list({test.function: test for test in reversed(tests)}.values())[::-1]
    if options.kernel_only:
        tests = [test for test in tests if not getattr(test.function, "needs_vxd", False)]
    if options.list:
        print(*(test.name for test in tests), sep="\n")
        return 0
    if os.geteuid() != 0:
        sys.exit("needs root: it makes network namespaces")
    for name in ("vxd", "vxctl"):
        if not options.kernel_only and not os.access(os.path.join(options.build, name), os.X_OK):
            sys.exit(f"{options.build}/{name} is not there: meson setup build --buildtype=release && ninja -C build")
    # Ending it from outside ends the test in progress in the same orderly way as Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)

    logs = os.path.join(options.build, "test-logs", "e2e")
    settings = Settings(options.build, logs, options.kernel_only, options.port)
    leftovers = Leftovers(settings.prefix)
    passed, failed = 0, []
    begin = time.monotonic()

    def report(name, problem, seconds):
        nonlocal passed
        print(f"{'FAIL' if problem else 'PASS'} {name} ({seconds:.1f}s)", flush=True)
        if not problem:
            passed += 1
            return
        failed.append((name, problem))
        if options.verbose:
            print("    " + problem.rstrip().replace("\n", "\n    "), flush=True)

    try:
        for test in tests:
            start = time.monotonic()
            report(test.name, run_one(test, settings), time.monotonic() - start)
            if options.stop and failed:
                break
        report("leaves_nothing_behind", leftovers.found(), 0)
    except KeyboardInterrupt:
        print("interrupted; everything is taken down", flush=True)
        return 130
    finally:
        if not options.verbose:
            for name, problem in failed:
                print(f"\n--- {name}\n    " + problem.rstrip().replace("\n", "\n    "))
    print(f"\nend-to-end tests took {time.monotonic() - begin:.0f} s")
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
