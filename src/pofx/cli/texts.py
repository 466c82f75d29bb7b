"""The options by which verbs that read texts find them in files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pofx.data.texts.form import TextForm


@dataclass(frozen=True)
class TextOptions:
    """How texts are found in files."""

    documents: Literal["auto", "stream", "file", "lines", "paragraphs"] = "auto"
    """Texts: what one outcome is: a passage of a stream, a whole file, each of its lines or paragraphs."""
    text_column: str | None = None
    """Texts: the column of a table, each of whose rows is a document."""

    def form(self) -> TextForm:
        """As the reader takes it."""
        from pofx.data.texts.form import TextForm

        return TextForm(self.documents, self.text_column)
