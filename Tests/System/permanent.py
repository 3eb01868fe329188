# SPDX-License-Identifier: Apache-2.0
"""Subscriptions that stay, of the installed broker (see `inside`): the journal, a log, units that polkit lets it start and one that it does not."""

import json
import os
import time

UNIT = "cimbusd.service"
TEMPLATE = "[Service]\nType=oneshot\nExecStart=/bin/touch /run/%p-%i\n"


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def subscriptions(run):
    return {row["Filter"]: row for row in json.loads(run("cimctl", "events", "-o", "json").stdout or "[]")}


def test_permanent(run, expect):
    for name in ("cimbus-event-test@", "other-test@"):
        with open(f"/run/systemd/system/{name}.service", "w") as file:
            file.write(TEMPLATE)
    run("systemctl", "daemon-reload", check=True)
    query = "SELECT * FROM __NamespaceCreationEvent"
    text = "namespace %TargetNamespace.Name% is there"
    for name, consumer in {
        "unit": ["--unit", "cimbus-event-test@%TargetNamespace.Name%.service"], "other": ["--unit", "other-test@%TargetNamespace.Name%.service"],
        "journal": ["--journal", text], "file": ["--file", "namespaces.log", "--text", text],
    }.items():
        added = run("cimctl", "events", "add", name, query, *consumer, "--namespace", "root")
        expect(f"events add {name}", added.returncode == 0, added.stdout)
    expect("four subscriptions are active", [row["State"] for row in subscriptions(run).values()] == ["active"] * 4, str(subscriptions(run)))
    put = run("cimctl", "put", "--create", "__NAMESPACE.Name=\"evented\"", "Name=evented", "--namespace", "root")
    expect("a namespace is made", put.returncode == 0, put.stdout)
    expect("an event starts a unit", until(lambda: os.path.exists("/run/cimbus-event-test-evented")), run("systemctl", "status", "cimbus-event-test@evented").stdout)
    expect("the refusal of another unit is counted", until(lambda: subscriptions(run)["other"]["Failures"] == 1), str(subscriptions(run)))
    expect("and said", "other-test@evented.service is not started" in subscriptions(run)["other"]["Explanation"], str(subscriptions(run)))
    expect("that unit is not started", not os.path.exists("/run/other-test-evented"), "")
    wanted = text.replace("%TargetNamespace.Name%", "evented")

    def logged():
        run("journalctl", "--sync", check=True)
        return wanted in run("journalctl", "--no-pager", "-o", "cat", "CIMBUS_CONSUMER=journal").stdout

    expect("an event is an entry of the journal", until(logged), run("journalctl", "--no-pager", "-n", "5").stdout)
    path = "/var/log/cimbus/namespaces.log"
    expect("and a line of a log", until(lambda: os.path.exists(path) and open(path).read() == wanted + "\n"), "")
    run("systemctl", "kill", "--signal=KILL", UNIT, check=True)
    expect("they are there after a SIGKILL of the broker", until(lambda: [row["State"] for row in subscriptions(run).values()] == ["active"] * 4), "")
    for name in ("unit", "other", "journal", "file"):
        removed = run("cimctl", "events", "remove", name)
        expect(f"events remove {name}", removed.returncode == 0, removed.stdout)
    run("cimctl", "delete", "__NAMESPACE.Name=\"evented\"", "--namespace", "root")
