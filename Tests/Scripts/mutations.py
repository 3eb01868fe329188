"""Reads Tests/Mutations and the titles of the tests: shared by `mutate`, which runs them, and `conformance`, which writes the table."""

import pathlib
import re
import tomllib
import typing

ROOT = pathlib.Path(__file__).resolve().parents[2]
RULES = [f"R{n}" for n in range(1, 141)] + [f"P{n}" for n in range(1, 9)]

TITLE = re.compile(r'@(Test|Suite)\(\s*"((?:[^"\\]|\\.)*)"')
CASE = re.compile(r'testDescription:\s*"((?:[^"\\]|\\.)*)"')
FUNCTION = re.compile(r"\bfunc\s+`?(\w+)`?\s*[(<]")
PARAMETERIZED = re.compile(r"@Test\([^{]*?arguments:[^{]*?\bfunc\s+`?(\w+)`?\s*\(", re.S)
RANGE = re.compile(r"\b([RP])(\d+)\s+to\s+[RP](\d+)\b")
ONE = re.compile(r"\b([RPW]\d{1,3}|EV\d{1,3})\b")


class Test(typing.NamedTuple):
    place: pathlib.PurePath
    #: As it stands in the source, but for escaped quotation marks.
    title: str
    module: str
    function: str
    #: Whether the title is a case's of a test with arguments.
    is_case: bool

    @property
    def printed(self):
        return self.title.replace("\\\\", "\\")


def rules_in(text):
    found = set()
    for letter, first, last in RANGE.findall(text):
        found.update(f"{letter}{n}" for n in range(int(first), int(last) + 1))
    found.update(ONE.findall(text))
    return found


def tests():
    """Every test in Swift of this package, by its title; of the samples' package, too, whose `module` is empty: `mutate` does not build it."""
    for path in sorted(ROOT.glob("Tests/**/*.swift")) + sorted(ROOT.glob("Samples/Tests/**/*.swift")):
        if ".build" in path.parts:
            continue
        place = path.relative_to(ROOT)
        module = place.parts[1] if place.parts[0] == "Tests" else ""
        text = path.read_text(encoding="utf-8")
        for match in TITLE.finditer(text):
            function = FUNCTION.search(text, match.end()) if match.group(1) == "Test" else None
            yield Test(place, match.group(2).replace('\\"', '"'), module, function.group(1) if function else "", False)
        cases = list(CASE.finditer(text))
        if cases:
            # The test that takes the cases stands beside them, or in another file of the same suite.
            beside = [text] + [other.read_text(encoding="utf-8") for other in sorted(path.parent.glob(path.stem.split("+")[0] + "*.swift"))]
            function = next(filter(None, map(PARAMETERIZED.search, beside)), None)
            for match in cases:
                yield Test(place, match.group(1).replace('\\"', '"'), module, function.group(1) if function else "", True)


def overlap(one, other):
    return one[0] < other[1] and other[0] < one[1]


def read():
    """The mutations (those that change the same text in different layers: a build has one layer), why a rule has none (by rule), and what is wrong with the lists."""
    mutations, without, faults = [], {}, []
    titles = {}
    for test in tests():
        titles.setdefault(test.title, []).append(test)
    names, places = set(), {}
    for path in sorted((ROOT / "Tests/Mutations").glob("*.toml")):
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            faults.append(f"{path.relative_to(ROOT)}: {error}")
            continue
        for entry in table.get("without", []):
            without[entry["rule"]] = entry["why"]
        for entry in table.get("mutation", []):
            name = entry.get("name", "?")
            where = f"{path.name}, {name}"
            missing = {"name", "rules", "what", "test", "file", "old", "new"} - set(entry)
            if missing:
                faults.append(f"{where}: has no {', '.join(sorted(missing))}")
                continue
            if name in names:
                faults.append(f"{where}: the name is taken")
            names.add(name)
            found = titles.get(entry["test"], [])
            if len(found) != 1 or not found[0].module or not found[0].function:
                faults.append(f"{where}: {len(found)} tests of this package have the title {entry['test']!r}")
            for rule in entry["rules"]:
                if rule not in rules_in(entry["test"]):
                    faults.append(f"{where}: its test does not name {rule}: {entry['test']!r}")
            file = ROOT / entry["file"]
            text = file.read_text(encoding="utf-8") if file.is_file() else ""
            if text.count(entry["old"]) != 1:
                faults.append(f"{where}: the text to change stands {text.count(entry['old'])} times in {entry['file']}")
                continue
            if "MUTANT" not in entry["new"]:
                faults.append(f"{where}: the new text has no MUTANT")
            start = text.index(entry["old"])
            span = (start, start + len(entry["old"]))
            taken = places.setdefault(entry["file"], [])
            entry["layer"] = next(n for n in range(len(taken) + 1) if not any(n == m and overlap(span, s) for m, s in taken))
            taken.append((entry["layer"], span))
            mutations.append(entry)
    return mutations, without, faults


def uncovered(mutations, without):
    """The rules that nothing is said about, or too much."""
    broken = {rule for entry in mutations for rule in entry["rules"]}
    neither = [rule for rule in RULES if rule not in broken and rule not in without]
    if neither:
        yield f"neither a mutation nor a reason to have none: {', '.join(neither)}"
    both = [rule for rule in RULES if rule in broken and rule in without]
    if both:
        yield f"a mutation and a reason to have none: {', '.join(both)}"
