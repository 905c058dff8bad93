# SPDX-License-Identifier: BSD-3-Clause
"""The figures of README.md and docs/performance.md: tables between two marks, out of the same JSON as bench/RESULTS.md. README
has a few, the other page all that are worth a sentence."""

import os

from .document import number, repeatable
from .plots import value

BEGIN = "<!-- figures: written by bench/report, do not edit -->"
END = "<!-- end of figures -->"


def _named(entries, name):
    return next((entry for entry in entries if entry["name"] == name), None)


def _rates(report):
    for scenario, title in (("encap-1000", "encapsulation, 1000 MACs"), ("encap-1000-csum", "with an outer UDP checksum"),
                            ("decap-1000", "decapsulation, learning, 1000 MACs"),
                            ("decap-1000-csum", "with an outer UDP checksum")):
        rate = _named(report.get("results", []), f"{scenario}/vxd")
        if rate is None:
            continue
        parts = [f"{number(value(rate))} Mpps"]
        for other, name in (("OVS-DPDK", "OVS-DPDK's"), ("testpmd io", "of a testpmd that forwards the same frames untouched")):
            ratio = _named(report.get("ratios", []), f"{scenario}: vxd / {other}")
            if ratio is not None:
                parts.append(f"{ratio['median']:.2f} {'times ' if other == 'OVS-DPDK' else ''}{name}")
        yield f"whole processes on one core: {title}", ", ".join(parts)


def _ticks(report):
    for way, title in (("encap", "encapsulation"), ("decap", "decapsulation"), ("route", "routed encapsulation")):
        found = [_named(report.get("results", []), f"{way} v4 fdb={count} vnis=1 vteps=1 burst=32 size=64")
                 for count in (1, 1000, 1000000)]
        if all(found):
            yield (f"pipeline without ports: {title}, FDB of 1, 1000, 1M entries",
                   ", ".join(f"{one['at_clock']:.0f}" for one in found) + " ticks a packet at 2.6 GHz")


def _instructions(report):
    for way, title in (("encap", "encapsulation"), ("decap", "decapsulation"), ("route", "routed encapsulation")):
        found = [_named(report.get("results", []), f"{way} {underlay} fdb=1000 vnis=1 vteps=1 burst=32 size=64")
                 for underlay in ("v4", "v4+udpcsum", "v6")]
        if all(found):
            yield (f"instructions a packet: {title} by IPv4, with an outer UDP checksum (the default), by IPv6",
                   ", ".join(f"{value(one):.0f}" for one in found))


def _containers(report):
    for ratio in report.get("ratios", []):
        what, _, of = ratio["name"].partition(": ")
        if "there and back, 64 bytes, p99" in what:
            continue
        one, _, other = of.partition(" / ")
        figures = [_named(report["results"], f"{what}: {name}") for name in (one, other)]
        if all(figures):
            shown = " against ".join(f"{number(value(figure))} {figure['unit']}" for figure in figures)
            yield f"two containers, {what}: {one}, against {other}", f"{ratio['median']:.2f} ({shown})"


WRITERS = {"container_rate": _containers, "packet_rate": _rates, "pipeline_bench": _ticks, "instructions": _instructions}


def _command(report):
    """Without the folder, which for some is there only after the build."""
    program, *words = repeatable(report.get("command", report["file"])).split(" ")
    return " ".join([os.path.basename(program), *words])


def _where(report):
    """`program`, commit, processor."""
    cpu = report.get("machine", {}).get("cpu")
    return f"`{_command(report)}`, commit `{report.get('commit', 'unknown')}`" + (f", {cpu}" if cpu else "")


def figures(reports):
    """A table for each instrument."""
    lines = []
    for report in reports:
        rows = list(WRITERS[report["file"]](report)) if report["file"] in WRITERS else []
        if not rows:
            continue
        lines += ["", _where(report) + ":", "", "| what | figure |", "|---|---|"]
        lines += [f"| {what} | {figure} |" for what, figure in rows]
    return "\n".join(lines)


# What README shows: instrument, what was measured, whose result, beside whom, in README's words.
CHOSEN = [
    ("packet_rate", "encap-1000", "vxd", "OVS-DPDK", "encapsulation on one core, 64 bytes, 1000 MACs", "{} times OVS-DPDK"),
    ("packet_rate", "decap-1000", "vxd", "OVS-DPDK", "decapsulation and learning, the same", "{} times OVS-DPDK"),
    ("container_rate", "one TCP stream", "vxd, af_packet on a veth", "kernel vxlan, MTU frames on a veth",
     "two containers on two hosts, one TCP stream", "{} of Linux"),
    ("container_rate", "datagrams of 64 bytes", "vxd, af_packet on a veth", "kernel vxlan, MTU frames on a veth",
     "the same, datagrams of 64 bytes", "{} of Linux"),
    ("container_rate", "there and back, 64 bytes, p50", "vxd, af_packet on a veth", "kernel vxlan, MTU frames on a veth",
     "the same, there and back, median", "{} of Linux (less is better)"),
]
JOINT = {"packet_rate": "/", "container_rate": ": "}  # between what and whose, in a result's name


def summary(reports):
    """One table for all."""
    by_file = {report["file"]: report for report in reports}
    lines, used = [], {}
    for file, what, whose, other, title, beside in CHOSEN:
        report = by_file.get(file, {})
        result = _named(report.get("results", []), f"{what}{JOINT[file]}{whose}")
        ratio = _named(report.get("ratios", []), f"{what}: {whose} / {other}")
        if result and ratio:
            used[file] = report
            lines.append(f"| {title} | {number(value(result))} {result.get('unit', 'Mpps')} | {beside.format(format(ratio['median'], '.2f'))} |")
    if not lines:
        return ""
    return "\n".join(["", "| what | vxd | beside it, in the same run |", "|---|---|---|", *lines, "",
                      "; ".join(_where(report) for report in used.values()) + "."])


PAGES = {"README.md": summary, os.path.join("docs", "performance.md"): figures}


def rewrite(root, reports):
    """Puts them into the pages that have the marks; a page that nothing was measured for stays as it is."""
    for page, tables_of in PAGES.items():
        path = os.path.join(root, page)
        with open(path) as file:
            text = file.read()
        begin, end = text.find(BEGIN), text.find(END)
        tables = tables_of(reports)
        if begin < 0 or end < begin or not tables:
            continue
        with open(path, "w") as file:
            file.write(text[:begin + len(BEGIN)] + "\n" + tables + "\n\n" + text[end:])
