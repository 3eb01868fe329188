# SPDX-License-Identifier: Apache-2.0
"""What systemd and logind signal, as events (see `inside_adopter`)."""

import json
import os
import subprocess
import threading
import time

from inside import expect, run

UNIT = "cimbus-fails.service"


class Watch:
    """A subscriber: the events that have come to it."""

    def __init__(self, query):
        self.events = []
        self.process = subprocess.Popen(
            ["cimctl", "watch", query, "--output", "json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def wait(self, condition, seconds=10):
        """The first event that fulfils it; None when none has come in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for each in list(self.events):
                if each["type"] == "event" and condition(each["event"]):
                    return each["event"]
            time.sleep(0.02)
        return None

    def end(self):
        self.process.kill()
        self.process.wait()


def matches(name):
    """How many match rules the adopter has at the bus about this sender."""
    done = run("busctl", "--system", "--json=short", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus",
               "org.freedesktop.DBus.Debug.Stats", "GetAllMatchRules")
    if done.returncode != 0:
        return None
    rules = json.loads(done.stdout)["data"][0]
    return sum(name in rule and "UnitNew" in rule for all_of_one in rules.values() for rule in all_of_one)


def test_events():
    with open("/run/systemd/system/" + UNIT, "w") as file:
        file.write("[Service]\nExecStart=/bin/sh -c 'sleep 0.2; exit 3'\n")
    run("systemctl", "daemon-reload", check=True)
    run("systemctl", "start", "cimbus-adopter", check=True)
    deadline = time.monotonic() + 20
    while run("cimctl", "classes", "Linux_SystemdJobEndedEvent").returncode != 0 and time.monotonic() < deadline:
        time.sleep(0.1)
    before = matches("org.freedesktop.systemd1")
    changes = Watch("SELECT * FROM __InstanceModificationEvent WHERE TargetInstance ISA 'Linux_SystemdService'")
    jobs = Watch("SELECT * FROM Linux_SystemdJobEndedEvent")
    failure = job = None
    # The adopter reads all units before it tells of their changes.
    for _ in range(10):
        run("systemctl", "reset-failed", UNIT)
        run("systemctl", "start", UNIT)
        # Others follow: of one that has failed systemd tells more.
        failure = changes.wait(
            lambda event: event["TargetInstance"]["Name"] == UNIT and event["TargetInstance"]["ActiveState"] == "failed"
            and event["PreviousInstance"]["ActiveState"] != "failed", 3)
        job = jobs.wait(lambda event: event["UnitName"] == UNIT, 3)
        if failure and job:
            break
    expect("a unit that fails is a modification of its instance, with what it was before",
           failure and failure["PreviousInstance"]["ActiveState"] in ("active", "activating", "deactivating")
           and failure["TargetInstance"]["SubState"] == "failed", (failure or {}).get("PreviousInstance", {}).get("ActiveState"))
    expect("systemd's job that started it is an event of its own class, with a reference to the unit",
           job and job["Result"] == "done" and UNIT in job["Unit"], job)
    during = matches("org.freedesktop.systemd1")
    created = Watch(f"SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Linux_SystemdUnit' AND TargetInstance.Name = 'cimbus-new.service'")
    time.sleep(0.5)
    run("systemd-run", "--unit=cimbus-new", "--collect", "/bin/sleep", "0.3", check=True)
    new = created.wait(lambda event: True)
    expect("a unit that comes is a creation, of the class of its kind", new and new["TargetInstance"]["__CLASS"] == "Linux_SystemdService", new)
    for watch in (changes, jobs, created):
        watch.end()
    deadline = time.monotonic() + 10
    while matches("org.freedesktop.systemd1") != before and time.monotonic() < deadline:
        time.sleep(0.1)
    after = matches("org.freedesktop.systemd1")
    # Not every bus tells its match rules.
    expect("the adopter has match rules about systemd while somebody listens, and none after", before is None or before == after == 0 < during,
           (before, during, after))
    os.unlink("/run/systemd/system/" + UNIT)
    run("systemctl", "daemon-reload", check=True)
