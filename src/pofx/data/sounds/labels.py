"""Classes of recordings: the folders that they lie in, or the first part of names like `7_jackson_32.wav`."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import PurePosixPath
from typing import Literal, get_args

from torch import Tensor

from pofx.data.images.labels import conditions
from pofx.errors import ReadError
from pofx.spaces.table import Table

Labels = Literal["auto", "folders", "names"]
NAMED = re.compile(r"([^_]+)_.+_[0-9]+")  # LABEL_REST_INDEX, as in the Free Spoken Digit Dataset
MOST = 50  # labels in names; more are no classes


def check_labels(labels: Labels | None) -> None:
    """Refuses another word."""
    if labels is not None and labels not in get_args(Labels):
        expected = ", ".join(map(repr, get_args(Labels)))
        raise ReadError("labels cannot be this", got=repr(labels), expected=f"{expected} or None")


def classes(
    names: list[str], labels: Labels | None, notes: list[str], where: str
) -> tuple[Tensor | None, Table | None]:
    """Codes `[n, 1]` and their space; None twice where there are no classes.

    Raises:
        ReadError: labels were asked for by folder or name, and there are none.
    """
    if labels is None:
        return None, None
    found = _folders(names, notes) if labels != "names" else None
    if found is None and labels != "folders":
        found = _first_parts(names)
        if found is not None:
            example = PurePosixPath(names[0]).name
            notes.append(
                f"the first part of the file names is the class ({example}: {found[0]}); labels=None leaves it out"
            )
    if found is None and labels != "auto":
        raise ReadError(
            f"there are no labels in the {labels}",
            got=f"{len(names):,} recordings, e.g. {names[0]}",
            expected="each in the folder of its class" if labels == "folders" else "names like LABEL_WHO_1.wav",
            remedy="labels=None reads them without",
            where=where,
        )
    return (None, None) if found is None else conditions(found, notes)


def _folders(names: list[str], notes: list[str]) -> list[str] | None:
    """The folder of each below those that all share; None where that tells nothing."""
    parents = [PurePosixPath(name).parent for name in names]
    shared = os.path.commonpath([str(parent) for parent in parents])
    inside = [str(parent.relative_to(shared)) if shared else str(parent) for parent in parents]
    distinct = len(set(inside))
    if "." in inside and distinct > 1:
        notes.append("some recordings lie in sub-folders and some do not: folders are not taken for classes")
    return None if "." in inside or distinct < 2 or (distinct == len(inside) > 2) else inside


def _first_parts(names: list[str]) -> list[str] | None:
    """LABEL of LABEL_REST_INDEX, where all names have that form and no label is alone."""
    found = [NAMED.fullmatch(PurePosixPath(name).stem) for name in names]
    labels = [match[1] for match in found if match]
    counts = Counter(labels)
    fitting = len(labels) == len(names) and 2 <= len(counts) <= MOST and min(counts.values()) >= 2
    return labels if fitting else None
