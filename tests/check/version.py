#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Whether everything that names vxd's version names the one in meson.build, from which programs and man pages have it:
the Debian package, the newest release in CHANGELOG.md, and pages, scripts and units that say "vxd 1.2.3" or the like.
Prints FILE:LINE: what is wrong, and "N passed, N failed"."""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VERSION = r"\d+\.\d+\.\d+"
# "vxd 1.2.3", "vxd, 1.2.3", "vxd-exporter v1.2.3", "localhost/vxd:1.2.3"; what is made from meson.build says "@version@".
NAMED = rf"\bvx(?:d|ctl)(?:-\w+)?(?:,? |[:_-])v?({VERSION})(?!\d|\.\d)"
PLACES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "bench", "control", "dataplane", "debian", "docs", "tools")


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def versions_in(path, pattern):
    """(line number, version) of each match, whose first group is the version."""
    text = read(path)
    return [(text.count("\n", 0, match.start(1)) + 1, match[1]) for match in re.finditer(pattern, text, re.M)]


def files():
    for place in PLACES:
        if os.path.isfile(os.path.join(ROOT, place)):
            yield place
        for where, folders, names in os.walk(os.path.join(ROOT, place)):
            folders.sort()
            yield from sorted(os.path.relpath(os.path.join(where, name), ROOT) for name in names if not name.endswith(".pyc"))


def main():
    (_, version), = versions_in("meson.build", rf"^\s*version: '({VERSION})'")
    checks = [
        ("the Debian package has meson.build's version", "debian/changelog", versions_in("debian/changelog", r"\Avxd \((\S+?)\)")),
        ("CHANGELOG's newest release has meson.build's version", "CHANGELOG.md",
         versions_in("CHANGELOG.md", rf"^## \[({VERSION})\]")[:1]),
    ]
    for path in files():
        if named := versions_in(path, NAMED):
            checks.append((f"{path} names meson.build's version", path, named))
    failed = 0
    for title, path, named in checks:
        wrong = [(line, other) for line, other in named or [(1, "no version")] if other != version]
        failed += bool(wrong)
        print(f"{'FAIL' if wrong else 'PASS'} {title}")
        for line, other in wrong:
            print(f"{path}:{line}: {other}, where meson.build has {version}")
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
