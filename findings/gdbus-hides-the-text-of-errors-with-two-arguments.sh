#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A GDBus client does not show the text of an error reply that has anything beside its text: all that ruby-dbus raises.
#
# Checked with: gdbus of GLib 2.74.6 and ruby-dbus 0.16.0 of Debian 12. It holds for every client in C, Vala, GJS and PyGObject.
# The packages are unpacked in a temporary folder. Ruby, dbus-daemon and busctl are those of the system.
# One would guess: the text of an error is the first argument of its reply, where that is a string. So the specification has it, and so sd-bus
#   and libdbus read it.
# What happens: GDBus takes the text only of a reply with exactly one argument. ruby-dbus adds the backtrace of the service as a second one to
#   whatever a method raises, so its clients in GLib learn "Error return with body of type “(sas)”" instead of what is wrong.
# What it means: a service that wants to be understood by everybody sends the text alone.
# Seen: GDBus.Error:org.example.Error.Taken: Error return with body of type “(sas)”
#
# usage: findings/gdbus-hides-the-text-of-errors-with-two-arguments.sh
# exit status 0: as described; 1: not any more; 2: what it needs cannot be had here
set -euo pipefail
pins="libglib2.0-bin=2.74.6-2+deb12u9 libglib2.0-0=2.74.6-2+deb12u9 ruby-dbus=0.16.0-1"
type apt-get ruby dbus-run-session busctl > /dev/null || exit 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -qq $pins 2> log || { echo "not to be had here: $pins"; cat log; exit 2; }
for package in *.deb; do dpkg-deb -x "$package" root; done
cat > service.rb <<'RUBY'
require "dbus"

class Seats < DBus::Object
  dbus_interface "org.example.Seats" do
    dbus_method(:Take, "in seat:i") { |seat| raise DBus.error("org.example.Error.Taken"), "seat #{seat} is taken" }
  end
end
bus = DBus.session_bus
bus.request_service("org.example.Seats").export(Seats.new("/seats"))
main = DBus::Main.new
main << bus
main.run
RUBY
cat > test <<'SHELL'
LIB=$(echo "$PWD"/root/usr/lib/*-linux-gnu)
PATH=$PWD/root/usr/bin:$PATH
export LD_LIBRARY_PATH=$LIB
export RUBYLIB=$PWD/root/usr/lib/ruby/vendor_ruby
ruby service.rb > out 2>&1 & service=$!
trap 'kill $service' EXIT
for _ in $(seq 400); do ! busctl --user list --no-legend | grep -q "^org.example.Seats " || break; sleep 0.05; done
call() { busctl --user --timeout=2 call org.example.Seats "$@" 2>&1 || true; }

one=$(call /seats org.example.Seats Take i 7)
other=$(gdbus call --session -d org.example.Seats -o /seats -m org.example.Seats.Take 7 2>&1 || true)
echo "busctl: $one"
echo "gdbus:  $other"
[[ $one == *"seat 7 is taken"* && $other == *"org.example.Error.Taken"* && $other == *"Error return with body of type"* && $other != *"seat 7"* ]]
SHELL
dbus-run-session -- bash test || { echo "this is not as described any more"; exit 1; }
