# SPDX-License-Identifier: BSD-3-Clause
"""bash completion, in bash; and the man pages, which have to say what the programs know."""

import os
import re
import shlex

from lib.rpc import Rpc
from lib.shell import expect, run
from lib.testcase import needs_vxd
from test_cli import one_vxd

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(ROOT, "tools/completion/vxctl")


def completed(lab, line, socket=None, program="vxctl"):
    """What bash would offer at the end of the line."""
    words = line.split(" ")
    text = f"""
        PATH={shlex.quote(lab.settings.build)}:$PATH
        . {shlex.quote(SCRIPT)}
        COMP_WORDS=({' '.join(shlex.quote(word) for word in words)})
        COMP_CWORD={len(words) - 1}
        _{program} {program}
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    environment = {**os.environ, "VXD_SOCKET": socket or os.path.join(lab.directory, "nobody.sock")}
    return run("bash", "-euc", text, env=environment).out.split()


@needs_vxd
def test_bash_completes_what_the_daemon_knows(lab):
    host = one_vxd(lab)

    def offers(line, *words):
        found = completed(lab, line, host.socket)
        expect(found == list(words), f"{line!r}: {found}")
    offers("vxctl li", "link")
    offers("vxctl link s", "set", "show")
    offers("vxctl link del vx", "vxlan100", "vxlan200")
    offers("vxctl link set vxlan100 master ", "br0")
    offers("vxctl fdb append 02:00:00:00:00:01 dev vxlan1", "vxlan100")
    offers("vxctl link add x type vx", "vxlan")
    offers("vxctl link add x type vxlan id 7 dst", "dstport")
    offers("vxctl -j -br link sh", "show")
    offers("vxctl --sock", "--socket")
    offers("vxctl -b", "-brief", "-batch")
    offers("vxctl -bat", "-batch")
    offers("vxctl -batch ")  # bash offers files
    offers("vxctl config apply ", "help")
    offers(f"vxctl --socket {host.socket} link del br", "br0")
    host.do("link add 'a\"b' type null")
    expect(completed(lab, "vxctl link del a", host.socket) == ["a\\\"b"], "a name that has to be quoted")


@needs_vxd
def test_bash_completes_without_a_daemon(lab):
    expect(completed(lab, "vxctl rou") == ["route"], "nouns")
    expect(completed(lab, "vxctl link del ") == ["help"], "there are no devices")
    expect("nolearning" in completed(lab, "vxctl link add x type vxlan "), "options")
    expect(completed(lab, "vxd --adm", program="vxd") == ["--admin-group"], "vxd's own options")
    expect(len(completed(lab, "vxd --", program="vxd")) > 8, "all of vxd's own options")


@needs_vxd
def test_the_script_registers_itself(lab):
    out = run("bash", "-euc", f". {shlex.quote(SCRIPT)}; complete -p vxctl vxd").out
    expect("-F _vxctl vxctl" in out and "-F _vxd vxd" in out, out)


def page(lab, name):
    """As it is read, without line breaks."""
    path = os.path.join(lab.settings.build, "tools/man", name)
    result = run("man", "--warnings", "-E", "UTF-8", "-l", path, env={**os.environ, "MANWIDTH": "500", "MAN_KEEP_FORMATTING": ""})
    expect(not result.err, f"{name}: {result.err}")
    return re.sub(r"\s+", " ", result.out.replace("‐", "-"))


@needs_vxd
def test_every_command_and_option_is_in_the_man_pages(lab):
    host = one_vxd(lab)
    vxctl, vxd, conf = (page(lab, name) for name in ("vxctl.8", "vxd.8", "vxd.conf.5"))
    count = 0
    with Rpc(host.socket) as rpc:
        nouns = rpc.run("help", format="json")["result"]["outputs"][0]
    for noun in nouns:
        expect(noun["help"][1:] in vxctl, f"vxctl(8) lacks what {noun['object']} is")
        for command in host.json(noun["object"], "help"):
            count += 1
            usage = f"vxctl {command['object']} {command['command']} {command['usage']}".strip()
            expect(re.sub(r"\s+", " ", usage) in vxctl, f"vxctl(8) lacks {usage!r}")
            expect(re.sub(r"\s+", " ", command["help"]) in vxctl, f"vxctl(8) lacks what {usage!r} does")
    expect(count > 30, f"{count} commands")
    for kind in ("tap", "pci", "memif", "pcap", "null", "vdev", "bridge", "vxlan"):
        usage = host.json("link", "add", "type", kind, "help")[0]["usage"]
        expect(f"type {usage}" in vxctl, f"vxctl(8) lacks {usage!r}")
    shown = run(os.path.join(lab.settings.build, "vxctl"), "--socket", host.socket, "-help").out
    options = re.findall(r"^  (-[-\w\[\]]+)", shown.partition("Options:\n")[2], re.M)
    expect(len(options) > 10 and all(option in vxctl for option in options), f"vxctl(8): {options}")
    own = run(os.path.join(lab.settings.build, "vxd"), "--help").out
    options = re.findall(r"(--[a-z][a-z-]+)", own)
    expect(len(options) > 9 and all(option in vxd for option in options), f"vxd(8): {options}")
    drops = page(lab, "vxd-drops.7")
    for reason in host.json("stats", "reasons"):
        said = (reason["reason"], reason["meaning"], reason["cause"].replace("`", ""), reason["remedy"].replace("`", ""))
        expect(all(text in drops for text in said), f"vxd-drops(7) lacks {reason['reason']}")
    expect("vxctl config apply" in conf and "link add uplink type af_packet" in conf, conf)
