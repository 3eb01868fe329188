# SPDX-License-Identifier: Apache-2.0
"""How cimctl is run, and how what it says is read."""

import os
import sys
import tempfile
import time
import unittest

from ansible_collections.cimbus.cim.plugins.module_utils import cimctl
from ansible_collections.cimbus.cim.plugins.module_utils.cimctl import Cimctl, Failure, read_failure, read_objects

LINES = """cimctl: 0x80041004 ProviderFailure: it broke,
        and said why
  provider: UnixProcess (process 17), 4 objects delivered before
  next: start it again
"""
OBJECT = ('{"status":2147749890,"name":"NotFound","exit":2,"text":"no such room","what":"cimctl get","bus":"system",'
          '"provider":"Rooms","objects":0,"next":"look"}\n')


class FailureTests(unittest.TestCase):
    def test_lines_for_a_person(self):
        failure = read_failure(LINES, 1)
        self.assertEqual((failure.name, failure.number), ("ProviderFailure", 0x80041004))
        self.assertEqual((failure.text, failure.provider, failure.next_step), ("it broke,\nand said why", "UnixProcess", "start it again"))

    def test_an_object_of_json(self):
        failure = read_failure("a warning of some library\n" + OBJECT, 2)
        self.assertEqual(failure.status, {
            "name": "NotFound", "number": 0x80041002, "text": "no such room", "provider": "Rooms", "next": "look"})
        self.assertEqual(str(failure), "NotFound (0x80041002): no such room")

    def test_a_mistake_on_the_command_line(self):
        for said in ("Error: there is no Labl\nUsage: cimctl put\n", '{"status":null,"name":"Usage","exit":64,"text":"there is no Labl"}'):
            failure = read_failure(said, 64)
            self.assertEqual((failure.name, failure.number, failure.text), ("Usage", None, "there is no Labl"))

    def test_what_nobody_expected(self):
        self.assertEqual(read_failure("Segmentation fault\n", 139).text, "Segmentation fault")
        self.assertIn("139", read_failure("", 139).text)
        self.assertEqual(read_failure('{"status":"x"}\n{broken\n', 1).name, "Failed")


class ObjectsTests(unittest.TestCase):
    def test_lines_an_array_and_a_document(self):
        for text in ('{"A":1}\n{"A":2}\n', '[{"A":1},{"A":2}]', '[\n  {"A": 1},\n  {"A": 2}\n]\n'):
            self.assertEqual(read_objects(text), [{"A": 1}, {"A": 2}])
        self.assertEqual(read_objects('{\n "A": null\n}'), [{"A": None}])
        self.assertEqual(read_objects("\n"), [])

    def test_types_stay(self):
        line = '{"a":18446744073709551615,"b":0.1,"c":true,"d":null,"e":["x"],"f":"20260101000000.000000+000"}'
        read = read_objects(line)[0]
        self.assertEqual(read["a"], 18446744073709551615)
        self.assertEqual([type(value) for value in read.values()], [int, float, bool, type(None), list, str])


class RunTests(unittest.TestCase):
    """Against a program that is no cimctl."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def program(self, text):
        path = os.path.join(self.folder.name, "cimctl")
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!%s\nimport sys, time, os, signal\n%s\n" % (sys.executable, text))
        os.chmod(path, 0o755)
        return Cimctl(path, timeout=5)

    def test_words_are_not_options(self):
        read = self.program("import json; print(json.dumps({'words': sys.argv[1:]}))").objects("get", "--help")
        self.assertEqual(read[0]["words"][0], "get")
        self.assertEqual(read[0]["words"][-2:], ["--", "--help"])

    def test_the_broker_on_another_bus(self):
        self.assertIn("--session", Cimctl("cimctl", bus="session").options)
        self.assertEqual(Cimctl("cimctl", bus="unix:path=/x").options[-2:], ["--address", "unix:path=/x"])

    def test_both_streams_at_once(self):
        program = self.program("sys.stderr.write('x' * 500000); sys.stderr.flush(); print('{}' * 1, end='')")
        self.assertEqual(program.objects("get"), [{}])

    def test_one_that_never_ends_is_ended(self):
        program = self.program("signal.signal(signal.SIGTERM, signal.SIG_IGN); open(sys.argv[0] + '.pid', 'w').write(str(os.getpid())); "
                               "print('x', flush=True); time.sleep(1000)")
        program.seconds = 1
        start = time.monotonic()
        with self.assertRaises(Failure) as caught:
            program.text("get")
        self.assertEqual(caught.exception.name, "Deadline")
        self.assertLess(time.monotonic() - start, 20)
        with open(program.program + ".pid", encoding="utf-8") as file:
            self.assertRaises(ProcessLookupError, os.kill, int(file.read()), 0)

    def test_one_that_prints_without_end_is_ended(self):
        program = self.program("\nwhile True: os.write(1, b'x' * 65536)")
        bound, cimctl.MOST_OUTPUT = cimctl.MOST_OUTPUT, 1 << 20
        self.addCleanup(setattr, cimctl, "MOST_OUTPUT", bound)
        with self.assertRaises(Failure) as caught:
            program.text("get")
        self.assertEqual(caught.exception.name, "Excess")

    def test_what_is_no_json(self):
        for text in ("print('hello')", "print('[1]')"):
            with self.assertRaises(Failure):
                self.program(text).objects("get")

    def test_what_no_argument_can_hold(self):
        for word in ("a\0b", "x" * (1 << 20)):
            with self.assertRaises(Failure):
                self.program("print('{}')").objects("put", word)

    def test_a_program_that_is_not_there(self):
        with self.assertRaises(Failure) as caught:
            Cimctl("/nowhere/cimctl").text("get")
        self.assertIn("/nowhere/cimctl", caught.exception.text)
