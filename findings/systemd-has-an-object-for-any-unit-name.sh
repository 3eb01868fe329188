#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# systemd answers for the object of any unit name, also of a unit that nobody has ever written.
#
# Checked with: systemd 252.39 of Debian 12, as the system manager.
# One would guess: Properties.GetAll at the path of a unit that is not there is the error UnknownObject, as with other services, so that an answer
#   says that the unit is there.
# What happens: systemd makes a unit up for the name in the path, and answers with all properties of it; LoadState is "not-found". GetUnit knows no
#   such unit, neither before nor after, and ListUnits does not list it. A unit that others refer to has LoadState "not-found", too, but GetUnit
#   knows it and ListUnits lists it.
# What it means: whether a unit is there is not said by whether its object answers, and not by LoadState alone.
# Seen: 98 properties, LoadState "not-found", GetUnit: NoSuchUnit
#
# usage: findings/systemd-has-an-object-for-any-unit-name.sh     as root, where systemd runs, or where a tool boots it (see Tests/System/run)
# exit status 0: as described; 1: not any more; 2: what it needs cannot be had here
set -euo pipefail
if [ "${1:-}" != inside ] && [ ! -d /run/systemd/system ]; then
    tool=${CIMBUS_WITH_SYSTEMD:-$(command -v with-systemd || true)}
    [ -n "$tool" ] && [ "$(id -u)" = 0 ] || { echo "not to be had here: a systemd that runs"; exit 2; }
    copy=$(mktemp /var/tmp/finding.XXXXXX)
    trap 'rm -f "$copy"' EXIT
    cp "$0" "$copy"
    "$tool" bash "$copy" inside
    exit
fi
type busctl > /dev/null || exit 2
manager="org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager"
object="org.freedesktop.systemd1 /org/freedesktop/systemd1/unit/never_2dwritten_2eservice"
systemctl --version | head -1
known() { busctl --system call $manager GetUnit s never-written.service > answer 2>&1; }
cd "$(mktemp -d)"
! known || { echo "there is a unit never-written.service here"; exit 2; }
properties=$(busctl --system call $object org.freedesktop.DBus.Properties GetAll s org.freedesktop.systemd1.Unit | cut -d' ' -f2)
state=$(busctl --system get-property $object org.freedesktop.systemd1.Unit LoadState)
echo "the object has $properties properties, LoadState is $state; GetUnit: $(known && echo known || cat answer)"
[ "$properties" -gt 50 ] && [ "$state" = 's "not-found"' ] && ! known && ! systemctl list-units --all --plain | grep -q never-written \
    || { echo "this is not as described any more"; exit 1; }
