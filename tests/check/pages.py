#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What every page of text must be: its links lead somewhere, the files and man pages that it names are there, README is
short, and docs/README.md lists every page of the manual. Prints FILE:LINE: what is wrong, and "N passed, N failed"."""

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FRONT_LINES, FRONT_COLUMNS = 200, 120
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
NAMED = re.compile(r"`((?:bench|control|dataplane|debian|docs|tests|tools)/[\w./-]+)`")
MAN_PAGE = re.compile(r"\b(vx[\w.-]*)\(([578])\)")
MADE = ("bench/results",)  # what is named and made later


def pages():
    """Every page that git has or would take."""
    listed = subprocess.run(["git", "-C", ROOT, "-c", f"safe.directory={ROOT}", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
                            capture_output=True, text=True)
    found = listed.stdout.split()
    if listed.returncode != 0 or not found:  # a tree without git
        found = [os.path.relpath(os.path.join(where, name), ROOT) for where, folders, names in os.walk(ROOT)
                 for name in names if name.endswith(".md") and "/build" not in where and "/." not in where]
    return sorted(path for path in found if os.path.exists(os.path.join(ROOT, path)))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read().split("\n")


def prose(lines):
    """(number, line), without the blocks between ```."""
    inside = False
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("```"):
            inside = not inside
        elif not inside:
            yield number, line


def anchors_of(lines):
    """As the web pages of repositories make them from headings."""
    found = {}
    for _, line in prose(lines):
        heading = re.match(r"#+ (.+?)\s*$", line)
        if heading:
            words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).lower()
            anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
            count = found.get(anchor, 0)
            found[anchor] = count + 1
            if count:
                found[f"{anchor}-{count}"] = 1
    return set(found)


def check_link(path, target):
    """None, or what is wrong."""
    if re.match(r"[a-z]+:", target):
        return None  # of the world: no test depends on it
    file, _, anchor = target.partition("#")
    file = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
    if not os.path.exists(os.path.join(ROOT, file)):
        return f"there is no {file}"
    if anchor and anchor not in anchors_of(read(file)):
        return f"{file} has no heading for #{anchor}"
    return None


def check_page(path):
    lines = read(path)
    for number, line in prose(lines):
        for target in LINK.findall(line):
            problem = check_link(path, target)
            if problem:
                yield number, problem
        for name in NAMED.findall(line):
            name = name.rstrip("/.")
            if not os.path.exists(os.path.join(ROOT, name)) and not os.path.exists(os.path.join(ROOT, os.path.dirname(path), name)):
                if not any(made in name for made in MADE):
                    yield number, f"there is no {name}"
        for name, section in MAN_PAGE.findall(line):
            if not os.path.exists(os.path.join(ROOT, "tools", "man", f"{name}.{section}.in")):
                yield number, f"there is no man page {name}({section})"


def check_front():
    lines = read("README.md")
    if len(lines) - 1 > FRONT_LINES:
        yield len(lines) - 1, f"{len(lines) - 1} lines; {FRONT_LINES} are the ceiling: the manual is docs/"
    for number, line in enumerate(lines, 1):
        if len(line) > FRONT_COLUMNS:
            yield number, f"{len(line)} columns; {FRONT_COLUMNS} are the ceiling"


def check_index():
    text, installed = "\n".join(read("docs/README.md")), "\n".join(read("docs/meson.build"))
    for name in sorted(os.listdir(os.path.join(ROOT, "docs"))):
        stem, extension = os.path.splitext(name)
        if extension == ".md" and name != "README.md" and f"({name})" not in text:
            yield 1, f"{name} is not listed"
        if extension == ".md" and f"'{stem}'" not in installed:
            yield 1, f"{name} is not in docs/meson.build, so it is not installed"


def check_picture():
    done = subprocess.run([os.path.join(ROOT, "tools/dev/diagram"), "--check"], capture_output=True, text=True)
    if done.returncode != 0:
        yield 1, done.stderr.strip()


def main():
    checks = [(path, f"links and names in {path}", lambda path=path: check_page(path)) for path in pages()]
    checks += [("README.md", "README is a front door", check_front), ("docs/README.md", "the manual lists and installs its pages", check_index),
               ("docs/packet-way.svg", "the picture is what tools/dev/diagram draws", check_picture)]
    failed = 0
    for path, title, check in checks:
        problems = list(check())
        failed += bool(problems)
        print(f"{'FAIL' if problems else 'PASS'} {title}")
        for number, problem in problems:
            print(f"{path}:{number}: {problem}")
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
