#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# systemd-stdio-bridge agrees to pass file descriptors if its standard input and output are a socket, though a pipe or a network may lie behind it.
#
# Checked with: systemd 252.39-1~deb12u2 of Debian 12.
# The packages are unpacked in a temporary folder. dbus-daemon and python3 are those of the system.
# One would guess: the bridge, which carries D-Bus from a remote host through ssh, refuses NEGOTIATE_UNIX_FD, for descriptors cannot pass a network; or
#   it answers alike, however it was started.
# What happens: it looks at its own standard input and output alone. Where both are a UNIX socket it answers AGREE_UNIX_FD, where they are pipes, ERROR.
#   A program that starts it with a socket pair for both makes it agree, and whoever talks with it through that program takes the bus for one that
#   passes descriptors, though the program may carry bytes alone.
# What it means: who carries a bus over anything but a UNIX socket puts a pipe before the bridge (`systemd-stdio-bridge | cat`), or answers for it.
# Seen: socket: AGREE_UNIX_FD; pipes: ERROR
#
# usage: findings/systemd-stdio-bridge-agrees-to-descriptors-by-the-kind-of-its-socket.sh
# exit status 0: as described; 1: not any more; 2: what it needs cannot be had here
set -euo pipefail
pins="systemd=252.39-1~deb12u2 libsystemd-shared=252.39-1~deb12u2"
type apt-get python3 dbus-run-session > /dev/null || exit 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -qq $pins 2> log || { echo "not to be had here: $pins"; cat log; exit 2; }
for package in *.deb; do dpkg-deb -x "$package" root; done
cat > ask.py <<'PYTHON'
import os, socket, subprocess

environment = {**os.environ, "LD_LIBRARY_PATH": os.path.abspath("root/usr/lib/x86_64-linux-gnu/systemd")}
bridge = ["root/usr/bin/systemd-stdio-bridge", "--bus-path=" + os.environ["DBUS_SESSION_BUS_ADDRESS"]]
words = b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n"


def answers(read):
    text = b""
    while text.count(b"\r\n") < 2:
        part = read(4096)
        if not part:
            break
        text += part
    return [line.split()[0] for line in text.decode().splitlines()]


here, there = socket.socketpair()
with subprocess.Popen(bridge, stdin=there, stdout=there, env=environment) as process:
    there.close()
    here.settimeout(10)
    here.sendall(words)
    print("socket:", *answers(here.recv))
    here.close()
    process.wait(10)
with subprocess.Popen(bridge, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
    process.stdin.write(words)
    process.stdin.flush()
    print("pipes:", *answers(lambda size: os.read(process.stdout.fileno(), size)))
    process.stdin.close()
    process.wait(10)
PYTHON
timeout 60 dbus-run-session -- python3 ask.py 2> errors | tee answers || true
diff answers - <<'END' || { cat errors; echo "this is not as described any more"; exit 1; }
socket: OK AGREE_UNIX_FD
pipes: OK ERROR
END
