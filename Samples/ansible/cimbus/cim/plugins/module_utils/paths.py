# SPDX-License-Identifier: Apache-2.0
"""Paths of instances, and queries, made of their parts."""

from __future__ import annotations

import re

from ansible_collections.cimbus.cim.plugins.module_utils.values import Unfit, fitted

NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")


def checked_name(text, what):
    """A name of a class or a property. Raises Unfit for what is none."""
    if not NAME.match(text):
        raise Unfit("%s: %r is no name: it has letters, digits and _, and starts with no digit" % (what, text))
    return text


def instance_path(declaration, keys):
    """The path of an instance; without keys that of the one instance of a singleton. Raises Unfit."""
    given = {name.casefold(): value for name, value in keys.items()}
    for name in keys:
        if name.casefold() not in [key.casefold() for key in declaration.keys]:
            raise Unfit("%s is no key of class %s; its keys are: %s" % (name, declaration.name, ", ".join(declaration.keys) or "none"))
    if not declaration.keys:
        return declaration.name + "=@"
    words = []
    for key in declaration.keys:
        value = fitted(given.get(key.casefold()), declaration.properties.find(key), key)
        if value is None:
            raise Unfit("%s is a key of class %s: give it a value" % (key, declaration.name))
        words.append("%s=%s" % (key, key_text(value)))
    return declaration.name + "." + ",".join(words)


def key_text(value):
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(value)
    return '"%s"' % str(value).replace("\\", "\\\\").replace('"', '\\"')


def class_of(path):
    """The name of the class in a path, as it is written there. Raises Unfit."""
    match = re.match(r"^(?:(?:\\\\|//)[^\\/]+[\\/])?(?:[\w\\/]+:)?([A-Za-z_]\w*)(?=[.=]|$)", path)
    if not match:
        raise Unfit('path: %r is no path; write it like Linux_MountedFileSystem.Name="/"' % path)
    return match.group(1)


def query_text(class_name, properties, where):
    """SELECT … FROM … WHERE …"""
    names = [checked_name(name, "properties") for name in properties or []]
    text = "SELECT %s FROM %s" % (", ".join(names) or "*", checked_name(class_name, "class"))
    return text + " WHERE " + where if where else text
