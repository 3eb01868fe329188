# SPDX-License-Identifier: Apache-2.0
"""Daemons that a system need not have, UDisks and NetworkManager, by their shipped mappings (see `inside_adopter`)."""

import glob
import json
import os
import subprocess

from adopter_compare import compare, properties, rows
from inside import expect, run


def packages(stage):
    """Daemons that a system need not have."""
    files = glob.glob(os.path.join(stage, "debs", "*.deb"))
    if not files:
        print("note - no packages were brought: UDisks and NetworkManager are not tested", flush=True)
        return False
    done = subprocess.run(["dpkg", "-i", "--force-confdef", *files], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=180,
                          env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
    if done.returncode != 0:
        print(f"note - dpkg: {done.stdout[-400:]}", flush=True)
    run("systemctl", "daemon-reload")
    run("systemctl", "start", "udisks2", timeout=60)
    run("systemctl", "start", "NetworkManager", timeout=60)
    return True


def test_udisks():
    managed = run("busctl", "--system", "--json=short", "call", "org.freedesktop.UDisks2", "/org/freedesktop/UDisks2", "org.freedesktop.DBus.ObjectManager",
                  "GetManagedObjects")
    if managed.returncode != 0:
        expect("UDisks runs", False, managed.stdout)
        return
    objects = json.loads(managed.stdout)["data"][0]
    blocks = {p.rsplit("/", 1)[1]: v["org.freedesktop.UDisks2.Block"] for p, v in objects.items() if "org.freedesktop.UDisks2.Block" in v}
    found = {r["Name"]: r for r in rows("query", "SELECT * FROM Linux_UDisksBlock")}
    expect("the block devices are those of UDisks", set(blocks) == set(found), set(blocks) ^ set(found))
    for name in sorted(blocks)[:3]:
        answers = {n: (v["type"], v["data"]) for n, v in blocks[name].items()}
        compare(f"block device {name}", found[name], answers, elsewhere={"Drive": "a reference", "CryptoBackingDevice": "a reference"})
        one = rows("get", f"Linux_UDisksBlock.Name='{name}'")[0]
        expect(f"block device {name} is the same by its key", {k: v for k, v in one.items() if v is not None}.items() >= {"Name": name, "Device": found[name]["Device"]}.items(), one)
    drives = {p.rsplit("/", 1)[1] for p, v in objects.items() if "org.freedesktop.UDisks2.Drive" in v}
    expect("the drives are those of UDisks", drives == {r["Name"] for r in rows("query", "SELECT Name FROM Linux_UDisksDrive")}, drives)
    status = run("udisksctl", "info", "-b", found[sorted(blocks)[0]]["Device"]).stdout if blocks else ""
    if blocks:
        row = found[sorted(blocks)[0]]
        expect("udisksctl says the same size", f"Size:                       {row['Size']}" in status, status[:400])


def test_network():
    answer = run("busctl", "--system", "--json=short", "call", "org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager",
                 "org.freedesktop.NetworkManager", "GetDevices", timeout=60)
    if answer.returncode != 0:
        expect("NetworkManager runs", False, answer.stdout)
        return
    wanted = {p.rsplit("/", 1)[1] for p in json.loads(answer.stdout)["data"][0]}
    found = {r["Number"]: r for r in rows("query", "SELECT * FROM Linux_NetworkDevice")}
    expect("the network devices are those of NetworkManager", wanted == set(found) and wanted, (wanted, set(found)))
    for number, row in found.items():
        answers = properties("org.freedesktop.NetworkManager", f"/org/freedesktop/NetworkManager/Devices/{number}", "org.freedesktop.NetworkManager.Device")
        kept = {n: v for n, v in answers.items() if n in row}
        compare(f"network device {row['Interface']}", row, kept, elsewhere={"ActiveConnection": "a reference", "StateReason": "the reason"})
    state = rows("get", "Linux_NetworkState=@")[0]
    answers = properties("org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager", "org.freedesktop.NetworkManager")
    expect("the network's state is NetworkManager's", state["State"] == answers["State"][1] and state["Version"] == answers["Version"][1], state)
    test_connections()


def test_connections():
    """The connections that are up, as nmcli shows them, and as NetworkManager itself says it."""
    made = run("nmcli", "connection", "add", "type", "dummy", "ifname", "cimbus-try", "con-name", "cimbus-try", "ipv4.method", "manual",
               "ipv4.addresses", "192.0.2.1/24", timeout=60)
    up = run("nmcli", "--wait", "20", "connection", "up", "cimbus-try", timeout=60) if made.returncode == 0 else made
    if up.returncode != 0:
        print(f"note - NetworkManager can make no device of its own here: {up.stdout.strip()}", flush=True)

    def shown(uuid):
        lines = run("nmcli", "--terse", "--escape", "no", "--fields", "GENERAL", "connection", "show", uuid, timeout=60).stdout.splitlines()
        return dict(line.removeprefix("GENERAL.").split(":", 1) for line in lines if ":" in line)
    active = run("nmcli", "--terse", "--fields", "UUID", "connection", "show", "--active", timeout=60).stdout.split()
    found = {r["Uuid"]: r for r in rows("query", "SELECT * FROM Linux_ActiveNetworkConnection")}
    expect("the connections that are up are those of nmcli", set(active) == set(found) and active, (active, list(found)))
    devices = {r["Number"]: r["Interface"] for r in rows("query", "SELECT Number, Interface FROM Linux_NetworkDevice")}
    states = ["unknown", "activating", "activated", "deactivating", "deactivated"]
    for uuid in active:
        row, said = found[uuid], shown(uuid)
        path = said["DBUS-PATH"]
        mine = {"NAME": row["Id"], "UUID": row["Uuid"], "STATE": states[row["State"]], "DBUS-PATH": "/org/freedesktop/NetworkManager/ActiveConnection/" + row["Number"],
                "CON-PATH": row["Connection"], "SPEC-OBJECT": row["SpecificObject"] or "", "MASTER-PATH": row["Master"] or "",
                "DEFAULT": "yes" if row["Default"] else "no", "DEFAULT6": "yes" if row["Default6"] else "no", "VPN": "yes" if row["Vpn"] else "no",
                "DEVICES": ",".join(devices[one.split('Number="')[1].rstrip('"')] for one in row["Devices"])}
        wrong = {name: (mine[name], said[name]) for name in mine if name in said and mine[name] != said[name].replace("--", "")}
        expect(f"connection {row['Id']}: every property is what nmcli shows", not wrong and said["NAME"] == row["Id"], wrong)
        compare(f"connection {row['Id']}", row, properties("org.freedesktop.NetworkManager", path, "org.freedesktop.NetworkManager.Connection.Active"),
                elsewhere={"Devices": "references", "Controller": "Master"})
        pairs = rows("query", f"REFERENCES OF {{Linux_ActiveNetworkConnection.Number='{row['Number']}'}} WHERE ResultClass = Linux_NetworkConnectionDevice")
        expect(f"connection {row['Id']} leads to its devices", sorted(r["Device"] for r in pairs) == sorted(row["Devices"]), pairs)
    run("nmcli", "connection", "delete", "cimbus-try", timeout=60)


def daemons(stage):
    if packages(stage):
        test_udisks()
        test_network()
