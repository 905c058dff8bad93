# SPDX-License-Identifier: BSD-3-Clause
"""Checksums of frames of every length from 60 to 1514 bytes. The cases share their files: what one tunnel sends is what
the other end receives."""

from .case import golden, golden_each
from .oracle import *

LENGTHS = range(60, 1515)
MAKERS = dict(udp_ipv4=(udp, 42), tcp_ipv4=(tcp, 54), udp_ipv6=(udp6, 62), tcp_ipv6=(tcp6, 74))


def every_length(make, headers, source, destination):
    """Frames of each length, each with other bytes in it; IPv6 begins at the length of its headers."""
    return [make(source, destination, length - headers, sport=1000 + length) if make in (udp, udp6, tcp) else
            make(source, destination, length - headers) for length in LENGTHS if length >= headers]


def checksums(kind):
    return f"every-length-partial-{kind}"


def tunnel(far):
    return f"every-length-encap-{'ipv4' if far == FAR4 else 'ipv6'}"


def near_end(case, far):
    underlay(case, 4 if far == FAR4 else 6, mtu="mtu 1600")
    bridge(case, "docker1")
    vxlan(case, "nolearning udpcsum", family=4 if far == FAR4 else 6, fdb=[(F1, far)])


def far_end(case, far):
    case.setup(f"link add uplink address {FAR} type vdev args net_ring_uplink\n"
               f"addr add {far}/{24 if far == FAR4 else 64} dev uplink")
    bridge(case, "docker1")
    case.setup(f"link add vxlan100 type vxlan id 100 local {far} dstport 4789 nolearning\nlink set vxlan100 master br0")


@golden_each(**{kind: dict(make=make, headers=headers) for kind, (make, headers) in MAKERS.items()})
def every_length_partial(case, make, headers):
    """A container's frame whose TCP or UDP checksum its kernel left to us is completed on its way to another container."""
    bridge(case, "docker1", "docker2")
    case.setup(f"fdb append {F1} dev docker2 master static")
    frames = every_length(make, headers, C1, F1)
    case.send("docker1", frames, "partial")
    case.expect_same("docker2", case.name, "01-docker1.partial.pcap")


@golden
def every_length_partial_segmented(case):
    """The same where the frame lies in pieces of 128 and 101 bytes."""
    bridge(case, "docker1", "docker2")
    case.setup(f"fdb append {F1} dev docker2 master static")
    case.send_same("docker1", checksums("tcp-ipv4"), "01-docker1.partial.pcap", "partial.split128")
    case.expect_same("docker2", checksums("tcp-ipv4"), "01-docker1.partial.pcap")


@golden_each(ipv4=dict(far=FAR4), ipv6=dict(far=FAR6))
def every_length_encap(case, far):
    """The outer UDP checksum, over an inner frame whose own checksum was partial."""
    near_end(case, far)
    case.send_same("docker1", checksums("udp-ipv4"), "01-docker1.partial.pcap", "partial")
    case.expect("uplink", [encapsulated(frame, far, checksum=True) for frame in every_length(udp, 42, C1, F1)])


@golden_each(ipv4=dict(far=FAR4), ipv6=dict(far=FAR6))
def every_length_encap_segmented(case, far):
    """The same where the inner frame lies in pieces."""
    near_end(case, far)
    case.send_same("docker1", checksums("udp-ipv4"), "01-docker1.partial.pcap", "split128")
    case.expect_same("uplink", tunnel(far), "expect-uplink.pcap")


@golden_each(ipv4=dict(far=FAR4), ipv6=dict(far=FAR6))
def every_length_decap(case, far):
    """The far end of the same tunnel: each checksum is found to be right, and the frames are as they were."""
    far_end(case, far)
    case.send_same("uplink", tunnel(far), "expect-uplink.pcap")
    case.expect_same("docker1", checksums("udp-ipv4"), "01-docker1.partial.pcap")


@golden_each(ipv4=dict(far=FAR4), ipv6=dict(far=FAR6))
def every_length_decap_segmented(case, far):
    """The same where the outer frame lies in pieces."""
    far_end(case, far)
    case.send_same("uplink", tunnel(far), "expect-uplink.pcap", "split128")
    case.expect_same("docker1", checksums("udp-ipv4"), "01-docker1.partial.pcap")


@golden
def partial_checksum_of_zero(case):
    """A UDP checksum that comes to zero is sent as ffff: zero would say that there is none (RFC 768)."""
    bridge(case, "docker1", "docker2")
    case.setup(f"fdb append {F1} dev docker2 master static")
    for make, at in ((udp, 40), (udp6, 60)):
        frame = make(C1, F1)
        frame[Raw].load = payload(26) + bytes(2)
        missing = bytes(frame)[at:at + 2]  # this word more, and the sum is ffff
        frame[Raw].load = payload(26) + missing
        assert bytes(frame)[at:at + 2] == b"\xff\xff"
        case.send("docker1", [frame], "partial")
        case.expect("docker2", [frame])
