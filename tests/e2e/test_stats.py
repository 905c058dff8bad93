# SPDX-License-Identifier: BSD-3-Clause
"""What stats counts only while somebody asks: packets by far VTEP and by destination MAC."""

import time

from lib.shell import expect
from lib.testcase import cases
from test_bridged import two_containers

PINGS = 20


def row_of(rows, **members):
    found = [row for row in rows if all(row[name] == value for name, value in members.items())]
    expect(len(found) == 1, f"not one row with {members}: {rows}")
    return found[0]


@cases(dict(far="kernel", family=4), dict(far="vxd", family=6))
def test_packets_are_counted_by_vtep_and_by_mac_while_somebody_asks(lab, far, family):
    c1, c2 = two_containers(lab, far, family=family)
    near, other = c1.host, c2.host
    c1.ping(c2)  # everybody knows everybody
    for words in ("vtep", "mac"):
        near.json("stats", words)
    before = near.json("stats", "vtep")["vteps"]
    expect(all(row["tx"]["packets"] < 5 for row in before), f"what was before the question counts: {before}")
    c1.ping(c2, count=PINGS, size=500)
    vtep = row_of(near.json("stats", "vtep", "dev", "vxlan100")["vteps"], dst=other.address, ifname="vxlan100")
    macs = near.json("stats", "mac", "dev", "br0")["macs"]
    to_c2, to_c1 = row_of(macs, mac=c2.mac), row_of(macs, mac=c1.mac)
    for what, counts in (("tx", vtep["tx"]), ("rx", vtep["rx"]), ("to c2", to_c2), ("to c1", to_c1)):
        expect(PINGS <= counts["packets"] <= PINGS + 10, f"{what}: {counts}")
        expect(PINGS * 542 <= counts["bytes"] <= (PINGS + 10) * 542, f"{what}: {counts}")
    text = near.vxctl("stats", "vtep").out
    expect(other.address in text and "while it is asked" in text, text)
    time.sleep(12.5)
    again = near.json("stats", "vtep")
    expect(again["seconds"] == 0 and not again["vteps"], f"it counted on, and nobody asked: {again}")
