# SPDX-License-Identifier: Apache-2.0
"""The mounts of this process, read from /proc/self/mountinfo (proc(5)), and their sizes, from statvfs(3)."""

import os
import re
from dataclasses import dataclass

_OCTAL = re.compile(rb"\\([0-7]{3})")


@dataclass(frozen=True)
class Mount:
    """One mounted file system."""

    name: str  # mount point, as text
    location: bytes  # mount point, as the kernel spells it
    device: str
    type: str
    options: tuple
    mount_id: int

    @property
    def read_only(self):
        return "ro" in self.options


def _text(field):
    """Text of a mountinfo field. Bytes that are no UTF-8, and control characters, which no WMI key may hold, become escapes."""
    text = _unescape(field).decode("utf-8", "backslashreplace")
    return "".join(c if c >= " " else f"\\x{ord(c):02x}" for c in text)


def _unescape(field):
    return _OCTAL.sub(lambda match: bytes([int(match[1], 8) & 0xFF]), field)


def read_mounts(path="/proc/self/mountinfo"):
    """Every mount by its mount point; of several at one point the topmost, which comes last. Raises OSError."""
    mounts = {}
    with open(path, "rb") as table:
        for line in table:
            before, separator, after = line.rstrip(b"\n").partition(b" - ")
            fields, more = before.split(b" "), after.split(b" ")
            if not separator or len(fields) < 6 or len(more) < 3:
                continue
            options = dict.fromkeys(_text(fields[5]).split(",") + _text(more[2]).split(","))
            if "rw" in options and "ro" in options:
                del options["rw"]
            name = _text(fields[4])
            mounts.pop(name, None)
            mounts[name] = Mount(name, _unescape(fields[4]), _text(more[1]), _text(more[0]), tuple(options), int(fields[0]))
    return mounts


@dataclass(frozen=True)
class Usage:
    """Space and files, in bytes and in numbers."""

    block_size: int
    size: int
    free: int
    available: int
    files: int
    free_files: int


def measure(mount):
    """Asks the file system, which may take for ever (a network file system without a server): never call it on the thread that
    answers the bus. None if it does not say."""
    try:
        s = os.statvfs(mount.location)
    except OSError:
        return None
    return Usage(s.f_frsize, s.f_blocks * s.f_frsize, s.f_bfree * s.f_frsize, s.f_bavail * s.f_frsize, s.f_files, s.f_ffree)
