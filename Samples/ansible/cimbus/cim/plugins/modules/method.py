#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

DOCUMENTATION = r"""
module: method
short_description: Runs a method of a CIM instance or class
description:
  - Runs a method, and returns what it gives back.
  - In check mode it runs nothing, unless O(reads_only) says that the method changes nothing.
options:
  path:
    description: The path of the instance; for a static method, the name of the class.
    type: str
    required: true
  method:
    description: The name of the method.
    type: str
    required: true
  parameters:
    description: The in parameters. One that is null is left out.
    type: dict
    default: {}
  reads_only:
    description: The method changes nothing. Then it runs in check mode, too, and the task is never changed.
    type: bool
    default: false
  changed_if:
    description:
      - Values of out parameters, or of V(ReturnValue), that say that something has changed. Each is a value or a list of them.
      - The task is changed where all of these out parameters have one of their values. Without any it is always changed.
    type: dict
    default: {}
  failed_unless:
    description:
      - Values of out parameters, or of V(ReturnValue), that say that the method did what it should. Each is a value or a list of them.
      - The task fails where one of these out parameters has another value.
    type: dict
    default: {}
extends_documentation_fragment: cimbus.cim.cim
author: CIMBus (@cimbus)
attributes:
  check_mode:
    description: Skips the task, unless O(reads_only) is true.
    support: partial
notes:
  - The values stand on the command line of C(cimctl) on the managed host, where every user may read them. Do not put secrets there.
"""

EXAMPLES = r"""
- name: Measure how full the root file system is
  cimbus.cim.method:
    path: Linux_MountedFileSystem.Name="/"
    method: GetUsage
    reads_only: true
    failed_unless: {ReturnValue: 0}
  register: usage

- name: Say so
  ansible.builtin.debug:
    msg: "{{ usage.outputs.PercentUsed | round }} % are used"
"""

RETURN = r"""
outputs:
  description: The out parameters, and RV(ignore:ReturnValue) where the method returns a value.
  returned: success, and where RV(ignore:failed_unless) is not met
  type: dict
  sample: {ReturnValue: 0, Used: 40694218752}
status:
  description: The status of the broker or the provider, as M(cimbus.cim.query) describes it.
  returned: failure
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cimbus.cim.plugins.module_utils import modules, paths
from ansible_collections.cimbus.cim.plugins.module_utils.outputs import unmet
from ansible_collections.cimbus.cim.plugins.module_utils.values import Unfit, argument, fitted


def words(declaration, method, parameters):
    """The in parameters as cimctl takes them. Raises Unfit."""
    declared = declaration.methods.find(method)
    if declared is None:
        raise Unfit("class %s has no method %s; it has %s" % (
            declaration.name, method, ", ".join(declaration.methods.spelling.values()) or "none"))
    found = []
    for name, value in parameters.items():
        if declared.find(name) is None:
            raise Unfit("method %s has no in parameter %s; there is %s" % (method, name, ", ".join(declared.spelling.values()) or "none"))
        value = fitted(value, declared.find(name), name)
        if value is not None:
            found.append(argument(name, value, declared.find(name)))
    return found


def main():
    module = AnsibleModule(
        argument_spec=dict(
            modules.OPTIONS,
            path={"type": "str", "required": True},
            method={"type": "str", "required": True},
            parameters={"type": "dict", "default": {}},
            reads_only={"type": "bool", "default": False},
            changed_if={"type": "dict", "default": {}},
            failed_unless={"type": "dict", "default": {}},
        ),
        supports_check_mode=True,
    )
    method, path, reads_only = module.params["method"], module.params["path"], module.params["reads_only"]
    try:
        cimctl = modules.connect(module)
        arguments = []
        if module.params["parameters"]:
            arguments = words(modules.declaration(cimctl, paths.class_of(path)), method, module.params["parameters"])
        if module.check_mode and not reads_only:
            module.exit_json(skipped=True, changed=False, msg="%s is not run in check mode" % method)
        printed = cimctl.objects("invoke", path, method, *arguments)
        outputs = printed[0] if printed else {}
        missed = unmet(module.params["failed_unless"], outputs, "failed_unless")
        is_changed = not reads_only and not unmet(module.params["changed_if"], outputs, "changed_if")
    except modules.FAULTS as error:
        modules.fail(module, error)
    if missed:
        module.fail_json(msg="%s: %s" % (method, "; ".join(missed)), outputs=outputs)
    module.exit_json(changed=is_changed, outputs=outputs)


if __name__ == "__main__":
    main()
