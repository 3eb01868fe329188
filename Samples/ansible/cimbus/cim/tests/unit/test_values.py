# SPDX-License-Identifier: Apache-2.0
"""Declarations, values, paths and conditions."""

import unittest

from ansible_collections.cimbus.cim.plugins.module_utils import declarations, outputs, paths
from ansible_collections.cimbus.cim.plugins.module_utils.declarations import Type
from ansible_collections.cimbus.cim.plugins.module_utils.values import Unfit, argument, fitted, is_same

MOF = r"""
[abstract, Description("class Trap { [key] string No; };")]
class Site_Place
{
    [key, Description("It's; \"one\" [thing]")] string Name = "a;b}";   // uint32 Trap;
    /* class Site_Trap { }; */
    [write] uint32 Seats = 4;
    boolean IsOpen;
};
[dynamic, provider("Rooms")]
class Site_Room : Site_Place
{
    [key] uint16 Floor;
    string Doors[];
    uint16 Codes[4];
    Site_Place ref Beside;
    [EmbeddedInstance("Site_Place")] string Inside;
    Site_Place Within[];
    char16 Letter = '"';
    datetime Since;
    [Implemented, Values{"a", "b,c"}] uint32 Move(
        [in, ID(0)] string Where, [in, out, ID(1)] uint32 Count[], [out, ID(2)] uint64 Before);
    void Close();
};
"""


class DeclarationTests(unittest.TestCase):
    def setUp(self):
        self.room = declarations.read(MOF)

    def test_properties_of_a_class_and_of_what_it_inherits(self):
        self.assertEqual(
            {name: str(self.room.properties.find(name)) for name in self.room.property_names},
            {"Name": "string", "Seats": "uint32", "IsOpen": "boolean", "Floor": "uint16", "Doors": "string[]", "Codes": "uint16[]",
             "Beside": "reference", "Inside": "object", "Within": "object[]", "Letter": "char16", "Since": "datetime"})
        self.assertEqual((self.room.name, self.room.keys), ("Site_Room", ["Name", "Floor"]))
        self.assertTrue(self.room.properties.find("seats").has_default)
        self.assertFalse(self.room.properties.find("Since").has_default)

    def test_in_parameters_alone(self):
        self.assertEqual(list(self.room.methods.spelling.values()), ["Move", "Close"])
        self.assertEqual({name: str(one) for name, one in self.room.methods.find("MOVE").items()}, {"where": "string", "count": "uint32[]"})

    def test_no_class(self):
        self.assertRaises(ValueError, declarations.read, "// class A { };")

    def test_a_text_that_ends_in_the_middle(self):
        for end in range(0, len(MOF), 7):
            try:
                declarations.read(MOF[:end])
            except ValueError:
                pass


class FittedTests(unittest.TestCase):
    def fit(self, value, base, is_array=False):
        return fitted(value, Type(base, is_array), "P")

    def test_text_of_a_template_becomes_what_is_declared(self):
        self.assertEqual(self.fit("18446744073709551615", "uint64"), 18446744073709551615)
        self.assertEqual(self.fit("0.5", "real64"), 0.5)
        self.assertIs(self.fit("Yes", "boolean"), True)
        self.assertEqual(self.fit(7, "string"), "7")
        self.assertEqual(self.fit(["1", 2], "uint16", True), [1, 2])

    def test_null(self):
        for base in ("uint32", "boolean", "datetime", "reference", "object"):
            self.assertIsNone(self.fit(None, base))
            if base != "object":
                self.assertIsNone(self.fit("", base))
        self.assertEqual(self.fit("", "string"), "")

    def test_what_does_not_fit(self):
        unfit = [
            (["a"], "string", False), ("a", "string", True), ({"a": 1}, "string", False), ("x", "uint32", False), (1.5, "uint32", False),
            (True, "uint32", False), (float("nan"), "real64", False), (float("inf"), "uint32", False), ("maybe", "boolean", False),
            (True, "string", False), (1.10, "string", False), ("a", "object", False), ([None], "string", True), ([["a"]], "string", True),
        ]
        for value, base, is_array in unfit:
            with self.assertRaises(Unfit, msg=repr(value)) as caught:
                self.fit(value, base, is_array)
            self.assertIn("P", str(caught.exception))


class ArgumentTests(unittest.TestCase):
    def test_words(self):
        for value, declared, word in [
                (True, Type("boolean"), "P=true"), (7, Type("uint8"), "P=7"), (0.1, Type("real64"), "P=0.1"), ("a=b", Type("string"), "P=a=b"),
                (None, Type("datetime"), "P="), (["a,b", 'c"'], Type("string", True), 'P=["a,b", "c\\""]'), ([], Type("string", True), "P=[]"),
                ({"A": [1, None], "B": "é"}, Type("object"), 'P={"A": [1, null], "B": "é"}')]:
            self.assertEqual(argument("P", value, declared), word)

    def test_null_that_no_word_says(self):
        for declared in (Type("string"), Type("string", True), Type("object", True)):
            self.assertRaises(Unfit, argument, "P", None, declared)


class ComparisonTests(unittest.TestCase):
    def test_the_same(self):
        for current, wanted, base in [
                (7, 7, "uint32"), (1.0, 1.0, "real64"), (0.123457, 0.1234570001, "real32"), ("x", "x", "string"), (None, None, "string"),
                ("\\\\.\\root\\cimv2:A.B=\"c\"", 'A.B="c"', "reference")]:
            self.assertTrue(is_same(current, wanted, Type(base)), (current, wanted))
        self.assertTrue(is_same([1, 2], [1, 2], Type("uint8", True)))

    def test_not_the_same(self):
        for current, wanted, base in [
                (7, 8, "uint32"), (None, 0, "uint32"), (0, None, "uint32"), (1, True, "boolean"), ("X", "x", "string"), (None, "", "string"),
                (1e300, 1e-300, "real32"), ('A.B="c"', 'A.B="d"', "reference")]:
            self.assertFalse(is_same(current, wanted, Type(base)), (current, wanted))
        for current, wanted in [([1], [1, 2]), ([2, 1], [1, 2]), (None, []), ([], None)]:
            self.assertFalse(is_same(current, wanted, Type("uint8", True)))

    def test_embedded_objects(self):
        there = {"__CLASS": "Site_Place", "Name": "q", "Seats": 5, "IsOpen": None, "Parts": [{"__CLASS": "X", "A": True}]}
        declared = Type("object")
        self.assertTrue(is_same(there, {"name": "q", "Seats": "5", "Parts": [{"A": True}]}, declared))
        self.assertTrue(is_same(there, {"__CLASS": "site_place", "Name": "q", "Seats": 5, "Parts": [{"A": "true"}]}, declared))
        for wanted in (
                {"Name": "q"}, {"Name": "q", "Seats": 6, "Parts": [{"A": True}]}, {"Name": "q", "Seats": 5, "Parts": []},
                {"__CLASS": "Other", "Name": "q", "Seats": 5, "Parts": [{"A": True}]}):
            self.assertFalse(is_same(there, wanted, declared), wanted)


class PathTests(unittest.TestCase):
    def test_paths_of_keys(self):
        room = declarations.read(MOF)
        self.assertEqual(paths.instance_path(room, {"floor": "3", "name": 'a"\\b'}), 'Site_Room.Name="a\\"\\\\b",Floor=3')
        self.assertEqual(paths.instance_path(declarations.read("class Site_One { string A; };"), {}), "Site_One=@")
        for keys in ({}, {"Name": "a"}, {"Name": "a", "Floor": None}, {"Name": "a", "Floor": 1, "Seats": 2}):
            self.assertRaises(Unfit, paths.instance_path, room, keys)

    def test_the_class_of_a_path(self):
        for path in ('A.B="c.d:e=f"', "A", "A=@", '\\\\.\\root\\cimv2:A.B=1', "root/cimv2:A=@", "//host/root/cimv2:A.B=1"):
            self.assertEqual(paths.class_of(path), "A")
        for path in ("", "--help", "1A", '"x"', "A B"):
            self.assertRaises(Unfit, paths.class_of, path)

    def test_queries(self):
        self.assertEqual(paths.query_text("A", None, None), "SELECT * FROM A")
        self.assertEqual(paths.query_text("A", ["B", "C"], "B = 1"), "SELECT B, C FROM A WHERE B = 1")
        self.assertRaises(Unfit, paths.query_text, "A WHERE B = 1", None, None)
        self.assertRaises(Unfit, paths.query_text, "A", ["B FROM"], None)


class OutputTests(unittest.TestCase):
    def test_conditions(self):
        given = {"ReturnValue": 0, "State": "on", "Done": True, "Parts": [1, 2], "Nothing": None}
        for condition in ({}, {"returnvalue": 0}, {"ReturnValue": [1, "0"], "State": "on"}, {"Done": "true"}, {"Parts": [1, 2]},
                          {"Nothing": None}):
            self.assertEqual(outputs.unmet(condition, given, "changed_if"), [])
        for condition in ({"ReturnValue": 1}, {"ReturnValue": False}, {"State": []}, {"Nothing": "None"}, {"Done": 1}, {"Parts": [1]}):
            self.assertEqual(len(outputs.unmet(condition, given, "changed_if")), 1, condition)
        self.assertRaises(Unfit, outputs.unmet, {"Other": 1}, given, "changed_if")
