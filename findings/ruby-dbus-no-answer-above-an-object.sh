#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ruby-dbus does not answer calls to a path that lies above an exported object; one with nothing below it is UnknownObject.
#
# Checked with: ruby-dbus 0.16.0 of Debian 12.
# One would guess: a path without an object is answered with an error, wherever it lies; and Peer.Ping, which is about the connection and not
#   about an object, with a reply. With an object at /org/example/Seats, libdbus, GDBus, sd-bus, godbus and QtDBus answer a ping at "/".
# What happens: "/org" and "/" exist as places in the tree, hold no object, and what is sent there is dropped: no reply and no error, for a
#   ping or anything else. Only Introspect is answered there. At "/com" the answer is UnknownObject; a ping at the object itself is UnknownMethod.
# What it means: who pings a peer at "/" takes a healthy service in Ruby for a dead one.
#
# usage: findings/ruby-dbus-no-answer-above-an-object.sh      exit status 0: as described; 1: not any more; 2: other versions here
set -euo pipefail
for pin in ruby-dbus=0.16.0-1; do
    found=$(dpkg-query -W -f='${Version}' "${pin%%=*}" 2>/dev/null) || true
    [ "$found" = "${pin#*=}" ] || { echo "this is about $pin; here is \"$found\": apt-get install $pin"; exit 2; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/service.rb" <<'RUBY'
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
cat > "$work/test" <<'SHELL'
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
cd "$work"
dbus-run-session -- bash test || { echo "this is not as described any more"; exit 1; }
