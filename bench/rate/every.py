# SPDX-License-Identifier: BSD-3-Clause
"""The scenarios of all kinds, in the order in which they run."""

from .kernel import KERNEL
from .processes import PROCESSES
from .scale import SCALE
from .scenarios import IN_PROCESS

SCENARIOS = [*IN_PROCESS, *SCALE, *PROCESSES, *KERNEL]
