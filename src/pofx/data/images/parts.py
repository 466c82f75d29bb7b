"""Training and test pictures that lie together: which is which, told by the words of a name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pofx.data.images.form import Part
from pofx.errors import ReadError

WORDS: dict[Part, frozenset[str]] = {
    "train": frozenset({"train", "training"}),
    "test": frozenset({"test", "testing", "t10k"}),
    "validation": frozenset({"val", "valid", "validation", "dev"}),
}


def part_of(name: str) -> Part | None:
    """The part that a file, folder or array belongs to, by its name.

    >>> part_of("t10k-images-idx3-ubyte.gz"), part_of("x_train"), part_of("cats")
    ('test', 'train', None)
    """
    words = set(re.split(r"[^a-z0-9]+", name.lower()))
    return next((part for part, known in WORDS.items() if words & known), None)


class Notes(list[str]):
    """What readers have to say to people, line by line, and which parts they saw lying together."""

    def __init__(self, lines: Iterable[str] = ()) -> None:
        super().__init__(lines)
        self.parts: frozenset[Part] = frozenset()


def of_part(names: Sequence[str], wanted: Part | None, notes: Notes, where: str) -> list[str]:
    """The names of the part that is wanted; all of them where they are not parts of one whole.

    Raises:
        ReadError: the part is not there.
    """
    parts = {name: part_of(name) for name in names}
    found = {part for part in parts.values() if part}
    if wanted is None and (None in parts.values() or "train" not in found or len(found) < 2):
        return list(names)
    kept = [name for name, part in parts.items() if part == (wanted or "train")]
    if not kept:
        raise ReadError(
            f"there is no part '{wanted}' here",
            got=", ".join(sorted(found)) or "names that tell of no parts",
            remedy="leave `part` out, or name the file",
            where=where,
        )
    notes.parts = frozenset(found)
    return kept


def left_out(parts: frozenset[Part]) -> list[str]:
    """A note on the parts beside the training part, where only that is read; none where nothing lies beside it."""
    others = sorted(parts - {"train"})
    if not others:
        return []
    return [f"only the training part is read; {' and '.join(others)} left out (part='{others[0]}' reads it)"]
