# SPDX-License-Identifier: Apache-2.0
"""The broker as a service of systemd (see `inside`): configuration, the level of the log, the journal's fields and catalog, metrics."""

import os
import re
import socket
import subprocess

UNIT, NAME = "cimbusd.service", "org.cimbus1"
FOLDER = "/etc/cimbus/cimbusd.conf.d"
NOTIFIED = """
import os, socket, signal, subprocess, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind("/tmp/notify"); s.settimeout(20)
broker = subprocess.Popen(["/usr/bin/cimbusd", "--session"], env=dict(os.environ, NOTIFY_SOCKET="/tmp/notify"))
print(s.recv(999).decode().split("=")[0])
broker.send_signal(signal.SIGHUP)
print(*[line.split("=")[0] for line in s.recv(999).decode().splitlines()])
print(s.recv(999).decode())
broker.terminate()
print(s.recv(999).decode())
sys.exit(broker.wait())
"""


def drop_in(text):
    os.makedirs(FOLDER, exist_ok=True)
    with open(FOLDER + "/50-test.conf", "w") as file:
        file.write(text)
    os.chmod(FOLDER + "/50-test.conf", 0o644)


def journal(run, *arguments):
    run("journalctl", "--sync", check=True)
    return run("journalctl", "--no-pager", "-u", UNIT, *arguments).stdout


def get(path="/metrics"):
    """What a program that runs as nobody gets at the socket."""
    program = ("import socket, sys; s = socket.socket(socket.AF_UNIX); s.settimeout(20); s.connect('/run/cimbus/metrics');"
               f"s.sendall(b'GET {path} HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n'); sys.stdout.write(b''.join(iter(lambda: s.recv(65536), b'')).decode())")
    return subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c", program],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30, cwd="/").stdout


def test_configuration(run, expect):
    shipped = run("cimbusd", "--check-config")
    expect("the shipped configuration is good", shipped.returncode == 0 and "/etc/cimbus/cimbusd.conf" in shipped.stdout, shipped.stdout)
    drop_in("silence = 200\nlog-level = loud\n")
    bad = run("cimbusd", "--check-config")
    expect("--check-config says file, line and reason", bad.returncode == 1 and f"{FOLDER}/50-test.conf:2: " in bad.stdout, bad.stdout)
    kept = run("systemctl", "reload", UNIT)
    expect("a reload with a fault fails, and the broker goes on", kept.returncode != 0 and run("systemctl", "is-active", UNIT).returncode == 0, kept.stdout)
    expect("the journal says file and line", f"{FOLDER}/50-test.conf:2: " in journal(run), journal(run, "-n", "20"))
    drop_in("log-level = debug\nbus-grace = 7\n")
    taken = run("systemctl", "reload", UNIT)
    expect("a reload takes a drop-in", taken.returncode == 0, taken.stdout)
    expect("the log says what counts at the next start", "says of bus-grace counts when the broker is started anew" in journal(run), journal(run, "-n", "20"))
    level = run("systemctl", "service-log-level", UNIT)
    expect("the level of the log is the file's", level.stdout.strip() == "debug", level.stdout)
    os.remove(FOLDER + "/50-test.conf")
    run("systemctl", "reload", UNIT, check=True)
    level = run("systemctl", "service-log-level", UNIT)
    expect("without the file it is the default", level.stdout.strip() == "info", level.stdout)


def test_log(run, expect):
    changed = run("systemctl", "service-log-level", UNIT, "debug")
    level = run("systemctl", "service-log-level", UNIT)
    expect("systemctl service-log-level cimbusd.service debug works", changed.returncode == 0 and level.stdout.strip() == "debug", changed.stdout + level.stdout)
    refused = run("busctl", "--system", "set-property", NAME, "/org/freedesktop/LogControl1", "org.freedesktop.LogControl1", "LogLevel", "s", "info", user="nobody")
    expect("nobody cannot change the level", refused.returncode != 0 and "Access denied" in refused.stdout, refused.stdout)
    target = run("systemctl", "service-log-target", UNIT)
    expect("the log goes to the journal", target.stdout.strip() == "journal", target.stdout)
    run("systemctl", "service-log-target", UNIT, "console", check=True)
    run("systemctl", "kill", "--signal=HUP", UNIT, check=True)
    run("cimctl", "rights", "reload", check=True)
    run("systemctl", "service-log-target", UNIT, "journal", check=True)
    lines = journal(run, "-o", "export", "-n", "40", "_TRANSPORT=stdout")
    expect("on standard error systemd reads the level in front", "\nMESSAGE=" in lines and "\nPRIORITY=5\n" in lines and "MESSAGE=<5>" not in lines, lines)
    run("systemctl", "service-log-level", UNIT, "info", check=True)
    run("journalctl", "--update-catalog", check=True)
    with open("/etc/cimbus/rights.d/50-test.conf", "w") as file:
        file.write("deny user:nobody Enable root/cimv2 class __Win32Provider\n")
    os.chmod("/etc/cimbus/rights.d/50-test.conf", 0o644)
    run("systemctl", "reload", UNIT, check=True)
    run("cimctl", "enumerate", "__Win32Provider", user="nobody")
    os.remove("/etc/cimbus/rights.d/50-test.conf")
    run("systemctl", "reload", UNIT, check=True)
    fields = journal(run, "-o", "export", "CIMBUS_OUTCOME=refused", "CIMBUS_CLIENT_UID=65534", "CIMBUS_CLASS=__Win32Provider")
    expect("a refusal is found by its fields", all(re.search(f"^{field}=", fields, re.M) for field in ("CIMBUS_STATUS", "CIMBUS_RULE", "MESSAGE_ID")), fields)
    explained = journal(run, "-x", "CIMBUS_OUTCOME=refused", "CIMBUS_CLIENT_UID=65534")
    expect("journalctl -x explains it", "cimctl rights check says who may what" in explained, explained)


def test_metrics(run, expect):
    plain = get()
    expect("nobody reads metrics at the socket", plain.startswith("HTTP/1.1 200 OK") and "\ncimbus_objects_total " in plain, plain[:2000])
    expect("what others have of what is bounded is not among them", 'user="0"' not in plain, plain)
    expect("another path is 404", get("/").startswith("HTTP/1.1 404"))
    mode = os.stat("/run/cimbus/metrics").st_mode & 0o777
    expect("the socket is everybody's to read", mode == 0o666, oct(mode))
    os.makedirs("/var/lib/prometheus/node-exporter", exist_ok=True)
    written = run("systemctl", "start", "cimbus-metrics.service")
    path = "/var/lib/prometheus/node-exporter/cimbus.prom"
    text = open(path).read() if os.path.exists(path) else ""
    expect("the unit writes a file for node_exporter", written.returncode == 0 and text.endswith("# EOF\n") and "cimbus_quota_used{" in text,
           written.stdout + text[:500] + run("journalctl", "--no-pager", "-u", "cimbus-metrics.service").stdout)


def test_notify(run, expect):
    told = run("dbus-run-session", "--", "/usr/bin/python3", "-c", NOTIFIED, timeout=60)
    lines = [line for line in told.stdout.splitlines() if line.split("=")[0].split()[0] in ("READY", "RELOADING", "STOPPING")] if told.stdout.strip() else []
    expect("systemd hears of the start, of a reload and its end, and of the stop",
           lines == ["READY", "RELOADING MONOTONIC_USEC", "READY=1", "STOPPING=1"] and told.returncode == 0, told.stdout)


def test_service(run, expect):
    test_configuration(run, expect)
    test_log(run, expect)
    test_metrics(run, expect)
    test_notify(run, expect)
