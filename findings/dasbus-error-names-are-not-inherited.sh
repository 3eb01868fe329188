#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# dasbus gives an exception the D-Bus name of its class; one of a class below it gets a name of nobody's.
#
# Checked with: dasbus 1.7 of Debian 12.
# The packages are unpacked in a temporary folder. Python 3.11, dbus-daemon and busctl are those of the system.
# One would guess: a class of exceptions that was given the name org.example.Error.NotFound stands for those derived from it, too, as "except"
#   does, and as the search for a rule by the type of the exception suggests.
# What happens: rules are compared with the exact class. What is derived is no mapped error, and, as every exception that nobody mapped, is
#   answered with not.known.Error.CLASS: a name in a domain that dasbus has made up, and that differs for each class of Python.
# What it means: each class that can be raised needs a decorator of its own, or a rule that looks at the classes above.
# Seen: GDBus.Error:not.known.Error.ShelfNotFound: there is no such shelf
#
# usage: findings/dasbus-error-names-are-not-inherited.sh
# exit status 0: as described; 1: not any more; 2: what it needs cannot be had here
set -euo pipefail
pins="python3-dasbus=1.7-1 python3-gi=3.42.2-3+b1 libglib2.0-0=2.74.6-2+deb12u9 libgirepository-1.0-1=1.74.0-3 gir1.2-glib-2.0=1.74.0-3
    libglib2.0-bin=2.74.6-2+deb12u9"
type apt-get /usr/bin/python3.11 dbus-run-session busctl > /dev/null || exit 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -qq $pins 2> log || { echo "not to be had here: $pins"; cat log; exit 2; }
for package in *.deb; do dpkg-deb -x "$package" root; done
cat > service.py <<'PYTHON'
from dasbus.connection import SessionMessageBus
from dasbus.error import DBusError, ErrorMapper, get_error_decorator
from dasbus.loop import EventLoop
from dasbus.server.interface import dbus_interface

errors = ErrorMapper()


@get_error_decorator(errors)("org.example.Error.NotFound")
class NotFound(DBusError):
    pass


class ShelfNotFound(NotFound):
    pass


@dbus_interface("org.example.Shelves")
class Shelves:
    def Book(self):
        raise NotFound("there is no such book")

    def Shelf(self):
        raise ShelfNotFound("there is no such shelf")


bus = SessionMessageBus(error_mapper=errors)
bus.publish_object("/shelves", Shelves())
bus.register_service("org.example.Shelves")
EventLoop().run()
PYTHON
cat > test <<'SHELL'
LIB=$(echo "$PWD"/root/usr/lib/*-linux-gnu)
PATH=$PWD/root/usr/bin:$PATH
export PYTHONPATH=$PWD/root/usr/lib/python3/dist-packages LD_LIBRARY_PATH=$LIB GI_TYPELIB_PATH=$LIB/girepository-1.0
/usr/bin/python3.11 service.py > out 2>&1 & service=$!
trap 'kill $service' EXIT
for _ in $(seq 400); do ! busctl --user list --no-legend | grep -q "^org.example.Shelves " || break; sleep 0.05; done
call() { busctl --user --timeout=2 call org.example.Shelves "$@" 2>&1 || true; }

for method in Book Shelf; do gdbus call --session -d org.example.Shelves -o /shelves -m org.example.Shelves.$method 2>&1 || true; done | tee answers
diff answers - <<'END'
Error: GDBus.Error:org.example.Error.NotFound: there is no such book
Error: GDBus.Error:not.known.Error.ShelfNotFound: there is no such shelf
END
SHELL
dbus-run-session -- bash test || { echo "this is not as described any more"; exit 1; }
