#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

DOCUMENTATION = r"""
module: instance
short_description: Creates, changes and deletes a CIM instance
description:
  - Sees to it that an instance of a CIM class is there with the properties that are given, or that it is not there.
  - It reads the instance first, and writes only where a property differs. Properties that are not given stay as they are.
  - Values fit the types that the class declares, so that text from a template may stand for a number. A null makes a property NULL.
options:
  path:
    description: The path of the instance. Give this, or O(class) and O(keys).
    type: str
  class:
    description: The class of the instance.
    type: str
  keys:
    description: Its keys. Of a singleton there are none.
    type: dict
    default: {}
  properties:
    description:
      - The values that the properties shall have.
      - A mapping is an embedded object. Those of its properties that it leaves out are NULL.
    type: dict
    default: {}
  state:
    description: Whether the instance shall be there.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment: cimbus.cim.cim
author: CIMBus (@cimbus)
attributes:
  check_mode:
    description: Says what would change, and changes nothing.
    support: full
  diff_mode:
    description: Shows the properties that differ.
    support: full
notes:
  - The values stand on the command line of C(cimctl) on the managed host, where every user may read them. Do not put secrets there.
  - C(cimctl) writes no NULL to text and to arrays. The module says so before it changes anything.
"""

EXAMPLES = r"""
- name: Label the root file system
  cimbus.cim.instance:
    class: Linux_MountedFileSystem
    keys:
      Name: /
    properties:
      Label: root of {{ inventory_hostname }}

- name: The same by its path
  cimbus.cim.instance:
    path: Linux_MountedFileSystem.Name="/"
    properties:
      Label: root of {{ inventory_hostname }}

- name: Have a room
  cimbus.cim.instance:
    class: Site_Room
    keys: {Name: attic}
    properties:
      Seats: 12
      IsOpen: true
      Doors: [north, south]
      Since: "20260101000000.000000+000"

- name: Have no cellar
  cimbus.cim.instance:
    class: Site_Room
    keys: {Name: cellar}
    state: absent
"""

RETURN = r"""
path:
  description: The path of the instance.
  returned: always
  type: str
  sample: \\.\root\cimv2:Linux_MountedFileSystem.Name="/"
instance:
  description: The instance as it is now; null where it is not there. In check mode, as it was.
  returned: success
  type: dict
differences:
  description: The names of the properties that had other values than they shall have.
  returned: success
  type: list
  elements: str
status:
  description: The status of the broker or the provider, as M(cimbus.cim.query) describes it.
  returned: failure
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cimbus.cim.plugins.module_utils import modules, paths
from ansible_collections.cimbus.cim.plugins.module_utils.cimctl import NOT_FOUND, Failure
from ansible_collections.cimbus.cim.plugins.module_utils.values import Unfit, argument, fitted, is_same


class Instance:
    """One instance on the managed host."""

    def __init__(self, module, cimctl):
        self.module = module
        self.cimctl = cimctl
        self.path = module.params["path"]
        self.declaration = None
        if not self.path:
            paths.checked_name(module.params["class"], "class")
            self.declaration = modules.declaration(cimctl, module.params["class"])
            self.path = paths.instance_path(self.declaration, module.params["keys"])

    def read(self):
        """None where it is not there."""
        try:
            return self.cimctl.objects("get", self.path)[0]
        except Failure as failure:
            if failure.number == NOT_FOUND:
                return None
            raise

    def absent(self):
        before = self.read()
        result = {"changed": before is not None, "instance": None, "differences": []}
        if before is not None:
            result["diff"] = {"before": before, "after": {}}
            if self.module.check_mode:
                result["instance"] = before
            else:
                result["changed"] = self.delete()
        return result

    def delete(self):
        """Whether it was there, until now."""
        try:
            self.cimctl.text("delete", self.path)
        except Failure as failure:
            if failure.number == NOT_FOUND:
                return False
            raise
        return True

    def present(self):
        before = self.read()
        # A subclass may have more properties.
        name = before["__CLASS"] if before else paths.class_of(self.path)
        if self.declaration is None or self.declaration.name.casefold() != name.casefold():
            self.declaration = modules.declaration(self.cimctl, name)
        wanted = self.wanted(self.module.params["properties"])
        differing = {name: value for name, value in wanted.items() if before is None or not self.has(before, name, value)}
        self.check_keys(before, differing)
        words = [word for name, value in differing.items() for word in self.words(name, value, before)]
        result = {"changed": before is None or bool(differing), "instance": before, "differences": list(differing)}
        after = dict(differing) if before is None else dict({name: before.get(name) for name in differing}, **differing)
        if result["changed"]:
            result["diff"] = {"before": {name: before.get(name) for name in differing} if before else {}, "after": after}
        if result["changed"] and not self.module.check_mode:
            self.write(words, before, result, wanted)
        return result

    def wanted(self, properties):
        """By the spelling of the class."""
        found = {}
        for name, value in properties.items():
            declared = self.declaration.properties.find(name)
            if declared is None:
                raise Unfit("class %s has no %s; there is %s" % (
                    self.declaration.name, name, ", ".join(self.declaration.property_names) or "none"))
            spelled = self.declaration.properties.spelling[name.casefold()]
            if spelled in found:
                raise Unfit("properties: %s is there twice" % spelled)
            found[spelled] = fitted(value, declared, spelled)
        return found

    def has(self, instance, name, value):
        return is_same(instance.get(name), value, self.declaration.properties.find(name))

    def words(self, name, value, before):
        """What a new instance has no value for is NULL."""
        declared = self.declaration.properties.find(name)
        return [] if before is None and value is None and not declared.has_default else [argument(name, value, declared)]

    def check_keys(self, before, differing):
        for key in self.declaration.keys:
            if before is not None and key in differing:
                raise Unfit("properties: %s is a key, and the instance has another value: give the path of the instance that is meant" % key)

    def write(self, words, before, result, wanted):
        if before is None:
            written = self.cimctl.objects("put", self.path, *(words or [self.key_word()]), flags=("--create",))
            self.path = written[0]["__PATH"] if written else self.path
        else:
            self.cimctl.objects("put", self.path, *words)
        now = self.read()
        if now is None:
            raise Failure("Failed", None, "%s was written, and is not there" % self.path)
        result["instance"] = now
        # The provider may have spelled a value in its own way before, so that nothing changed.
        result["changed"] = before is None or any(now.get(name) != before.get(name) for name in result["differences"])
        for name, value in wanted.items():
            if not self.has(now, name, value):
                self.module.warn("%s of %s is %r after it was set to %r" % (name, self.path, now.get(name), value))

    def key_word(self):
        """cimctl creates nothing without a property. A key as the path has it changes nothing."""
        keys = self.module.params["keys"]
        if not keys:
            raise Unfit("%s is not there: to create it, give a property, or class and keys" % self.path)
        name = next(iter(keys))
        declared = self.declaration.properties.find(name)
        return argument(self.declaration.properties.spelling[name.casefold()], fitted(keys[name], declared, name), declared)


def main():
    module = AnsibleModule(
        argument_spec=dict(
            modules.OPTIONS,
            path={"type": "str"},
            keys={"type": "dict", "default": {}, "no_log": False},
            properties={"type": "dict", "default": {}},
            state={"type": "str", "choices": ["present", "absent"], "default": "present"},
            **{"class": {"type": "str"}},
        ),
        required_one_of=[("path", "class")],
        mutually_exclusive=[("path", "class")],
        supports_check_mode=True,
    )
    path = module.params["path"]
    try:
        instance = Instance(module, modules.connect(module))
        path = instance.path
        result = instance.present() if module.params["state"] == "present" else instance.absent()
    except modules.FAULTS as error:
        modules.fail(module, error, path=path)
    module.exit_json(path=(result["instance"] or {}).get("__PATH") or instance.path, **result)


if __name__ == "__main__":
    main()
