"""`pofx doctor MODEL`: the laws, on a model by name or on a run's fitted model."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from pofx.cli.console import Console


@dataclass(frozen=True)
class Options:
    """Run the laws on a model, or on the model of a run folder."""

    model: Annotated[str, tyro.conf.Positional]
    """A model's name (pofx models), a run folder, or a model file."""
    json: bool = False
    """One JSON document on stdout."""


def run(options: Options, console: Console) -> dict[str, Any]:
    """model, passed, findings: a list of {check, passed, why}."""
    from pofx.core.registry import estimator
    from pofx.core.store import load
    from pofx.laws.doctor import examine

    path = Path(options.model)
    if path.is_file():
        patient: Any = load(path)
    elif (path / "run.json").exists():
        from pofx.cli.loading import load_run

        patient = load_run(path, None)[1]
    else:
        patient = estimator(options.model)()
    console.start("examining", None)
    findings = examine(patient)
    console.finish()
    console.table(["Check", "Passed", "Why"], [[f.check, "yes" if f.passed else "NO", f.why] for f in findings])
    passed = all(finding.passed for finding in findings)
    console.say(f"\n{sum(f.passed for f in findings)} of {len(findings)} checks passed")
    return {"model": options.model, "passed": passed, "findings": [asdict(finding) for finding in findings]}
