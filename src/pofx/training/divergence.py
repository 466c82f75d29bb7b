"""When a fit has failed although all its numbers are finite, and what is said when they are not."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pofx.errors import FitError
from pofx.training.history import Check

IN_A_ROW = 2  # checks, so that one odd batch or an early spike is forgiven


def diverged(checks: Sequence[Check], start: float, in_a_row: int = IN_A_ROW) -> bool:
    """Whether the last checks are all far worse than the untrained network was: by more than it had nats, and one."""
    worst = start + 1 + abs(start)
    last = [check.value for check in checks if check.step > 0][-in_a_row:]
    return len(last) == in_a_row and all(value is not None and value > worst for value in last)


def divergence(check: Check, start: float, rate: float) -> FitError:
    """For a fit that ends worse than it began, and never was better."""
    return FitError(
        "training diverged: the network is worse than it was before it was trained",
        got=f"{check.value:.4g} nats a row at step {check.step}, {start:.4g} at the start, learning_rate={rate:g}",
        remedy=f"a smaller learning_rate, e.g. {rate / 10:.1g}",
    )


def not_finite(step: int, loss: float, gradient: float, rate: float, highest: float) -> FitError:
    """For the step that made a loss or a gradient NaN or infinite."""
    what = "loss" if not math.isfinite(loss) else "gradient"
    return FitError(
        f"training stopped at step {step}: its {what} is not finite",
        got=f"loss {loss:.6g}, norm of the gradient {gradient:.3g}, learning rate {rate:.3g}",
        remedy=f"a smaller learning_rate, e.g. {highest / 10:.1g} instead of {highest:g}",
    )
