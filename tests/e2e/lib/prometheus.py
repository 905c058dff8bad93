# SPDX-License-Identifier: BSD-3-Clause
"""Debian's Prometheus: promtool, and a server in a namespace that scrapes what it is told to."""

import json
import os
import shutil
import subprocess
import urllib.parse

from .debian import unpack
from .http import get
from .shell import Failed, expect, run, wait_until

ADDRESS = "127.0.0.1"
PORT = 9090


def program(build, name):
    """"prometheus" or "promtool", from the package in the build folder; it is put there once."""
    folder = os.path.join(build, "prometheus-package")
    if not os.path.exists(folder):
        made = folder + ".new"
        shutil.rmtree(made, ignore_errors=True)
        unpack(lambda check: ["prometheus"], made)
        os.rename(made, folder)
    return os.path.join(folder, "usr", "bin", name)


def promtool(build, *words, input=None):
    return run(program(build, "promtool"), *words, input=input, check=False, timeout=60)


class Prometheus:
    """It scrapes twice a second."""

    def __init__(self, lab, namespace, target, rules):
        self.namespace = namespace
        self.folder = os.path.join(lab.directory, "prometheus")
        self.log = os.path.join(lab.directory, "prometheus.log")
        self.program = program(lab.settings.build, "prometheus")
        os.makedirs(self.folder)
        self.config = os.path.join(self.folder, "prometheus.yml")
        with open(self.config, "w") as file:
            json.dump({"global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"},
                       "rule_files": [rules],
                       "scrape_configs": [{"job_name": "vxd", "static_configs": [{"targets": [target]}]}]}, file)
        self.process = None

    def __enter__(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.namespace.argv(self.program, f"--config.file={self.config}",
                                    f"--storage.tsdb.path={self.folder}/data", f"--web.listen-address={ADDRESS}:{PORT}"),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=self.folder)
        wait_until("Prometheus is ready", self._is_ready, timeout=30, interval=0.1)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _is_ready(self):
        expect(self.process.poll() is None, f"Prometheus ended with status {self.process.returncode}: see {self.log}")
        try:
            return get(self.namespace, ADDRESS, PORT, "/-/ready").status == 200
        except OSError:
            return False

    def ask(self, path, **parameters):
        answer = get(self.namespace, ADDRESS, PORT, f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
        try:
            said = json.loads(answer.text)
        except ValueError:
            raise Failed(f"Prometheus to {path}: {answer}") from None
        expect(answer.status == 200 and said["status"] == "success", f"Prometheus to {path} {parameters}: {answer}")
        return said["data"]

    def query(self, expression):
        """A list of (labels, value)."""
        return [(sample["metric"], float(sample["value"][1]))
                for sample in self.ask("query", query=expression)["result"]]
