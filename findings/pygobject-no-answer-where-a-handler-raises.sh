#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# PyGObject sends no answer where the handler of a D-Bus call raises an exception.
#
# Checked with: PyGObject 3.42.2 and GLib 2.74.6 of Debian 12. Lua (lgi 0.9.2) does the same; GJS, dasbus and dbus-python answer with an error.
# The packages are unpacked in a temporary folder. Python 3.11, dbus-daemon and busctl are those of the system.
# One would guess: the exception becomes an error reply, as with dbus-python, dbus-fast and dasbus.
# What happens: the traceback is printed, the invocation is forgotten, and nobody answers. The service lives on; its caller waits until it
#   gives up.
# Seen: "ValueError: no such number" in the service; "Connection timed out" in the caller; the next call is served.
#
# usage: findings/pygobject-no-answer-where-a-handler-raises.sh
# exit status 0: as described; 1: not any more; 2: what it needs cannot be had here
set -euo pipefail
pins="python3-gi=3.42.2-3+b1 libglib2.0-0=2.74.6-2+deb12u9 libgirepository-1.0-1=1.74.0-3 gir1.2-glib-2.0=1.74.0-3"
type apt-get /usr/bin/python3.11 dbus-run-session busctl > /dev/null || exit 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -qq $pins 2> log || { echo "not to be had here: $pins"; cat log; exit 2; }
for package in *.deb; do dpkg-deb -x "$package" root; done
cat > service.py <<'PYTHON'
from gi.repository import Gio, GLib
NODE = Gio.DBusNodeInfo.new_for_xml("""<node><interface name="org.example.Numbers">
    <method name="Double"><arg type="i"/><arg type="i" direction="out"/></method></interface></node>""")


def called(connection, sender, path, interface, method, arguments, invocation):
    (number,) = arguments.unpack()
    if number < 0:
        raise ValueError("no such number")
    invocation.return_value(GLib.Variant("(i)", (2 * number,)))


bus = Gio.bus_get_sync(Gio.BusType.SESSION)
bus.register_object("/numbers", NODE.interfaces[0], called, None, None)
Gio.bus_own_name_on_connection(bus, "org.example.Numbers", 0, None, None)
GLib.MainLoop().run()
PYTHON
cat > test <<'SHELL'
LIB=$(echo "$PWD"/root/usr/lib/*-linux-gnu)
export PYTHONPATH=$PWD/root/usr/lib/python3/dist-packages LD_LIBRARY_PATH=$LIB GI_TYPELIB_PATH=$LIB/girepository-1.0
/usr/bin/python3.11 service.py > out 2>&1 & service=$!
trap 'kill $service' EXIT
for _ in $(seq 400); do ! busctl --user list --no-legend | grep -q "^org.example.Numbers " || break; sleep 0.05; done
call() { busctl --user --timeout=2 call org.example.Numbers "$@" 2>&1 || true; }

raised=$(call -- /numbers org.example.Numbers Double i -1) next=$(call /numbers org.example.Numbers Double i 21)
echo "a handler that raises: $raised; the service says: $(tail -n 1 out)"
echo "the next call: $next"
[[ $raised == *"timed out"* ]] && grep -q "ValueError: no such number" out && [ "$next" = "i 42" ]
SHELL
dbus-run-session -- bash test || { echo "this is not as described any more"; exit 1; }
