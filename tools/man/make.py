#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Makes a man page from its template: what the programs say about themselves is asked of them, so that a page cannot say
anything else. @commands@, @types@, @drops@, @losses@ and @options@ (of the program whose page it is) are in the
templates."""

import argparse
import json
import os
import re
import subprocess
import sys


def said(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"make.py: {' '.join(words)}: exit status {done.returncode}\n{done.stderr}")
    return done.stdout


def escaped(text):
    """As troff prints it: no hyphens from minus signs, no requests from lines that begin with a dot or a quote."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.M)


def verbatim(text):
    return f".nf\n{escaped(text.rstrip())}\n.fi"


def commands(vxd):
    """A subsection for each noun of `vxd help`."""
    nouns = re.findall(r"^         (\w+) +(.+)$", said(vxd, "help"), re.M)
    if not nouns:
        sys.exit("make.py: vxd help names no objects")
    parts = []
    for noun, about in nouns:
        usages = re.sub(r"^(Usage: |       )(?=vxctl )", "", said(vxd, "help", noun), flags=re.M)
        usages = re.sub(r"^           ", "    ", usages, flags=re.M)
        parts.append(f".SS {noun}\n{escaped(about[0].upper() + about[1:])}.\n.PP\n{verbatim(usages)}")
    return "\n".join(parts)


def types(vxd):
    """What each type of `link add` takes."""
    kinds = re.search(r"TYPE :=\n((?: {15}\S.*\n)+)", said(vxd, "help", "link", "add"))
    if not kinds:
        sys.exit("make.py: vxd help link add names no types")
    parts = []
    for line in kinds[1].splitlines():
        kind = line.split()[0]
        usage = said(vxd, "help", "link", "add", "type", kind).removeprefix("Usage: ")
        parts.append(f".SS {kind}\n" + verbatim(re.sub(r"^           ", "    ", usage, flags=re.M)))
    return "\n".join(parts)


def options_by_cli11(program):
    """Its list: an option and its value, and what it does, perhaps on the next line."""
    parts = []
    _, _, text = said(program, "--help").partition("Options:\n")
    for line in text.splitlines():
        option = re.match(r"  (-\S+)(?: (\S+))?(?:\s+(.*))?$", line)
        if option:
            name, value, about = option.groups()
            if value and not re.match(r"[A-Z:\"]+$", value):
                about, value = f"{value} {about or ''}".strip(), None
            names = ", ".join(f"\\fB{escaped(one)}\\fR" for one in name.split(","))
            parts.append(f".TP\n{names}{f' {chr(92)}fI{escaped(value)}{chr(92)}fR' if value else ''}\n{escaped(about or '')}")
        elif line.startswith("      ") and parts:
            parts[-1] += ("" if parts[-1].endswith("\n") else " ") + escaped(line.strip())
    if not parts:
        sys.exit(f"make.py: {program} --help names no options")
    return "\n".join(parts)


def in_bold(text):
    """What `quotes` like these hold."""
    return re.sub(r"`([^`]*)`", r"\\fB\1\\fR", escaped(text))


def reasons(vxd, kind):
    """A paragraph for each reason of `vxd reasons`."""
    found = [reason for reason in json.loads(said(vxd, "reasons", "-json")) if reason["kind"] == kind]
    if not found:
        sys.exit(f"make.py: vxd reasons names none of a {kind}")
    return "\n".join(f".TP\n.B {escaped(one['reason'])}\n{in_bold(one['meaning'])}.\n.br\n"
                     f"Cause: {in_bold(one['cause'])}.\n.br\nRemedy: {in_bold(one['remedy'])}." for one in found)


def options_of_vxctl(vxctl):
    _, _, text = said(vxctl, "-help").partition("Options:\n")
    if not text:
        sys.exit("make.py: vxctl -help names no options")
    return escaped(text.rstrip())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("template", "output", "vxd", "vxctl", "exporter", "version", "sysconfdir", "docdir", "example"):
        parser.add_argument("--" + name, required=True)
    options = parser.parse_args()
    with open(options.template) as file:
        text = file.read()
    with open(options.example) as file:
        example = file.read()
    options_by_page = {"vxd.8.in": lambda: options_by_cli11(options.vxd),
                       "vxd-exporter.8.in": lambda: options_by_cli11(options.exporter),
                       "vxctl.8.in": lambda: options_of_vxctl(options.vxctl)}
    for mark, value in (("version", lambda: options.version), ("sysconfdir", lambda: options.sysconfdir),
                        ("docdir", lambda: options.docdir),
                        ("options", lambda: options_by_page[os.path.basename(options.template)]()),
                        ("commands", lambda: commands(options.vxd)), ("types", lambda: types(options.vxd)),
                        ("drops", lambda: reasons(options.vxd, "drop")), ("losses", lambda: reasons(options.vxd, "loss")),
                        ("example", lambda: escaped(example.rstrip()))):
        if f"@{mark}@" in text:
            text = text.replace(f"@{mark}@", value())
    with open(options.output, "w") as file:
        file.write(text)


if __name__ == "__main__":
    main()
