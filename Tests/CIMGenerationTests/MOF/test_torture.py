#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of what "cimctl generate python" made of Torture.mof: python3 test_torture.py"""

import datetime
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import torture as t  # noqa: E402


class Variant:
    """As dbus-fast and dbus-next have them."""

    def __init__(self, signature, value):
        self.signature, self.value = signature, value


class GeneratedTests(unittest.TestCase):
    def value(self):
        return t.Torture_Types(
            name="n", number=7, flag=True, byte=255, state=t.Torture_Base_State.OK, moment="20260203040506.000007+060", words=[1, 2],
            mode=t.Torture_Types_Mode("what"), modes=[t.Torture_Types_Modes.X], rights=t.Torture_Types_Rights.READ | t.Torture_Types_Rights.WRITE,
            signs=[t.Torture_Types_Signs.MINUS], narrow=1.5, other='Torture_Types.Name="x",Number=1')

    def test_round_trip(self):
        value = self.value()
        for variant in (t.pair, Variant):
            properties = value.to_properties(variant)
            self.assertEqual(t.Torture_Types.from_properties(properties), value)
        pairs = value.to_properties()
        self.assertEqual(pairs["__CLASS"], ("s", "Torture_Types"))
        self.assertEqual(pairs["Number"], ("t", 7))
        self.assertEqual(pairs["State"], ("q", 1))
        self.assertEqual(pairs["Words"], ("aq", [1, 2]))
        self.assertEqual(pairs["Mode"], ("s", "what"))
        self.assertEqual(pairs["Rights"], ("u", 3))
        self.assertNotIn("Text", pairs)

    def test_any_case_and_no_key(self):
        self.assertEqual(t.Torture_Types.from_properties({"NAME": "n", "number": 3}).number, 3)
        with self.assertRaisesRegex(ValueError, "Number of Torture_Types is NULL"):
            t.Torture_Types.from_properties({"Name": "n"})

    def test_unnamed_values_survive(self):
        state = t.Torture_Base_State(77)
        self.assertEqual((int(state), state == 77), (77, True))
        self.assertIs(t.Torture_Base_State(1), t.Torture_Base_State.OK)
        self.assertEqual(t.Torture_Types_Mode("a"), t.Torture_Types_Mode.FIRST)

    def test_embedded(self):
        node = t.Torture_Node(number=1, next=t.Torture_Node(number=2))
        single = t.Torture_Single(root=node, nodes=[node])
        properties = single.to_properties()
        self.assertEqual(properties["Root"][0], "a{sv}")
        self.assertEqual(properties["Root"][1]["Next"][1]["Number"], ("u", 2))
        self.assertEqual(t.Torture_Single.from_properties(properties), single)
        self.assertEqual(single.path(), "Torture_Single=@")
        self.assertEqual(t.Torture_Single.keys_of("Torture_Single=@"), {})

    def test_paths(self):
        value = t.Torture_Types(name='a"b\\', number=5)
        self.assertEqual(value.path(), 'Torture_Types.Name="a\\"b\\\\",Number=5')
        self.assertEqual(t.Torture_Types.keys_of(value.path()), {"name": 'a"b\\', "number": 5})
        self.assertEqual(t.Torture_Types.keys_of("//./root/cimv2:torture_types.NUMBER=5,name='x'"), {"name": "x", "number": 5})
        self.assertEqual(t.Torture_One.keys_of('Torture_One="p"'), {"self_": "p"})
        for wrong in ("", "Torture_Types", "Torture_Types.Name=\"x\"", "Other.Name=\"x\",Number=1", "Torture_Types.Name=\"x", "Torture_Types.Name=\"x\",Number=y",
                      "Torture_Types.Name=7,Number=1"):
            with self.assertRaises(ValueError, msg=wrong):
                t.Torture_Types.keys_of(wrong)

    def test_subclass_is_a_superclass(self):
        special = t.Torture_Special(name="n", number=1, since="s", mode=t.Torture_Special_Mode.LAST)
        self.assertIsInstance(special, t.Torture_Types)
        self.assertEqual(special.to_properties()["__CLASS"], ("s", "Torture_Special"))

    def test_methods(self):
        given = t.Torture_Types_Give_Input.from_properties({"Both": ("at", [1, 2])})
        self.assertEqual(given.both, [1, 2])
        result = t.Torture_Types_Strike_Output(return_value=0).to_properties()
        self.assertEqual(result, {"__CLASS": ("s", "__PARAMETERS"), "ReturnValue": ("u", 0)})

    def test_datetime(self):
        east = datetime.timezone(datetime.timedelta(minutes=-90))
        time = datetime.datetime(2026, 2, 3, 4, 5, 6, 7, tzinfo=east)
        self.assertEqual(t.to_cim_datetime(time), "20260203040506.000007-090")
        self.assertEqual(t.from_cim_datetime("20260203040506.000007-090"), time)
        for text in ("00000001000000.000000:000", "00000000000000.000000+000", "2026020304****.******+000"):
            self.assertIsNone(t.from_cim_datetime(text))


if __name__ == "__main__":
    unittest.main()
