# SPDX-License-Identifier: Apache-2.0
"""Values of a play as CIM has them: as an argument of cimctl, and compared with what is there."""

from __future__ import annotations

import json
import re
import struct

from ansible_collections.cimbus.cim.plugins.module_utils.declarations import INTEGERS, REALS

WORDS = {"true": True, "yes": True, "false": False, "no": False}
MACHINE = re.compile(r"^(\\\\|//)[^\\/]+[\\/][^:]*:")


class Unfit(Exception):
    """The fault of whoever wrote the play: a value that the type cannot hold."""


def fitted(value, declared, name):
    """The value of a play as the type has it: text becomes a number where a number is declared. None is NULL. Raises Unfit."""
    if value is None:
        return None
    if declared.is_array:
        if not isinstance(value, (list, tuple)):
            raise Unfit("%s is %s: give a list" % (name, declared))
        elements = [_scalar(element, declared.base, "%s[%d]" % (name, index)) for index, element in enumerate(value)]
        if None in elements:
            raise Unfit("%s is %s: an element of an array cannot be NULL" % (name, declared))
        return elements
    if isinstance(value, (list, tuple)):
        raise Unfit("%s is %s: give one value, not a list" % (name, declared))
    return _scalar(value, declared.base, name)


def _scalar(value, base, name):
    if value is None:
        return None
    if base == "object":
        if not isinstance(value, dict):
            raise Unfit("%s is an embedded object: give a mapping of its properties" % name)
        return value
    if isinstance(value, (dict, list, tuple)):
        raise Unfit("%s is %s: give one value" % (name, base))
    # Empty text is NULL, but for a string.
    if value == "" and base != "string":
        return None
    if base == "boolean":
        word = value if isinstance(value, bool) else WORDS.get(str(value).lower())
        if word is None:
            raise Unfit("%s is boolean, and %r is none" % (name, value))
        return word
    if base in INTEGERS or base in REALS:
        return _number(value, base, name)
    if isinstance(value, (bool, float)):
        raise Unfit("%s is %s: put %s in quotes" % (name, base, str(value).lower()))
    return str(value)


def _number(value, base, name):
    try:
        if isinstance(value, bool):
            raise ValueError
        if base in INTEGERS:
            if isinstance(value, float) and value != int(value):
                raise ValueError
            return int(value)
        number = float(value)
        if number != number or number in (float("inf"), float("-inf")):
            raise ValueError
        return number
    except (ValueError, OverflowError):
        raise Unfit("%s is %s, and %r is none" % (name, base, value))


def argument(name, value, declared):
    """The word name=value for a fitted value, as cimctl reads it. Raises Unfit for NULL where no word says it."""
    if value is None:
        if declared.is_array or declared.base == "string":
            raise Unfit("%s is %s, which cimctl cannot set to NULL: %s" % (
                name, declared, "give an empty list" if declared.is_array else "give empty text"))
        return name + "="
    if declared.is_array or declared.base == "object":
        return "%s=%s" % (name, json.dumps(value, ensure_ascii=False, allow_nan=False))
    if isinstance(value, bool):
        return "%s=%s" % (name, "true" if value else "false")
    return "%s=%s" % (name, repr(value) if isinstance(value, float) else value)


def is_same(current, wanted, declared):
    """Whether what is there is what a fitted value wants."""
    if current is None or wanted is None:
        return current is None and wanted is None
    if declared.is_array:
        return isinstance(current, list) and len(current) == len(wanted) and all(
            _is_same_scalar(one, other, declared.base) for one, other in zip(current, wanted))
    return _is_same_scalar(current, wanted, declared.base)


def _is_same_scalar(current, wanted, base):
    if base == "object":
        return _is_same_object(current, wanted)
    if base == "real32" and isinstance(current, (int, float)):
        return _single(current) == _single(wanted)
    if base == "reference" and isinstance(current, str):
        if not (MACHINE.match(current) and MACHINE.match(wanted)):
            current, wanted = MACHINE.sub("", current), MACHINE.sub("", wanted)
        return current == wanted
    # In Python True is 1.
    return isinstance(current, bool) == isinstance(wanted, bool) and current == wanted


def _single(number):
    try:
        return struct.pack("<f", number)
    except OverflowError:
        return number


def _is_same_object(current, wanted):
    """Of an embedded object the play may leave properties out; those must be NULL. Its values have the types of JSON alone."""
    if isinstance(wanted, dict) and isinstance(current, dict):
        there = {name.casefold(): value for name, value in current.items()}
        asked = {name.casefold(): value for name, value in wanted.items()}
        for name, value in asked.items():
            if name == "__class":
                if str(there.get(name)).casefold() != str(value).casefold():
                    return False
            elif not name.startswith("__") and not _is_same_object(there.get(name), value):
                return False
        return all(value is None for name, value in there.items() if name not in asked and not name.startswith("__"))
    if isinstance(wanted, (list, tuple)) and isinstance(current, list):
        return len(current) == len(wanted) and all(_is_same_object(one, other) for one, other in zip(current, wanted))
    if isinstance(current, bool) or isinstance(wanted, bool):
        return current is wanted or str(current).lower() == str(wanted).lower()
    return current == wanted or (current is not None and wanted is not None and str(current) == str(wanted))
