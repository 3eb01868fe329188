# SPDX-License-Identifier: Apache-2.0
"""Adopted services on a user's session bus (see `inside_adopter`): broker and adopter are started by that bus, a desktop service is adopted by a mapping of
the user's, and a shipped mapping runs as it does on the system bus. `test_session` runs this file again, as the user, on such a bus."""

import json
import os
import pwd
import subprocess
import sys
import time

import inside
from inside import expect, run

MAPPING = """
[dynamic, singleton, provider("DBusServices"),
    ClassContext("service org.mpris.MediaPlayer2.cimbus; object /org/mpris/MediaPlayer2; interface org.mpris.MediaPlayer2.Player; start never")]
class My_Player
{
    [read] string PlaybackStatus;
    [read, write] real64 Volume;
    [read, SubType("interval"), PropertyContext(".Position | interval us")] datetime Position;
    [read, PropertyContext(".Metadata['xesam:title']")] string Title;
    [read, PropertyContext(".Metadata['xesam:artist']")] string Artists[];
    [read] boolean CanPlay;
    [Implemented, MethodContext(".Pause()")] uint32 Pause();
    [Implemented, MethodContext(".Seek(x Offset)")] uint32 Seek([in] sint64 Offset);
    [Implemented, MethodContext(".Stop()")] uint32 Stop();
};
"""


def cimctl(*arguments):
    return subprocess.run(["cimctl", *arguments, "--session"], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)


def player():
    done = cimctl("get", "My_Player=@", "--output", "jsonl")
    return json.loads(done.stdout) if done.returncode == 0 else {"error": done.stdout}


def starts(name):
    return subprocess.run(["busctl", "--user", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "StartServiceByName", "su",
                           name, "0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)


def process(name):
    done = subprocess.run(["busctl", "--user", "--json=short", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                           "GetConnectionUnixProcessID", "s", name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=60)
    return json.loads(done.stdout)["data"][0] if done.returncode == 0 else None


def on_the_bus():
    home = os.environ["HOME"]
    os.makedirs(home + "/.config/cimbus/adopt", exist_ok=True)
    with open(home + "/.config/cimbus/adopt/player.mof", "w") as file:
        file.write(MAPPING)
    service = subprocess.Popen(["/usr/bin/python3", os.path.join(os.path.dirname(__file__), "media_player.py")], stdout=subprocess.PIPE)
    service.stdout.readline()
    started = starts("org.cimbus1.Adopter")
    expect("the session bus starts the adopter, and the adopter's broker", started.returncode == 0, started.stdout)
    deadline = time.monotonic() + 20
    while cimctl("classes", "My_Player").returncode != 0 and time.monotonic() < deadline:
        pass
    row = player()
    wanted = {"PlaybackStatus": "Playing", "Volume": 0.5, "Position": "00000000000101.500000:000", "Title": "Goldberg", "Artists": ["Bach", "Gould"], "CanPlay": True}
    expect("a desktop service is adopted by the user's own mapping", wanted.items() <= row.items(), row)
    paused = cimctl("invoke", "My_Player=@", "Pause")
    expect("its method runs, for the user himself", paused.returncode == 0 and player().get("PlaybackStatus") == "Paused", paused.stdout)
    sought = cimctl("invoke", "My_Player=@", "Seek", "Offset=1500000")
    expect("a method's parameter has the D-Bus type of the mapping", sought.returncode == 0 and player().get("Position") == "00000000000103.000000:000", sought.stdout)
    written = cimctl("put", "My_Player=@", "Volume=0.25")
    expect("a property is written", written.returncode == 0 and player().get("Volume") == 0.25, written.stdout)
    refused = cimctl("invoke", "My_Player=@", "Stop")
    expect("its own error has the D-Bus name and the text", "Error.NotToday" in refused.stdout and "the record is stuck" in refused.stdout, refused.stdout)
    shipped = cimctl("query", "SELECT Name, ActiveState FROM Linux_SystemdService WHERE Name = 'dbus.service'")
    expect("a shipped mapping runs under cimbusd --session as it is", "active" in shipped.stdout, shipped.stdout)
    adopter = process("org.cimbus1.Adopter")
    os.kill(adopter, 9)
    deadline = time.monotonic() + 20
    while process("org.cimbus1.Adopter") == adopter and time.monotonic() < deadline:
        pass
    again = player()
    expect("the next use starts an adopter that was killed", again.get("Title") == "Goldberg" and process("org.cimbus1.Adopter") not in (None, adopter), again)
    service.kill()
    service.wait()
    gone = cimctl("get", "My_Player=@")
    expect("without the player there is no object", gone.returncode == 2 and "0x80041002" in gone.stdout, gone.stdout)
    for name in ("org.cimbus1.Adopter", "org.cimbus1"):
        if process(name):
            os.kill(process(name), 9)
    return 1 if inside.failed else 0


def test_session():
    user = "cimbus-desk"
    run("useradd", "--create-home", user, check=True)
    entry = pwd.getpwnam(user)
    done = run("env", f"HOME={entry.pw_dir}", f"USER={user}", "dbus-run-session", "--", "/usr/bin/python3", __file__, user=user, timeout=180)
    said = [line for line in done.stdout.splitlines() if line.startswith(("ok - ", "FAILED - "))]
    print("\n".join(said), flush=True)
    inside.failed.extend(line for line in said if line.startswith("FAILED"))
    if not said or done.returncode not in (0, 1):
        expect("the part on the session bus ran to its end", False, done.stdout[-800:])


if __name__ == "__main__":
    sys.exit(on_the_bus())
