# SPDX-License-Identifier: BSD-3-Clause
"""Where MACs are: learning, moves, static entries, ageing."""

from .case import golden, golden_each
from .oracle import *

PORTS = ("docker1", "docker2", "docker3")


@golden
def learn_from_containers(case):
    """The first frame is flooded; the answer already goes to one port, and so does what follows."""
    bridged(case, ports=PORTS, fdb=[], flood=[FAR4])
    case.send("docker1", [udp(C1, C2)])
    case.expect("docker2", [udp(C1, C2)])
    case.expect("docker3", [udp(C1, C2)])
    case.expect("uplink", [encapsulated(udp(C1, C2))])
    case.send("docker2", [udp(C2, C1)])
    case.expect("docker1", [udp(C2, C1)])
    case.send("docker1", [udp(C1, C2, 100)])
    case.expect("docker2", [udp(C1, C2, 100)])
    case.expect_fdb(f"""
        02:00:00:00:03:01 dev br0 master br0 permanent
        02:00:00:00:03:02 dev br0 master br0 permanent
        {C1} dev docker1 master br0
        {C2} dev docker2 master br0
        00:00:00:00:00:00 dev vxlan100 dst {FAR4} self permanent""")


@golden_each(ipv4=dict(family=4, far=(FAR4, FAR2_4)), ipv6=dict(family=6, far=(FAR6, FAR2_6)))
def learn_from_tunnels(case, family, far):
    """A decapsulated frame's source is behind the VTEP that it came from; answers go there alone, at the device's port and
    VNI, whatever source port it came with."""
    bridged(case, "learning udpcsum", family=family, port=8472, vni=77, ports=PORTS[:2], fdb=[], flood=far)
    case.send("uplink", [received(udp(F1, BROADCAST), far[0], vni=77, port=8472, checksum=True),
                         received(udp(F2, C1), far[1], vni=77, port=8472, checksum=True)])
    for port in PORTS[:2]:
        case.expect(port, [udp(F1, BROADCAST), udp(F2, C1)])
    case.send("docker1", [udp(C1, F1), udp(C1, F2)])
    case.expect("uplink", [encapsulated(udp(C1, F1), far[0], vni=77, port=8472, checksum=True),
                           encapsulated(udp(C1, F2), far[1], vni=77, port=8472, checksum=True)])
    case.expect_fdb(f"""
        02:00:00:00:03:01 dev br0 master br0 permanent
        02:00:00:00:03:02 dev br0 master br0 permanent
        {C1} dev docker1 master br0
        00:00:00:00:00:00 dev vxlan77 dst {far[0]} self permanent
        00:00:00:00:00:00 dev vxlan77 dst {far[1]} self permanent
        {F1} dev vxlan77 dst {far[0]} self
        {F2} dev vxlan77 dst {far[1]} self""")


@golden
def learn_behind_ipv4_options(case):
    """The source address is found though the outer header has options."""
    bridged(case, "learning noudpcsum", ports=PORTS[:1], fdb=[])
    case.send("uplink", [received(udp(F1, C1), FAR2_4, options=[b"\x01" * 40])])
    case.expect("docker1", [udp(F1, C1)])
    case.send("docker1", [udp(C1, F1)])
    case.expect("uplink", [encapsulated(udp(C1, F1), FAR2_4)])


@golden_each(
    ipv4=dict(family=4, martians=("192.0.2.255", "198.51.100.127", "255.255.255.255", "0.0.0.0", "0.1.2.3", "127.0.0.1",
                                  "127.255.255.255", "224.0.0.1", "239.255.255.255", US4, "192.0.2.77")),
    ipv6=dict(family=6, martians=("::", "::1", "ff02::1", "ff0e::7", "::ffff:192.0.2.2", "::ffff:0:1", US6,
                                  "2001:db8::77")))
def outer_martian(case, family, martians):
    """Nobody is behind a forged outer source that no host has: a subnet's broadcast address, the limited broadcast,
    multicast, loopback, this network, or an address of our own. Such a frame teaches nothing, is given to nobody and is
    counted, also with nolearning and with a source that is known to be elsewhere. The same addresses behind one that is
    a host's are nobody's business."""
    us, far = (US4, FAR4) if family == 4 else (US6, FAR6)
    bridged(case, "learning udpcsum", family=family, fdb=[])
    case.setup("addr add 192.0.2.77/24 dev uplink\naddr add 198.51.100.1/25 dev uplink" if family == 4 else
               "addr add 2001:db8::77/64 dev uplink")

    def forged(source, inner=None):
        return outer(inner or udp(F1, C1), source, us, src_mac=FAR, dst_mac=UPLINK, sport=55555, checksum=True)

    case.send("uplink", [forged(source) for source in martians])
    case.drop("vxlan100", "outer_martian", len(martians))
    case.send("docker1", [udp(C1, F1)])  # nobody was learned: there is nowhere to flood it
    case.drop("docker1", "no_destination", 1)
    case.send("uplink", [received(udp(F1, C1), far, checksum=True)])  # learned here, it cannot be moved either
    case.expect("docker1", [udp(F1, C1)])
    case.send("uplink", [forged(source) for source in martians])
    case.drop("vxlan100", "outer_martian", len(martians))
    case.send("docker1", [udp(C1, F1)])
    case.expect("uplink", [encapsulated(udp(C1, F1), far, checksum=True)])
    case.commands("link set vxlan100 type vxlan nolearning")
    case.send("uplink", [forged(source, udp(F2, C1)) for source in martians])
    case.drop("vxlan100", "outer_martian", len(martians))


@golden
def learn_from_lowest_address(case):
    """A subnet's lowest address is a host's, and so is 240/4, as on Linux since 5.14 and 2.6.25; and what is another
    subnet's broadcast address may be one in ours."""
    bridged(case, "learning noudpcsum", fdb=[])
    case.setup(f"neigh add 192.0.2.0 lladdr {FAR} dev uplink\nneigh add 192.0.2.127 lladdr {FAR} dev uplink")
    sources = ["192.0.2.0", "192.0.2.127", "240.0.0.1"]
    for number, source in enumerate(sources):
        mac = f"02:00:00:00:02:1{number}"
        frame = udp(mac, C1)
        case.send("uplink", [outer(frame, source, US4, src_mac=FAR, dst_mac=UPLINK, sport=55555)])
        case.expect("docker1", [frame])
    learned = "\n".join(f"02:00:00:00:02:1{number} dev vxlan100 dst {source} self" for number, source in enumerate(sources))
    case.expect_fdb(f"""
        02:00:00:00:03:01 dev br0 master br0 permanent
        02:00:00:00:03:02 dev br0 master br0 permanent
        {learned}""")


@golden
def learn_behind_priority_tags(case):
    """The outer source address is found though tags were taken out of the inner frame, or of the outer one, whose header
    may have options."""
    bridged(case, "learning noudpcsum", ports=PORTS[:1], fdb=[])
    frames = [received(priority_tagged(udp(F1, C1), *PRIORITY_TAGS[-1]), FAR2_4, options=[b"\x01" * 40]),
              priority_tagged(received(priority_tagged(udp(F2, C1)), FAR4), *PRIORITY_TAGS[-1])]
    case.send("uplink", frames)
    case.expect("docker1", [udp(F1, C1), udp(F2, C1)])
    case.send("docker1", [udp(C1, F1), udp(C1, F2)])
    case.expect("uplink", [encapsulated(udp(C1, F1), FAR2_4), encapsulated(udp(C1, F2), FAR4)])


@golden
def nolearning(case):
    """With nolearning a decapsulated frame teaches nothing; containers do all the same."""
    bridged(case, ports=PORTS[:2], fdb=[], flood=[FAR2_4])
    case.send("uplink", [received(udp(F1, BROADCAST))])
    for port in PORTS[:2]:
        case.expect(port, [udp(F1, BROADCAST)])
    case.send("docker1", [udp(C1, F1)])
    case.expect("docker2", [udp(C1, F1)])
    case.expect("uplink", [encapsulated(udp(C1, F1), FAR2_4)])
    case.send("docker2", [udp(C2, C1)])
    case.expect("docker1", [udp(C2, C1)])


@golden
def move_between_ports(case):
    """A MAC that shows up at another port is there from then on, and back again, also within one second."""
    bridged(case, ports=PORTS, fdb=[])
    for port in ("docker1", "docker2", "docker1", "docker2", "docker1"):
        case.send(port, [udp(C1, BROADCAST, 1)])
        for other in PORTS:
            case.expect(other, [udp(C1, BROADCAST, 1)] if other != port else [])
        case.send("docker3", [udp(C3, C1)])
        case.expect(port, [udp(C3, C1)])


@golden
def move_between_port_and_vtep(case):
    """A container that moves to another host and back."""
    bridged(case, "learning noudpcsum", ports=PORTS[:2], fdb=[])
    for _ in range(2):
        case.send("docker1", [udp(C1, C2)])
        case.expect("docker2", [udp(C1, C2)])
        case.send("docker2", [udp(C2, C1)])
        case.expect("docker1", [udp(C2, C1)])
        case.send("uplink", [received(udp(C1, C2))])
        case.expect("docker2", [udp(C1, C2)])
        case.send("docker2", [udp(C2, C1)])
        case.expect("uplink", [encapsulated(udp(C2, C1))])


@golden_each(ipv4=dict(family=4, far=(FAR4, FAR2_4)), ipv6=dict(family=6, far=(FAR6, FAR2_6)))
def move_between_vteps(case, family, far):
    """A container that moves from one far host to another and back."""
    bridged(case, "learning udpcsum", family=family, fdb=[])
    for remote in (far[0], far[1], far[0]):
        case.send("uplink", [received(udp(F1, C1), remote, checksum=True)])
        case.expect("docker1", [udp(F1, C1)])
        case.send("docker1", [udp(C1, F1)])
        case.expect("uplink", [encapsulated(udp(C1, F1), remote, checksum=True)])


@golden
def static_does_not_move(case):
    """What was configured stays, whatever the traffic says. A frame from a VTEP that is not where its source is configured
    to be is dropped; one from a container passes, as on Linux, and teaches nothing."""
    bridged(case, "learning noudpcsum", ports=PORTS[:2], fdb=[(F1, FAR4)])
    case.setup(f"fdb append {C1} dev docker1 master static")
    case.send("uplink", [received(udp(F1, C1), FAR2_4), received(udp(C1, BROADCAST), FAR2_4)])
    case.drop("vxlan100", "source_mac_static", 2)
    case.send("uplink", [received(udp(F1, C1), FAR4)])
    case.expect("docker1", [udp(F1, C1)])
    case.send("docker2", [udp(C1, F1)])
    case.send("docker2", [udp(F1, C1)])
    case.expect("uplink", [encapsulated(udp(C1, F1))])
    case.expect("docker1", [udp(F1, C1)])
    case.send("docker2", [udp(C2, C1), udp(C2, F1)])
    case.expect("docker1", [udp(C2, C1)])
    case.expect("uplink", [encapsulated(udp(C2, F1))])


@golden
def static_with_nolearning_is_not_checked(case):
    """A device that does not learn does not compare sources either, as on Linux."""
    bridged(case, "nolearning noudpcsum", fdb=[(F1, FAR4)])
    case.send("uplink", [received(udp(F1, C1), FAR2_4)])
    case.expect("docker1", [udp(F1, C1)])
    case.send("docker1", [udp(C1, F1)])
    case.expect("uplink", [encapsulated(udp(C1, F1))])


@golden
def static_with_several_destinations(case):
    """A MAC that is configured to be behind several VTEPs may speak from any."""
    bridged(case, "learning noudpcsum", fdb=[(F1, FAR4), (F1, FAR2_4)])
    case.send("uplink", [received(udp(F1, C1), FAR4), received(udp(F1, C1), FAR2_4)])
    case.expect("docker1", [udp(F1, C1)] * 2)
    case.send("docker1", [udp(C1, F1)])
    case.expect("uplink", [encapsulated(udp(C1, F1), far) for far in (FAR4, FAR2_4)])


@golden
def source_mac_own(case):
    """A frame whose source is the bridge's own MAC has come round in a loop."""
    bridged(case, "learning noudpcsum", ports=PORTS[:2], flood=[FAR4])
    for mac in ("02:00:00:00:03:01", "02:00:00:00:03:02"):
        case.send("uplink", [received(udp(mac, BROADCAST))])
        case.drop("vxlan100", "source_mac_own", 1)
        case.send("docker1", [udp(mac, F1)])
        case.drop("docker1", "source_mac_own", 1)


@golden
def ageing(case):
    """Learned entries are forgotten when they were not seen for the bridge's or the VXLAN device's ageing time; traffic
    keeps them; static ones stay."""
    underlay(case)
    case.setup("link add br0 address 02:00:00:00:03:01 type bridge ageing_time 1000")
    for port in PORTS:
        case.setup(f"link add {port} type vdev args net_ring_{port}\nlink set {port} master br0")
    vxlan(case, "learning noudpcsum ageing 20", fdb=[(F3, FAR4)], flood=[FAR2_4])
    case.send_together({"docker1": [udp(C1, F3)], "docker2": [udp(C2, F3)]})
    case.expect("uplink", [encapsulated(udp(C1, F3)), encapsulated(udp(C2, F3))])
    case.send("uplink", [received(udp(F1, C1))])
    case.expect("docker1", [udp(F1, C1)])
    case.wait(8)
    case.send("docker2", [udp(C2, F3)])
    case.expect("uplink", [encapsulated(udp(C2, F3))])
    case.wait(5)  # 13 s: C1 is gone, C2 and F1 are not
    case.send("docker3", [udp(C3, C1), udp(C3, C2), udp(C3, F1)])
    case.expect("docker1", [udp(C3, C1)])
    case.expect("docker2", [udp(C3, C1), udp(C3, C2)])
    case.expect("uplink", [encapsulated(udp(C3, C1), FAR2_4), encapsulated(udp(C3, F1))])
    case.wait(9)  # 22 s: all that was learned is gone but C3
    case.send("docker3", [udp(C3, C2), udp(C3, F1), udp(C3, F3)])
    for port in PORTS[:2]:
        case.expect(port, [udp(C3, C2), udp(C3, F1)])
    case.expect("uplink", [encapsulated(udp(C3, C2), FAR2_4), encapsulated(udp(C3, F1), FAR2_4), encapsulated(udp(C3, F3))])
    case.expect_fdb(f"""
        02:00:00:00:03:01 dev br0 master br0 permanent
        02:00:00:00:03:02 dev br0 master br0 permanent
        {C3} dev docker3 master br0
        00:00:00:00:00:00 dev vxlan100 dst {FAR2_4} self permanent
        {F3} dev vxlan100 dst {FAR4} self permanent""")


@golden
def ageing_never(case):
    """A VXLAN device's ageing of 0 keeps what was learned for ever, a bridge's longest ageing time for 497 days."""
    underlay(case)
    case.setup("link add br0 address 02:00:00:00:03:01 type bridge ageing_time 4294967295")
    for port in PORTS[:2]:
        case.setup(f"link add {port} type vdev args net_ring_{port}\nlink set {port} master br0")
    vxlan(case, "learning noudpcsum ageing 0", flood=[FAR2_4])
    case.send("docker1", [udp(C1, NOBODY)])
    case.expect("docker2", [udp(C1, NOBODY)])
    case.expect("uplink", [encapsulated(udp(C1, NOBODY), FAR2_4)])
    case.send("uplink", [received(udp(F1, C1))])
    case.expect("docker1", [udp(F1, C1)])
    case.wait(400)
    case.send("docker2", [udp(C2, C1), udp(C2, F1)])
    case.expect("docker1", [udp(C2, C1)])
    case.expect("uplink", [encapsulated(udp(C2, F1))])


@golden
def ageing_time_of_a_hub(case):
    """A bridge whose ageing time is 0 learns nothing from its ports, and forgets what it had learned: it floods, as on
    Linux. Its VXLAN devices go on learning, and so do other bridges' ports."""
    underlay(case)
    case.setup("link add br0 address 02:00:00:00:03:01 type bridge ageing_time 250")
    for port in PORTS:
        case.setup(f"link add {port} type vdev args net_ring_{port}\nlink set {port} master br0")
    vxlan(case, "learning noudpcsum", flood=[FAR2_4])
    case.send("docker1", [udp(C1, NOBODY)])
    for port in PORTS[1:]:
        case.expect(port, [udp(C1, NOBODY)])
    case.expect("uplink", [encapsulated(udp(C1, NOBODY), FAR2_4)])
    case.send("docker2", [udp(C2, C1)])
    case.expect("docker1", [udp(C2, C1)])
    case.commands("link set br0 type bridge ageing_time 0")
    case.wait(2)
    case.send("uplink", [received(udp(F1, C2))])
    for port in PORTS:
        case.expect(port, [udp(F1, C2)])
    case.send("docker1", [udp(C1, F1), udp(C1, C2)])
    case.send("docker2", [udp(C2, C1)])
    case.expect("docker1", [udp(C2, C1)])
    case.expect("docker2", [udp(C1, C2)])
    case.expect("docker3", [udp(C1, C2), udp(C2, C1)])
    case.expect("uplink", [encapsulated(udp(C1, F1)), encapsulated(udp(C1, C2), FAR2_4), encapsulated(udp(C2, C1), FAR2_4)])


@golden
def extern_learn(case):
    """What a control plane told does not age. A dynamic entry of its moves, and is an ordinary one, when it is learned
    elsewhere; a permanent one does not move."""
    bridged(case, "learning noudpcsum ageing 20", ports=PORTS[:2], fdb=[])
    case.setup(f"""fdb append {F1} dev vxlan100 dst {FAR4} extern_learn dynamic
                   fdb append {F2} dev vxlan100 dst {FAR4} extern_learn
                   fdb add {C1} dev docker1 master extern_learn""")
    case.wait(400)
    case.send("docker2", [udp(C2, F1), udp(C2, F2), udp(C2, C1)])
    case.expect("uplink", [encapsulated(udp(C2, F1)), encapsulated(udp(C2, F2))])
    case.expect("docker1", [udp(C2, C1)])
    case.send("uplink", [received(udp(F1, C2), FAR2_4), received(udp(F2, C2), FAR2_4)])
    case.expect("docker2", [udp(F1, C2)])
    case.drop("vxlan100", "source_mac_static", 1)
    case.send("docker2", [udp(C1, F1)])
    case.expect("uplink", [encapsulated(udp(C1, F1), FAR2_4)])
    case.send("docker1", [udp(C3, C1)])
    case.expect("docker2", [udp(C3, C1)])
    case.expect_fdb(f"""
        02:00:00:00:03:01 dev br0 master br0 permanent
        02:00:00:00:03:02 dev br0 master br0 permanent
        {C3} dev docker1 master br0
        {C1} dev docker2 master br0
        {C2} dev docker2 master br0
        {F1} dev vxlan100 dst {FAR2_4} self
        {F2} dev vxlan100 dst {FAR4} self extern_learn permanent""")


@golden
def entry_deleted_and_added_again(case):
    """The next frame after `fdb del` is not sent there any more, the next after `fdb append` is."""
    bridged(case, ports=PORTS[:2])
    frame = udp(C1, F1)
    case.send("docker1", [frame])
    case.expect("uplink", [encapsulated(frame)])
    case.commands(f"fdb del {F1} dev vxlan100 dst {FAR4}")
    case.send("docker1", [frame])
    case.expect("docker2", [frame])
    case.commands(f"fdb append {F1} dev vxlan100 dst {FAR2_4}")
    case.send("docker1", [frame])
    case.expect("uplink", [encapsulated(frame, FAR2_4)])
    case.commands(f"fdb replace {F1} dev vxlan100 dst {FAR4}")
    case.send("docker1", [frame])
    case.expect("uplink", [encapsulated(frame)])


@golden
def learned_gone_with_its_port(case):
    """What was learned at a port that left the bridge is not there any more."""
    bridged(case, ports=PORTS)
    case.send("docker1", [udp(C1, F1)])
    case.expect("uplink", [encapsulated(udp(C1, F1))])
    case.commands("link set docker1 nomaster")
    case.send("docker2", [udp(C2, C1)])
    case.expect("docker3", [udp(C2, C1)])
    case.commands("link del docker2")
    case.send("docker3", [udp(C3, C2)])
    case.drop("docker3", "no_destination", 1)


@golden
def learn_many(case):
    """More MACs than the table begins with are learned from bursts of 32, and found again, each."""
    bridged(case, "learning noudpcsum", ports=PORTS, fdb=[])
    here = [f"02:00:00:01:{number >> 8:02x}:{number & 255:02x}" for number in range(1500)]
    far = [f"02:00:00:02:{number >> 8:02x}:{number & 255:02x}" for number in range(1500)]
    case.setup(f"fdb append {NOBODY} dev docker3 master static")
    case.send("docker1", [raw_frame(mac, NOBODY, size=0) for mac in here])
    case.send("uplink", [received(raw_frame(mac, NOBODY, size=0)) for mac in far])
    case.expect("docker3", [raw_frame(mac, NOBODY, size=0) for mac in here + far])
    case.send("docker2", [raw_frame(C2, mac, size=0) for mac in here + far])
    case.expect("docker1", [raw_frame(C2, mac, size=0) for mac in here])
    case.expect("uplink", [encapsulated(raw_frame(C2, mac, size=0)) for mac in far])


@golden
def vxlan_device_deleted_and_added_again(case):
    """With the device go its entries, its listener and what was learned by it; a new one begins anew."""
    bridged(case, "learning noudpcsum", ports=PORTS[:2], fdb=[(F2, FAR4)], flood=[FAR4])
    case.send("uplink", [received(udp(F1, C1), FAR2_4)])
    case.expect("docker1", [udp(F1, C1)])
    case.expect("docker2", [udp(F1, C1)])
    case.commands("link del vxlan100")
    case.send("uplink", [received(udp(F1, C1), FAR2_4)])
    case.drop("uplink", "no_listener", 1)
    case.send("docker1", [udp(C1, F1), udp(C1, F2)])
    case.expect("docker2", [udp(C1, F1), udp(C1, F2)])
    case.commands(f"""
        link add vxlan200 type vxlan id 100 local {US4} dstport 4789 noudpcsum
        link set vxlan200 master br0
        fdb append {F2} dev vxlan200 dst {FAR2_4}""")
    case.send("docker1", [udp(C1, F1), udp(C1, F2)])
    case.expect("docker2", [udp(C1, F1)])
    case.expect("uplink", [encapsulated(udp(C1, F2), FAR2_4)])
    case.send("uplink", [received(udp(F1, C1))])
    case.expect("docker1", [udp(F1, C1)])
