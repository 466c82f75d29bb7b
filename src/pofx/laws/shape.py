"""Laws 1, 2, 7 and 11: shapes and types, what is finite, bounds, and scores that depend on their row alone."""

from __future__ import annotations

import numpy as np
import polars as pl
import torch
from torch import Tensor

from pofx.errors import SpaceError
from pofx.laws.subject import Law, Outcome, Subject, close, first_failure, is_table, score, together, user_rows
from pofx.likelihood import Likelihood
from pofx.rng import generator
from pofx.spaces.base import Scalar, Space
from pofx.spaces.numeric import Grid, Integer, Interval, Positive, Real
from pofx.spaces.sequence import PAD, Sequence
from pofx.spaces.symbolic import Category, Maybe
from pofx.spaces.table import Table

ANSWERS = {
    "marginal",
    "condition",
    "cdf",
    "left_out",
    "parts",
    "complete",
}  # capabilities of a model; the others are about data


def shapes(subject: Subject) -> Outcome:
    """Law 1."""
    model, space = subject.model, subject.model.space
    drawn = model.draw(7, seed=1)
    shown = model.sample(7, seed=1)
    read = space.read(shown)
    checks = {
        "draw is float64, of sequences whole numbers": _right_type(space, drawn),
        "draw has shape [n, *event]": _right_shape(space, drawn, 7),
        "samples lie in the space": bool(space.contains(subject.own).all()),
        "samples read back lie in the space": bool(space.contains(read).all()),
        "no rows may be drawn": _right_shape(space, model.draw(0, seed=1), 0),
        "free_parameters is a number >= 0": type(model.free_parameters) is int and model.free_parameters >= 0,
    }
    if model.likelihood is Likelihood.EXACT:
        scores = model.log_prob(shown)
        checks |= {
            "log_prob gives NumPy for a frame": isinstance(scores, np.ndarray),
            "log_prob is float64 [n]": np.shape(scores) == (7,) and scores.dtype == np.float64,
            "rows as labels and numbers have the scores of their codes": _same_in_both_forms(subject),
            "no rows have no scores": np.shape(model.log_prob(model.sample(0, seed=1))) == (0,),
        }
    if subject.estimator is not None:
        more = (model.capabilities & ANSWERS) - subject.estimator.capabilities
        checks[f"what it can answer is declared by its estimator ({', '.join(sorted(more))})"] = not more
    wrong = [what for what, holds in checks.items() if not holds]
    return Outcome(not wrong, f"not so: {'; '.join(wrong)}" if wrong else f"{len(checks)} shapes and types")


def _right_type(space: Space, x: Tensor) -> bool:
    return not x.is_floating_point() if isinstance(space, Sequence) else x.dtype == torch.float64


def _right_shape(space: Space, x: Tensor, n: int) -> bool:
    return len(x) == n and (x.ndim == 2 if isinstance(space, Sequence) else x.shape[1:] == space.event_shape)


def _same_in_both_forms(subject: Subject) -> bool:
    model, x = subject.model, subject.rows[:30]
    shown = torch.as_tensor(model.log_prob(user_rows(model.space, x)))
    return close(shown, score(model, x), 1e-9, 1e-9, "").passed


def finite(subject: Subject) -> Outcome:
    """Law 2."""
    model = subject.model
    own = score(model, subject.own)
    if not bool(torch.isfinite(own).all()):
        return Outcome(
            False, f"{int((~torch.isfinite(own)).sum())} of its own {len(own)} samples have log p = {_odd(own)}"
        )
    if subject.data is not None:
        weights = subject.data.weights
        fitted = score(model, subject.rows if weights is None else subject.rows[weights > 0])
        if not bool(torch.isfinite(fitted).all()):
            return Outcome(False, f"a training row has log p = {_odd(fitted)}")
    if isinstance(model.space, Sequence):
        return _foreign(subject)
    if not isinstance(model.space, Table):
        return Outcome(True, "own samples and training rows are finite")
    far = score(model, _far_rows(model.space, subject.rows))
    if not bool((far < torch.inf).all()):  # also False for NaN
        return Outcome(False, f"a far row has log p = {_odd(far)}")
    return _outside(subject)


def _odd(scores: Tensor) -> float:
    return float(scores[~torch.isfinite(scores)][0])


def _far_rows(space: Table, rows: Tensor) -> Tensor:
    """Rows that lie in the space, but absurdly far out."""
    far = rows[:1].repeat(4, 1)
    for j, kind in enumerate(space.spaces):
        if isinstance(kind, Real):
            far[:, j] = torch.tensor([1e9, -1e9, 1e150, -1e3], dtype=torch.float64)
        if isinstance(kind, Positive):
            far[:, j] = torch.tensor([1e9, 1e-9, 1e150, 1e-150], dtype=torch.float64)
        if isinstance(kind, Interval):
            far[:, j] = torch.tensor([kind.low, kind.high, kind.low, kind.high], dtype=torch.float64)
        if isinstance(kind, Integer) and kind.high is None:
            far[:, j] = torch.tensor([1e3, 1e6, 1e9, 1e12], dtype=torch.float64)
    return far


def _outside(subject: Subject) -> Outcome:
    space = subject.table
    good = subject.rows[:3]
    tried = 0
    for j, kind in enumerate(space.spaces):
        bad = _impossible(kind)
        if bad is None:
            continue
        frame = user_rows(space, good)
        frame = frame.with_columns(pl.Series(space.names[j], [bad] * len(good)))
        scores = subject.model.log_prob(frame)
        if not bool((scores == -np.inf).all()):
            return Outcome(False, f"{bad!r} in column '{space.names[j]}' has log p = {scores[0]:.6g}, not -inf")
        tried += 1
    return Outcome(True, f"finite on samples, training and far rows; -inf outside in {tried} columns")


def _foreign(subject: Subject) -> Outcome:
    """Values that are none, and rows that lack their end."""
    space, x = subject.model.space, subject.rows[:3]
    assert isinstance(space, Sequence)
    strange = x.long().clone()
    strange[:, 0] = 1 << 28
    wrong = [strange] if space.closing is None else [strange, torch.where(x == space.closing, PAD, x)]
    scores = torch.cat([torch.as_tensor(subject.model.log_prob(rows)) for rows in wrong])
    passed = bool((scores == -torch.inf).all())
    return Outcome(passed, "finite on samples and training rows; -inf outside" if passed else f"outside: {scores[0]}")


def _impossible(kind: Scalar) -> float | str | None:
    """A value that is not an outcome, or None where every value that can be read is one."""
    if isinstance(kind, Maybe):
        return None if isinstance(kind.inner, Positive) and 0.0 not in kind.atoms else _impossible(kind.inner)
    if isinstance(kind, Positive):
        return -1.0
    if isinstance(kind, Interval):
        return kind.high + (kind.high - kind.low)
    if isinstance(kind, Integer):
        return 0.5
    if isinstance(kind, Grid):
        return kind.origin + 0.5 * kind.step
    if isinstance(kind, Category) and not kind.open:
        return "a label never seen"
    return None


def alone(subject: Subject) -> Outcome:
    """Law 11."""
    model, x = subject.model, together(subject.rows[:60], subject.own[:40])
    times = 50 if is_table(model.space) else 5
    whole = score(model, x)
    order = torch.randperm(len(x), generator=generator(5))
    shuffled = torch.empty_like(whole)
    shuffled[order] = score(model, x[order])
    ways = {
        "one by one": torch.cat([score(model, x[i : i + 1]) for i in range(0, len(x), 3)]),
        "in blocks of 7": torch.cat([score(model, x[i : i + 7]) for i in range(0, len(x), 7)]),
        "shuffled": shuffled,
        "repeated": score(model, x.repeat(times, *[1] * (x.ndim - 1)))[-len(x) :],
    }
    return first_failure(
        *(close(b, whole[::3] if what == "one by one" else whole, 1e-12, 1e-10, what) for what, b in ways.items())
    )


def bounds(subject: Subject) -> Outcome | None:
    """Law 7."""
    model = subject.model
    if model.likelihood is not Likelihood.LOWER_BOUND:
        return None
    rows = user_rows(model.space, subject.own[:100])
    one, again = (torch.as_tensor(model.log_prob_bound(rows, draws=1, seed=3)) for _ in range(2))
    loose = _mean_bound(subject, rows, 1)
    tight = _mean_bound(subject, rows, 16)
    gain = tight - loose
    error = float(gain.std()) / len(gain) ** 0.5
    checks = {
        "the same seed gives the same bound": torch.equal(one, again),
        "bounds are finite on own samples": bool(torch.isfinite(tight).all()),
        "sixteen draws give no lower a bound than one": float(gain.mean()) >= -4 * error,
    }
    wrong = [what for what, holds in checks.items() if not holds]
    return Outcome(
        not wrong, f"not so: {'; '.join(wrong)}" if wrong else f"16 draws gain {float(gain.mean()):.3g} nats"
    )


def _mean_bound(subject: Subject, rows: object, draws: int) -> Tensor:
    """The bound averaged over 16 seeds, `[n]`."""
    each = [torch.as_tensor(subject.model.log_prob_bound(rows, draws=draws, seed=seed)) for seed in range(16)]
    return torch.stack(each).mean(0)


def missing_is_refused(subject: Subject) -> Outcome:
    """Law 2, for missing values: where none is an outcome they are an error, never a number."""
    space = subject.table
    for j, kind in enumerate(space.spaces):
        if kind.may_be_missing or not isinstance(kind, Real | Positive | Interval | Integer | Category):
            continue
        frame = user_rows(space, subject.rows[:2])
        frame = frame.with_columns(pl.Series(space.names[j], [None, None], dtype=frame[space.names[j]].dtype))
        try:
            scores = subject.model.log_prob(frame)
        except SpaceError:
            continue
        return Outcome(False, f"a missing value in column '{space.names[j]}' was scored {scores[0]:.6g}")
    return Outcome(True, "missing values are refused where none is an outcome")


def finite_or_refused(subject: Subject) -> Outcome:
    first = finite(subject)
    return first_failure(first, missing_is_refused(subject)) if is_table(subject.model.space) else first


SHAPE = (
    Law(1, "shape", "shapes and types are as promised, and samples lie in the space", shapes, alone=True),
    Law(
        2,
        "finite",
        "log p is finite on own samples, -inf outside the support, and never NaN",
        finite_or_refused,
        alone=True,
        exact=True,
    ),
    Law(
        7,
        "bound",
        "a bound grows with draws and stays below the exact value",
        bounds,
        alone=True,
        cases=("correlated", "pictures"),
    ),
    Law(11, "batch", "a score depends on its own row alone, not on batch size or order", alone, alone=True, exact=True),
)
