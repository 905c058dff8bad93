# SPDX-License-Identifier: BSD-3-Clause
"""Values of the benchmarks' options, refused before anything is measured."""

import argparse
import os


def count(lowest=1, highest=None):
    def convert(text):
        try:
            number = int(text)
        except ValueError:
            number = None
        if number is None or number < lowest or (highest is not None and number > highest):
            raise argparse.ArgumentTypeError(f"\"{text}\" is not a number from {lowest}"
                                             + (f" to {highest}" if highest is not None else ""))
        return number
    return convert


def seconds(text):
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number < 86400:
        raise argparse.ArgumentTypeError(f"\"{text}\" is not a time in seconds")
    return number


def output(text):
    """A file that can be written; it is as long as it was."""
    try:
        with open(text, "a"):
            pass
    except OSError as error:
        raise argparse.ArgumentTypeError(f"\"{text}\": {error.strerror}") from None
    return text


def build(text):
    """A folder with vxd and vxctl."""
    for name in ("vxd", "vxctl"):
        if not os.access(os.path.join(text, name), os.X_OK):
            raise argparse.ArgumentTypeError(f"\"{text}\" has no {name}: meson setup build --buildtype=release && "
                                             "ninja -C build")
    return text
