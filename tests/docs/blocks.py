# SPDX-License-Identifier: BSD-3-Clause
"""The blocks of a page of documentation: what is between ``` and ```, and what the comment above says of it."""

import re
from dataclasses import dataclass, field

DIRECTIVE = re.compile(r"^\s*<!-- (lab|run|check|file|not run): (.+?) -->\s*$")
FENCE = re.compile(r"^( *)```(\w*)\s*$")
SHELLS = re.compile(r"^(?P<shells>[\w ]+?)(?: for (?P<seconds>\d+) s)?$")


class Malformed(Exception):
    """FILE:LINE: what is wrong."""


@dataclass
class Block:
    """`action` is run, check, file or skip; `lab` is what it is run in."""

    path: str
    line: int
    action: str
    text: str = ""
    language: str = ""
    lab: str = ""
    lab_line: int = 0  # two labs of one name are two
    shells: list = field(default_factory=list)
    seconds: int = 0   # it is ended after so many, if it has no end of its own
    target: str = ""   # the file that it is
    reason: str = ""

    @property
    def place(self):
        return f"{self.path}:{self.line}"


def _described(block, kind, words):
    """Fills in what a directive says."""
    if kind == "not run":
        block.action, block.reason = "skip", words
        return block
    block.action = kind
    if kind == "file":
        *block.shells, block.target = words.split()
    elif kind == "check":
        shell, _, block.text = words.partition(": ")
        block.shells = [shell]
    else:
        match = SHELLS.match(words)
        if not match:
            raise Malformed(f"{block.place}: {words!r} is not \"SHELL... [ for N s ]\"")
        block.shells, block.seconds = match["shells"].split(), int(match["seconds"] or 0)
    if not block.lab:
        raise Malformed(f"{block.place}: no <!-- lab: ... --> above says where it is run")
    if not block.shells:
        raise Malformed(f"{block.place}: no shell is named")
    return block


def blocks_of(path, text):
    """Every block of a page, in order, and every check between them; a block without a directive is an error, as is code
    by indentation, which cannot have one."""
    found = []
    lab, lab_line = "", 0
    labs = {}  # name -> the line of the last of it
    directive = None  # (line, kind, words) that waits for its block
    lines = text.split("\n")
    number = 0
    in_comment = False
    while number < len(lines):
        line = lines[number]
        number += 1
        match = DIRECTIVE.match(line)
        fence = FENCE.match(line)
        if match:
            if directive:
                raise Malformed(f"{path}:{directive[0]}: no block follows")
            kind, words = match[1], match[2]
            if kind == "lab":
                lab = words.removesuffix(" again")
                if lab != words and lab not in labs:
                    raise Malformed(f"{path}:{number}: there was no lab {lab!r} before")
                lab_line = labs[lab] = labs[lab] if lab != words else number
            elif kind == "check":
                found.append(_described(Block(path, number, "", lab=lab, lab_line=lab_line), kind, words))
            else:
                directive = (number, kind, words)
        elif fence:
            begin = number
            while number < len(lines) and lines[number].strip() != "```":
                number += 1
            if number == len(lines):
                raise Malformed(f"{path}:{begin}: this block has no end")
            indent = len(fence[1])
            body = "\n".join(one[indent:] if one[:indent].isspace() or not indent else one
                             for one in lines[begin:number]) + "\n"
            number += 1
            if not directive:
                raise Malformed(f"{path}:{begin}: this block is not run, and does not say why: put <!-- run: SHELL -->, "
                                "<!-- file: SHELL PATH --> or <!-- not run: REASON --> above it")
            block = Block(path, begin, "", body, fence[2], lab, lab_line)
            found.append(_described(block, directive[1], directive[2]))
            directive = None
        elif directive and line.strip():
            raise Malformed(f"{path}:{directive[0]}: no block follows")
        else:
            in_comment = in_comment or "<!--" in line
            if re.match(r"^(    |\t)\S", line) and not in_comment and (number < 2 or not lines[number - 2].strip()):
                raise Malformed(f"{path}:{number}: code by indentation; put it between ``` and ```")
            in_comment = in_comment and "-->" not in line
    if directive:
        raise Malformed(f"{path}:{directive[0]}: no block follows")
    return found


@dataclass
class Step:
    """A command as it is typed, and the lines that it is said to print, None if nothing is said."""

    command: str
    expected: list = None


def steps_of(block):
    """A console block has commands behind "$ " and what they print; any other is commands alone."""
    if block.language != "console":
        return [Step(block.text)]
    steps = []
    goes_on = False
    for line in block.text.splitlines():
        if goes_on:
            steps[-1].command += line + "\n"
        elif line.startswith("$ "):
            steps.append(Step(line[2:] + "\n", []))
        elif not steps:
            raise Malformed(f"{block.place}: a console block begins with \"$ COMMAND\"")
        else:
            steps[-1].expected.append(line)
            continue
        goes_on = line.endswith("\\")
    return steps


def is_as_shown(expected, printed):
    """Whether `printed` is what `expected` shows, line for line: "..." stands for anything within a line, and for any
    number of lines where it is all of one. How many blanks there are, and what is printed behind, does not count."""
    pattern = ""
    for line in expected:
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
            continue
        words = r"[ \t]+".join(re.escape(word).replace(r"\.\.\.", r".*") for word in line.split())
        pattern += rf"[ \t]*{words}[ \t]*\n"
    return re.match(pattern, printed) is not None
