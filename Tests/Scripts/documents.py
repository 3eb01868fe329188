"""Checks Docs/Documents.md, a page that people write: what Microsoft's five documents say, what CIMBus does, and the test that shows it.

A row is a fault where a test of that title is not there any more, where it names no test, where its number is not the next one, where
CIMBus's cell does not say in its first words which of three it is, or where it differs and links no page that says so. The page is one
where its counts are wrong, or where a rule is in no row."""

import difflib
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "Docs" / "Documents.md"
NAME = PAGE.relative_to(ROOT)
RULES = {f"R{n}" for n in range(1, 141)}
VERDICTS = {"holds": "hold", "differs": "differ", "does not apply": "do not apply"}
COUNTS = re.compile(r"^Of (\d+) statements (\d+) hold, (\d+) differ and (\d+) do not apply\.", re.M)


def cells(line):
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def faults(titles):
    """What is wrong with the page, a sentence each. `titles` are those of all tests."""
    text = PAGE.read_text(encoding="utf-8")
    titles, named, last = set(titles), set(), {}
    counts = dict.fromkeys(VERDICTS, 0)
    for line in text.splitlines():
        if not re.match(r"\| S\d", line):
            continue
        row = cells(line)
        place = f"{NAME}: {row[0]}"
        document, number = row[0].split(".")
        if int(number) != last.get(document, 0) + 1:
            yield f"{place} does not follow {document}.{last.get(document, 0)}: number the rows of a document from 1"
        last[document] = int(number)
        if len(row) != 5:
            yield f"{place} has {len(row)} cells: number, statement, what CIMBus does, rules and tests are wanted; a | in a cell is written \\|"
            continue
        verdict = next((words for words in VERDICTS if re.match(rf"{words}\b", row[2])), None)
        if verdict is None:
            yield f"{place} begins neither with holds nor with differs nor with does not apply: {row[2][:40]}"
        else:
            counts[verdict] += 1
            if verdict != "holds" and "](" not in row[2]:
                yield f"{place} differs and links no page that says so: {row[2]}"
        named.update(re.findall(r"R\d+", row[3]))
        tests = re.findall(r"`([^`]*)`", row[4])
        if not tests:
            yield f"{place} names no test: {row[1]}"
        for title in tests:
            if title not in titles:
                near = difflib.get_close_matches(title, titles, 1, 0.5)
                yield f"{place} names a test that is not there: `{title}`" + (f"; is it now `{near[0]}`?" if near else "")
    wanted = [sum(counts.values()), *counts.values()]
    found = COUNTS.search(text)
    if found is None or [int(count) for count in found.groups()] != wanted:
        words = ", ".join(f"{count} {VERDICTS[verdict]}" for verdict, count in counts.items())
        yield f"{NAME} counts wrong: of {wanted[0]} statements {words}"
    if RULES - named:
        yield f"{NAME}: no row is about {', '.join(sorted(RULES - named, key=lambda rule: int(rule[1:])))}"
    if named - RULES:
        yield f"{NAME}: there is no rule {', '.join(sorted(named - RULES))}"
