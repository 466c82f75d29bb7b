"""`pofx report RUN`: one self-contained HTML file, made from the run's records alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from pofx.cli.console import Console


@dataclass(frozen=True)
class Options:
    """Write a run's report again."""

    run: Annotated[Path, tyro.conf.Positional]
    """The run folder."""
    json: bool = False
    """One JSON document on stdout."""


def run(options: Options, console: Console) -> dict[str, Any]:
    """report: the file."""
    from pofx.report.document import write_report
    from pofx.runs.layout import RunFolder

    path = write_report(RunFolder(options.run))
    console.say(f"report  {path}")
    return {"report": str(path)}
