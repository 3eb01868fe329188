#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ruby-dbus sends a list of two strings as a list, or as one value of another type: it depends on the first string.
#
# Checked with: ruby-dbus 0.16.0 of Debian 12.
# The packages are unpacked in a temporary folder. Ruby, dbus-daemon and busctl are those of the system.
# One would guess: in a Hash that is returned as a{sv}, a list of two strings becomes a list of two strings, whatever the strings are.
# What happens: where a value is a list of two and its first string can be read as one type of D-Bus, it is taken for a type and its value. The
#   two initials ["b", "c"] arrive as the boolean true, ["s", "t"] as the one string "t", ["a", "z"] and ["b", "c", "d"] as lists. Data decides.
# What it means: every list says its type, as in ["as", list].
# Seen: a{sv} 1 "Initials" b true
#
# usage: findings/ruby-dbus-sends-some-pairs-of-strings-as-something-else.sh
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

class Names < DBus::Object
  dbus_interface "org.example.Names" do
    dbus_method(:Initials, "in text:s, out answer:a{sv}") { |text| [{ "Initials" => text.chars }] }
    dbus_method(:Typed, "in text:s, out answer:a{sv}") { |text| [{ "Initials" => ["as", text.chars] }] }
  end
end
bus = DBus.session_bus
bus.request_service("org.example.Names").export(Names.new("/names"))
main = DBus::Main.new
main << bus
main.run
RUBY
cat > test <<'SHELL'
export RUBYLIB=$PWD/root/usr/lib/ruby/vendor_ruby
ruby service.rb > out 2>&1 & service=$!
trap 'kill $service' EXIT
for _ in $(seq 400); do ! busctl --user list --no-legend | grep -q "^org.example.Names " || break; sleep 0.05; done
call() { busctl --user --timeout=2 call org.example.Names "$@" 2>&1 || true; }

for initials in az bc st bcd; do echo "Initials of $initials: $(call /names org.example.Names Initials s $initials)"; done | tee answers
echo "with its type: $(call /names org.example.Names Typed s bc)" | tee -a answers
diff answers - <<'END'
Initials of az: a{sv} 1 "Initials" av 2 s "a" s "z"
Initials of bc: a{sv} 1 "Initials" b true
Initials of st: a{sv} 1 "Initials" s "t"
Initials of bcd: a{sv} 1 "Initials" av 3 s "b" s "c" s "d"
with its type: a{sv} 1 "Initials" as 2 "b" "c"
END
SHELL
dbus-run-session -- bash test || { echo "this is not as described any more"; exit 1; }
