# SPDX-License-Identifier: Apache-2.0
"""Conditions on what a method gives back."""

from __future__ import annotations

from ansible_collections.cimbus.cim.plugins.module_utils.values import Unfit


def unmet(condition, outputs, option):
    """What of a condition does not hold, in words: names, and for each a value or a list of values. Raises Unfit for a name that the method
    does not give back."""
    there = {name.casefold(): value for name, value in outputs.items()}
    words = []
    for name, wanted in condition.items():
        if name.casefold() not in there:
            raise Unfit("%s: the method gives back no %s; it gives back %s" % (option, name, ", ".join(outputs) or "nothing"))
        value = there[name.casefold()]
        choices = wanted if isinstance(wanted, list) and not isinstance(value, list) else [wanted]
        if not any(_is_same(value, choice) for choice in choices):
            words.append("%s is %r, and should be %s" % (name, value, " or ".join(repr(choice) for choice in choices)))
    return words


def _is_same(value, choice):
    """Text from a template may stand for a number. In Python True is 1."""
    if isinstance(value, bool) or isinstance(choice, bool):
        return str(value).lower() == str(choice).lower()
    return value == choice or (value is not None and choice is not None and not isinstance(value, list) and str(value) == str(choice))
