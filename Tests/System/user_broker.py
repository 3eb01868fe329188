# SPDX-License-Identifier: Apache-2.0
"""A user's own broker under his own systemd and session bus (see `inside`): a call to it starts the unit."""

import pwd

NAME, ROOT = "org.cimbus1", "/org/cimbus1"


def test_user_broker(run, expect):
    run("useradd", "--create-home", "clara", check=True)
    entry = pwd.getpwnam("clara")
    folder = f"/run/user/{entry.pw_uid}"
    run("systemctl", "start", f"user@{entry.pw_uid}.service", timeout=60)
    bus = run("stat", "--format=%F", f"{folder}/bus")
    if bus.stdout.strip() != "socket":
        print("note - users have no session bus of systemd's here (Debian's dbus-user-session): the unit of a user's broker is not tested", flush=True)
        return

    def as_clara(*command):
        return run("env", f"HOME={entry.pw_dir}", f"XDG_RUNTIME_DIR={folder}", f"DBUS_SESSION_BUS_ADDRESS=unix:path={folder}/bus", *command,
                   user="clara", timeout=60)

    version = as_clara("busctl", "--user", "get-property", NAME, ROOT, "org.cimbus1.Broker", "Version")
    expect("a call on a user's session bus starts the user's broker", version.returncode == 0 and version.stdout.startswith("s "), version.stdout)
    state = as_clara("systemctl", "--user", "show", "--property=ActiveState", "--property=MainPID", "cimbusd").stdout
    expect("it is the unit of the user's systemd that runs", "ActiveState=active" in state and "MainPID=0" not in state, state)
    made = as_clara("cimctl", "namespaces", "--session")
    expect("the user works with it", made.returncode == 0 and "root/cimv2" in made.stdout, made.stdout)
    kept = run("stat", "--format=%U %a", f"{entry.pw_dir}/.local/state/cimbus/repository.sqlite").stdout.strip()
    expect("it keeps what it stores in the user's state folder, for him alone", kept == "clara 600", kept)
    reloaded = as_clara("systemctl", "--user", "reload", "cimbusd")
    expect("systemctl --user reload cimbusd works", reloaded.returncode == 0, reloaded.stdout)
    run("systemctl", "stop", f"user@{entry.pw_uid}.service", timeout=60)
