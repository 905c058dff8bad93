# SPDX-License-Identifier: BSD-3-Clause
"""SVG figures of one instrument's results: bars in groups, or lines where results have an x."""

import os
import re

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({
    "svg.hashsalt": "vxd", "svg.fonttype": "none",  # the same data make the same file; text stays text
    "font.family": "sans-serif", "font.size": 9, "axes.titlesize": 10, "axes.titlelocation": "left",
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#e4e4e4",
    "axes.axisbelow": True, "legend.frameon": False,
})
import matplotlib.pyplot as plt  # noqa: E402

# Told apart with any colour vision; what is known has the same colour in every figure.
COLORS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#8c6d31"]
KNOWN = {"vxd": "#0072b2", "OVS-DPDK": "#e69f00", "testpmd io": "#9a9a9a", "Linux": "#009e73", "rte_hash": "#e69f00",
         "vxd again": "#56b4e9", "rte_hash tuned": "#d55e00"}
MOST_BARS = 36


def value(result):
    return result["median"] if "median" in result else result["value"]


def _spread(result):
    """How far p10 and p90 are from the middle."""
    middle = value(result)
    return [max(0, middle - result.get("p10", middle)), max(0, result.get("p90", middle) - middle)]


def _colors(series):
    free = [color for color in COLORS if color not in (KNOWN.get(name) for name in series)]
    found = {}
    for name in series:
        found[name] = KNOWN.get(name) or (free.pop(0) if free else "#555555")
    return found


def _unique(values):
    return list(dict.fromkeys(values))


def _save(figure, folder, name):
    path = os.path.join(folder, re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") + ".svg")
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")
    plt.close(figure)
    return path


def _bars(results, title, unit):
    groups = _unique(result.get("group", result["name"]) for result in results)
    series = _unique(result.get("series", "") for result in results)
    colors = _colors(series)
    rows = sum(len([r for r in results if r.get("group", r["name"]) == group]) for group in groups)
    figure, axes = plt.subplots(figsize=(7.5, 0.9 + 0.24 * rows + 0.18 * len(groups)))
    place, ticks = 0.0, []
    seen = set()
    most = max(value(result) + _spread(result)[1] for result in results)
    least = min(0, *(value(result) - _spread(result)[0] for result in results), 0)  # a difference may be below 0
    for group in groups:
        of_group = [result for result in results if result.get("group", result["name"]) == group]
        ticks.append((place + (len(of_group) - 1) / 2, group))
        for result in of_group:
            name = result.get("series", "")
            axes.barh(place, value(result), height=0.82, color=colors[name], xerr=[[part] for part in _spread(result)],
                      error_kw={"ecolor": "#333333", "elinewidth": 0.9, "capsize": 2},
                      label=name if name and name not in seen else None)
            seen.add(name)
            axes.text(value(result) + _spread(result)[1] + most * 0.012, place, f"{value(result):.3g}", va="center",
                      fontsize=8, color="#333333")
            place += 1
        place += 0.7
    axes.set_yticks([at for at, _ in ticks], [group for _, group in ticks])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlim(least * 1.1, most * 1.1)
    axes.set_xlabel(f"{unit} (median; whiskers from p10 to p90)")
    axes.set_title(title)
    if len(seen - {""}) > 1:
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def _lines(results, title, unit):
    figure, axes = plt.subplots(figsize=(7.5, 3.6))
    series = _unique(result.get("series", "") for result in results)
    colors = _colors(series)
    for name in series:
        points = sorted((result for result in results if result.get("series", "") == name), key=lambda r: r["x"])
        x = [point["x"] for point in points]
        axes.plot(x, [value(point) for point in points], color=colors[name], marker="o", markersize=4, linewidth=1.8)
        axes.fill_between(x, [value(p) - _spread(p)[0] for p in points], [value(p) + _spread(p)[1] for p in points],
                          color=colors[name], alpha=0.15, linewidth=0)
        axes.annotate(f" {name}", (x[-1], value(points[-1])), color=colors[name], va="center", annotation_clip=False)
    if min(result["x"] for result in results) > 0 and max(r["x"] for r in results) > 50 * min(r["x"] for r in results):
        axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel(results[0].get("x_title", ""))
    axes.set_ylabel(unit)
    axes.set_title(title)
    return figure


def draw(bench, results, folder):
    """Paths of the figures: one for each "plot" and unit, and no more bars in one than can be read. What says None for
    its plot has none."""
    os.makedirs(folder, exist_ok=True)
    figures = {}
    for result in results:
        if result.get("plot", "") is None:
            continue
        figures.setdefault((result.get("plot", ""), result["unit"]), []).append(result)
    paths = []
    for (plot, unit), of_figure in figures.items():
        title = f"{bench}: {plot}" if plot else bench
        with_x = [result for result in of_figure if "x" in result]
        if len(with_x) == len(of_figure) and len({result["x"] for result in with_x}) > 2:
            paths.append(_save(_lines(of_figure, title, unit), folder, f"{bench} {plot} {unit}"))
            continue
        for part in range(0, len(of_figure), MOST_BARS):
            number = f" {part // MOST_BARS + 1}" if len(of_figure) > MOST_BARS else ""
            drawn = _bars(of_figure[part:part + MOST_BARS], title + number, unit)
            paths.append(_save(drawn, folder, f"{bench} {plot} {unit}{number}"))
    return paths
