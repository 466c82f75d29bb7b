"""What pofx says when it cannot do what was asked: what happened, what it got, what it expected, how to mend it, where.

Every error a user can cause is a `PofxError`. The command line prints it as one line and exits with code 2; `--json`
prints the same five fields as `{"error": {...}}`.
"""

from __future__ import annotations


class PofxError(ValueError):
    """A mistake a user can mend. `str(error)` is one line.

    Args:
        what: what is not possible, as a short sentence without a full stop.
        got: what was found, in the user's words.
        expected: what would have been right.
        remedy: what to write or do instead.
        where: file, row and column, as far as known, e.g. `houses.csv, row 17, column 'price'`.
    """

    def __init__(self, what: str, *, got: str = "", expected: str = "", remedy: str = "", where: str = "") -> None:
        self.what, self.got, self.expected, self.remedy, self.where = what, got, expected, remedy, where
        super().__init__(self._line())

    def _line(self) -> str:
        parts = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.got:
            parts.append(f"got {self.got}")
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.remedy:
            parts.append(f"remedy: {self.remedy}")
        return " ".join("; ".join(parts).split())

    def record(self) -> dict[str, str]:
        """The five fields, for JSON."""
        return {
            "what": self.what,
            "got": self.got,
            "expected": self.expected,
            "remedy": self.remedy,
            "where": self.where,
        }


class ReadError(PofxError):
    """A file or an object that cannot be read as data, or a path that cannot be written."""


class SpaceError(PofxError):
    """Values that are not outcomes of the space, or a space that a model does not accept."""


class CodecError(PofxError):
    """A map between spaces that cannot be fitted or inverted."""


class FitError(PofxError):
    """A model that cannot be fitted to these data with these settings."""


class LikelihoodError(PofxError):
    """A probability asked of a model that has only a bound, or none."""


class StoreError(PofxError):
    """A saved model or run that is damaged, missing, or from a newer version."""


class MissingExtra(PofxError):
    """A part of pofx that needs an optional dependency."""

    def __init__(self, extra: str, package: str) -> None:
        super().__init__(
            f"this needs the package {package}, which is not installed",
            remedy=f"pip install pofx[{extra}]",
        )
