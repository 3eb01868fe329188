#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# GLib's GDBus sends no answer at all where a result does not have the type that was declared.
#
# Checked with: GLib 2.74.6 and PyGObject 3.42.2 of Debian 12. The same holds for C and for Lua (lgi).
# The packages are unpacked in a temporary folder. Python 3.11, dbus-daemon and busctl are those of the system.
# One would guess: the call fails for its caller, with an error that says so, as it does with dbus-python and dasbus.
# What happens: GDBus writes a warning to the standard error of the service and drops the invocation. The caller waits until it gives up.
# Seen: "Type of return value is incorrect: expected '(as)', got '(s)'" in the service; "Connection timed out" in the caller.
#
# usage: findings/gdbus-no-answer-where-the-result-has-another-type.sh
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
NODE = Gio.DBusNodeInfo.new_for_xml("""<node><interface name="org.example.Results">
    <method name="Right"><arg type="as" direction="out"/></method>
    <method name="Wrong"><arg type="as" direction="out"/></method></interface></node>""")


def called(connection, sender, path, interface, method, arguments, invocation):
    invocation.return_value(GLib.Variant("(as)", (["a"],)) if method == "Right" else GLib.Variant("(s)", ("a",)))


bus = Gio.bus_get_sync(Gio.BusType.SESSION)
bus.register_object("/results", NODE.interfaces[0], called, None, None)
Gio.bus_own_name_on_connection(bus, "org.example.Results", 0, None, None)
GLib.MainLoop().run()
PYTHON
cat > test <<'SHELL'
LIB=$(echo "$PWD"/root/usr/lib/*-linux-gnu)
export PYTHONPATH=$PWD/root/usr/lib/python3/dist-packages LD_LIBRARY_PATH=$LIB GI_TYPELIB_PATH=$LIB/girepository-1.0
/usr/bin/python3.11 service.py > out 2>&1 & service=$!
trap 'kill $service' EXIT
for _ in $(seq 400); do ! busctl --user list --no-legend | grep -q "^org.example.Results " || break; sleep 0.05; done
call() { busctl --user --timeout=2 call org.example.Results "$@" 2>&1 || true; }

right=$(call /results org.example.Results Right) wrong=$(call /results org.example.Results Wrong)
echo "Right: $right"
echo "Wrong: $wrong; the service says: $(grep -o 'Type of return value.*' out)"
[ "$right" = 'as 1 "a"' ] && [[ $wrong == *"timed out"* ]] && grep -q "Type of return value is incorrect" out && kill -0 $service
SHELL
dbus-run-session -- bash test || { echo "this is not as described any more"; exit 1; }
