#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

DOCUMENTATION = r"""
module: facts
short_description: Gathers facts of a host by CIM queries
description:
  - Asks a list of queries, and makes facts of what they give, below C(ansible_facts.cim).
  - Without a list it asks what CIMBus knows of every machine with systemd, from the D-Bus services that it adopts.
options:
  gather:
    description:
      - Which of the queries of this module are asked, where O(queries) is not given.
      - V(os) and V(time) are of the machine, V(services) its systemd services, V(sockets) those that systemd listens at, V(disks) and
        V(block_devices) what UDisks knows, V(network_devices) what NetworkManager knows, V(sessions) who is logged in.
      - What the machine does not have is null, and RV(errors) says why.
    type: list
    elements: str
    choices: [os, time, services, sockets, disks, block_devices, network_devices, sessions]
  queries:
    description: Queries of the site's own.
    type: list
    elements: dict
    suboptions:
      name:
        description: What the fact is called.
        type: str
        required: true
      query:
        description: A query in WQL.
        type: str
      class:
        description: A class, in place of a query.
        type: str
      properties:
        description: The properties of the class that are wanted.
        type: list
        elements: str
      where:
        description: A condition in WQL, which stands behind WHERE.
        type: str
      namespace:
        description: The namespace, where it is another.
        type: str
      single:
        description: The fact is the one instance that there is, or null where there is none, and not a list. More than one is an error.
        type: bool
        default: false
      optional:
        description: Where the class is not there, or nobody serves it, the fact is null, and RV(errors) says why. Else the module fails.
        type: bool
        default: false
extends_documentation_fragment:
  - cimbus.cim.cim
  - cimbus.cim.cim.reads
author: CIMBus (@cimbus)
"""

EXAMPLES = r"""
- name: Gather what CIMBus knows of a machine
  cimbus.cim.facts:
    gather: [os, services, disks]

- name: Gather facts of the site's own
  cimbus.cim.facts:
    queries:
      - name: file_systems
        class: Linux_MountedFileSystem
        properties: [Name, Size, AvailableSpace]
      - name: root
        query: SELECT * FROM Linux_MountedFileSystem WHERE Name = '/'
        single: true
      - name: tapes
        class: Site_Tape
        optional: true

- name: Use them
  ansible.builtin.debug:
    msg: "{{ inventory_hostname }}: {{ ansible_facts.cim.root.FileSystemType }}"
"""

RETURN = r"""
ansible_facts:
  description: The facts.
  returned: success
  type: dict
  contains:
    cim:
      description: One fact for each query, by its name.
      type: dict
      sample: {os: {Hostname: web1, OperatingSystemPrettyName: Debian GNU/Linux 12 (bookworm)}, disks: null}
errors:
  description: For each fact that is null because its query failed, the status of the broker or the provider.
  returned: success
  type: dict
status:
  description: The status of the broker or the provider, as M(cimbus.cim.query) describes it.
  returned: failure
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cimbus.cim.plugins.module_utils import modules, paths
from ansible_collections.cimbus.cim.plugins.module_utils.cimctl import Failure

OWN = {
    "os": {"class": "Linux_HostName", "single": True},
    "time": {"class": "Linux_TimeAndDate", "single": True},
    "services": {
        "class": "Linux_SystemdService", "properties": ["Name", "Description", "LoadState", "ActiveState", "SubState"]},
    "sockets": {"class": "Linux_SystemdSocket", "properties": ["Name", "Description", "ActiveState", "SubState"]},
    "disks": {
        "class": "Linux_UDisksDrive",
        "properties": ["Name", "Vendor", "Model", "Serial", "Size", "RotationRate", "Removable", "ConnectionBus"]},
    "block_devices": {"class": "Linux_UDisksBlock"},
    "network_devices": {"class": "Linux_NetworkDevice"},
    "sessions": {"class": "Linux_LoginSession"},
}
QUERY_OPTIONS = {
    "name": {"type": "str", "required": True},
    "query": {"type": "str"},
    "class": {"type": "str"},
    "properties": {"type": "list", "elements": "str"},
    "where": {"type": "str"},
    "namespace": {"type": "str"},
    "single": {"type": "bool", "default": False},
    "optional": {"type": "bool", "default": False},
}


def queries(parameters):
    """What is asked: the site's own, or this module's."""
    if parameters["queries"] is not None:
        return parameters["queries"]
    return [dict(OWN[name], name=name, optional=True) for name in parameters["gather"] or OWN]


def fact(module, query):
    """What one query gives. Raises Failure."""
    text = query.get("query") or paths.query_text(query["class"], query.get("properties"), query.get("where"))
    instances = modules.connect(module, query.get("namespace")).objects("query", text)
    if not query.get("single"):
        return instances
    if len(instances) > 1:
        raise Failure("Excess", None, "there are %d instances, where one was expected" % len(instances))
    return instances[0] if instances else None


def main():
    module = AnsibleModule(
        argument_spec=dict(
            modules.OPTIONS,
            gather={"type": "list", "elements": "str", "choices": list(OWN)},
            queries={
                "type": "list", "elements": "dict", "options": QUERY_OPTIONS, "required_one_of": [("query", "class")],
                "mutually_exclusive": [("query", "class"), ("query", "properties"), ("query", "where")],
            },
        ),
        mutually_exclusive=[("gather", "queries")],
        supports_check_mode=True,
    )
    facts, errors = {}, {}
    for query in queries(module.params):
        try:
            facts[query["name"]] = fact(module, query)
        except modules.FAULTS as error:
            if not (query["optional"] and isinstance(error, Failure) and error.is_absence):
                modules.fail(module, error, fact=query["name"])
            facts[query["name"]] = None
            errors[query["name"]] = error.status
    module.exit_json(changed=False, ansible_facts={"cim": facts}, errors=errors)


if __name__ == "__main__":
    main()
