# SPDX-License-Identifier: Apache-2.0
"""A provider that `cimctl new provider` writes, installed by the lines of its own README (see `inside`): the first call starts it."""

import json
import os
import re
import textwrap

FOLDER = "/root/Clocks"


def install_lines():
    """The lines of the README's last block."""
    with open(os.path.join(FOLDER, "README.md")) as file:
        text = file.read()
    return textwrap.dedent(re.findall(r"(?:^    .*\n)+", text.split("## Install it")[1], re.M)[-1])


def test_new_provider(run, expect):
    made = run("cimctl", "new", "provider", "Clocks", "--language", "python", "--directory", FOLDER)
    expect("cimctl new provider writes a provider in Python", made.returncode == 0, made.stdout)
    # Nobody here is asked for a password.
    done = run("bash", "-ec", f'sudo() {{ "$@"; }}\ncd {FOLDER}\n{install_lines()}', timeout=60)
    expect("the lines of its README install it", done.returncode == 0, done.stdout)
    verify = run("systemd-analyze", "verify", "/etc/systemd/system/clocks-provider.service")
    expect("systemd-analyze verify has nothing to say about its unit", verify.returncode == 0 and "clocks" not in verify.stdout, verify.stdout)
    state = run("systemctl", "show", "--property=ActiveState", "--value", "clocks-provider").stdout.strip()
    expect("it does not run yet", state == "inactive", state)

    listed = run("cimctl", "enumerate", "Clocks_Item", "--output", "jsonl", user="nobody", timeout=60)
    names = [json.loads(line)["Name"] for line in listed.stdout.splitlines()] if listed.returncode == 0 else []
    expect("nobody's call starts it and is answered", names == ["anchor", "apple", "bell"], listed.stdout)
    process = run("systemctl", "show", "--property=MainPID", "--value", "clocks-provider").stdout.strip()
    owner = run("stat", "--format=%U", f"/proc/{process}").stdout.strip()
    expect("it is the unit that runs, as the user clocks", owner == "clocks", f"{process} {owner}")
    refused = run("cimctl", "put", 'Clocks_Item.Name="bell"', "Note=mine", user="nobody", timeout=60)
    expect("nobody may not change an item", refused.returncode == 5 and "AccessDenied" in refused.stdout, refused.stdout)
    put = run("cimctl", "put", 'Clocks_Item.Name="bell"', "Note=loud", timeout=60)
    expect("root may", put.returncode == 0, put.stdout)
    linked = run("cimctl", "query", "ASSOCIATORS OF {Clocks_Group.Name='A'}", "--output", "jsonl", user="nobody", timeout=60)
    expect("its association leads from a group to its items", linked.stdout.count("\n") == 2 and "anchor" in linked.stdout, linked.stdout)
