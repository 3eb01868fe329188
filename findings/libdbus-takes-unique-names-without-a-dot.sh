#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Whether a text is a unique name of a connection depends on the library that is asked.
#
# Checked with: libdbus 1.14.10, GLib 2.74.6 (gio), systemd 252 (sd-bus) of Debian 12. The packages are unpacked in a temporary folder. Python 3.11 is
# that of the system.
# One would guess: the three agree. The specification says that every bus name has at least one period, and with it two elements that are not
#   empty.
# What happens: libdbus takes any text after the colon that has no empty element behind a period: ":" alone, ":1" and ":.a" are bus names to
#   dbus_validate_bus_name, and a message that says one of them as its destination is valid to it. GLib wants the period, and takes ":.a". sd-bus
#   wants both elements.
# What it means: who reads messages beside libdbus, and is as strict as the specification, refuses some that libdbus takes. dbus-daemon gives nobody
#   such a name.
# Seen (libdbus, GLib, sd-bus): ":1.5" 1 1 1; ":1" 1 0 0; ":" 1 0 0; ":.a" 1 1 0; ":1." 0 0 0
#
# usage: findings/libdbus-takes-unique-names-without-a-dot.sh
# exit status 0: as described; 1: not any more; 2: what it needs cannot be had here
set -euo pipefail
pins="libdbus-1-3=1.14.10-1~deb12u1 libglib2.0-0=2.74.6-2+deb12u9 libsystemd0=252.39-1~deb12u2"
type apt-get dpkg-deb /usr/bin/python3.11 > /dev/null || exit 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -qq $pins 2> log || { echo "not to be had here: $pins"; cat log; exit 2; }
for package in *.deb; do dpkg-deb -x "$package" root; done
libraries=$(find root -name '*.so.*' -printf '%h\n' | sort -u | sed "s#^#$work/#" | paste -sd:)
LD_LIBRARY_PATH=$libraries /usr/bin/python3.11 - > seen <<'PYTHON'
import ctypes

dbus, gio, systemd = (ctypes.CDLL(name) for name in ("libdbus-1.so.3", "libgio-2.0.so.0", "libsystemd.so.0"))
for name in (b":1.5", b":1", b":", b":.a", b":1."):
    answers = dbus.dbus_validate_bus_name(name, None), gio.g_dbus_is_name(name), systemd.sd_bus_service_name_is_valid(name)
    print(name.decode(), *(int(bool(answer)) for answer in answers))
PYTHON
cat > expected <<'TEXT'
:1.5 1 1 1
:1 1 0 0
: 1 0 0
:.a 1 1 0
:1. 0 0 0
TEXT
echo "name, libdbus, GLib, sd-bus:"
cat seen
diff expected seen || { echo "this has changed"; exit 1; }
echo "as described"
