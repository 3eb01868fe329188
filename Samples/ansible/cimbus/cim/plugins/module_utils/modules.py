# SPDX-License-Identifier: Apache-2.0
"""What the modules have in common: their options, the program, and how they fail."""

from __future__ import annotations

from ansible_collections.cimbus.cim.plugins.module_utils import declarations
from ansible_collections.cimbus.cim.plugins.module_utils.cimctl import Cimctl, Failure
from ansible_collections.cimbus.cim.plugins.module_utils.values import Unfit

OPTIONS = {
    "namespace": {"type": "str", "default": "root/cimv2"},
    "timeout": {"type": "float", "default": 60},
    "bus": {"type": "str", "default": "system"},
    "cimctl": {"type": "path", "default": "cimctl"},
}


def connect(module, namespace=None):
    """The program with the options of the task. The module ends where there is none."""
    timeout = module.params["timeout"]
    # Not a number is not above 0, either.
    if not 0 < timeout <= 86400:
        module.fail_json(msg="timeout: give a number of seconds above 0, and at most a day")
    program = module.get_bin_path(module.params["cimctl"])
    if program is None:
        module.fail_json(
            msg="there is no program %s on this host: install CIMBus, or say where it is with cimctl" % module.params["cimctl"])
    return Cimctl(program, namespace or module.params["namespace"], timeout, module.params["bus"])


def declaration(cimctl, class_name):
    """What the class declares. Raises Failure."""
    try:
        return declarations.read(cimctl.text("mof show", class_name, flags=("--deep",)))
    except ValueError as error:
        raise Failure("Failed", None, "%s: %s" % (class_name, error))


def fail(module, error, **more):
    """Ends the module with what went wrong."""
    if isinstance(error, Failure):
        module.fail_json(msg=str(error), status=error.status, **more)
    module.fail_json(msg=str(error), **more)


FAULTS = (Failure, Unfit)
