# SPDX-License-Identifier: BSD-3-Clause
"""Running commands and waiting, both always with a limit."""

import shlex
import subprocess
import time
from dataclasses import dataclass


class Failed(AssertionError):
    """What a test expected did not happen; the message is for the person who reads the run's output."""


@dataclass
class Completed:
    argv: list
    status: int
    out: str
    err: str

    def __str__(self):
        text = f"{shlex.join(self.argv)}: exit status {self.status}"
        for stream in (self.out, self.err):
            if stream.strip():
                text += "\n    " + stream.strip().replace("\n", "\n    ")
        return text


def run(*argv, check=True, input=None, timeout=30, env=None):
    """Runs a command to its end; with `check`, a non-zero exit status is a Failed with all of its output."""
    argv = [str(word) for word in argv]
    text = isinstance(input, str) or input is None
    try:
        done = subprocess.run(argv, input=input, stdin=subprocess.DEVNULL if input is None else None,
                              capture_output=True, timeout=timeout, text=text, errors="replace" if text else None,
                              env=env, start_new_session=True)
    except subprocess.TimeoutExpired:
        raise Failed(f"{shlex.join(argv)}: no end after {timeout} s") from None
    result = Completed(argv, done.returncode, done.stdout, done.stderr)
    if check and result.status != 0:
        raise Failed(str(result))
    return result


def expect(condition, message):
    if not condition:
        raise Failed(str(message))


def is_so(predicate, timeout=5.0, interval=0.02):
    """Whether `predicate` becomes true within `timeout` seconds; returns its value."""
    end = time.monotonic() + timeout
    while True:
        value = predicate()
        if value or time.monotonic() >= end:
            return value
        time.sleep(interval)


def wait_until(what, predicate, timeout=5.0, interval=0.02):
    value = is_so(predicate, timeout, interval)
    expect(value, f"waited {timeout} s in vain until {what}")
    return value
