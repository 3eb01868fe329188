# SPDX-License-Identifier: Apache-2.0
"""What the system tests of adopted services compare (see `inside_adopter`): rows of cimctl with what a service says by another tool."""

import datetime
import json

from inside import expect, run

SYSTEMD, UNITS = "org.freedesktop.systemd1", "/org/freedesktop/systemd1/unit/"
INFINITY = 2**64 - 1


def rows(*arguments, user=None):
    done = run("cimctl", *arguments, "--output", "jsonl", user=user, timeout=60)
    if done.returncode != 0:
        raise AssertionError(done.stdout)
    return [json.loads(line) for line in done.stdout.splitlines()]


def properties(service, path, interface):
    """What the service itself says, by another tool: the type and the value of each property."""
    done = run("busctl", "--system", "--json=short", "call", service, path, "org.freedesktop.DBus.Properties", "GetAll", "s", interface)
    if done.returncode != 0:
        raise AssertionError(done.stdout)
    return {name: (value["type"], value["data"]) for name, value in json.loads(done.stdout)["data"][0].items()}


def since_1970(microseconds):
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=microseconds)
    return moment.strftime("%Y%m%d%H%M%S.%f+000")


def interval(microseconds):
    seconds, rest = divmod(microseconds, 1000000)
    return f"{seconds // 86400:08}{seconds // 3600 % 24:02}{seconds // 60 % 60:02}{seconds % 60:02}.{rest:06}:000"


def forms(name, kind, value):
    """What a CIM property of this name may have for a value of the service; several, where mappings differ in what NULL is."""
    if kind == "t":
        return [None if value in (0, INFINITY) else since_1970(value) if value < 2**55 else None,
                None if value == INFINITY else value, None if value == 0 else value, None if value == INFINITY else interval(value)]
    if kind in ("s", "o"):
        return [value] + ([None] if value in ("", "/") else [])
    if kind in ("b", "u", "i", "q", "n", "y", "x", "as", "ao", "au"):
        return [value] + ([None] if value == -1 else [])
    if kind == "ay":
        return [value, bytes(value).hex() or None, bytes(value).split(b"\0")[0].decode(errors="replace")]
    if kind == "aay":
        return [[bytes(one).split(b"\0")[0].decode(errors="replace") for one in value]]
    return ["compound"]


def compare(what, row, answers, volatile=(), elsewhere=()):
    wrong, missing = [], []
    for name, (kind, value) in answers.items():
        if name in elsewhere or name in volatile:
            continue
        if name not in row:
            missing.append(name)
            continue
        wanted = forms(name, kind, value)
        if "compound" in wanted:
            # A structure or a list of them: each field is somewhere in the text.
            if (row[name] is None or row[name] == []) and value not in ([], {}) and any(value if isinstance(value, list) else [value]):
                wrong.append(f"{name}: {row[name]!r} for {value!r}")
        elif row[name] not in wanted:
            wrong.append(f"{name}: {row[name]!r} for ({kind}) {value!r}")
    expect(f"{what}: every property is what the service says", not wrong, "; ".join(wrong[:5]))
    expect(f"{what}: every property is mapped, or listed with its reason", not missing, ", ".join(missing))


def label(name):
    return "".join(c if c.isascii() and (c.isalpha() or (c.isdigit() and i)) else "".join(f"_{b:02x}" for b in c.encode()) for i, c in enumerate(name))
