#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Builds vxd and runs every kind of test there is, step by step. Behind tools/test, which installs what this needs.

A step that fails does not keep the others from running. Every step's whole output is in BUILD/test-logs/STEP.log; of
one that fails, the end is shown. The last line is "N passed, N failed", where each test case counts.
"""

import argparse
import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SOURCES = ("dataplane", "control", "tools", "tests", "bench")

# What each kind of build is for. Only the release build is built whole; of the others, what the tests in it need.
BUILDS = {
    "": (["--buildtype=release", "-Dstrict=true"], {}),
    # clang takes a fifth of the time that g++ takes with these sanitizers.
    "-asan": (["--buildtype=debug", "-Doptimization=1", "-Db_sanitize=address,undefined", "-Db_lundef=false"],
              {"CXX": "clang++", "CC": "clang"}),
    "-tsan": (["--buildtype=debug", "-Doptimization=1", "-Db_sanitize=thread", "-Db_lundef=false"],
              {"CXX": "clang++", "CC": "clang"}),
}
SANITIZED = ("-asan", "-tsan")
SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=0:second_deadlock_stack=1",
}
SHOWN_LINES = 60
LIBC = ctypes.CDLL(None)

# Each of them at the end of a test program's output; the first that is found counts.
COUNTS = [
    ("ours", re.compile(r"^(?P<passed>\d+) passed, (?P<failed>\d+) failed(, (?P<skipped>\d+) skipped)?\s*$", re.M)),
    ("Catch2, all passed", re.compile(r"^All tests passed \(.* in (?P<passed>\d+) test cases?\)", re.M)),
    ("Catch2", re.compile(r"^test cases:\s+\d+ \|(\s+(?P<passed>\d+) passed)?[ |]*((?P<failed>\d+) failed)?", re.M)),
]


def die_with_parent():
    LIBC.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.failed_steps = []

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed" + (f", {self.skipped} skipped" if self.skipped else "")


def count(output, status):
    """(passed, failed, skipped) of a program's test cases; one that does not say is one case."""
    for _, pattern in COUNTS:
        matches = list(pattern.finditer(output))
        if matches:
            words = matches[-1].groupdict()
            passed, failed, skipped = (int(words.get(name) or 0) for name in ("passed", "failed", "skipped"))
            if status != 0 and failed == 0:
                failed = 1  # it ended badly after its last word
            return passed, failed, skipped
    return (1, 0, 0) if status == 0 else (0, 1, 0)


class Suite:
    def __init__(self, options):
        self.options = options
        self.build = os.path.abspath(options.build)
        self.tally = Tally()
        self.begin = time.monotonic()
        self.logs = os.path.join(self.build, "test-logs")
        self._configured = set()
        self._broken = set()  # builds that did not build: their tests fail without a try
        self._ahead = {}      # kind of build -> when it was built while other tests ran

    def say(self, text):
        print(f"[{time.monotonic() - self.begin:4.0f} s] {text}", flush=True)

    # --- running

    def execute(self, step, command, env=None, cwd=ROOT, timeout=3600, live=None):
        """(status, output); the output goes to the step's log too, and lines that match `live` to the screen. Whoever
        ends us ends it too."""
        os.makedirs(self.logs, exist_ok=True)
        path = os.path.join(self.logs, f"{step}.log")
        lines = []
        with open(path, "a") as log:
            log.write(f"\n$ {' '.join(command)}\n")
            process = subprocess.Popen(command, cwd=cwd, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                                       preexec_fn=die_with_parent)
            timer = threading.Timer(timeout, process.kill)
            timer.start()
            try:
                for line in process.stdout:
                    log.write(line)
                    log.flush()
                    lines.append(line)
                    if live and live.search(line):
                        print("         " + line.rstrip(), flush=True)
                status = process.wait()
            except KeyboardInterrupt:
                process.terminate()
                process.wait()
                raise
            finally:
                timer.cancel()
            if status == -9:
                lines.append(f"killed after {timeout} s\n")
        return status, "".join(lines)

    def run_step(self, step, command, **options):
        """One command whose test cases are counted."""
        start = time.monotonic()
        log = os.path.join(self.logs, f"{step}.log")
        if os.path.exists(log):
            os.unlink(log)
        status, output = self.execute(step, command, **options)
        passed, failed, skipped = count(output, status)
        self.tally.passed += passed
        self.tally.failed += failed
        self.tally.skipped += skipped
        self.say(f"{step}: {passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")
                 + f" ({time.monotonic() - start:.1f} s)")
        if failed:
            self.show_failure(step, output)

    def show_failure(self, step, output):
        self.tally.failed_steps.append(step)
        lines = output.rstrip().splitlines()
        for line in lines[-SHOWN_LINES:]:
            print("         " + line)
        print(f"         all of it: {os.path.relpath(os.path.join(self.logs, step + '.log'), ROOT)}", flush=True)

    def fail(self, step, output):
        self.tally.failed += 1
        self.say(f"{step}: 0 passed, 1 failed")
        self.show_failure(step, output)

    # --- building

    def folder(self, kind):
        return self.build + kind

    def configure(self, kind):
        """Makes the build folder, or brings an old one to the options wanted."""
        if kind in self._configured:
            return kind not in self._broken
        self._configured.add(kind)
        options, env = BUILDS[kind]
        folder, step = self.folder(kind), f"build{kind}"
        exists = os.path.exists(os.path.join(folder, "build.ninja"))
        command = ["meson", "configure", folder, *options] if exists else ["meson", "setup", folder, *options]
        status, output = self.execute(step, command, env=env)
        if status != 0:
            self._broken.add(kind)
            self.fail(step, output)
        return status == 0

    def compile(self, kind, targets=()):
        """Whether it builds; it counts as a test case, so that a run without it cannot look good."""
        step = f"build{kind}"
        if kind in self._broken or not self.configure(kind):
            return False
        start = time.monotonic()
        if kind in self._ahead:
            self._ahead[kind].wait()
        status, output = self.execute(step, ["ninja", "-k", "0", "-C", self.folder(kind), *targets])
        if status != 0:
            self._broken.add(kind)
            self.fail(step, output)
            return False
        self.tally.passed += 1
        self.say(f"{step}: built ({time.monotonic() - start:.1f} s)")
        return True

    def compile_ahead(self):
        """Builds what the sanitizers' steps need while other tests run, most of which wait for something; as the least
        of this machine's work, so that they do not notice. compile() sees to what failed."""
        def run():
            for kind, targets in wanted.items():
                self.execute(f"build{kind}", ["nice", "-n", "19", "ninja", "-k", "0", "-C", self.folder(kind), *targets])
                self._ahead[kind].set()

        wanted = {kind: self.needed_targets(kind, self.tests_of(kind)) for kind in SANITIZED
                  if not self.options.quick and self.wants(kind[1:]) and self.configure(kind)}
        self._ahead = {kind: threading.Event() for kind in wanted}
        threading.Thread(target=run, daemon=True).start()

    def introspect(self, kind, what):
        command = ["meson", "introspect", self.folder(kind), what]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def meson_tests(self, kind):
        return self.introspect(kind, "--tests")

    def needed_targets(self, kind, tests):
        """The files, relative to the build folder, that these tests run or depend on."""
        folder = self.folder(kind) + os.sep
        by_id = {target["id"]: target["filename"] for target in self.introspect(kind, "--targets")}
        files = {word for test in tests for word in test["cmd"] if word.startswith(folder)}
        files |= {name for test in tests for target in test.get("depends", []) for name in by_id.get(target, [])}
        known = {name for names in by_id.values() for name in names}
        return sorted(os.path.relpath(name, folder) for name in files & known)

    def run_meson_test(self, kind, test):
        self.run_step(test["name"] + kind, test["cmd"], env={**SANITIZER_OPTIONS, **test.get("env", {})},
                      cwd=test.get("workdir") or self.folder(kind), timeout=test.get("timeout") or 900)

    # --- the steps

    def step_release(self):
        self.compile("")
        self.compile_ahead()

    def step_includes(self):
        self.run_step("includes", [sys.executable, "tests/check/includes.py"])
        self.run_step("budget", [sys.executable, "tests/check/budget.py"])

    def step_headers(self):
        if self.configure(""):
            self.run_step("headers", [sys.executable, "tests/check/headers.py", self.build])

    def step_format(self):
        files = [os.path.relpath(os.path.join(where, name), ROOT)
                 for folder in SOURCES for where, _, names in os.walk(os.path.join(ROOT, folder))
                 for name in sorted(names) if name.endswith((".h", ".cpp"))]
        self.run_step("format", ["clang-format", "--dry-run", "--Werror", *files])

    def step_doctor(self):
        self.run_step("doctor", [sys.executable, "tests/check/doctor.py"])

    def step_pages(self):
        self.run_step("pages", [sys.executable, "tests/check/pages.py"])

    def step_scripts(self):
        self.run_step("scripts", ["tools/dev/lint"])

    def step_version(self):
        self.run_step("version", [sys.executable, "tests/check/version.py"])

    def step_docs(self):
        if self.compile(""):
            self.run_step("docs", [sys.executable, "tests/docs/run.py", "--build", self.build], timeout=600)

    def step_package(self):
        self.run_step("package", ["tools/package", "--test", "--output", os.path.join(self.build, "packages")],
                      timeout=3600)

    def step_image(self):
        self.run_step("image", ["tools/image", "--test", "--packages", os.path.join(self.build, "packages")], timeout=3600)

    def step_tests(self):
        """All that meson knows, in the release build: unit, pipeline, fuzz-corpus."""
        if not self.compile(""):
            return
        for test in self.meson_tests(""):
            if self.wants("tests") or self.wants(test["name"]):
                self.run_meson_test("", test)

    def step_instructions(self):
        if self.compile(""):
            self.run_step("instructions", [sys.executable, "bench/instructions", "--check", "--build", self.build])

    def step_benches(self):
        if self.compile(""):
            self.run_step("benches", [sys.executable, "tests/check/benches.py", self.build])

    def step_asan(self):
        self.sanitized("-asan")

    def step_tsan(self):
        # Not what starts DPDK's own threads or forks: DPDK is not instrumented, so the locks it takes are not seen.
        skipped = "".join(f"~[#{name}_test]" for name in ("ports", "shared_memory_ports", "tap_port", "commands_apply",
                                                          "socket_server", "workers", "capture_traffic", "losses"))
        self.sanitized("-tsan", "-#", skipped)

    def tests_of(self, kind):
        """Those that are run in a sanitizer's build."""
        return [test for test in self.meson_tests(kind) if kind != "-tsan" or "unit" in test["name"]]

    def sanitized(self, kind, *arguments):
        if not self.configure(kind):
            return
        tests = self.tests_of(kind)
        if self.compile(kind, self.needed_targets(kind, tests)):
            for test in tests:
                self.run_meson_test(kind, {**test, "cmd": [*test["cmd"], *arguments]})

    def step_e2e(self):
        if self.compile(""):
            quick = ["--quick"] if self.options.quick else []
            self.run_step("e2e", [sys.executable, "tests/e2e/run.py", "--build", self.build, *quick], timeout=1200,
                          live=re.compile(r"^(PASS|FAIL) "))

    STEPS = [
        ("includes", step_includes, "who may include what; every file's first line and length"),
        ("format", step_format, "clang-format has nothing to say"),
        ("pages", step_pages, "links, and the names of files and man pages in what is written; README is short"),
        ("scripts", step_scripts, "shellcheck and flake8 have nothing to say: tools/dev/lint"),
        ("version", step_version, "package, CHANGELOG and pages have meson.build's version"),
        ("release", step_release, "the release build, with warnings as errors"),
        ("headers", step_headers, "every header compiles alone"),
        ("doctor", step_doctor, "tools/doctor finds what is wrong with pictures of hosts"),
        ("tests", step_tests, "unit tests, golden pipeline cases, fuzz corpora"),
        ("instructions", step_instructions, "no scenario of the pipeline takes 1% more instructions than is kept"),
        ("benches", step_benches, "the benchmarks run, and write what bench/report reads; speed decides nothing"),
        ("e2e", step_e2e, "end to end, in network namespaces, with the kernel as a peer"),
        ("docs", step_docs, "every block of commands in README and the manual, typed as a reader types it"),
        ("asan", step_asan, "unit tests, golden pipeline cases and fuzz corpora under AddressSanitizer and UBSan"),
        ("tsan", step_tsan, "the unit tests under ThreadSanitizer"),
        ("package", step_package, "the Debian packages, installed and purged in a Debian of their own; only with --only package"),
        ("image", step_image, "the OCI image, run by podman; only with --only image"),
    ]
    SLOW = ("asan", "tsan")
    ASKED_FOR = ("package", "image")  # only by their names: they build everything anew

    def wants(self, name):
        return not self.options.only or any(word in name for word in self.options.only)

    def run(self):
        known = [name for name, _, _ in self.STEPS]
        for name, step, _ in self.STEPS:
            # The names of meson's tests are known only after the build, so a word that is no step is taken as one.
            meant = self.wants(name) or (name == "tests" and any(all(word not in other for other in known)
                                                                for word in self.options.only))
            if not meant or (self.options.quick and name in self.SLOW) or (name in self.ASKED_FOR and not self.options.only):
                continue
            step(self)
        self.say(f"done; logs are in {os.path.relpath(self.logs, ROOT)}")
        if self.tally.failed_steps:
            print("failed: " + ", ".join(self.tally.failed_steps))
        print(self.tally)
        return 1 if self.tally.failed or not self.tally.passed else 0


def main():
    parser = argparse.ArgumentParser(prog="tools/test", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="no sanitizers, and one case of each end-to-end test")
    parser.add_argument("--only", action="append", default=[], metavar="NAME",
                        help="only steps whose name contains this")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help="the build folder")
    parser.add_argument("--list", action="store_true", help="print the steps")
    options = parser.parse_args()
    if options.list:
        for name, _, about in Suite.STEPS:
            print(f"{name:10} {about}")
        return 0
    try:
        return Suite(options).run()
    except KeyboardInterrupt:
        print("interrupted")
        return 130


if __name__ == "__main__":
    sys.exit(main())
