# SPDX-License-Identifier: BSD-3-Clause
"""What bench/packet_rate is made of. vxd and namespaces come from the end-to-end tests: tests/e2e/lib."""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
