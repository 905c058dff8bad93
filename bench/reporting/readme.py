# SPDX-License-Identifier: BSD-3-Clause
"""README's figures: a table between two marks, out of the same JSON as bench/RESULTS.md."""

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


def figures(reports):
    lines = []
    for report in reports:
        rows = list(WRITERS[report["file"]](report)) if report["file"] in WRITERS else []
        if not rows:
            continue
        machine = report.get("machine", {})
        where = ", ".join(str(machine[key]) for key in ("cpu",) if key in machine)
        lines += ["", f"`{_command(report)}`, commit `{report.get('commit', 'unknown')}`"
                  + (f", {where}" if where else "") + ":", "", "| what | figure |", "|---|---|"]
        lines += [f"| {what} | {figure} |" for what, figure in rows]
    return "\n".join(lines)


def rewrite(path, reports):
    """Puts them into the file at `path`, if it has the marks."""
    with open(path) as file:
        text = file.read()
    begin, end = text.find(BEGIN), text.find(END)
    if begin < 0 or end < begin:
        return
    with open(path, "w") as file:
        file.write(text[:begin + len(BEGIN)] + "\n" + figures(reports) + "\n\n" + text[end:])
