#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# pywbem takes a datetime with asterisks, as 20240229******.******+000 for a whole day, for equal to the midnight with which that day
#   begins.
#
# Checked with: pywbem 1.9.1 of PyPI.
# The package and what it needs are installed in a temporary folder. Python 3.9 or newer is that of the system.
# One would guess: what is known to the day (DSP0004, 5.2.4: asterisks stand for digits that are not significant) is not the same as a
#   point in time that is known to the microsecond. pywbem keeps the difference in the public attribute "precision" and writes it out
#   again; its own text about CIMDateTime says that two objects are equal if their public attributes are.
# What happens: asterisks are read as zeros (in months and days, as 01), and equality and hash look only at the result. The day, its first
#   hour and its midnight are equal, "February 2024" equals the first of it, one set holds only whichever came first, and an instance in
#   which the one became the other compares as unchanged. The same goes for intervals.
# What it means: who looks for changes compares the texts of datetimes, str(value), too.
# Seen: 20240229******.******+000 == 20240229000000.000000+000: True
#
# usage: findings/pywbem-a-day-equals-its-midnight.sh
# exit status 0: as described; 1: not any more; 2: what it needs cannot be had here
set -euo pipefail
pins="pywbem==1.9.1"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m pip install -q --disable-pip-version-check --no-input --target packages $pins 2> log ||
    { echo "not to be had here: $pins"; cat log; exit 2; }
cat > program.py <<'PYTHON'
from pywbem import CIMDateTime, CIMInstance

for one, other in [("20240229******.******+000", "20240229000000.000000+000"), ("2024022900****.******+000", "20240229000000.000000+000"),
                   ("202402********.******+000", "20240201000000.000000+000"),
                   ("00000007******.******:000", "00000007000000.000000:000"), ("20240229000001.000000+000", "20240229000000.000000+000")]:
    print("%s == %s: %s" % (one, other, CIMDateTime(one) == CIMDateTime(other)))
day, midnight = CIMDateTime("20240229******.******+000"), CIMDateTime("20240229000000.000000+000")
print("precision: %s, %s; written: %s, %s" % (day.precision, midnight.precision, day, midnight))
print("a set of both: %s" % [str(moment) for moment in {day, midnight}])
print("an instance that changed: %s" % (CIMInstance("Backup", {"Made": day}) != CIMInstance("Backup", {"Made": midnight})))
PYTHON
cat > expected <<'END'
20240229******.******+000 == 20240229000000.000000+000: True
2024022900****.******+000 == 20240229000000.000000+000: True
202402********.******+000 == 20240201000000.000000+000: True
00000007******.******:000 == 00000007000000.000000:000: True
20240229000001.000000+000 == 20240229000000.000000+000: False
precision: 8, None; written: 20240229******.******+000, 20240229000000.000000+000
a set of both: ['20240229******.******+000']
an instance that changed: False
END
PYTHONPATH=packages python3 program.py 2>&1 | tee answers || true
diff answers expected || { echo "this is not as described any more"; exit 1; }
