# SPDX-License-Identifier: Apache-2.0
"""What polkit allows only after a person has said who he is (see `inside_adopter`): with a real polkitd and its own agent for terminals, pkttyagent, which
asks for a password; once by the system's adopter, and once by a user's own."""

import contextlib
import os
import pty
import pwd
import select
import signal
import subprocess
import termios
import time

from inside import expect, run

USER, PASSWORD = "cimbus-ada", "open sesame"
PATH = "Linux_SystemdService.Name='cimbus-try.service'"


def as_user(*command):
    entry = pwd.getpwnam(USER)
    return ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups", "env", f"HOME={entry.pw_dir}", f"USER={USER}", *command]


def prepare():
    run("useradd", "--create-home", USER, check=True)
    subprocess.run(["chpasswd"], input=f"{USER}:{PASSWORD}\n", text=True, check=True)
    with open("/etc/polkit-1/rules.d/05-cimbus-persons.rules", "w") as file:
        file.write('polkit.addRule(function(action, subject) { if (action.id == "org.freedesktop.systemd1.manage-units" && '
                   f'subject.user == "{USER}") return polkit.Result.AUTH_SELF; }});\n')
    os.chmod("/etc/polkit-1/rules.d/05-cimbus-persons.rules", 0o644)
    run("systemctl", "restart", "polkit", check=True)


class Agent:
    """pkttyagent for a process, on a terminal of its own, with somebody at the keys."""

    def __init__(self, process, password):
        self.password, self.said = password, b""
        ready, notify = os.pipe()
        os.set_inheritable(notify, True)
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execvp("setpriv", as_user("pkttyagent", "--process", str(process), "--notify-fd", str(notify)))
        os.close(notify)
        # The agent closes its end when polkit knows it.
        select.select([ready], [], [], 20)
        os.close(ready)

    def answer(self, process):
        """Types the password when it is asked for. False: nobody asked before the process ended."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if not select.select([self.terminal], [], [], 0.1)[0]:
                if process.poll() is not None:
                    break
                continue
            try:
                self.said += os.read(self.terminal, 4096)
            except OSError:
                break
            if b"assword: " in self.said:
                # The agent drops what was typed before it has turned the echo off.
                while termios.tcgetattr(self.terminal)[3] & termios.ECHO and time.monotonic() < end:
                    pass
                os.write(self.terminal, self.password.encode() + b"\n")
                return True
        return False

    def close(self):
        with contextlib.suppress(OSError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.terminal)


def started():
    return run("systemctl", "show", "--property=ExecMainStartTimestampMonotonic", "--value", "cimbus-try").stdout.strip()


def ask(command, password, asked=None):
    """Runs a shell's command as the user, with an agent for the process that is asked about; that process waits until the agent is there."""
    process = subprocess.Popen(as_user("sh", "-c", command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    subject = process.pid
    while asked is not None:
        line = process.stdout.readline()
        if line.startswith(asked) or not line:
            subject = int(line.split()[1]) if line else subject
            break
    agent = Agent(subject, password)
    try:
        process.stdin.write("go\n")
        process.stdin.flush()
        was_asked = agent.answer(process)
        try:
            output, _ = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            output = "no end within 60 s"
        return process.returncode, output, was_asked, agent.said.decode(errors="replace")
    finally:
        agent.close()
        process.kill()


def refused_by(command):
    done = subprocess.run(as_user("sh", "-c", command), text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    return done.returncode, done.stdout


def test_system_adopter():
    """CheckAuthorization of the client's own bus name: the agent is that of the client's process."""
    invoke = f'cimctl invoke "{PATH}" Restart'
    before = started()
    status, output = refused_by(f"{invoke} --no-ask-password")
    expect("what polkit allows only a person who said who he is, is refused where nobody may be asked, and the error says how he may be",
           status == 5 and "0x80041003" in output and "the call does not allow that" in output and started() == before, output)
    status, output = refused_by(invoke)
    expect("without an agent it is refused, and the error says that nobody could be asked", status == 5 and "0x80041003" in output
           and "no polkit agent" in output and started() == before, output)
    status, output, asked, said = ask(f"read go; exec {invoke} --no-ask-password", PASSWORD)
    expect("an agent is left in peace where the call does not allow that somebody is asked", status == 5 and not asked and started() == before,
           (status, output, said))
    status, output, asked, said = ask(f"read go; exec {invoke}", PASSWORD)
    expect("with an agent polkit asks the person, and the service restarts", status == 0 and asked and started() != before, (status, output, said))
    before = started()
    status, output, asked, said = ask(f"read go; exec {invoke}", "wrong")
    expect("with a wrong password it is refused", status == 5 and asked and "0x80041003" in output and started() == before, (status, output, said))


def test_own_adopter():
    """The user's own adopter, on his own bus: systemd asks polkit about the adopter, whose user he is."""
    script = 'read go; cimctl invoke --session "{path}" Restart; status=$?; kill $(jobs -p); exit $status'
    start = "cimbus-adopter --session > /dev/null 2>&1 & adopter=$!; until cimctl classes --session Linux_SystemdUnit > /dev/null 2>&1; do :; done; " \
        "echo adopter $adopter; "

    command = "exec dbus-run-session -- bash -c '" + (start + script.format(path=PATH)).replace("'", "'\\''") + "' 2>&1"
    before = started()
    status, output, asked, said = ask(command, PASSWORD, asked="adopter")
    expect("by the user's own adopter systemd lets polkit ask the person, and the service restarts", status == 0 and asked and started() != before,
           (status, output, said))
    before = started()
    done = subprocess.run(as_user("sh", "-c", command), text=True, input="go\n", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    expect("without an agent the user's own adopter is refused as systemctl would be", done.returncode == 5 and "0x80041003" in done.stdout
           and started() == before, done.stdout)


def test_persons():
    prepare()
    test_system_adopter()
    test_own_adopter()
    os.unlink("/etc/polkit-1/rules.d/05-cimbus-persons.rules")
    run("systemctl", "restart", "polkit", check=True)
