#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Whether the benchmarks still work: each says what it takes and what is missing, lists its scenarios, and measures some
of them once.

How fast anything was decides nothing here. What they write has to be what bench/report reads: names that differ, units,
and what they say of the machine.

  tests/check/benches.py BUILD
"""

import json
import math
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# The program, and parts of the names of scenarios that together touch all of its code.
SMOKES = [
    ("pipeline_bench", ["A/A"]),
    ("stage_bench", ["IPv6", "learn, unknown", "null"]),
    ("fdb_bench", ["64000 rte_hash tuned", "rebuild 64000", "load 64000", "memory 64000", "hostile, of one", "seed known"]),
]


def call(words):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=300)
    assert done.returncode == 0, f"ended with {done.returncode}:\n{done.stdout[-2000:]}"
    return done.stdout


def says_what_it_takes(program):
    text = call([program, "--help"])
    for option in ("--samples", "--quick", "--filter", "--json", "--list"):
        assert option in text, f"--help does not name {option}"


def lists_scenarios(program):
    names = call([program, "--list"]).splitlines()
    assert names and len(names) == len(set(names)), "no scenarios, or two of one name"


def measures(program, word):
    with tempfile.TemporaryDirectory(prefix="vxd-benches-") as folder:
        file = os.path.join(folder, "results.json")
        cpus = ["--cpu", "0", "--other-cpu", "1"] if "--other-cpu" in call([program, "--help"]) else ["--cpu", "0"]
        call([program, *cpus, "--samples", "1", "--no-hugepages", "--filter", word, "--json", file])
        with open(file, encoding="utf-8") as stream:
            report = json.load(stream)
    assert report["bench"] and report["machine"]["tsc_ghz"] > 0, "nothing about the machine"
    results = report["results"]
    assert results, "no results"
    assert len({result["name"] for result in results}) == len(results), "two results of one name"
    for one in results + report["ratios"]:
        assert math.isfinite(one["median"] if "median" in one else one["value"]), f"{one['name']}: no number"
    assert all(result["unit"] for result in results), "a result without a unit"


def names_what_is_missing(program, words, package):
    """Before it starts anything, and whoever calls it."""
    done = subprocess.run([os.path.join(ROOT, "bench", program), *words], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
                          env={"PATH": "/nonexistent"})
    wanted = f"is missing: package {package}, which bench/setup installs"
    assert done.returncode == 1 and wanted in done.stdout, f"ended with {done.returncode}:\n{done.stdout[-2000:]}"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    checks = []
    for name, words in SMOKES:
        program = os.path.join(sys.argv[1], "bench", name)
        checks += [(f"{name} --help", says_what_it_takes, program), (f"{name} --list", lists_scenarios, program)]
        checks += [(f"{name} --filter {word!r}", measures, program, word) for word in words]
    build = ["--build", sys.argv[1]]
    checks += [(f"{name} without {package} says so", names_what_is_missing, name, words, package)
               for name, words, package in (("container_rate", [*build, "--kind", "latency"], "sockperf"),
                                            ("container_rate", [*build, "--kind", "udp"], "iperf3"),
                                            ("packet_rate", [*build, "-k", "encap-1"], "openvswitch-switch-dpdk"),
                                            ("packet_rate", [*build, "--only", "vxd"], "dpdk-dev"),
                                            ("instructions", build, "valgrind"))]
    failed = 0
    for title, check, *arguments in checks:
        try:
            check(*arguments)
            print(f"PASS {title}", flush=True)
        except (AssertionError, OSError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
            failed += 1
            print(f"FAIL {title}: {error}", flush=True)
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
