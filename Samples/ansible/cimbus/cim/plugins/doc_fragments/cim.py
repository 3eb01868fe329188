# SPDX-License-Identifier: Apache-2.0
"""What the documentation of every module says."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  namespace:
    description: The namespace.
    type: str
    default: root/cimv2
  timeout:
    description: How many seconds an operation of the broker may take.
    type: float
    default: 60
  bus:
    description:
      - The message bus that the broker is on.
      - Either V(system), V(session), or the D-Bus address of another, such as V(unix:path=/run/example).
    type: str
    default: system
  cimctl:
    description: The program C(cimctl) on the managed host. A name is looked for on the path of the user who runs the module.
    type: path
    default: cimctl
requirements:
  - C(cimctl) on the managed host, and a broker on the bus.
notes:
  - Nobody is asked for a password on the managed host. What a rule leaves to polkit is refused where polkit would have to ask.
  - Values keep their types. A datetime is text in CIM's own form, a reference is a path, and NULL is null.
  - A failure of the broker or of a provider has the value RV(status), which names it.
"""
    READS = r"""
options: {}
attributes:
  check_mode:
    description: Reads in check mode, too.
    support: full
"""
