# SPDX-License-Identifier: BSD-3-Clause
"""Who may do what over the socket: users and groups as the kernel knows them, made by setpriv(1)."""

import concurrent.futures
import os
import shutil

from lib.shell import expect, run
from lib.testcase import needs_vxd

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
USER, READERS, ADMINS = 42001, 42011, 42012  # nobody's


def started(lab, *arguments):
    os.chmod(lab.directory, 0o755)
    program = shutil.copy(os.path.join(lab.settings.build, "vxctl"), lab.directory)
    host = lab.endpoint("vxd", lab.namespace("h1"), 1, arguments=arguments)
    host.do("link add uplink type null", "addr add 192.0.2.1/24 dev uplink")

    def ask(*words, user=USER, groups=(), input=None):
        listed = ("--groups", ",".join(map(str, groups))) if groups else ("--clear-groups",)
        return run("setpriv", "--reuid", user, "--regid", user, *listed, program, "--socket", host.socket, *words,
                   check=False, input=input)
    return host, ask


@needs_vxd
def test_readers_look_and_admins_change(lab):
    host, ask = started(lab, "--socket-group", READERS, "--admin-group", ADMINS)
    there = os.stat(host.socket)
    expect((there.st_gid, there.st_mode & 0o777) == (READERS, 0o660), there)
    before = host.state()
    for words in (("link", "show"), ("-j", "addr"), ("route", "get", "192.0.2.9"), ("config", "show"), ("help",),
                  ("config", "diff", "-"), ("config", "apply", "-", "--dry-run"), ("__complete", "link", "show", "")):
        result = ask(*words, groups=[READERS], input="" if "-" in words else None)
        expect(result.status in (0, 1) and not result.err and result.out, result)
    refusals = ((("link", "add", "x", "type", "null"), None, "link add"), (("l", "d", "uplink"), None, "link del"),
                (("config", "apply", "-"), "", "config apply"), (("-batch", "-"), "link show\nlink del uplink\n", "link del"),
                (("-force", "-batch", "-"), "link del uplink\naddr flush dev uplink\n", "link del"))
    for words, input, name in refusals:
        result = ask(*words, groups=[READERS], input=input)
        expect(result.status in (1, 2), result)
        expect(f"{name}: this changes the configuration, which only root or a member of the group \"{ADMINS}\" may"
               in result.err, result)
    expect(host.state() == before, "a reader changed something")
    expect(ask("link", "add", "x", "type", "null", groups=[READERS, ADMINS]).status == 0, "an admin may not")
    expect(ask("config", "apply", "-", groups=[READERS, ADMINS], input="link add y type null\n").status == 0, "an admin")
    expect([link["ifname"] for link in host.json("link", "show")] == ["y"], host.json("link", "show"))
    # The socket's group is that of readers; whoever is in none of it cannot open it.
    for groups in ((), (ADMINS,)):
        result = ask("link", "show", groups=groups)
        expect(result.status == 2 and "may not be opened by this user" in result.err, result)
    expect(host.vxctl("link", "del", "y").status == 0, "root may not")


@needs_vxd
def test_the_admin_group_alone_opens_the_socket_to_its_members(lab):
    host, ask = started(lab, "--admin-group", ADMINS)
    expect(os.stat(host.socket).st_gid == ADMINS, "the socket's group")
    expect(ask("link", "del", "uplink", groups=[ADMINS]).status == 0, "an admin may not")
    expect(ask("link", "show", groups=[READERS]).status == 2, "others may open it")


@needs_vxd
def test_without_groups_the_socket_is_roots(lab):
    host, ask = started(lab)
    expect(os.stat(host.socket).st_gid == 0, "the socket's group")
    expect(ask("link", "show").status == 2, "a user may open it")
    result = ask("link", "del", "uplink", groups=[0])  # of root's group, and not root
    expect(result.status == 2 and "which only root (vxd was started without --admin-group) may" in result.err, result)


@needs_vxd
def test_a_reader_sends_no_large_request(lab):
    host, ask = started(lab, "--socket-group", READERS)
    large = "# ten megabytes\n" * (10 << 16)
    refused = ask("config", "diff", "-", groups=[READERS], input=large)
    expect(refused.status == 2 and "whoever may only look sends up to 8 MiB" in refused.err, refused)
    expect(ask("link", "show", groups=[READERS]).status == 0, "a reader is shut out")
    expect(host.vxctl("config", "diff", "-", input=large, check=False).status == 1, "root is refused too")


@needs_vxd
def test_readers_in_a_crowd_are_all_served_and_root_beside_them(lab):
    host, ask = started(lab, "--socket-group", READERS)
    script = "".join(f"route add 10.{i >> 8}.{i & 255}.0/24 via 192.0.2.9 dev uplink\n" for i in range(3000))
    host.vxctl("-batch", "-", input=script)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        shown = [pool.submit(ask, "route", "show", user=USER + i % 3, groups=[READERS]) for i in range(24)]
        for _ in range(20):
            host.do("addr replace 192.0.2.1/24 dev uplink")
        for result in (future.result() for future in shown):
            expect(result.status == 0 and len(result.out.splitlines()) == 3001, result.err)


@needs_vxd
def test_the_role_is_the_connections_own(lab):
    """A daemon that serves root serves a reader at the same time, each as what it is."""
    host, ask = started(lab, "--socket-group", READERS)
    for _ in range(5):
        expect(ask("addr", "flush", "dev", "uplink", groups=[READERS]).status == 2, "a reader")
        host.do("addr replace 192.0.2.1/24 dev uplink")


@needs_vxd
def test_a_group_that_there_is_not(lab):
    namespace = lab.namespace("h1")
    for option in ("--socket-group", "--admin-group"):
        result = namespace.run(os.path.join(lab.settings.build, "vxd"), "--socket", os.path.join(lab.directory, "s"), option,
                               "no-such-group", check=False)
        expect(result.status == 1 and f"{option}: there is no group \"no-such-group\"" in result.err, result)


@needs_vxd
def test_the_units_capabilities_are_enough(lab):
    """Everything that a container's network takes, with no other capability than the unit leaves."""
    with open(os.path.join(ROOT, "tools/service/vxd.service.in")) as file:
        line = next(line for line in file if line.startswith("CapabilityBoundingSet="))
    names = [name.removeprefix("CAP_").lower() for name in line.partition("=")[2].split()]
    near, far = lab.switch(2)
    host = lab.endpoint("vxd", near, 1, arguments=("--socket-group", READERS), start=False)
    bounded = ["setpriv", "--no-new-privs", "--bounding-set", ",".join(["-all"] + ["+" + name for name in names])]
    plain = host.argv()
    host.argv = lambda: bounded + plain
    host.start()
    with open(f"/proc/{host.pid}/status") as file:
        bounding = next(int(line.split()[1], 16) for line in file if line.startswith("CapBnd:"))
    expect(bin(bounding).count("1") == len(names), f"{bounding:x}")
    other = lab.endpoint("kernel", far, 2)
    for number, each in ((1, host), (2, other)):
        lab.uplink(each, f"192.0.2.{number}", 24)
    lab.bridged([host, other])
    one = lab.container(host, "c1", "172.18.20.1/16")
    two = lab.container(other, "c2", "172.18.20.2/16")
    one.ping(two)
    host.do(f"link add vm type vhost-user path {lab.directory}/v.sock")
