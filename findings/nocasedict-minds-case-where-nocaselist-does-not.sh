#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A NocaseDict compares with a dict by the case of its keys; a NocaseList compares with a list without.
#
# Checked with: nocasedict 2.2.1 and nocaselist 2.2.1 of PyPI, the two containers of names of pywbem, by the same authors.
# The package and what it needs are installed in a temporary folder. Python 3.9 or newer is that of the system.
# One would guess: both treat case alike. Names of CIM have none (DSP0004), which is what the packages are for, and the text of
#   NocaseDict.__eq__() says of any other mapping: "In all cases, the matching of keys takes place case-insensitively."
# What happens: NocaseDict looks each of its keys up in the other mapping, by that one's rule. Against a dict it has to be the same case:
#   equal to a NocaseDict with "name", and to a dict with "Name", it is not equal to a dict with "name". With three such objects, equality
#   is not transitive. NocaseList is equal to a list in any case.
# What it means: a test that compares the properties or keys of an instance with a dict passes by the spelling of its server; wrap the
#   dict first.
# Seen: NocaseDict(Name) == dict(name): False; NocaseList([Name]) == [name]: True
#
# usage: findings/nocasedict-minds-case-where-nocaselist-does-not.sh
# exit status 0: as described; 1: not any more; 2: what it needs cannot be had here
set -euo pipefail
pins="nocasedict==2.2.1 nocaselist==2.2.1"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m pip install -q --disable-pip-version-check --no-input --target packages $pins 2> log ||
    { echo "not to be had here: $pins"; cat log; exit 2; }
cat > program.py <<'PYTHON'
from nocasedict import NocaseDict
from nocaselist import NocaseList

print("NocaseDict(Name) == NocaseDict(name):", NocaseDict({"Name": 1}) == NocaseDict({"name": 1}))
print("NocaseDict(Name) == dict(Name):", NocaseDict({"Name": 1}) == {"Name": 1})
print("NocaseDict(Name) == dict(name):", NocaseDict({"Name": 1}) == {"name": 1})
print("dict(name) == NocaseDict(Name):", {"name": 1} == NocaseDict({"Name": 1}))
print("NocaseList([Name]) == NocaseList([name]):", NocaseList(["Name"]) == NocaseList(["name"]))
print("NocaseList([Name]) == [name]:", NocaseList(["Name"]) == ["name"])
print("[name] == NocaseList([Name]):", ["name"] == NocaseList(["Name"]))
PYTHON
cat > expected <<'END'
NocaseDict(Name) == NocaseDict(name): True
NocaseDict(Name) == dict(Name): True
NocaseDict(Name) == dict(name): False
dict(name) == NocaseDict(Name): False
NocaseList([Name]) == NocaseList([name]): True
NocaseList([Name]) == [name]: True
[name] == NocaseList([Name]): True
END
PYTHONPATH=packages python3 program.py 2>&1 | tee answers || true
diff answers expected || { echo "this is not as described any more"; exit 1; }
