"""What other libraries, or formulas written out, say about the same fit: the table behind law 13."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import stats

from pofx.data.dataset import Data


@dataclass(frozen=True)
class Oracle:
    """Another way to the same numbers.

    Args:
        name: who says so.
        case: on which data.
        log_prob: the data to the log-probabilities of their own rows `[n]`.
        settings: fields of the estimator that make the two comparable.
        tolerance: relative and absolute.
    """

    name: str
    case: str
    log_prob: Callable[[Data], Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    tolerance: float = 1e-9


ORACLES: dict[str, tuple[Oracle, ...]] = {}

FIXED: dict[str, dict[str, Any]] = {}
