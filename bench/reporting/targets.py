# SPDX-License-Identifier: BSD-3-Clause
"""What pipeline_bench's figures should be. Ticks are compared as those of a clock of 2.6 GHz, whatever the machine's."""

from .plots import value

CLOCK_GHZ = 2.6
TICKS = {  # of a packet in bursts of 32, without ports
    "encap v4 fdb=1 vnis=1 vteps=1 burst=32 size=64": 25,
    "encap v4 fdb=1000 vnis=1 vteps=1 burst=32 size=64": 28,
    "encap v4 fdb=1000000 vnis=1 vteps=1 burst=32 size=64": 55,
    "decap v4 fdb=1 vnis=1 vteps=1 burst=32 size=64": 36,
    "decap v4 fdb=1000 vnis=1 vteps=1 burst=32 size=64": 40,
    "decap v4 fdb=1000000 vnis=1 vteps=1 burst=32 size=64": 70,
    "route v4 fdb=1 vnis=1 vteps=1 burst=32 size=64": 40,
    "route v4 fdb=1000 vnis=1 vteps=1 burst=32 size=64": 45,
    "route v4 fdb=1000000 vnis=1 vteps=1 burst=32 size=64": 75,
}
MOST = [  # (what it says, one, over another, at most)
    *((f"{way}: ticks by IPv6 / by IPv4", f"{way} v6 fdb=1000 vnis=1 vteps=1 burst=32 size=64",
       f"{way} v4 fdb=1000 vnis=1 vteps=1 burst=32 size=64", 1.15) for way in ("encap", "decap", "route")),
    *((f"{way}: ticks in bursts of 1 / of 32", f"{way} v4 fdb=1000 vnis=1 vteps=1 burst=1 size=64",
       f"{way} v4 fdb=1000 vnis=1 vteps=1 burst=32 size=64", 3) for way in ("encap", "decap")),
    *((f"{way}: ticks with 100 VNIs and 100 VTEPs / with one", f"{way} v4 fdb=10000 vnis=100 vteps=100 burst=32 size=64",
       f"{way} v4 fdb=10000 vnis=1 vteps=1 burst=32 size=64", 1 / .9) for way in ("encap", "decap")),
]


def annotate(report):
    """Adds to pipeline_bench's results what they should be, and the ratios between them."""
    if report["bench"] != "pipeline":
        return
    clock = report["machine"]["tsc_ghz"]
    medians = {}
    for result in report.get("results", []):
        if result["unit"] != "ticks/packet":
            continue
        medians[result["name"]] = value(result)
        result["at_clock"] = value(result) * CLOCK_GHZ / clock
        target = TICKS.get(result["name"])
        if target is not None:
            result.update(target=target, met=result["at_clock"] <= target)
    for name, one, other, most in MOST:
        if one in medians and other in medians:
            ratio = medians[one] / medians[other]
            report.setdefault("ratios", []).append(
                {"name": name, "median": ratio, "target": f"at most {most:.3g}", "met": ratio <= most})
