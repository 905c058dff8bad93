# SPDX-License-Identifier: BSD-3-Clause
"""Tests are functions test_*(lab, **case) in test_*.py; @cases runs one several times."""

import importlib
import os
from dataclasses import dataclass, field


def cases(*rows, **columns):
    """@cases(dict(family=4), dict(family=6)) or @cases(family=[4, 6])."""
    if columns:
        (name, values), = columns.items()
        rows = [{name: value} for value in values]

    def mark(function):
        function.cases = rows
        return function
    return mark


def needs_vxd(function):
    """It can say nothing about a run in which the kernel stands in for vxd."""
    function.needs_vxd = True
    return function


@dataclass
class Test:
    name: str
    function: object
    case: dict = field(default_factory=dict)

    def run(self, lab):
        self.function(lab, **self.case)


def _collect(module, short):
    for name, function in vars(module).items():
        if not name.startswith("test_") or not callable(function) or function.__module__ != module.__name__:
            continue
        base = f"{short}.{name[5:]}"
        for case in getattr(function, "cases", [{}]):
            label = ",".join(str(value) for value in case.values())
            yield Test(base + (f"[{label}]" if label else ""), function, case)


def collect(folder):
    """Every test, in the order of the files and of the lines."""
    found = []
    for entry in sorted(os.listdir(folder)):
        if entry.startswith("test_") and entry.endswith(".py"):
            found += _collect(importlib.import_module(entry[:-3]), entry[5:-3])
    return found
