#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# dbus-broker drops a connection that calls another one of the same user which does not read, and refuses none of its calls before.
#
# Checked with: dbus-broker 33 of Debian 12, unpacked in a temporary folder, with --max-bytes 64 MiB so that little is enough (dbus-broker-launch says
#   512 MiB). Python 3.11 is that of the system; it is the controller that dbus-broker-launch is otherwise, and the clients.
# One would guess: the connection that does not read is dropped, or its callers are told LimitsExceeded, as they are where it belongs to another user.
# What happens: what waits to be read counts against the one user. When the user's bytes are used up, the bus cannot take the next message of whoever
#   sends it, and hangs up on the sender in the middle of the stream. No call is refused before. The connection that does not read stays.
# What it means: on a session bus, where everybody is one user, a stopped program costs those their connection who call it. Who sends bounds what it sends
#   and does not know to be read.
# Seen: 63 calls of 1 MiB; then the sender is dropped, 0 calls refused before; connected: the reader (:1.0) and the third (:1.2)
#
# usage: findings/dbus-broker-drops-who-calls-a-connection-of-its-user-that-does-not-read.sh
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
        if descriptors:
            socket.send_fds(self.socket, [header + body], descriptors)
        else:
            self.socket.sendall(header + body)

    def call(self, destination, path, interface, member, signature="", values=(), descriptors=()):
        name = [(6, ("s", destination))] if destination else []
        self.send(1, [(1, ("o", path)), (2, ("s", interface)), (3, ("s", member)), *name], signature, values, descriptors)
        while True:
            kind, data = self.read()
            if kind in (2, 3):
                return data

    def receive(self, count):
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def read(self):
        start = self.receive(16)
        body, _, fields = struct.unpack("<III", start[4:])
        return start[1], self.receive((fields + 7 & ~7) + body)


BUS = "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus"
own, its = socket.socketpair()
bus = subprocess.Popen(["root/usr/bin/dbus-broker", "--controller", str(its.fileno()), "--machine-id", "1" * 32, "--max-bytes", str(64 << 20)], pass_fds=[its.fileno()])
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


reader, sender, other = connect(), connect(), connect()
sent = refused = 0
try:
    while sent < 200:
        sender.send(1, [(1, ("o", "/x")), (2, ("s", "org.example.X")), (3, ("s", "M")), (6, ("s", ":1.0"))], "s", ["x" * (1 << 20)])
        sent += 1
        # The answer to this comes behind a refusal of that.
        sender.send(1, [(1, ("o", BUS[1])), (2, ("s", BUS[2])), (3, ("s", "GetId")), (6, ("s", BUS[0]))])
        kind = sender.read()[0]
        while kind != 2:
            refused += kind == 3
            kind = sender.read()[0]
    print("200 calls:", refused, "refused")
except (EOFError, ConnectionError):
    print("the sender is dropped with less than 64 MiB sent:" if sent < 64 else sent, refused, "calls refused before")
names = other.call(*BUS, "ListNames")
print("connected:", *[f":1.{number}" for number in range(3) if f":1.{number}\0".encode() in names])
bus.kill()
PYTHON
cat > expected <<'TEXT'
the sender is dropped with less than 64 MiB sent: 0 calls refused before
connected: :1.0 :1.2
TEXT
cat seen
diff expected seen || { echo "this has changed"; exit 1; }
echo "as described"
