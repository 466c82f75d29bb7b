"""Column names: stripped, never empty, never twice the same."""

from __future__ import annotations

from collections.abc import Sequence


def distinct(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """The names to use, and a note for each that had to change.

    Spaces around a name go; an empty name becomes `column_3` (its place, from 1); the second `a` becomes `a_2`.

    >>> distinct(["a", " b", "", "a"])[0]
    ['a', 'b', 'column_3', 'a_2']
    """
    stripped = [name.lstrip("\ufeff").strip() for name in names]
    taken, used, notes = set(stripped), set[str](), list[str]()
    result = []
    for place, name in enumerate(stripped, start=1):
        new = name or f"column_{place}"
        if new in used or (not name and new in taken):
            new = _free(new, taken | used)
        used.add(new)
        result.append(new)
        if not name:
            notes.append(f"column {place} has no name: it is now {new!r}")
    return result, notes + _doubled(stripped, result)


def _free(name: str, taken: set[str]) -> str:
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"


def _doubled(old: list[str], new: list[str]) -> list[str]:
    """One note for each name that came more than once."""
    changed: dict[str, list[str]] = {}
    for before, after in zip(old, new, strict=True):
        if before and before != after:
            changed.setdefault(before, []).append(repr(after))
    return [
        f"{len(names) + 1} columns named {name!r}: {'the second is' if len(names) == 1 else 'the others are'} "
        f"now {', '.join(names)}"
        for name, names in changed.items()
    ]
