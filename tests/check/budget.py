#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Whether what commands do with whole tables takes steps of the request's Budget (control/README.md): a loop over one
of the Model's or the Resolver's maps in a command or in what compares configurations goes through Budget::each.

Prints one line per violation, FILE:LINE: what is wrong, and exits 1 if there is any.
"""

import glob
import os
import re
import sys

PLACES = ["control/commands/*.cpp", "control/grammar/*.cpp", "control/config/*.cpp", "control/controller/controller_config.cpp"]
LOOP = re.compile(r"for \([^;]*[^:]:\s*([^:;]*(?:\.|->)(?:links|addresses|routes|neighbors|all)\(\))\)")


def main():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    files = violations = 0
    for path in sorted(path for place in PLACES for path in glob.glob(os.path.join(root, place))):
        files += 1
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                loop = LOOP.search(line)
                if loop and "each(" not in loop[1]:
                    print(f"{os.path.relpath(path, root)}:{number}: a loop over {loop[1]} without Budget::each")
                    violations += 1
    print(f"{files} files, {violations} violations")
    return 1 if violations or not files else 0


if __name__ == "__main__":
    sys.exit(main())
