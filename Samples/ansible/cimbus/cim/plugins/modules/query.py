#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

DOCUMENTATION = r"""
module: query
short_description: Reads CIM instances
description:
  - Asks the CIMBus broker of a managed host for instances, by a query in WQL, or by class, properties and a condition.
  - It changes nothing, and does the same in check mode.
options:
  query:
    description: A query in WQL.
    type: str
  class:
    description: The class whose instances are wanted, and those of its subclasses.
    type: str
  properties:
    description: The properties that are wanted. All, where nothing is said. Fewer are faster.
    type: list
    elements: str
  where:
    description: A condition in WQL, which stands behind WHERE.
    type: str
  limit:
    description: The module fails where there are more instances than this. What it returns is never a part of them.
    type: int
    default: 10000
extends_documentation_fragment:
  - cimbus.cim.cim
  - cimbus.cim.cim.reads
author: CIMBus (@cimbus)
seealso:
  - module: cimbus.cim.facts
"""

EXAMPLES = r"""
- name: Find file systems that nobody can write to
  cimbus.cim.query:
    class: Linux_MountedFileSystem
    properties: [Name, Device, Size]
    where: ReadOnly = TRUE
  register: unwritable

- name: Say which those are
  ansible.builtin.debug:
    msg: "{{ unwritable.instances | map(attribute='Name') | list }}"

- name: Fail where a file system is nearly full
  cimbus.cim.query:
    query: SELECT Name, Size FROM Linux_MountedFileSystem WHERE AvailableSpace < 1000 AND ReadOnly = FALSE AND Size > 1000000000
    timeout: 20
  register: full
  failed_when: full is failed or full.count > 0
"""

RETURN = r"""
instances:
  description: The instances, each with RV(ignore:__CLASS), with RV(ignore:__PATH) where it has one, and with its properties.
  returned: success
  type: list
  elements: dict
  sample:
    - __CLASS: Linux_MountedFileSystem
      __PATH: \\.\root\cimv2:Linux_MountedFileSystem.Name="/"
      Name: /
      Size: 270553174016
count:
  description: How many there are.
  returned: success
  type: int
query:
  description: The query that was asked.
  returned: always
  type: str
status:
  description: The status of the broker or the provider.
  returned: failure
  type: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: InvalidClass
    number:
      description: Its number; null where it is no status of CIM's.
      type: int
      sample: 2147749904
    text:
      description: The reason.
      type: str
    provider:
      description: The provider that failed, where it was one.
      type: str
    next:
      description: What to do next.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cimbus.cim.plugins.module_utils import modules, paths
from ansible_collections.cimbus.cim.plugins.module_utils.cimctl import Failure


def main():
    module = AnsibleModule(
        argument_spec=dict(
            modules.OPTIONS,
            query={"type": "str"},
            properties={"type": "list", "elements": "str"},
            where={"type": "str"},
            limit={"type": "int", "default": 10000},
            **{"class": {"type": "str"}},
        ),
        required_one_of=[("query", "class")],
        mutually_exclusive=[("query", "class"), ("query", "properties"), ("query", "where")],
        supports_check_mode=True,
    )
    asked = module.params["query"]
    try:
        asked = asked or paths.query_text(module.params["class"], module.params["properties"], module.params["where"])
        instances = modules.connect(module).objects("query", asked)
        if len(instances) > module.params["limit"]:
            raise Failure("Excess", None, "there are %d instances, more than limit, %d: ask for fewer, or raise the limit" % (
                len(instances), module.params["limit"]))
    except modules.FAULTS as error:
        modules.fail(module, error, query=asked)
    module.exit_json(changed=False, query=asked, count=len(instances), instances=instances)


if __name__ == "__main__":
    main()
