# SPDX-License-Identifier: BSD-3-Clause
"""tools/doctor beside a vxd that runs, in its namespace. Its checks are tested one by one in tests/check/doctor.py."""

import json
import os

from lib.shell import expect, run
from lib.testcase import needs_vxd

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@needs_vxd
def test_it_sees_what_is_wrong_with_a_vxd(lab):
    near, far = lab.underlay("vxd", "kernel")
    lab.bridged([near, far])

    def found(check):
        result = near.namespace.run(os.path.join(ROOT, "tools/doctor"), "-j", "--socket", near.socket, check=False)
        expect(result.status in (0, 1, 2) and not result.err, result)
        return [(finding["status"], finding["text"] + finding["mend"]) for finding in json.loads(result.out)
                if finding["check"] == check]

    def is_one(check, status, *says):
        all_of_it = found(check)
        expect(len(all_of_it) == 1 and all_of_it[0][0] == status and all(word in all_of_it[0][1] for word in says),
               f"{check}: {all_of_it}")
    is_one("mtu", "OK", "vxlan100: MTU 1450 fits into uplink's 1500")
    is_one("udp-port", "OK")
    is_one("address", "OK")
    is_one("offload", "OK", "eth1", "af_packet")
    near.do("link set vxlan100 mtu 1500")
    is_one("mtu", "FAIL", "room for 1450", "vxctl link set uplink mtu 1550")
    near.namespace.ip("link", "add", "vxk", "type", "vxlan", "id", 100, "dstport", 4789, "dev", "eth1")
    is_one("udp-port", "FAIL", "vxk and vxd's vxlan100 both are VNI 100")
    near.namespace.ip("addr", "add", "192.0.2.1/24", "dev", "eth1")
    is_one("address", "FAIL", "192.0.2.1", "eth1")
    near.namespace.offloads("eth1", "on")
    is_one("offload", "OK", "eth1", "af_packet")
    near.do("link del uplink", "link add uplink type af_xdp dev eth1", "addr add 192.0.2.1/24 dev uplink")
    is_one("offload", "WARN", "eth1 is a veth", "ethtool -K PEER tx off")
    near.do("addr del 192.0.2.1/24 dev uplink")
    is_one("mtu", "FAIL", "no port has 192.0.2.1")


@needs_vxd
def test_it_says_nothing_of_a_namespace_that_it_does_not_see(lab):
    """Our own may have the same addresses, of which it would say that they are to be deleted."""
    host, = lab.underlay("vxd")
    result = run(os.path.join(ROOT, "tools/doctor"), "-j", "--socket", host.socket, check=False)
    findings = {finding["check"]: finding for finding in json.loads(result.out)}
    expect(not {"address", "udp-port", "offload", "rp_filter"} & set(findings), findings)
    expect(findings["netns"]["status"] == "WARN" and f"/proc/{host.pid}/ns/net" in findings["netns"]["mend"], findings)
