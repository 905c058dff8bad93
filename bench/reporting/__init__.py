# SPDX-License-Identifier: BSD-3-Clause
"""From the instruments' JSON to bench/RESULTS.md. Of a result only "name", "unit" and "median" (or "value") are needed:

    {"bench": "fdb_bench", "commit": "...", "command": "...", "machine": {...},
     "results": [{"name": "hit/1k/vxd", "unit": "ticks/lookup", "median": 7.8, "p10": .., "p90": .., "ci95": [lo, hi],
                  "group": "hit, 1k", "series": "vxd",      one bar each, side by side in its group
                  "x": 1000, "x_title": "entries",          or a point on the line of its series
                  "plot": "hits"}],                         the figure that it belongs to
     "ratios": [{"name": "...", "median": 3.1, "min": .., "max": .., "target": 2.5, "met": true}],
     "failures": [{"name": "...", "message": "..."}]}
"""
