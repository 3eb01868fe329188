#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# godbus sends no answer where a method returns a text or a path that D-Bus cannot carry.
#
# Checked with: godbus 5.1.0 (golang-dbus-dev) and Go 1.19 of Debian 12.
# The packages are unpacked in a temporary folder. Go (1.15 or newer), dbus-daemon and busctl are those of the system.
# One would guess: such a result is an error for the caller. A string of Go may hold any bytes, for instance the name of a file.
# What happens: godbus writes "dropping invalid reply" to the standard error of the service and goes on. The caller waits until it gives up.
# What it means: what comes from outside is made UTF-8, and is free of NUL, before it is returned.
# Seen: "dropping invalid reply to org.example.Files.Latin1" in the service; "Connection timed out" in the caller
#
# usage: findings/godbus-no-answer-where-a-text-is-not-utf-8.sh
# exit status 0: as described; 1: not any more; 2: what it needs cannot be had here
set -euo pipefail
pins="golang-dbus-dev=5.1.0-1"
type apt-get go dbus-run-session busctl > /dev/null || exit 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -qq $pins 2> log || { echo "not to be had here: $pins"; cat log; exit 2; }
for package in *.deb; do dpkg-deb -x "$package" root; done
cat > go.mod <<MODULE
module service
go 1.15
require github.com/godbus/dbus/v5 v5.1.0
replace github.com/godbus/dbus/v5 => $work/root/usr/share/gocode/src/github.com/godbus/dbus
MODULE
cat > main.go <<'GO'
package main

import "github.com/godbus/dbus/v5"

type files struct{}

func (files) Plain() (string, *dbus.Error)  { return "plain.txt", nil }
func (files) Latin1() (string, *dbus.Error) { return "caf\xe9.txt", nil }

func main() {
	bus, err := dbus.ConnectSessionBus()
	if err != nil {
		panic(err)
	}
	bus.Export(files{}, "/files", "org.example.Files")
	bus.RequestName("org.example.Files", 0)
	select {}
}
GO
cat > test <<'SHELL'
export HOME=$PWD GOFLAGS=-mod=mod GOPROXY=off
go build -o service .
./service > out 2>&1 & service=$!
trap 'kill $service' EXIT
for _ in $(seq 400); do ! busctl --user list --no-legend | grep -q "^org.example.Files " || break; sleep 0.05; done
call() { busctl --user --timeout=2 call org.example.Files "$@" 2>&1 || true; }

plain=$(call /files org.example.Files Plain) latin=$(call /files org.example.Files Latin1) again=$(call /files org.example.Files Plain)
printf '%s\n' "Plain: $plain" "Latin1: $latin; the service says: $(cat out)" "Plain, again: $again"
[ "$plain" = 's "plain.txt"' ] && [[ $latin == *"timed out"* ]] && grep -q "dropping invalid reply" out && [ "$again" = "$plain" ]
SHELL
dbus-run-session -- bash test || { echo "this is not as described any more"; exit 1; }
