"""What is asked of texts that are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Documents = Literal["auto", "stream", "file", "lines", "paragraphs"]


@dataclass(frozen=True)
class TextForm:
    """How texts are found in files.

    Args:
        documents: what one outcome is: a passage of one long text (`stream`), a whole `file`, or each of the `lines`
            or `paragraphs` of a file; `auto` decides.
        column: of a table, in which each row is a document; None where files are texts themselves.
    """

    documents: Documents = "auto"
    column: str | None = None
