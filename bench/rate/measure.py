# SPDX-License-Identifier: BSD-3-Clause
"""Rounds of interleaved measurements, and what they say."""

import contextlib
import random
import statistics
import time
from dataclasses import dataclass, field

from lib.shell import expect

from . import machine


@dataclass
class Measurement:
    """One contestant for a few seconds."""

    mpps: float        # per second of the clock that the scenario counts in
    wall_mpps: float   # per second of the wall
    share: float       # of the CPU that the polling thread got
    steal: float       # of the CPU that the hypervisor took
    ticks: float       # TSC ticks per packet, in the scenario's clock
    facts: dict = field(default_factory=dict)


def measure(contestant, seconds, warmup, env, clock):
    contestant.resume()
    try:
        time.sleep(warmup)
        steal = machine.ticks_of(env.cpu)
        before = contestant.sample(env.cpu)
        time.sleep(seconds)
        after = contestant.sample(env.cpu)
        all_ticks, stolen = (b - a for a, b in zip(steal, machine.ticks_of(env.cpu)))
        contestant.check(before, after)
        facts = contestant.facts()
        contestant.verify()
    finally:
        contestant.pause()
    wall, cpu = after.seconds - before.seconds, after.cpu - before.cpu
    packets = after.packets - before.packets
    spent = cpu if clock == "cpu" else wall
    expect(spent > 0, f"{contestant.label}: its thread did not run")
    return Measurement(packets / spent / 1e6, packets / wall / 1e6, cpu / wall, stolen / max(1, all_ticks),
                       machine.tsc_hz() * spent / packets, facts)


def one_round(scenario, env, seconds, warmup):
    """Everybody starts anew, so that no lucky placement in memory lasts; then A B C C B A. Label -> measurements."""
    found = {}
    with contextlib.ExitStack() as stack:
        contestants = []
        for make in scenario.contestants(env):
            contestants.append(stack.enter_context(make))
            contestants[-1].pause()
        for contestant in contestants + contestants[::-1]:
            got = measure(contestant, seconds, warmup, env, scenario.clock)
            found.setdefault(contestant.label, []).append(got)
    return found


def quantile(values, part):
    values = sorted(values)
    place = (len(values) - 1) * part
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


def interval(values):
    """95% bootstrap interval of the median."""
    draw = random.Random(1)
    medians = sorted(statistics.median(draw.choices(values, k=len(values))) for _ in range(1000))
    return [medians[25], medians[974]]


def summary(values):
    return {"median": statistics.median(values), "p10": quantile(values, .1), "p25": quantile(values, .25),
            "p75": quantile(values, .75), "p90": quantile(values, .9), "ci95": interval(values), "samples": len(values)}


def results(scenario, rounds):
    """Of all rounds: one result a contestant, and the ratios that the scenario asks for, with what they should be."""
    labels = list(rounds[0])
    found = []
    for label in labels:
        all_of = [one for each in rounds for one in each[label]]
        entry = {"name": f"{scenario.name}/{label}", "group": scenario.title, "series": label, "unit": "Mpps",
                 **summary([one.mpps for one in all_of]),
                 "ticks_per_packet": statistics.median(one.ticks for one in all_of),
                 "wall_mpps": statistics.median(one.wall_mpps for one in all_of),
                 "cpu_share": statistics.median(one.share for one in all_of),
                 "steal": max(one.steal for one in all_of), "clock": scenario.clock, "plot": scenario.plot}
        offered = [one.facts["offered_mpps"] for one in all_of if "offered_mpps" in one.facts]
        if offered:
            entry["offered_mpps"] = statistics.median(offered)
            entry["generator_limited"] = entry["median"] > 0.97 * entry["offered_mpps"]
        if all_of[-1].facts:
            entry["facts"] = all_of[-1].facts
        found.append(entry)
    ratios = []
    for ratio in scenario.ratios:
        if ratio.over not in labels or ratio.of not in labels:
            continue
        each = [statistics.fmean(m.mpps for m in one[ratio.of]) / statistics.fmean(m.mpps for m in one[ratio.over])
                for one in rounds]
        middle = statistics.median(each)
        met, wanted = None, ratio.target
        if ratio.target is not None:
            met = middle >= ratio.target
        elif ratio.within is not None:
            low, high = interval(each) # all of it: a median says nothing where the rounds differ by more
            met, wanted = 1 - ratio.within <= low and high <= 1 + ratio.within, f"1 ± {ratio.within}"
        if any(one.get("generator_limited") for one in found if one["series"] in (ratio.of, ratio.over)):
            met, wanted = None, "no ratio: the generator is the limit"
        ratios.append({"name": f"{scenario.name}: {ratio.of} / {ratio.over}", "group": scenario.title, "median": middle,
                       "min": min(each), "max": max(each), "ci95": interval(each), "target": wanted, "met": met})
    return found, ratios
