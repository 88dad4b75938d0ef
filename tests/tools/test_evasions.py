"""The list of evasions names every case once, and only tests that exist."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIST = ROOT / "tests" / "unit" / "pipeline" / "EVASIONS.md"
NAMED = re.compile(r"`([a-z_]+)\.([A-Z]\w+)\.(\w+)`")


def rows():
    """[(number or None, tests named)] of every table row with a test or a number."""
    found = []
    for line in LIST.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and cells[0] not in ("no.", "traffic"):
            found.append((int(cells[0]) if cells[0].isdigit() else None, NAMED.findall(cells[-1])))
    return found


def defined_in(room):
    folder = ROOT / "tests" / ("promises" if room == "promises" else f"unit/{room}")
    sources = "".join(path.read_text() for path in sorted(folder.glob("*.cpp")))
    return set(re.findall(r"\b(?:TEST|TEST_F|RC_GTEST_PROP)\(\s*(\w+),\s*(\w+)", sources))


def test_every_case_from_1_to_80_is_listed_once():
    assert [number for number, _ in rows() if number is not None] == list(range(1, 81))


def test_every_row_names_a_test():
    assert [row for row in rows() if not row[1]] == []
    assert sum(number is None for number, _ in rows()) >= 30, "what must pass"


def test_every_named_test_exists():
    missing = [f"{room}.{suite}.{name}" for _, tests in rows() for room, suite, name in tests if (suite, name) not in defined_in(room)]
    assert missing == []


def test_every_backtick_that_looks_like_a_test_is_one():
    written = re.findall(r"`((?:pipeline|packet|promises)\.[^`]*)`", LIST.read_text())
    assert [text for text in written if not NAMED.fullmatch(f"`{text}`") and text != "promises.P1NothingSlips"] == []
