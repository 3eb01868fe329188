# SPDX-License-Identifier: Apache-2.0
"""What a class declares, read from the MOF that `cimctl mof show CLASS --deep` prints."""

from __future__ import annotations

import re

INTEGERS = frozenset(["uint8", "sint8", "uint16", "sint16", "uint32", "sint32", "uint64", "sint64"])
REALS = frozenset(["real32", "real64"])
PLAIN = INTEGERS | REALS | frozenset(["boolean", "string", "datetime", "char16"])

# Texts, characters and comments, in which punctuation means nothing.
OPAQUE = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|//[^\n]*|/\*.*?\*/', re.S)
CLASS = re.compile(r"\bclass\s+(\w+)\s*(?::\s*\w+\s*)?\{")
MEMBER = re.compile(r"^(?P<type>[\w:]+)(?P<ref>\s+ref)?(?P<returned>\s*\[\])?\s+(?P<name>\w+)\s*(?P<rest>.*)$", re.S | re.I)


class Type:
    """The type of a property or a parameter."""

    def __init__(self, base, is_array=False, has_default=False):
        self.base = base
        self.is_array = is_array
        self.has_default = has_default

    def __str__(self):
        return self.base + ("[]" if self.is_array else "")


class Names(dict):
    """A mapping whose names have no case, as in CIM. It keeps their spelling."""

    def __init__(self):
        super().__init__()
        self.spelling = {}

    def put(self, name, value):
        self.spelling[name.casefold()] = name
        self[name.casefold()] = value

    def find(self, name):
        return self.get(name.casefold())


class Declaration:
    """The types of a class's properties, and those of its methods' in parameters."""

    def __init__(self, name):
        self.name = name
        self.properties = Names()
        self.keys = []
        self.methods = Names()

    @property
    def property_names(self):
        return list(self.properties.spelling.values())


def read(mof):
    """The last class of the text, with what it inherits from those before it. Raises ValueError where there is none."""
    plain, position = _without_texts(mof), 0
    declaration = None
    while True:
        match = CLASS.search(plain, position)
        if not match:
            break
        inherited = declaration
        declaration = Declaration(match.group(1))
        if inherited:
            declaration.properties.update(inherited.properties)
            declaration.properties.spelling.update(inherited.properties.spelling)
            declaration.methods.update(inherited.methods)
            declaration.methods.spelling.update(inherited.methods.spelling)
            declaration.keys = list(inherited.keys)
        position = _closing(plain, match.end() - 1, "{", "}")
        for member in _split(plain[match.end():position], ";"):
            _add(declaration, member)
    if declaration is None:
        raise ValueError("there is no class in what 'cimctl mof show' printed")
    return declaration


def _add(declaration, text):
    qualifiers, match = _parts(text)
    if not match:
        return
    rest = match.group("rest")
    if rest.startswith("("):
        parameters = Names()
        for parameter in _split(rest[1:_closing(rest, 0, "(", ")")], ","):
            marks, found = _parts(parameter)
            if found and "in" in marks:
                parameters.put(found.group("name"), _type(found, marks))
        declaration.methods.put(match.group("name"), parameters)
        return
    declaration.properties.put(match.group("name"), _type(match, qualifiers))
    if "key" in qualifiers and match.group("name") not in declaration.keys:
        declaration.keys.append(match.group("name"))


def _type(match, qualifiers):
    base = match.group("type").lower()
    if match.group("ref"):
        base = "reference"
    elif base not in PLAIN or qualifiers & {"embeddedinstance", "embeddedobject"}:
        base = "object"
    return Type(base, match.group("rest").startswith("["), "=" in match.group("rest"))


def _parts(text):
    """The names of a member's qualifiers, and what stands behind them."""
    text = text.strip()
    names = set()
    if text.startswith("["):
        end = _closing(text, 0, "[", "]")
        for qualifier in _split(text[1:end], ","):
            word = re.match(r"\s*(\w+)", qualifier)
            if word:
                names.add(word.group(1).lower())
        text = text[end + 1:].strip()
    return names, MEMBER.match(text)


def _without_texts(mof):
    return OPAQUE.sub(lambda match: '""' if match.group(0)[0] in "\"'" else " ", mof)


def _closing(text, opening, left, right):
    """Where the bracket is that closes the one at `opening`; the end of the text, where none does."""
    depth = 0
    for position in range(opening, len(text)):
        if text[position] == left:
            depth += 1
        elif text[position] == right:
            depth -= 1
            if depth == 0:
                return position
    return len(text)


def _split(text, separator):
    """The parts between separators that stand in no bracket."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == separator and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    return [part for part in parts if part.strip()]
