# SPDX-License-Identifier: Apache-2.0
"""A class with a cache, of systemd itself (see `inside_adopter`); and the units, kept and not, for Tests/Benchmarks/adopted."""

import json
import os
import subprocess
import time

from adopter_compare import SYSTEMD, rows
from inside import expect, run

def test_cache():
    """A class with a cache, of a service that signals to whom has called Subscribe."""
    with open("/etc/cimbus/adopt/z-kept.mof", "w") as file:
        file.write('[dynamic, provider("DBusServices"), ClassContext("like Linux_SystemdService; '
                   'cache at /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager.Subscribe()")]\n'
                   'class Site_KeptService { [key, PropertyContext("column Name or .Id")] string Name; [read] uint32 MainPID; [read] string Type; };\n')
    run("systemctl", "restart", "cimbus-adopter", "cimbus-try", check=True)
    deadline = time.monotonic() + 20
    while run("cimctl", "classes", "Site_KeptService").returncode != 0 and time.monotonic() < deadline:
        time.sleep(0.1)

    def kept():
        return {r["Name"]: r["MainPID"] for r in rows("query", "SELECT Name, MainPID FROM Site_KeptService")}.get("cimbus-try.service")

    def real():
        return int(run("systemctl", "show", "--property=MainPID", "--value", "cimbus-try").stdout)

    kept()
    calls = os.path.join("/tmp", "calls")
    watcher = subprocess.Popen(["busctl", "monitor", "--json=short", "org.freedesktop.systemd1"], stdout=open(calls, "w"), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while not os.path.getsize(calls) and time.monotonic() < deadline:
        run("busctl", "--system", "get-property", SYSTEMD, "/org/freedesktop/systemd1", SYSTEMD + ".Manager", "Version")
    expect("a cached class has the values of systemd", kept() == real() != 0, (kept(), real()))
    watcher.terminate()
    watcher.wait()
    with open(calls) as file:
        members = [json.loads(line).get("member") for line in file if '"method_call"' in line]
    expect("a cached class asks systemd for its list, and for no object", "ListUnitsByPatterns" in members and "GetAll" not in members, members)
    before = real()
    run("systemctl", "restart", "cimbus-try", check=True)
    deadline = time.monotonic() + 10
    while kept() != real() and time.monotonic() < deadline:
        time.sleep(0.05)
    expect("what systemd signals is in a cached class", kept() == real() != before, (kept(), real(), before))
    os.unlink("/etc/cimbus/adopt/z-kept.mof")


# The units once more, kept: systemd says what changes to whom has called Subscribe.
CACHED = """
[dynamic, provider("DBusServices"),
    ClassContext("like Linux_SystemdUnit; cache at /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager.Subscribe()")]
class Bench_CachedUnit
{
    [key, PropertyContext("column Name or .Id")] string Name;
    string Description; string LoadState; string ActiveState; string SubState; string FragmentPath; string UnitFileState; string UnitFilePreset;
    uint64 StateChangeTimestamp; uint64 ActiveEnterTimestamp; string Requires[]; string Wants[]; string After[]; string Before[];
    boolean CanStart; boolean CanStop; boolean CanReload; boolean NeedDaemonReload; string Names[]; string Documentation[];
};
"""


def bench(stage):
    """Measures, where everything is installed, and with more units than a small system has."""
    names = [f"bench-{number}.service" for number in range(60)]
    for name in names:
        with open("/run/systemd/system/" + name, "w") as file:
            file.write("[Unit]\nDescription=One of many\n[Service]\nExecStart=/bin/sleep 10000\n")
    run("systemctl", "daemon-reload", check=True)
    run("systemctl", "start", *names, check=True)
    with open("/etc/cimbus/adopt/z-bench.mof", "w") as file:
        file.write(CACHED)
    run("systemctl", "start", "cimbus-adopter", check=True)
    deadline = time.monotonic() + 30
    while run("cimctl", "classes", "Linux_SystemdUnit").returncode != 0 and time.monotonic() < deadline:
        time.sleep(0.1)
    return subprocess.run(["/usr/bin/python3", os.path.join(stage, "adopted")]).returncode
