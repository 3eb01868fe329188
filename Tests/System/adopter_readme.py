# SPDX-License-Identifier: Apache-2.0
"""What the README shows of adopted services (see `inside_adopter`): each command with a prompt is run, as the user that the prompt names, and has to say what
stands below it. `…` stands for anything, a line of it for any lines."""

import os
import re
import subprocess

from inside import expect, run

UNITS = {
    "backup.service": "[Service]\nExecStart=/bin/false\n",
    "web.service": "[Service]\nExecStart=/bin/sleep 1000\n",
    "ssh.service": "[Unit]\nDescription=OpenBSD Secure Shell server\nAfter=network.target auditd.service\n\n"
                   "[Service]\nExecStart=/bin/sleep 1000\n\n[Install]\nWantedBy=multi-user.target\n",
}


def examples(text):
    """The commands with a prompt in the README's blocks, each with the user and the lines below it."""
    found = []
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S):
        if language:
            continue
        for part in re.split(r"^(?=(?:[a-z]+)?\$ )", block, flags=re.M):
            prompt = re.match(r"([a-z]*)\$ (cimctl .*)\n((?:.*\n?)*)", part)
            if prompt:
                found.append((prompt[1] or None, prompt[2], prompt[3].rstrip("\n").splitlines()))
    return found


def plain(line):
    """Without what differs from run to run: numbers of jobs, and the rules of tables, which are as wide as these."""
    return re.sub(r"-{4,}", "----", re.sub(r"(?<=Id=)\d+", "1", line.rstrip()))


def fits(wanted, said):
    """Whether the output is what is shown; the order of lines is not looked at."""
    wanted, said = [plain(line) for line in wanted if line.strip()], [plain(line) for line in said.splitlines() if line.strip()]
    if sorted(wanted) == sorted(said):
        return True
    pattern = "".join(r"(?:.*\n)*?" if line.strip() == "…" else re.escape(line).replace("…", ".*") + r"\n" for line in wanted)
    tail = "" if wanted and wanted[-1].strip() == "…" else r"\Z"
    return re.match(pattern + tail, "".join(line + "\n" for line in said)) is not None


def prepare():
    for name, text in UNITS.items():
        with open("/etc/systemd/system/" + name, "w") as file:
            file.write(text)
    for user in ("ada", "bob"):
        run("useradd", user)
    run("systemctl", "daemon-reload", check=True)
    run("systemctl", "enable", "ssh.service", check=True)
    run("systemctl", "reset-failed")
    run("systemctl", "start", "web.service", "ssh.service", check=True)
    run("systemctl", "start", "backup.service")
    with open("/etc/polkit-1/rules.d/06-cimbus-readme.rules", "w") as file:
        file.write('polkit.addRule(function(action, subject) { if (action.id == "org.freedesktop.systemd1.manage-units" && subject.user == "ada") '
                   'return polkit.Result.YES; });\n')
    os.chmod("/etc/polkit-1/rules.d/06-cimbus-readme.rules", 0o644)
    run("systemctl", "restart", "polkit", check=True)


def test_readme(stage):
    prepare()
    with open(os.path.join(stage, "README.md")) as file:
        shown = examples(file.read())
    commands = " ".join(command for _, command, _ in shown)
    for word in ("ActiveState = 'failed'", "ASSOCIATORS OF {Linux_SystemdUnit.Name='ssh.service'}", "Restart", "cimctl adopt"):
        expect(f"the README shows {word}", word in commands, commands)
    for user, command, wanted in shown:
        if "PackageKit" in command and not os.path.exists("/usr/share/dbus-1/system-services/org.freedesktop.PackageKit.service"):
            print("note - PackageKit is not here: what the README says of it is not tested", flush=True)
            continue
        # What the README says of uid 1002 is said of whoever bob is here.
        number = subprocess.run(["id", "-u", "bob"], text=True, stdout=subprocess.PIPE).stdout.strip()
        done = run("bash", "-c", command, user=user or "nobody", timeout=60)
        said = done.stdout.replace(f"uid {number}", "uid 1002")
        expect(f"README: {command} says what the README shows", fits(wanted, said), said)
