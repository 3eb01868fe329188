#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A match rule of dbus-broker for the second argument matches no signal whose first argument is not a string.
#
# Checked with: dbus-broker 33 of Debian 12, unpacked in a temporary folder. Python 3.11 is that of the system; it is the controller that
#   dbus-broker-launch is otherwise, and the two clients.
# One would guess: arg1='x' compares the second argument of a signal with x, whatever the first one is. The specification says so, and dbus-daemon
#   1.14.10 does so.
# What happens: dbus-broker asks of the first argument whether it is a string, for every N of argN. Where it is a number, a path or an array, no
#   rule with arg1, arg2, … matches. AddMatch succeeds, and the signal never comes.
# What it means: a program that chooses signals by argN works on dbus-daemon and hears nothing on dbus-broker. Choose by arg0, or look at the
#   arguments oneself. (A later version compares each argument by itself.)
# Seen: s arg0 comes; ss arg1 comes; us arg1 NEVER; os arg1 NEVER; sus arg2 comes
#
# usage: findings/dbus-broker-matches-argn-only-behind-a-string.sh
# exit status 0: as described; 1: not any more; 2: what it needs cannot be had here
set -euo pipefail
pins="dbus-broker=33-1"
type apt-get dpkg-deb /usr/bin/python3.11 > /dev/null || exit 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -qq $pins 2> log || { echo "not to be had here: $pins"; cat log; exit 2; }
dpkg-deb -x ./*.deb root
root/usr/bin/dbus-broker --version
/usr/bin/python3.11 - > seen <<'PYTHON'
import socket
import struct
import subprocess

ALIGNMENT = {"y": 1, "g": 1, "v": 1, "u": 4, "b": 4, "h": 4, "s": 4, "o": 4, "a": 4, "t": 8, "(": 8}


def one(signature):
    """The first complete type."""
    if signature[0] == "a":
        return "a" + one(signature[1:])
    depth = 0
    for index, letter in enumerate(signature):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return signature[:index + 1]


def pad(data, size):
    data += bytes(-len(data) % size)


def put(data, signature, values):
    for value in values:
        kind = one(signature)
        signature = signature[len(kind):]
        pad(data, ALIGNMENT[kind[0]])
        if kind[0] == "(":
            put(data, kind[1:-1], value)
        elif kind[0] == "a":
            items = bytearray(data) + bytes(4)
            pad(items, ALIGNMENT[kind[1]])
            start = len(items)
            for item in value:
                put(items, kind[1:], [item])
            data += struct.pack("<I", len(items) - start) + items[len(data) + 4:]
        elif kind == "v":
            put(data, "g" + value[0], value)
        elif kind in "so":
            data += struct.pack("<I", len(value)) + value.encode() + b"\0"
        elif kind == "g":
            data += bytes([len(value)]) + value.encode() + b"\0"
        else:
            data += struct.pack({"y": "<B", "t": "<Q"}.get(kind, "<I"), value)


class Peer:
    def __init__(self, connection):
        self.socket, self.serial = connection, 0
        self.socket.settimeout(2)
        self.socket.sendall(b"\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n")
        lines = b""
        while lines.count(b"\n") < 3:
            lines += self.socket.recv(1)

    def send(self, kind, fields, signature="", values=(), descriptors=()):
        self.serial += 1
        body, header = bytearray(), bytearray()
        put(body, signature, values)
        fields = [*fields, *([(8, ("g", signature))] if signature else []), *([(9, ("u", len(descriptors)))] if descriptors else [])]
        put(header, "yyyyuua(yv)", [ord("l"), kind, 0, 1, len(body), self.serial, fields])
        pad(header, 8)
        socket.send_fds(self.socket, [header + body], descriptors)

    def call(self, destination, path, interface, member, signature="", values=(), descriptors=()):
        name = [(6, ("s", destination))] if destination else []
        self.send(1, [(1, ("o", path)), (2, ("s", interface)), (3, ("s", member)), *name], signature, values, descriptors)
        while True:
            kind, data = self.read()
            if kind in (2, 3):
                return data

    def read(self):
        start = self.socket.recv(16, socket.MSG_WAITALL)
        body, _, fields = struct.unpack("<III", start[4:])
        return start[1], self.socket.recv((fields + 7 & ~7) + body, socket.MSG_WAITALL)


BUS = "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus"
own, its = socket.socketpair()
bus = subprocess.Popen(["root/usr/bin/dbus-broker", "--controller", str(its.fileno()), "--machine-id", "1" * 32], pass_fds=[its.fileno()])
its.close()
controller = Peer(own)
listener = socket.socket(socket.AF_UNIX)
listener.setblocking(False)
listener.bind("bus")
listener.listen()
message = "a(btssssuutt)"
batch = f"bta(btbs){message}{message}"
everything = [(1, 1, "", "", "", "", 0, 0, 0, 2**64 - 1)]
policy = [(2**32 - 1, (1, 1, [(1, 1, 1, "")], everything, everything))], [], [], 0, "session"
answer = controller.call(
    "", "/org/bus1/DBus/Broker", "org.bus1.DBus.Broker", "AddListener", "ohv",
    ["/org/bus1/DBus/Listener/0", 0, (f"(a(u({batch}))a(buu({batch}))a(ss)bs)", policy)], [listener.fileno()])


def connect():
    connection = socket.socket(socket.AF_UNIX)
    connection.connect("bus")
    peer = Peer(connection)
    peer.call(*BUS, "Hello")
    return peer


sender = connect()
for rule, signature, values in (
        ("arg0='x'", "s", ["x"]), ("arg1='x'", "ss", ["y", "x"]), ("arg1='x'", "us", [1, "x"]), ("arg1='x'", "os", ["/y", "x"]),
        ("arg2='x'", "sus", ["y", 1, "x"])):
    receiver = connect()
    receiver.call(*BUS, "AddMatch", "s", [f"type='signal',interface='org.example.X',{rule}"])
    sender.send(4, [(1, ("o", "/x")), (2, ("s", "org.example.X")), (3, ("s", "Happened"))], signature, values)
    sender.call(*BUS, "GetId")
    receiver.send(1, [(1, ("o", BUS[1])), (2, ("s", BUS[2])), (3, ("s", "GetId")), (6, ("s", BUS[0]))])
    kinds = []
    while 2 not in kinds:
        kinds.append(receiver.read()[0])
    print(signature, rule[:4], "comes" if 4 in kinds else "NEVER")
bus.kill()
PYTHON
cat > expected <<'TEXT'
s arg0 comes
ss arg1 comes
us arg1 NEVER
os arg1 NEVER
sus arg2 comes
TEXT
cat seen
diff expected seen || { echo "this has changed"; exit 1; }
echo "as described"
