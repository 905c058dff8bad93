# SPDX-License-Identifier: BSD-3-Clause
"""What a golden case is made of, and how it is written: see ../README.md."""

import struct

CASES = {}  # name -> Case, filled by @golden


class Case:
    """A case as the functions in this package describe it. `files()` is what its directory holds."""

    def __init__(self, name, about):
        self.name = name
        self._setup = [f"# {line}".rstrip() for line in about.splitlines()]
        self._files = {}
        self._links = {}
        self._expected = {}
        self._drops = {}
        self._limits = {}
        self._step = 0

    # --- what is configured

    def setup(self, text):
        """Adds commands, one a line."""
        self._setup += [line.strip() for line in text.strip().splitlines()]

    def limit(self, name, count):
        self._limits[name] = count

    # --- what happens, in this order

    def _next(self):
        self._step += 1
        return f"{self._step:02}"

    def send(self, link, frames, shape="", notes=None):
        """Frames come in at a link. `notes`: (start, offset) of each frame's partial checksum, and (GSO, size, outer size)."""
        self.send_together({link: frames}, shape, notes)

    def send_together(self, frames_of, shape="", notes=None):
        """Frames come in at several links in the same turns."""
        step = self._next()
        for link, frames in frames_of.items():
            stem = f"{step}-{link}" + (f".{shape}" if shape else "")
            self._pcap(f"{stem}.pcap", frames)
            if notes:
                lines = [(*note, 0, 0, 0)[:5] for note in notes]
                self._files[f"{stem}.notes"] = "".join(" ".join(map(str, line)) + "\n" for line in lines).encode()

    def send_same(self, link, other, file, shape=""):
        """Frames that another case has in a file."""
        self._link_to(f"{self._next()}-{link}" + (f".{shape}" if shape else "") + ".pcap", other, file)

    def commands(self, text):
        lines = [line.strip() for line in text.strip().splitlines()]
        self._files[f"{self._next()}.commands"] = ("\n".join(lines) + "\n").encode()

    def wait(self, seconds):
        self._files[f"{self._next()}.wait"] = f"{seconds}\n".encode()

    # --- what must come of it

    def expect(self, link, frames):
        self._expected.setdefault(link, []).extend(bytes(frame) for frame in frames)

    def expect_same(self, link, other, file):
        self._link_to(f"expect-{link}.pcap", other, file)

    def drop(self, link, reason, count):
        key = (link, reason)
        self._drops[key] = self._drops.get(key, 0) + count

    def expect_fdb(self, text):
        lines = [line.strip() for line in text.strip().splitlines()]
        self._files["expect-fdb"] = ("\n".join(lines) + "\n").encode()

    # --- writing

    def _pcap(self, name, frames):
        self._files[name] = pcap([bytes(frame) for frame in frames])

    def _link_to(self, name, other, file):
        self._links[name] = f"../{other}/{file}"

    @property
    def reasons(self):
        return {reason for _, reason in self._drops}

    @property
    def links(self):
        """Name -> target of a symbolic link, for frames that two cases share."""
        return self._links

    def files(self):
        """Name -> bytes."""
        files = {"setup": ("\n".join(self._setup) + "\n").encode(), **self._files}
        for link, frames in self._expected.items():
            if frames:
                files[f"expect-{link}.pcap"] = pcap(frames)
        for name, table in (("drops", self._drops), ("limits", self._limits)):
            lines = sorted(f"{' '.join(key) if isinstance(key, tuple) else key} {count}\n" for key, count in table.items())
            if lines:
                files[name] = "".join(lines).encode()
        return files


def golden(describe):
    """Registers a case: the function's name is the case's, its docstring says what it shows."""
    name = describe.__name__.replace("_", "-")
    assert name not in CASES, name
    case = Case(name, describe.__doc__)
    CASES[name] = case
    describe(case)
    return describe


def golden_each(**variants):
    """Registers one case for each keyword: its name is appended, its value is a dict of arguments."""
    def register(describe):
        for suffix, arguments in variants.items():
            name = f"{describe.__name__}_{suffix}".replace("_", "-")
            assert name not in CASES, name
            case = Case(name, describe.__doc__)
            CASES[name] = case
            describe(case, **arguments)
        return describe
    return register


def pcap(frames):
    """A classic pcap file whose times are all zero, so that it is the same whenever it is made."""
    parts = [struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)]
    for frame in frames:
        parts.append(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)
    return b"".join(parts)
