# SPDX-License-Identifier: BSD-3-Clause
"""The text of bench/RESULTS.md."""

import os

from .plots import value

COLUMNS = ("p10", "p90", "ci95", "at_clock", "ticks_per_packet", "wall_mpps", "offered_mpps", "cpu_share", "steal", "discarded", "target", "met")
TITLES = {"ci95": "95% interval", "ticks_per_packet": "ticks/packet", "wall_mpps": "Mpps of the wall",
          "offered_mpps": "offered", "cpu_share": "share of its CPU", "steal": "steal",
          "at_clock": "at 2.6 GHz", "discarded": "discarded", "target": "wanted"}
IS_MET = {True: "yes", False: "**no**", None: ""}


def number(what):
    if what is None:
        return ""
    if isinstance(what, (list, tuple)):
        return " to ".join(number(one) for one in what)
    if isinstance(what, bool) or not isinstance(what, (int, float)):
        return str(what)
    if what == 0 or abs(what) >= 1000:
        return f"{what:.0f}"
    return f"{what:.3g}" if abs(what) < 100 else f"{what:.1f}"


def cell(column, what):
    if column == "met":
        return IS_MET[what]
    if column in ("cpu_share", "steal") and what is not None:
        return f"{what:.1%}" if column == "steal" else f"{what:.0%}"
    return number(what)


def table(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|---" + "|---:" * (len(heads) - 1) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def _flat(mapping, prefix=""):
    for key, what in mapping.items():
        if isinstance(what, dict):
            yield from _flat(what, f"{prefix}{key}.")
        else:
            yield prefix + key, what


def machine_line(report):
    """Everything that an instrument says about its machine, its calibration too."""
    return "; ".join(f"{name} {number(what)}" for name, what in _flat(report.get("machine", {})))


def _results(report):
    results = report.get("results", [])
    used = [column for column in COLUMNS if any(column in result for result in results)]
    rows = [[result["name"], f"{number(value(result))} {result['unit']}",
             *(cell(column, result.get(column)) for column in used)] for result in results]
    return table(["", "median", *(TITLES.get(column, column) for column in used)], rows) if rows else ""


def _ratios(report):
    rows = []
    for ratio in report.get("ratios", []):
        lowest, highest = ratio.get("ci95") or (ratio.get("min"), ratio.get("max"))
        met = IS_MET[ratio.get("met")]
        rows.append([ratio["name"], number(ratio["median"]), number((lowest, highest)) if lowest is not None else "",
                     number(ratio.get("target")), met])
    return table(["ratio", "median", "range", "wanted", "met"], rows) if rows else ""


def repeatable(command):
    """The command without where its programs were and its results went, which is a matter of that run alone."""
    words = command.split(" ")
    for option in ("--json", "--build"):
        if option in words:
            at = words.index(option)
            del words[at:at + 2]
    return " ".join(words)


def section(report, plots, folder):
    parts = [f"## {report['bench']}",
             f"`{repeatable(report.get('command', report['bench']))}`, commit `{report.get('commit', 'unknown')}`"
             + (f", {report['time']}" if report.get("time") else "") + ".",
             f"Machine and calibration: {machine_line(report)}."]
    parts += [f"![{report['bench']}]({os.path.relpath(path, folder)})" for path in plots]
    parts += [part for part in (_ratios(report), _results(report)) if part]
    for failure in report.get("failures", []):
        first = (failure["message"].strip().splitlines() or ["?"])[0]
        parts.append(f"Not measured: {failure['name']}: {first}")
    return "\n\n".join(parts)


def warnings(reports):
    """What a reader has to know before quoting anything."""
    found = []
    commits = {report.get("commit", "unknown") for report in reports}
    if len(commits) > 1:
        found.append(f"the instruments ran on different commits: {', '.join(sorted(commits))}")
    if any(str(commit).endswith("-dirty") for commit in commits):
        found.append("the tree had changes that were not committed")
    for report in reports:
        shares = [result["cpu_share"] for result in report.get("results", [])
                  if "cpu_share" in result and result.get("clock") == "cpu"]
        if shares and min(shares) < 0.95:
            found.append(f"{report['bench']}: the measured thread got only {min(shares):.0%} of its CPU at worst;"
                         " rates are per second that it ran, but its caches were cold")
        if any(result.get("steal", 0) > 0.01 for result in report.get("results", [])):
            found.append(f"{report['bench']}: the hypervisor took more than 1% of the CPU")
    return found


def document(reports, plots, missing, command, folder):
    text = ["# Results", f"Written by `{command}`; do not edit. bench/README.md says what each instrument measures."]
    text += [f"**Careful:** {warning}." for warning in warnings(reports)]
    text += [f"Left out: {line}." for line in missing]
    text += [section(report, plots[report["bench"]], folder) for report in reports]
    return "\n\n".join(text) + "\n"
