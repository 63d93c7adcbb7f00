"""Rows of a house file as raw JSON: what the checks walk over before anything is known to be sound."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One item of a list in the file, with its path."""

    path: str
    item: dict[str, object]

    def text(self, field: str) -> str | None:
        value = self.item.get(field)
        return value if isinstance(value, str) else None

    def number(self, field: str) -> float | None:
        value = self.item.get(field)
        return None if isinstance(value, bool) or not isinstance(value, int | float) else float(value)


def rows_of(parent: dict[str, object], name: str) -> list[Row]:
    value = parent.get(name)
    if not isinstance(value, list):
        return []
    return [Row(f"{name}[{index}]", item) for index, item in enumerate(value) if isinstance(item, dict)]


def object_of(parent: dict[str, object], name: str) -> dict[str, object]:
    value = parent.get(name)
    return value if isinstance(value, dict) else {}


def by_name(rows: list[Row], field: str) -> dict[str, Row]:
    named: dict[str, Row] = {}
    for row in rows:
        name = row.text(field)
        if name is not None:
            named.setdefault(name, row)
    return named


def duplicates(rows: list[Row], field: str) -> Iterator[str]:
    first: dict[str, str] = {}
    for row in rows:
        name = row.text(field)
        if name is not None and first.setdefault(name, row.path) != row.path:
            yield f"{row.path}.{field}: '{name}' is that of {first[name]} too, must be there once"
