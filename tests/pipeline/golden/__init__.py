# SPDX-License-Identifier: BSD-3-Clause
"""The golden cases, by what they are about. Importing this package makes them."""

from .case import CASES
from . import bridging, decap, dropping, encap, host, learning, offloads, routing, sweeps

__all__ = ["CASES", "bridging", "decap", "dropping", "encap", "host", "learning", "offloads", "routing", "sweeps"]
