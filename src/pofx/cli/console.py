"""What a person sees: results on stdout, progress with time left on stderr."""

from __future__ import annotations

import sys
import time

from rich.console import Console as RichConsole
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table as RichTable

PATIENCE = 2.0  # seconds before a stage without a terminal says a word
PAUSE, PART = 2.0, 0.05  # seconds between two words then, and the part of the time so far that is more
WIDE = 160  # characters of a line that goes to a file or a pipe


class Console:
    """Prints for people; with `quiet` (under --json) stdout stays empty and only progress is shown.

    It is also the `Recorder` that fits report to.
    """

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self._out = RichConsole(highlight=False, soft_wrap=True)
        if not self._out.is_terminal:
            self._out.width = max(self._out.width, WIDE)
        self._err = RichConsole(stderr=True, highlight=False)
        self._bar: Progress | None = None
        self._began = 0.0
        self._what = ""
        self._total: int | None = None
        self._next = 0.0

    def say(self, text: str = "") -> None:
        """A line on stdout, with rich's markup off."""
        if not self.quiet:
            self._out.print(text, markup=False)

    def styled(self, pieces: list[tuple[str, str]]) -> None:
        """A line on stdout of pieces, each in a style of its own; plain where there is no terminal."""
        from rich.text import Text

        if not self.quiet:
            self._out.print(Text.assemble(*pieces))

    def note(self, text: str) -> None:
        """A line on stderr, for what is worth knowing but is no result."""
        self._err.print(text, markup=False, soft_wrap=True)

    def table(self, heads: list[str], rows: list[list[str]], right: set[int] | None = None) -> None:
        """A plain table on stdout; columns in `right` are right-aligned."""
        if self.quiet:
            return
        table = RichTable(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for k, head in enumerate(heads):
            table.add_column(head, justify="right" if right and k in right else "left", overflow="fold", no_wrap=k == 0)
        for row in rows:
            table.add_row(*(_escape(cell) for cell in row))
        self._out.print(table)

    # The recorder ---------------------------------------------------------------------------------------------------

    def start(self, what: str, total: int | None) -> None:
        self.finish()
        self._what, self._total, self._began = what, total, time.monotonic()
        self._next = self._began + PATIENCE
        if self._err.is_terminal:
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=self._err,
                transient=True,
            )
            self._bar.start()
            self._bar.add_task(what, total=total)

    def step(self, done: int, note: str = "") -> None:
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, description=f"{self._what} {note}")
        elif (now := time.monotonic()) > self._next:
            passed = now - self._began
            self._next = now + max(PAUSE, PART * passed)
            left = "" if not self._total or not done else f", about {passed / done * (self._total - done):.0f} s left"
            print(
                f"{self._what}: {done}/{self._total or '?'} {note}, {passed:.0f} s{left}", file=sys.stderr, flush=True
            )

    def finish(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)
