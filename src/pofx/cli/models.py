"""`pofx models`: what there is."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from pofx.cli.console import Console


@dataclass(frozen=True)
class Options:
    """List the models, what columns they take as they are, and what they can do."""

    can: str | None = None
    """Only models with this capability, e.g. weights, missing, marginal, condition, cdf."""
    json: bool = False
    """One JSON document on stdout."""


def run(options: Options, console: Console) -> dict[str, Any]:
    """models: a list of {name, summary, accepts, capabilities, options}; capabilities: what each word means."""
    from pofx.core.capabilities import CAPABILITIES
    from pofx.core.registry import estimators
    from pofx.errors import PofxError

    if options.can is not None and options.can not in CAPABILITIES:
        raise PofxError(f"there is no capability '{options.can}'", expected=", ".join(CAPABILITIES))
    rows = [_row(name, kind) for name, kind in estimators().items()]
    rows = [row for row in rows if options.can is None or options.can in row["capabilities"]]
    console.table(
        ["model", "what it is", "can"], [[r["name"], r["summary"], ", ".join(r["capabilities"])] for r in rows]
    )
    return {"models": rows, "capabilities": CAPABILITIES}


def _row(name: str, kind: Any) -> dict[str, Any]:
    return {
        "name": name,
        "summary": (kind.__doc__ or "").strip().partition("\n")[0],
        "accepts": sorted(space.__name__.lower() for space in kind.accepts),
        "capabilities": sorted(kind.capabilities),
        "options": {f.name: str(f.default) for f in fields(kind)},
    }
