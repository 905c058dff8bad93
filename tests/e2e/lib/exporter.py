# SPDX-License-Identifier: BSD-3-Clause
"""vxd-exporter in a namespace, and what its page says."""

import os
import re
import shutil
import signal
import subprocess

from .http import get
from .shell import expect, wait_until

ADDRESS = "127.0.0.1"
PORT = 9950

_SAMPLE = re.compile(r'(\w+)(?:\{(.*)\})? (\S+)$')
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Page:
    def __init__(self, text):
        self.text = text
        self.types = {}  # family -> "counter", ...
        self.samples = {}  # (name, labels) -> value
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split()
                self.types[name] = kind
            elif not line.startswith("#"):
                found = _SAMPLE.match(line)
                expect(found, f"the page has the line {line!r}")
                key = found[1], frozenset(_LABEL.findall(found[2] or ""))
                expect(key not in self.samples, f"the page has {key} twice")
                self.samples[key] = float(found[3])

    def value(self, name, **labels):
        """None if there is no such series."""
        return self.samples.get((name, frozenset(labels.items())))

    def labels(self, name, label):
        """The values that a label has."""
        return {dict(labels)[label] for sample, labels in self.samples if sample == name}

    def names(self):
        """What an expression can ask for."""
        found = set(self.types)
        for name, kind in self.types.items():
            if kind == "histogram":
                found |= {name + end for end in ("_bucket", "_sum", "_count")}
        return found


class Exporter:
    """Of the vxd on `socket`. With `user`, it is run as that user, who is in `groups` and no others."""

    def __init__(self, lab, namespace, socket, *arguments, user=None, groups=()):
        self.namespace = namespace
        self.log = os.path.join(lab.directory, "exporter.log")
        self.argv = [os.path.join(lab.settings.build, "vxd-exporter"), "--socket", socket, *arguments]
        if user is not None:
            os.chmod(lab.directory, 0o755)
            self.argv[0] = shutil.copy(self.argv[0], lab.directory)
            listed = ("--groups", ",".join(map(str, groups))) if groups else ("--clear-groups",)
            self.argv = ["setpriv", "--reuid", str(user), "--regid", str(user), *listed, "--no-new-privs",
                         "--bounding-set", "-all", *self.argv]
        self.process = None

    def __enter__(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.namespace.argv(*self.argv), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True)
        wait_until("the exporter serves", self._is_serving, timeout=10)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def _is_serving(self):
        expect(self.process.poll() is None, f"the exporter ended with status {self.process.returncode}: {self.said()}")
        return "/metrics shows the vxd on" in self.said()

    def said(self):
        with open(self.log) as file:
            return file.read()

    def end(self, by=signal.SIGTERM, within=10):
        self.process.send_signal(by)
        return self.process.wait(within)

    def page(self, port=PORT):
        answer = get(self.namespace, ADDRESS, port, "/metrics")
        expect(answer.status == 200 and answer.type.startswith("text/plain"), answer)
        return Page(answer.text)
