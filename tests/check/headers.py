#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Compiles every header of the project alone, with the flags that the build uses: headers.py [BUILD-FOLDER].

A header that is the first include of its own source (fdb.h of fdb.cpp) was compiled alone by the build already, unless other sources or a
precompiled header came before it; so was the first include of a header that is compiled alone.
"""

import concurrent.futures
import json
import os
import re
import shlex
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDERS = ("dataplane", "control", "tools", "tests", "bench")


def headers():
    for folder in FOLDERS:
        for where, folders, names in os.walk(os.path.join(ROOT, folder)):
            folders.sort()
            for name in sorted(names):
                if name.endswith(".h"):
                    yield os.path.relpath(os.path.join(where, name), ROOT)


def built_commands(build):
    with open(os.path.join(build, "compile_commands.json")) as file:
        return json.load(file)


def first_include(source):
    with open(os.path.join(ROOT, source), encoding="utf-8", errors="replace") as file:
        include = re.search(r'^#include [<"]([^>"]+)[>"]', file.read(), re.M)
    return include and include[1]


def without_precompiled(words):
    """A command's words, less those that put a precompiled header (FOLDER/pch/libraries.h) in front."""
    pairs = [at for at, pair in enumerate(zip(words, words[1:]))
             if pair == ("-include", "libraries.h") or pair[0] == "-include-pch"]
    return [word for at, word in enumerate(words) if at not in pairs and at - 1 not in pairs]


def first_includes(commands):
    """The headers that the build compiled before anything else."""
    found = set()
    for command in commands:
        words = shlex.split(command["command"])
        source = os.path.relpath(os.path.join(command["directory"], command["file"]), ROOT)
        if source.startswith(FOLDERS) and without_precompiled(words) == words:
            found.add(first_include(source))
    return found


def folder_of(command):
    """The folder of a command's sources; of several that are compiled together, by a file in BUILD/FOLDER/TARGET.p/."""
    folder = os.path.relpath(os.path.join(command["directory"], os.path.dirname(command["file"])), ROOT)
    if folder.startswith(FOLDERS):
        return folder
    return os.path.dirname(os.path.relpath(os.path.join(ROOT, folder), command["directory"]))


def proven_by(header, everyone):
    """The headers that are read before anything else where this one is."""
    found = []
    while header in everyone and header not in found:
        found.append(header)
        header = first_include(header)
    return found


def to_compile(everyone, built):
    """Enough of these headers that each is proven, by itself or by one that reads it first."""
    firsts = {first_include(name) for name in everyone}
    proven = {name for header in built for name in proven_by(header, everyone)}
    names = []
    for name in sorted(everyone, key=lambda name: name in firsts):
        if name not in proven:
            names.append(name)
            proven.update(proven_by(name, everyone))
    return names


def flags_by_folder(commands):
    """Folder -> (directory to compile in, compiler and flags), from the command with the most flags of its sources."""
    found = {}
    for command in commands:
        words = without_precompiled(shlex.split(command["command"]))
        keep, skip = [], False
        for word in words:
            if skip or word in ("-c", command["file"]) or word.startswith(("-M", "-W", "-O", "-g")):
                skip = word in ("-MF", "-MQ", "-MT")
            elif word == "-o":
                skip = True
            else:
                skip = False
                keep.append(word)
        folder = folder_of(command)
        if folder not in found or len(keep) > len(found[folder][1]):
            found[folder] = (command["directory"], keep)
    return found


def flags_for(header, folders):
    """Of the nearest folder up the tree that has a source, else of the one with the most flags."""
    folder = os.path.dirname(header)
    while folder:
        if folder in folders:
            return folders[folder]
        below = [flags for name, flags in folders.items() if name.startswith(folder + "/")]
        if below:
            return max(below, key=lambda flags: len(flags[1]))
        folder = os.path.dirname(folder)
    return max(folders.values(), key=lambda flags: len(flags[1]))


def compile_alone(header, directory, flags):
    source = f'#include "{header}"\n'
    command = [*flags, "-Wall", "-Wextra", "-Wno-unused", "-fsyntax-only", "-I", ROOT, "-x", "c++", "-"]
    done = subprocess.run(command, cwd=directory, input=source, text=True, capture_output=True)
    return header, done.returncode, re.sub(r"In file included from <stdin>:1:\n", "", done.stderr)


def main():
    build = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build"))
    commands = built_commands(build)
    folders = flags_by_folder(commands)
    everyone = list(headers())
    names = to_compile(everyone, first_includes(commands))
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(max(2, os.cpu_count() or 2)) as pool:
        for header, status, errors in pool.map(lambda name: compile_alone(name, *flags_for(name, folders)), names):
            if status != 0:
                failed += 1
                print(f"{header}: does not compile alone\n{errors}")
    print(f"{len(everyone)} headers, {len(everyone) - len(names)} of them first in what is compiled; {failed} do not compile alone")
    return 1 if failed or not everyone else 0


if __name__ == "__main__":
    sys.exit(main())
