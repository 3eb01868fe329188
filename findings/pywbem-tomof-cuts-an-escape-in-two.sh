#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# pywbem's tomof() breaks long texts into lines where it likes, also between a backslash and what it escapes.
#
# Checked with: pywbem 1.9.1 and ply 3.11 of PyPI.
# The package and what it needs are installed in a temporary folder. Python 3.9 or newer is that of the system.
# One would guess: MOF that tomof() writes is MOF. A text that is too long for a line becomes several strings one below the other, which
#   DSP0004 (annex A, stringValue) joins again; each of them is a string of its own, with whole escapes.
# What happens: the text is escaped first and cut afterwards, at a blank where there is one, otherwise where the line is full. Where an
#   escape lies across that place, the first string ends with \" and so does not end at all. It depends on nothing but the length of what
#   stands before: of these two paths, one is written well; the other, one letter shorter, is an error of syntax for every reader of MOF,
#   pywbem's own compiler among them.
# What it means: paths and names of devices of Windows are to be written with tomof(maxline=…) that no text reaches.
# Seen: "C:\\ProgramData\\Vendor\\ManagementAgent\\Providers\\VSS\\Configuration\"
#
# usage: findings/pywbem-tomof-cuts-an-escape-in-two.sh
# exit status 0: as described; 1: not any more; 2: what it needs cannot be had here
set -euo pipefail
pins="pywbem==1.9.1 ply==3.11"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m pip install -q --disable-pip-version-check --no-input --target packages $pins 2> log ||
    { echo "not to be had here: $pins"; cat log; exit 2; }
cat > program.py <<'PYTHON'
from pywbem import CIMInstance, MOFCompileError
from pywbem_mock import FakedWBEMConnection


def read(mof):
    connection = FakedWBEMConnection()
    connection.compile_mof_string("Qualifier Key : boolean = false, Scope(property); class File { [Key] string Path; };" + mof)
    return connection.EnumerateInstances("File")[0]["Path"]


for path in [r"C:\ProgramData\Vendor\ManagementAgent\Providers\DFSR\Configuration\Sizes.mof",
             r"C:\ProgramData\Vendor\ManagementAgent\Providers\VSS\Configuration\Sizes.mof"]:
    file = CIMInstance("File", {"Path": path})
    for line in file.tomof().strip().splitlines()[2:-1]:
        print("written: %s" % line.strip())
    for width in [80, 1000]:
        try:
            print("read back, lines of %d: %s" % (width, "the same" if read(file.tomof(maxline=width)) == path else "another"))
        except MOFCompileError as error:
            print("read back, lines of %d: %s" % (width, type(error).__name__))
PYTHON
cat > expected <<'END'
written: "C:\\ProgramData\\Vendor\\ManagementAgent\\Providers\\DFSR\\Configuration"
written: "\\Sizes.mof";
read back, lines of 80: the same
read back, lines of 1000: the same
written: "C:\\ProgramData\\Vendor\\ManagementAgent\\Providers\\VSS\\Configuration\"
written: "\Sizes.mof";
read back, lines of 80: MOFParseError
read back, lines of 1000: the same
END
PYTHONPATH=packages python3 program.py 2>&1 | tee answers || true
diff answers expected || { echo "this is not as described any more"; exit 1; }
