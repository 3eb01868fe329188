# SPDX-License-Identifier: Apache-2.0
"""The modules, on three hosts by ssh."""

import contextlib
import json
import os
import re
import signal
import subprocess
import textwrap
import unittest

import stage
from stage import Run

MODULES = ("facts", "instance", "method", "query")
TASKS = """
- name: read
  cimbus.cim.query:
    class: Linux_MountedFileSystem
    properties: [Name, Size, ReadOnly, Options]
    where: Name = '/'
- name: read nulls
  cimbus.cim.query:
    query: SELECT * FROM Site_Room WHERE Name = 'vault'
# How they fail, one host shows for all.
- name: no class
  cimbus.cim.query:
    class: Site_Nothing
  ignore_errors: true
  when: inventory_hostname == 'web1'
- name: no query
  cimbus.cim.query:
    query: SELECT FROM
  ignore_errors: true
  when: inventory_hostname == 'web1'
- name: too many
  cimbus.cim.query:
    class: Linux_MountedFileSystem
    limit: 0
  ignore_errors: true
  when: inventory_hostname == 'web1'
- name: create
  cimbus.cim.instance: &room
    class: Site_Room
    keys: {name: "tower \\"1\\""}
    properties: &properties
      Seats: "12"
      IsOpen: true
      Since: "20260101000000.000000+000"
      Doors: ["a,b", c]
      Codes: [1, "2"]
      Ratio: 0.1
      Big: 18446744073709551615
      Beside: Site_Place.Name="x"
      Inside: {Name: q, Size: 5}
      note: "= \\u00e9 'x'"
- name: again
  cimbus.cim.instance: *room
- name: change
  cimbus.cim.instance:
    class: Site_Room
    keys: {Name: "tower \\"1\\""}
    properties: {Seats: 13, IsOpen: null, Doors: [], Big: 18446744073709551615}
- name: keys only
  cimbus.cim.instance: &shelf
    class: Site_Shelf
    keys: {Row: "7", IsUpper: yes, Label: 5}
- name: keys only again
  cimbus.cim.instance: *shelf
- name: delete
  cimbus.cim.instance: &vault
    path: Site_Room.Name="vault"
    state: absent
- name: delete again
  cimbus.cim.instance: *vault
- name: refused
  cimbus.cim.instance:
    path: Linux_MountedFileSystem.Name="/"
    properties: {Device: /dev/null}
  ignore_errors: true
  when: inventory_hostname == 'web1'
- name: unfit
  cimbus.cim.instance:
    path: Site_Room.Name="nowhere"
    properties: {Doors: north}
  ignore_errors: true
  when: inventory_hostname == 'web1'
- name: null text
  cimbus.cim.instance:
    class: Site_Room
    keys: {Name: "tower \\"1\\""}
    properties: {note: null}
  ignore_errors: true
  when: inventory_hostname == 'web1'
- name: another key
  cimbus.cim.instance:
    path: Site_Room.Name="tower \\"1\\""
    properties: {Name: other}
  ignore_errors: true
  when: inventory_hostname == 'web1'
- name: method
  cimbus.cim.method:
    path: Linux_MountedFileSystem.Name="/"
    method: GetUsage
    changed_if: {ReturnValue: [1, 2]}
    failed_unless: {returnvalue: 0}
- name: method changes
  cimbus.cim.method: &usage
    path: Linux_MountedFileSystem.Name="/"
    method: GetUsage
- name: method fails
  cimbus.cim.method:
    <<: *usage
    failed_unless: {ReturnValue: 5}
  ignore_errors: true
  when: inventory_hostname == 'web1'
- name: no method
  cimbus.cim.method:
    path: Linux_MountedFileSystem.Name="/"
    method: Fly
  ignore_errors: true
  when: inventory_hostname == 'web1'
- name: facts
  cimbus.cim.facts:
- name: own facts
  cimbus.cim.facts:
    queries:
      - {name: root, query: SELECT Name FROM Linux_MountedFileSystem WHERE Name = '/', single: true}
      - {name: rooms, class: Site_Room, properties: [Name]}
      - {name: none, class: Site_Nothing, optional: true}
- name: required facts
  cimbus.cim.facts:
    queries: [{name: none, class: Site_Nothing}]
  ignore_errors: true
  when: inventory_hostname == 'web1'
- name: no broker
  cimbus.cim.facts:
    bus: unix:path=/nowhere
  ignore_errors: true
  when: inventory_hostname == 'web1'
"""
FACTS = """
- name: facts
  cimbus.cim.facts:
"""
CHECKED = """
- name: create
  cimbus.cim.instance:
    class: Site_Room
    keys: {Name: balcony}
    properties: {Seats: 2}
- name: change
  cimbus.cim.instance:
    path: Linux_MountedFileSystem.Name="/"
    properties: {Label: checked}
- name: delete
  cimbus.cim.instance:
    path: Site_Room.Name="balcony"
    state: absent
- name: method
  cimbus.cim.method: &usage
    path: Linux_MountedFileSystem.Name="/"
    method: GetUsage
- name: method that reads
  cimbus.cim.method:
    <<: *usage
    reads_only: true
- name: read
  cimbus.cim.query:
    class: Site_Room
    where: Name = 'balcony'
"""
QUERY = """
- name: ask
  cimbus.cim.query:
    class: Linux_MountedFileSystem
    properties: [Name]
    timeout: 100
- name: go on
  cimbus.cim.query:
    class: Site_Room
"""


class ModuleTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.addClassCleanup(cls.stack.close)
        cls.hosts = cls.stack.enter_context(stage.hosts())

    def expect_end(self, run, status=0):
        self.assertEqual(run.end(), status, getattr(run, "output", ""))

    def test_modules(self):
        """What each module reads and changes, that it changes nothing twice, and how it fails."""
        run = Run(TASKS)
        self.expect_end(run)
        everywhere = {host.name: "ok" for host in self.hosts}
        self.assertEqual(run.ends("read"), everywhere)
        read = run.result("read")
        self.assertEqual((read["changed"], read["count"], read["query"].split(" WHERE")[1]), (False, 1, " Name = '/'"))
        root = read["instances"][0]
        self.assertEqual([type(root[name]) for name in ("Name", "Size", "ReadOnly", "Options")], [str, int, bool, list])
        vault = run.result("read nulls")["instances"][0]
        self.assertEqual([vault[name] for name in ("Seats", "IsOpen", "Doors", "Inside")], [4, None, None, None])
        self.assertEqual(run.result("no class")["status"]["name"], "InvalidClass")
        self.assertEqual(run.result("no class")["status"]["number"], 0x80041010)
        self.assertIn("Query", run.result("no query")["status"]["name"])
        self.assertEqual(run.result("too many")["status"]["name"], "Excess")
        self.check_instances(run)
        self.check_methods(run)
        self.check_facts(run)

    def check_instances(self, run):
        for task, changed in [("create", True), ("again", False), ("change", True), ("keys only", True), ("keys only again", False),
                              ("delete", True), ("delete again", False)]:
            for host in self.hosts:
                self.assertIs(run.result(task, host.name)["changed"], changed, (task, host.name, run.output))
        made = run.result("create")["instance"]
        made.pop("__PATH")
        self.assertEqual(made, {
            "__CLASS": "Site_Room", "Name": 'tower "1"', "Seats": 12, "IsOpen": True, "Since": "20260101000000.000000+000",
            "Doors": ["a,b", "c"], "Codes": [1, 2], "Ratio": 0.1, "Big": 18446744073709551615, "Beside": 'Site_Place.Name="x"',
            "Inside": {"__CLASS": "Site_Place", "Name": "q", "Size": 5}, "Note": "= é 'x'"})
        change = run.result("change")
        self.assertEqual(change["differences"], ["Seats", "IsOpen", "Doors"])
        self.assertEqual(change["diff"]["before"], {"Seats": 12, "IsOpen": True, "Doors": ["a,b", "c"]})
        self.assertEqual([change["instance"][name] for name in ("Seats", "IsOpen", "Doors", "Note")], [13, None, [], "= é 'x'"])
        self.assertEqual(run.result("keys only")["path"], r'\\.\root\cimv2:Site_Shelf.Row=7,IsUpper=TRUE,Label="5"')
        self.assertEqual(run.result("refused")["status"]["name"], "ReadOnly")
        self.assertIn("give a list", run.result("unfit")["msg"])
        self.assertIn("cannot set to NULL", run.result("null text")["msg"])
        self.assertIn("is a key", run.result("another key")["msg"])
        for host in self.hosts:
            rooms = host.cimctl("enumerate", "Site_Room", "--output", "json")
            self.assertIn("tower", rooms)
            self.assertNotIn("vault", rooms)

    def check_methods(self, run):
        self.assertIs(run.result("method")["changed"], False)
        self.assertGreater(run.result("method")["outputs"]["PercentUsed"], 0)
        self.assertIs(run.result("method changes")["changed"], True)
        self.assertIn("ReturnValue is 0, and should be 5", run.result("method fails")["msg"])
        self.assertEqual(run.result("no method")["status"]["name"], "InvalidMethod")

    def check_facts(self, run):
        facts = run.result("facts")
        self.assertEqual(set(facts["ansible_facts"]["cim"].values()), {None})
        self.assertEqual(facts["errors"]["os"]["name"], "InvalidClass")
        own = run.result("own facts")["ansible_facts"]["cim"]
        self.assertEqual((own["root"]["Name"], own["none"]), ("/", None))
        self.assertIn('tower "1"', [room["Name"] for room in own["rooms"]])
        self.assertEqual(run.result("required facts")["fact"], "none")
        self.assertEqual(run.result("no broker")["status"]["name"], "TransportFailure")

    def test_facts_of_adopted_services(self):
        """The shipped mappings have each class and each property that the facts ask for; a service that is not there is no failure."""
        self.hosts[1].start_adopter(self.providers)
        run = Run(FACTS, "--limit", "web2")
        self.expect_end(run)
        facts = run.result("facts", "web2")
        self.assertEqual(set(facts["ansible_facts"]["cim"].values()), {None})
        self.assertEqual({error["provider"] for error in facts["errors"].values()}, {"DBusServices"})
        self.assertEqual({error["name"] for error in facts["errors"].values()}, {"TransportFailure"})

    def test_check_mode(self):
        """Check mode says what would change, and changes nothing; a method does not run unless it reads only."""
        label = json.loads(self.hosts[0].cimctl("get", 'Linux_MountedFileSystem.Name="/"', "--output", "json"))["Label"]
        run = Run(CHECKED, "--check", "--diff", "--limit", "web1")
        self.expect_end(run)
        self.assertTrue(run.result("create")["changed"])
        self.assertEqual(run.result("create")["diff"]["after"], {"Seats": 2})
        self.assertEqual(run.result("change")["diff"], {"before": {"Label": label}, "after": {"Label": "checked"}})
        self.assertIn("checked", run.output)
        self.assertFalse(run.result("delete")["changed"])
        self.assertEqual(run.ends("method"), {"web1": "skipped"})
        self.assertEqual(run.result("method that reads")["outputs"]["ReturnValue"], 0)
        self.assertEqual(run.result("read")["instances"], [])
        self.assertNotIn("checked", self.hosts[0].cimctl("get", 'Linux_MountedFileSystem.Name="/"'))

    def test_examples(self):
        """The examples of every module run as they stand, and ansible-doc shows what it needs to."""
        names = [f"cimbus.cim.{name}" for name in MODULES]
        text = subprocess.run(
            [stage.PROGRAMS / "ansible-doc", "--json", *names], check=True, stdout=subprocess.PIPE, text=True).stdout
        pages = json.loads(text)
        self.assertEqual(set(pages), set(names))
        for page in pages.values():
            self.assertIn("timeout", page["doc"]["options"])
        run = Run("\n".join(pages[name]["examples"] for name in names), "--limit", "web1")
        self.expect_end(run)
        self.assertEqual({line["end"] for line in run.lines}, {"ok"}, run.output)
        self.assertEqual(len(run.lines), sum(page["examples"].count("- name: ") - page["examples"].count("      - name: ")
                                             for page in pages.values()))

    def test_page(self):
        """The commands and the play of the page, in its order; the second time nothing changes."""
        page = (stage.ROOT / "Docs/Ansible.md").read_text(encoding="utf-8")
        folder = stage.FOLDER / "page"
        folder.mkdir()
        (folder / "Samples").symlink_to(stage.ROOT / "Samples")
        (folder / "hosts.yml").write_text((stage.FOLDER / "hosts.yml").read_text())
        play = next(block for block in re.findall(r"^```yaml\n(.*?)^```", page, re.S | re.M) if "hosts: all" in block)
        # On the hosts of this test the broker is not on the system bus, and cimctl is not installed.
        defaults = textwrap.indent('bus: "{{ cim_bus }}"\ncimctl: "{{ cim_program }}"\n', " " * 6)
        self.assertIn("group/cimbus.cim.cim:\n", play)
        (folder / "site.yml").write_text(play.replace("group/cimbus.cim.cim:\n", "group/cimbus.cim.cim:\n" + defaults))
        record = folder / "record"
        outputs = []
        for line in re.findall(r"^```sh\n(.*?)^```", page, re.S | re.M)[0].splitlines():
            done = subprocess.run(
                line, shell=True, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=110,
                env={**os.environ, "RECORD_FILE": str(record), "PATH": f"{stage.PROGRAMS}:/usr/bin:/bin"})
            self.assertEqual(done.returncode, 0, f"{line}\n{done.stdout}")
            outputs.append(done.stdout)
        self.assertTrue(any("changed=1" in text for text in outputs), outputs)
        self.assertEqual(outputs[-1].count("changed=0"), 3, outputs[-1])

    def test_a_host_that_is_cut_off_in_the_middle_of_a_query(self):
        """The others answer and go on; the error is one host's."""
        web1, web2, web3 = self.hosts
        web2.provider.send_signal(signal.SIGSTOP)
        self.addCleanup(web2.provider.send_signal, signal.SIGCONT)
        run = Run(QUERY)
        web2.wait_until_asked("Linux_MountedFileSystem")
        web2.cut()
        self.addCleanup(web2.mend)
        self.expect_end(run, 4)
        self.assertEqual(run.ends("ask"), {web1.name: "ok", web2.name: "unreachable", web3.name: "ok"})
        self.assertEqual(run.ends("go on"), {web1.name: "ok", web3.name: "ok"})

    def test_a_provider_that_dies_in_the_middle_of_a_query(self):
        """The error is its host's, and names the provider and the status."""
        web1, web2, web3 = self.hosts
        web3.provider.send_signal(signal.SIGSTOP)
        run = Run(QUERY, "--limit", "web1,web3")
        web3.wait_until_asked("Linux_MountedFileSystem")
        web3.provider.kill()
        self.addCleanup(self.restart_provider, web3)
        self.expect_end(run, 2)
        self.assertEqual(run.ends("ask"), {web1.name: "ok", web3.name: "failed"})
        self.assertEqual(run.ends("go on"), {web1.name: "ok"})
        status = run.result("ask", web3.name)["status"]
        self.assertEqual((status["name"], status["number"]), ("ProviderFailure", 0x80041004))
        self.assertEqual(status["provider"], "MountedFileSystems")

    def restart_provider(self, host):
        host.start_provider(self.stack)

    def setUp(self):
        self.providers = contextlib.ExitStack()
        self.addCleanup(self.providers.close)


if __name__ == "__main__":
    unittest.main()
