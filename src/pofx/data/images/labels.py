"""Class labels as conditions: a table of one category column named `class`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pofx.spaces.symbolic import Category, Label
from pofx.spaces.table import Table

NAME = "class"


def conditions(labels: Sequence[Label], notes: list[str]) -> tuple[Tensor | None, Table | None]:
    """Codes `[n, 1]` and their space; None twice where labels tell nothing: one class only, or one a picture.

    >>> conditions(["10", "9", "10"], [])[1].spaces[0].labels
    (9, 10)
    """
    known = _as_numbers(labels)
    distinct = sorted(set(known), key=lambda label: (isinstance(label, str), label))
    if len(distinct) == 1:
        notes.append(f"every picture is of the class '{distinct[0]}': there is no condition")
        return None, None
    if len(distinct) == len(known) > 2:
        notes.append("every picture has a label of its own: there is no condition")
        return None, None
    codes = {label: code for code, label in enumerate(distinct)}
    given = torch.tensor([codes[label] for label in known], dtype=torch.float64)[:, None]
    return given, Table((NAME,), (Category(tuple(distinct), open=False),), "vector")


def _as_numbers(labels: Sequence[Label]) -> list[Label]:
    """Whole numbers where every label is one, so that 9 comes before 10; else words."""
    words = [str(label) for label in labels]
    if all(word.isascii() and word.isdigit() and str(int(word)) == word for word in words):
        return [int(word) for word in words]
    return list(words)
