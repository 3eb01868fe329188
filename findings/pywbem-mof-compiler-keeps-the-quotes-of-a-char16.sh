#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# pywbem's MOF compiler makes 'a', a char16, a value of three characters: the quotes are part of it.
#
# Checked with: pywbem 1.9.1 and ply 3.11 of PyPI.
# The package and what it needs are installed in a temporary folder. Python 3.9 or newer is that of the system.
# One would guess: the default of "char16 Letter = 'a';" is the character a, as that of "string Text = "a";" is the text a. In DSP0004
#   (annex A, charValue) the quotes are the notation; an escape between them stands for its character.
# What happens: the value is the three characters 'a', and '\x41' stays six characters. As CIM-XML it is <VALUE>'a'</VALUE>; DSP0201 has a
#   single character there, and pywbem's own reader of CIM-XML refuses more than one. What tomof() writes for such a class is not what was
#   compiled, and the compiler refuses it.
# What it means: a default of type char16 is set in Python, after compiling.
# Seen: 'a' has 3 characters: <VALUE>'a'</VALUE>
#
# usage: findings/pywbem-mof-compiler-keeps-the-quotes-of-a-char16.sh
# exit status 0: as described; 1: not any more; 2: what it needs cannot be had here
set -euo pipefail
pins="pywbem==1.9.1 ply==3.11"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m pip install -q --disable-pip-version-check --no-input --target packages $pins 2> log ||
    { echo "not to be had here: $pins"; cat log; exit 2; }
cat > program.py <<'PYTHON'
import re
from pywbem import MOFCompileError
from pywbem_mock import FakedWBEMConnection


def compiled(mof):
    connection = FakedWBEMConnection()
    connection.compile_mof_string(mof)
    return connection.GetClass("Alphabet")


for text in ["'a'", r"'\x41'"]:
    alphabet = compiled("class Alphabet { char16 Letter = %s; };" % text)
    value = alphabet.properties["Letter"].value
    print("%s has %d characters: %s" % (text, len(value), re.search("<VALUE>.*</VALUE>", alphabet.tocimxmlstr())[0]))
again = compiled("class Alphabet { char16 Letter = 'a'; };").tomof()
print("written: %s" % re.search("char16.*", again)[0])
try:
    print("read back: %s" % compiled(again).properties["Letter"].value)
except MOFCompileError as error:
    print("read back: %s" % type(error).__name__)
PYTHON
cat > expected <<'END'
'a' has 3 characters: <VALUE>'a'</VALUE>
'\x41' has 6 characters: <VALUE>'\x41'</VALUE>
written: char16 Letter = '\'a\'';
read back: MOFParseError
END
PYTHONPATH=packages python3 program.py 2>&1 | tee answers || true
diff answers expected || { echo "this is not as described any more"; exit 1; }
