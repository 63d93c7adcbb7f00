"""docs/security.md: each item of the baseline has a test that is there, or says why it has none."""

import re
from pathlib import Path

ITEMS = range(1, 25)
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_every_item_names_a_test_that_is_there_or_a_reason(repository: Path) -> None:
    text = (repository / "docs" / "security.md").read_text()
    rows = {int(row[1]): row[0] for row in re.finditer(r"(?m)^\| (\d+) \|.*$", text)}
    assert sorted(rows) == list(ITEMS)
    for number, row in rows.items():
        assert NAMED.search(row) or "not shown here, because" in row, f"item {number} shows nothing"
    for file, name in NAMED.findall(text):
        assert f"def {name}(" in (repository / file).read_text(), f"{file}::{name} is named and not there"


def test_there_is_somebody_to_tell(repository: Path) -> None:
    text = (repository / "SECURITY.md").read_text()
    assert "Report a vulnerability" in text and "Supported" in text
