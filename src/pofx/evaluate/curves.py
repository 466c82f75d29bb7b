"""How models were trained by gradients, as records to draw."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from pofx.evaluate.contest import Contender
from pofx.runs.evidence import Curve
from pofx.training.history import Check

MOST = 200  # points of a curve


def curves(contenders: Iterable[Contender]) -> tuple[Curve, ...]:
    """The curve of every contender that kept a history of at least two validations."""
    return tuple(_curve(each.name, _thinned(each.checks)) for each in contenders if len(each.checks) > 1)


def _curve(name: str, checks: Sequence[Check]) -> Curve:
    parts = dict.fromkeys(part for check in checks for part in check.parts)
    return Curve(
        model=name,
        steps=tuple(check.step for check in checks),
        seconds=tuple(round(check.seconds, 3) for check in checks),
        training=tuple(_finite(check.loss) for check in checks),
        validation=tuple(_finite(check.validation) for check in checks),
        parts={part: tuple(_finite(check.parts.get(part)) for check in checks) for part in parts},
    )


def _thinned(checks: Sequence[Check]) -> Sequence[Check]:
    """Every k-th check and the last."""
    every = math.ceil(len(checks) / MOST)
    return checks if every <= 1 else [*checks[:-1:every], checks[-1]]


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
