#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ruby-dbus does not answer calls to a path that lies above an exported object; one with nothing below it is UnknownObject.
#
# Checked with: ruby-dbus 0.16.0 of Debian 12.
# The packages are unpacked in a temporary folder. Ruby, dbus-daemon and busctl are those of the system.
# One would guess: a path without an object is answered with an error, wherever it lies; and Peer.Ping, which is about the connection and not
#   about an object, with a reply. With an object at /org/example/Seats, libdbus, GDBus, sd-bus, godbus and QtDBus answer a ping at "/".
# What happens: "/org" and "/" exist as places in the tree, hold no object, and what is sent there is dropped: no reply and no error, for a
#   ping or anything else. Only Introspect is answered there. At "/com" the answer is UnknownObject; a ping at the object itself is UnknownMethod.
# What it means: who pings a peer at "/" takes a healthy service in Ruby for a dead one.
# Seen: "Connection timed out" at "/" and "/org"; "Object /com doesn't exist" at "/com"
#
# usage: findings/ruby-dbus-no-answer-above-an-object.sh
# exit status 0: as described; 1: not any more; 2: what it needs cannot be had here
set -euo pipefail
pins="ruby-dbus=0.16.0-1"
type apt-get ruby dbus-run-session busctl > /dev/null || exit 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -qq $pins 2> log || { echo "not to be had here: $pins"; cat log; exit 2; }
for package in *.deb; do dpkg-deb -x "$package" root; done
cat > service.rb <<'RUBY'
require "dbus"

class Seats < DBus::Object
  dbus_interface("org.example.Seats") { dbus_method(:Free, "out seats:i") { [3] } }
end
bus = DBus.session_bus
bus.request_service("org.example.Seats").export(Seats.new("/org/example/Seats"))
main = DBus::Main.new
main << bus
main.run
RUBY
cat > test <<'SHELL'
export RUBYLIB=$PWD/root/usr/lib/ruby/vendor_ruby
ruby service.rb > out 2>&1 & service=$!
trap 'kill $service' EXIT
for _ in $(seq 400); do ! busctl --user list --no-legend | grep -q "^org.example.Seats " || break; sleep 0.05; done
call() { busctl --user --timeout=2 call org.example.Seats "$@" 2>&1 || true; }

object=$(call /org/example/Seats org.example.Seats Free)
root=$(call / org.freedesktop.DBus.Peer Ping)
above=$(call /org org.example.Seats Free)
tree=$(call / org.freedesktop.DBus.Introspectable Introspect)
beside=$(call /com org.freedesktop.DBus.Peer Ping)
printf '%s\n' "the object: $object" "a ping at /: $root" "a call to /org: $above" "Introspect at /: ${tree:0:12}…" "a ping at /com: $beside"
[ "$object" = "i 3" ] && [[ $root == *"timed out"* && $above == *"timed out"* && $tree == *node* && $beside == *"doesn't exist"* ]]
SHELL
dbus-run-session -- bash test || { echo "this is not as described any more"; exit 1; }
