#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# GLib's GDBus answers Peer.Ping although the program that it serves is stuck.
#
# Checked with: GLib 2.74.6 and PyGObject 3.42.2 of Debian 12. C, Vala, GJS and Lua programs use the same code of GLib.
# The packages are unpacked in a temporary folder. Python 3.11, dbus-daemon and busctl are those of the system.
# One would guess: a program whose only handler of its main loop is busy answers nothing, a ping as little as any other call; so an answered
#   ping says that the program gets on with its work. It is so with dbus-python, Net::DBus, sd-bus and dbus-fast.
# What happens: GDBus reads the connection in a thread of its own, and that thread answers org.freedesktop.DBus.Peer itself. While a handler
#   sleeps for 3 s, a ping is answered within a small part of a second, and Properties.Get, which also needs no code of the program, is not.
# What it means: a ping proves that the process lives, and nothing more.
# Seen: a ping was answered after 12 ms, a property after 2936 ms
#
# usage: findings/gdbus-answers-pings-for-a-stuck-program.sh
# exit status 0: as described; 1: not any more; 2: what it needs cannot be had here
set -euo pipefail
pins="python3-gi=3.42.2-3+b1 libglib2.0-0=2.74.6-2+deb12u9 libgirepository-1.0-1=1.74.0-3 gir1.2-glib-2.0=1.74.0-3
    libglib2.0-bin=2.74.6-2+deb12u9"
type apt-get /usr/bin/python3.11 dbus-run-session busctl > /dev/null || exit 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -qq $pins 2> log || { echo "not to be had here: $pins"; cat log; exit 2; }
for package in *.deb; do dpkg-deb -x "$package" root; done
cat > service.py <<'PYTHON'
import time
from gi.repository import Gio, GLib
NODE = Gio.DBusNodeInfo.new_for_xml("""<node><interface name="org.example.Slow"><method name="Work"/>
    <property name="Progress" type="u" access="read"/></interface></node>""")


def called(connection, sender, path, interface, method, arguments, invocation):
    print("working", flush=True)
    time.sleep(3)
    invocation.return_value(None)


bus = Gio.bus_get_sync(Gio.BusType.SESSION)
bus.register_object("/slow", NODE.interfaces[0], called, lambda *_: GLib.Variant("u", 1), None)
Gio.bus_own_name_on_connection(bus, "org.example.Slow", 0, lambda *_: print("ready", flush=True), None)
GLib.MainLoop().run()
PYTHON
cat > test <<'SHELL'
LIB=$(echo "$PWD"/root/usr/lib/*-linux-gnu)
PATH=$PWD/root/usr/bin:$PATH
export PYTHONPATH=$PWD/root/usr/lib/python3/dist-packages LD_LIBRARY_PATH=$LIB GI_TYPELIB_PATH=$LIB/girepository-1.0
/usr/bin/python3.11 service.py > out & service=$!
trap 'kill $service' EXIT
await() { for _ in $(seq 400); do ! grep -q "$1" out || return 0; sleep 0.05; done; echo "the service did not say $1"; exit 1; }
milliseconds() { local begin=$EPOCHREALTIME; "$@" > answer 2>&1 || echo failed >> answer; echo $(((${EPOCHREALTIME/./} - ${begin/./}) / 1000)); }
await ready
gdbus call --session -d org.example.Slow -o /slow -m org.example.Slow.Work > /dev/null &
await working
ping=$(milliseconds busctl --user call org.example.Slow /slow org.freedesktop.DBus.Peer Ping)
! grep -q failed answer || { echo "the ping failed: $(cat answer)"; exit 1; }
property=$(milliseconds busctl --user get-property org.example.Slow /slow org.example.Slow Progress)
echo "while the handler slept: a ping was answered after $ping ms, a property after $property ms"
[ "$ping" -lt 1000 ] && [ "$property" -gt 1000 ]
SHELL
dbus-run-session -- bash test || { echo "this is not as described any more"; exit 1; }
