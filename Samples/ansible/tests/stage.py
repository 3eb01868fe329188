# SPDX-License-Identifier: Apache-2.0
"""Three hosts, and Ansible, which manages them by ssh."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import time

from private_broker import broker, process, wait_for

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
PROVIDER = ROOT / "Samples/python/mounted-file-systems"
# Both are set before a test runs: where the programs are, and a folder that goes when the tests have ended.
BUILD = pathlib.Path()
FOLDER = pathlib.Path()
PROGRAMS = pathlib.Path(sys.executable).parent

SSHD = """ListenAddress {address}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile none
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
StrictModes no
ClientAliveInterval 2
ClientAliveCountMax 2
"""
# One hangs by three lost answers, and not by a time that a slow machine may need.
SSH = ("-F none -o StrictHostKeyChecking=yes -o UserKnownHostsFile={folder}/known_hosts -o IdentitiesOnly=yes -o ControlMaster=auto "
       "-o ControlPersist=60s -o ServerAliveInterval=1 -o ServerAliveCountMax=3 -o ConnectTimeout=10")
SITE = """
class Site_Place { [key] string Name; uint32 Size = 3; };
class Site_Room
{
    [key] string Name;
    uint32 Seats = 4;
    boolean IsOpen;
    datetime Since;
    string Doors[];
    uint16 Codes[];
    real32 Ratio;
    uint64 Big;
    Site_Place ref Beside;
    [EmbeddedInstance("Site_Place")] string Inside;
    string Note;
};
class Site_Shelf { [key] uint16 Row; [key] boolean IsUpper; [key] string Label; };
instance of Site_Room { Name = "vault"; };
"""


def environment():
    """Of every Ansible that runs: nothing of this machine's own settings counts."""
    return {
        "HOME": str(FOLDER / "home"), "ANSIBLE_HOME": str(FOLDER / "home"), "ANSIBLE_CONFIG": str(FOLDER / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(FOLDER / "collections"), "ANSIBLE_LOCAL_TEMP": str(FOLDER / "home/tmp"),
        "ANSIBLE_SSH_ARGS": SSH.format(folder=FOLDER), "ANSIBLE_SSH_CONTROL_PATH_DIR": str(FOLDER / "cp"), "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callbacks"), "ANSIBLE_CALLBACKS_ENABLED": "record", "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_RETRY_FILES_ENABLED": "0", "ANSIBLE_DEPRECATION_WARNINGS": "0", "LC_ALL": "C.UTF-8",
    }


def run(*words):
    subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL)


class Host:
    """A network namespace with a sshd, and in it a bus, a broker and a provider."""

    def __init__(self, number):
        self.name = f"web{number}"
        self.number = number
        self.address = f"10.77.{number}.2"
        self.folder = FOLDER / self.name
        self.prefix = ["ip", "netns", "exec", self.name]

    def start(self, stack):
        self.folder.mkdir()
        run("ip", "netns", "add", self.name)
        run("ip", "link", "add", f"to-{self.name}", "type", "veth", "peer", "name", "eth0", "netns", self.name)
        run("ip", "address", "add", f"10.77.{self.number}.1/30", "dev", f"to-{self.name}")
        run("ip", "link", "set", f"to-{self.name}", "up")
        run("ip", "-n", self.name, "address", "add", f"{self.address}/30", "dev", "eth0")
        for device in ("lo", "eth0"):
            run("ip", "-n", self.name, "link", "set", device, "up")
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / "host_key")
        (self.folder / "user_key.pub").write_text((FOLDER / "user_key.pub").read_text())
        (self.folder / "sshd.conf").write_text(SSHD.format(address=self.address, folder=self.folder))
        sshd = process(
            stack, [*self.prefix, "/usr/sbin/sshd", "-D", "-e", "-f", self.folder / "sshd.conf"], stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE)
        wait_for(sshd.stderr, "Server listening", 20, "sshd")
        _broker, self.bus = stack.enter_context(broker(BUILD / "cimbusd", before=self.prefix))
        self.cimctl("mof", "compile", FOLDER / "site.mof")
        self.provider = None
        self.start_provider(stack)
        with open(FOLDER / "known_hosts", "a", encoding="utf-8") as file:
            file.write(f"{self.address} {(self.folder / 'host_key.pub').read_text()}")

    def start_provider(self, stack):
        self.provider = process(
            stack, [*self.prefix, PROVIDER, "--address", self.bus, "--labels", self.folder / "labels.json"], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        stack.callback(self.provider.kill)
        wait_for(self.provider.stdout, "registered", 20, "the provider")

    def start_adopter(self, stack):
        """The provider of what systemd and others know. It reaches none of them here."""
        adopter = process(
            stack, [*self.prefix, BUILD / "cimbus-adopter", "--address", self.bus, "--adopt", ROOT / "dbus/adopt"], stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE)
        wait_for(adopter.stderr, "are served", 20, "the adopter")

    def cut(self):
        """From now on no packet reaches it."""
        run("ip", "link", "set", f"to-{self.name}", "down")

    def mend(self):
        run("ip", "link", "set", f"to-{self.name}", "up")

    def cimctl(self, *words):
        command = [*self.prefix, BUILD / "cimctl", *words, "--address", self.bus]
        done = subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True, timeout=60)
        return done.stdout

    def wait_until_asked(self, class_name, seconds=60):
        """Until the broker has an operation open about the class."""
        deadline = time.monotonic() + seconds
        while class_name not in self.cimctl("operations"):
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.name}: nobody asked for {class_name} within {seconds} s")

    def variables(self):
        return {
            "ansible_host": self.address, "ansible_user": "root", "ansible_ssh_private_key_file": str(FOLDER / "user_key"),
            "ansible_python_interpreter": "/usr/bin/python3", "ansible_remote_tmp": str(self.folder / "tmp"), "cim_bus": self.bus,
            "cim_program": str(BUILD / "cimctl"),
        }


@contextlib.contextmanager
def hosts():
    with contextlib.ExitStack() as stack:
        for folder in ("home", "cp"):
            (FOLDER / folder).mkdir(mode=0o700, exist_ok=True)
        (FOLDER / "site.mof").write_text(SITE)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", FOLDER / "user_key")
        started = [Host(number) for number in (1, 2, 3)]
        for host in started:
            host.start(stack)
        inventory = {"all": {"hosts": {host.name: host.variables() for host in started}}}
        (FOLDER / "hosts.yml").write_text(json.dumps(inventory))
        yield started


class Run:
    """What came of a playbook, or is to come."""

    def __init__(self, tasks, *options, play=None):
        """Tasks as YAML, for every host; or a whole play."""
        self.record = FOLDER / "record"
        self.record.write_text("")
        playbook = FOLDER / "play.yml"
        playbook.write_text(play or HEAD + "\n".join("    " + line for line in tasks.strip("\n").split("\n")) + "\n")
        self.process = subprocess.Popen(
            [str(PROGRAMS / "ansible-playbook"), "-i", str(FOLDER / "hosts.yml"), str(playbook), *options],
            env={**os.environ, "RECORD_FILE": str(self.record)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def end(self, seconds=110):
        """Its exit status; then what it recorded can be asked for."""
        try:
            self.output, _errors = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self.lines = [json.loads(line) for line in self.record.read_text().splitlines()]
        return self.process.returncode

    def ends(self, task):
        """How a task ended, by host."""
        return {line["host"]: line["end"] for line in self.lines if line["task"] == task}

    def result(self, task, host="web1"):
        found = [line["result"] for line in self.lines if line["task"] == task and line["host"] == host]
        if not found:
            raise AssertionError(f"no result of {task!r} on {host}\n{self.output}")
        return found[-1]


HEAD = """
- hosts: all
  gather_facts: false
  module_defaults:
    group/cimbus.cim.cim:
      bus: "{{ cim_bus }}"
      cimctl: "{{ cim_program }}"
  tasks:
"""
