#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# dbus-daemon authenticates a process whose user id has no account, and then closes its connection without a word.
#
# Checked with: dbus-daemon 1.14.10 of Debian 12, unpacked in a temporary folder. Python 3.11 is that of the system; it is the clients.
# One would guess: EXTERNAL is about numbers that the kernel vouches for, and the policy lets every user in (<allow user="*"/>), so a process with
#   any user id may connect.
# What happens: AUTH EXTERNAL is answered with OK. At BEGIN the daemon looks the user up among the accounts, to learn the groups; where there is no
#   such account it closes the connection: Hello gets no answer and no error. Policy is not asked.
# What it means: containers and sandboxes that run programs as an arbitrary number (and DynamicUser without its name service module) are off the
#   bus, and a client library reports a lost connection, not a refusal. Give the number an account (a name service that makes one up is enough).
# Seen: uid 65534 OK answered; uid 54321 OK closed
#
# usage: findings/dbus-daemon-takes-no-uid-without-an-account.sh   (root: it starts clients as other users)
# exit status 0: as described; 1: not any more; 2: what it needs cannot be had here
set -euo pipefail
pins="dbus-daemon=1.14.10-1~deb12u1 libdbus-1-3=1.14.10-1~deb12u1"
type apt-get dpkg-deb /usr/bin/python3.11 > /dev/null || exit 2
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 2; }
! getent passwd 54321 > /dev/null || { echo "uid 54321 has an account here"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"
apt-get download -qq $pins 2> log || { echo "not to be had here: $pins"; cat log; exit 2; }
for package in ./*.deb; do dpkg-deb -x "$package" root; done
export LD_LIBRARY_PATH=$work/root/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH 2> /dev/null || echo x86_64-linux-gnu)
root/usr/bin/dbus-daemon --version | head -1
cat > bus.conf <<CONF
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=$work/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_destination="*"/><allow eavesdrop="true"/>
  </policy>
</busconfig>
CONF
/usr/bin/python3.11 - > seen 2> log <<'PYTHON'
import os
import socket
import struct
import subprocess

bus = subprocess.Popen(
    ["root/usr/bin/dbus-daemon", "--config-file=bus.conf", "--nofork", "--print-address=1"], stdout=subprocess.PIPE)
bus.stdout.readline()


def field(code, kind, value):
    return bytes([code, 1]) + kind.encode() + b"\0" + struct.pack("<I", len(value)) + value.encode() + b"\0"


def pad(data):
    return data + bytes(-len(data) % 8)


fields = b""
for one in (
        field(1, "o", "/org/freedesktop/DBus"), field(2, "s", "org.freedesktop.DBus"), field(3, "s", "Hello"),
        field(6, "s", "org.freedesktop.DBus")):
    fields = pad(fields) + one
hello = struct.pack("<cBBBIII", b"l", 1, 0, 1, 0, 1, len(fields)) + pad(fields)
for uid in 65534, 54321:
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(10)
        connection.connect("bus")
        connection.sendall(b"\0AUTH EXTERNAL " + str(uid).encode().hex().encode() + b"\r\n")
        answer = connection.recv(200).split()[0].decode()
        connection.sendall(b"BEGIN\r\n" + hello)
        end = "answered" if connection.recv(1) else "closed"
        os.write(writer, f"uid {uid} {answer} {end}".encode())
        os._exit(0)
    os.wait()
    print(os.read(reader, 100).decode())
bus.kill()
PYTHON
cat > expected <<'TEXT'
uid 65534 OK answered
uid 54321 OK closed
TEXT
cat seen
diff expected seen || { echo "this has changed"; cat log; exit 1; }
echo "as described"
