#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Whether there is no such object cannot be told from the name of the error: libraries disagree on it.
#
# Checked with: dbus-python 1.3.2 (libdbus 1.14.10), PyGObject 3.42.2 (GLib 2.74.6), ruby-dbus 0.16.0, systemd 252 (sd-bus) of Debian 12.
# The packages are unpacked in a temporary folder. Python 3.11, Ruby, the C compiler, dbus-daemon and busctl are those of the system.
# One would guess: org.freedesktop.DBus.Error.UnknownObject, which the specification has for it, and which all of these libraries define.
# What happens: services on libdbus and GLib answer UnknownMethod, the same as for an object that lacks the method, sd-bus and ruby-dbus
#   UnknownObject.
# What it means: a client that asks "is it there?" has to take both for "no".
# Seen: libdbus and glib: org.freedesktop.DBus.Error.UnknownMethod; ruby and sdbus: org.freedesktop.DBus.Error.UnknownObject
#
# usage: findings/dbus-libraries-disagree-on-no-such-object.sh
# exit status 0: as described; 1: not any more; 2: what it needs cannot be had here
set -euo pipefail
pins="python3-dbus=1.3.2-4+b1 libdbus-1-3=1.14.10-1~deb12u1 python3-gi=3.42.2-3+b1 libglib2.0-0=2.74.6-2+deb12u9
    libgirepository-1.0-1=1.74.0-3 gir1.2-glib-2.0=1.74.0-3 libglib2.0-bin=2.74.6-2+deb12u9 ruby-dbus=0.16.0-1
    libsystemd-dev=252.39-1~deb12u2 libsystemd0=252.39-1~deb12u2"
type apt-get /usr/bin/python3.11 ruby cc dbus-run-session busctl > /dev/null || exit 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -qq $pins 2> log || { echo "not to be had here: $pins"; cat log; exit 2; }
for package in *.deb; do dpkg-deb -x "$package" root; done
cat > libdbus.py <<'PYTHON'
import dbus, dbus.mainloop.glib, dbus.service
from gi.repository import GLib
dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.SessionBus()
name = dbus.service.BusName("org.example.libdbus", bus)
thing = dbus.service.Object(bus, "/thing")
GLib.MainLoop().run()
PYTHON
cat > glib.py <<'PYTHON'
from gi.repository import Gio, GLib
bus = Gio.bus_get_sync(Gio.BusType.SESSION)
node = Gio.DBusNodeInfo.new_for_xml('<node><interface name="org.example.Thing"/></node>')
bus.register_object("/thing", node.interfaces[0], None, None, None)
Gio.bus_own_name_on_connection(bus, "org.example.glib", 0, None, None)
GLib.MainLoop().run()
PYTHON
cat > ruby.rb <<'RUBY'
require "dbus"
bus = DBus.session_bus
bus.request_service("org.example.ruby").export(DBus::Object.new("/thing"))
main = DBus::Main.new
main << bus
main.run
RUBY
cat > sdbus.c <<'C'
#include <systemd/sd-bus.h>
static const sd_bus_vtable vtable[] = {SD_BUS_VTABLE_START(0), SD_BUS_VTABLE_END};
int main(void) {
    sd_bus *bus;
    if (sd_bus_open_user(&bus) < 0 || sd_bus_add_object_vtable(bus, NULL, "/thing", "org.example.Thing", vtable, NULL) < 0 ||
        sd_bus_request_name(bus, "org.example.sdbus", 0) < 0) return 1;
    for (int r; (r = sd_bus_process(bus, NULL)) >= 0;) if (r == 0) sd_bus_wait(bus, UINT64_MAX);
}
C
cat > test <<'SHELL'
LIB=$(echo "$PWD"/root/usr/lib/*-linux-gnu)
PATH=$PWD/root/usr/bin:$PATH
export PYTHONPATH=$PWD/root/usr/lib/python3/dist-packages LD_LIBRARY_PATH=$LIB GI_TYPELIB_PATH=$LIB/girepository-1.0
export RUBYLIB=$PWD/root/usr/lib/ruby/vendor_ruby
trap 'kill $(jobs -p)' EXIT
cc -Iroot/usr/include -L"$LIB" -o sdbus sdbus.c -lsystemd
/usr/bin/python3.11 libdbus.py & /usr/bin/python3.11 glib.py & ruby ruby.rb & ./sdbus &
for service in libdbus glib ruby sdbus; do
    for _ in $(seq 400); do ! busctl --user list --no-legend | grep -q "^org.example.$service " || break; sleep 0.05; done
    answer=$(gdbus call --session -d org.example.$service -o /nothing -m org.example.Thing.Look 2>&1 || true)
    echo "$service: $(grep -o 'org.freedesktop.DBus.Error.[A-Za-z]*' <<< "$answer")"
done | tee answers
diff answers - <<'END'
libdbus: org.freedesktop.DBus.Error.UnknownMethod
glib: org.freedesktop.DBus.Error.UnknownMethod
ruby: org.freedesktop.DBus.Error.UnknownObject
sdbus: org.freedesktop.DBus.Error.UnknownObject
END
SHELL
dbus-run-session -- bash test || { echo "this is not as described any more"; exit 1; }
