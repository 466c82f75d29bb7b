"""One column of held-out rows against the model's samples: histograms, special values, calibration."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pofx.evaluate.calibration import flatness, ranks
from pofx.runs.evidence import ColumnEvidence
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Circle, Grid, Integer, Positive
from pofx.spaces.symbolic import OTHER, Category, Constant, Date, Maybe, inner_space

BINS = 40
BARS = 60  # different counts drawn one by one


def column_evidence(
    name: str, space: Scalar, data: Tensor, samples: Tensor, *, seed: int, bins: int = BINS
) -> ColumnEvidence:
    """Shares of data and samples bin by bin.

    Args:
        name, space: the column.
        data, samples: its held-out values `[n]` and the model's `[m]`, in the space's tensor form.
        seed: of the ranks of tied values.
        bins: of a continuous column.
    """
    inner = inner_space(space)
    if isinstance(inner, Constant):
        return ColumnEvidence(name, "category", (1.0,), (1.0,), labels=(str(inner.value),))
    special, keep_data, keep_samples = _special(space, data, samples)
    d, s = data[keep_data].numpy(), samples[keep_samples].numpy()
    pit, p_value = flatness(ranks(d, s, seed=seed)) if len(d) and len(s) else ((), None)
    if isinstance(inner, Category):
        labels, data_shares, sample_shares = _bars(inner, d, s, len(data), len(samples))
        return ColumnEvidence(name, "category", data_shares, sample_shares, labels=labels, special=special)
    counted = isinstance(inner, Integer | Grid)
    edges = _count_edges(inner, d, s) if counted else None
    kind = "counts" if edges is not None else "continuous"
    if edges is None:
        edges = _edges(inner, d, s, bins)
    return ColumnEvidence(
        name,
        kind,
        _shares(d, edges, len(data)),
        _shares(s, edges, len(samples)),
        edges=tuple(edges.tolist()),
        log_scale=_is_geometric(inner, d),
        is_date=isinstance(inner, Date),
        special=special,
        pit=pit,
        pit_p_value=p_value,
    )


def _special(space: Scalar, data: Tensor, samples: Tensor) -> tuple[dict[str, tuple[float, float]], Tensor, Tensor]:
    if not isinstance(space, Maybe):
        return {}, torch.ones_like(data, dtype=torch.bool), torch.ones_like(samples, dtype=torch.bool)
    flag_data, flag_samples = space.flag(data), space.flag(samples)
    names = ["missing", *(f"{atom:.6g}" for atom in space.atoms)]
    special = {
        name: (_mean(flag_data == k), _mean(flag_samples == k))
        for k, name in enumerate(names, 1)
        if k > 1 or space.missing
    }
    return special, flag_data == 0, flag_samples == 0


def _mean(flags: Tensor) -> float:
    return float(flags.double().mean()) if len(flags) else 0.0


def _bars(
    space: Category, data: np.ndarray, samples: np.ndarray, n: int, m: int
) -> tuple[tuple[str, ...], tuple[float, ...], tuple[float, ...]]:
    counts = [
        np.bincount(values.astype(int), minlength=space.size) / max(whole, 1)
        for values, whole in ((data, n), (samples, m))
    ]
    names = [str(label) for label in space.labels] + ([OTHER] if space.open else [])
    order = np.argsort(-(counts[0] + counts[1]), kind="stable")[:BARS]
    order = np.array([k for k in order if counts[0][k] + counts[1][k] > 0], dtype=int)
    first, second = (tuple(count[order].tolist()) for count in counts)
    return tuple(names[k] for k in order), first, second


def _count_edges(space: Scalar, data: np.ndarray, samples: np.ndarray) -> np.ndarray | None:
    """Half-way marks around each whole number (or grid value), or None where there are too many for bars."""
    both = np.concatenate([data, np.quantile(samples, [0.001, 0.999]) if len(samples) else samples])
    if not len(both):
        return np.array([-0.5, 0.5])
    step = space.step if isinstance(space, Grid) else 1.0
    low, high = both.min() - step / 2, both.max() + step / 2
    bars = round((high - low) / step)
    edges: np.ndarray = low + step * np.arange(bars + 1)
    return edges if bars <= BARS else None


def _is_geometric(space: Scalar, data: np.ndarray) -> bool:
    return isinstance(space, Positive) and len(data) > 0 and bool(data.max() > 30 * np.median(data))


def _edges(space: Scalar, data: np.ndarray, samples: np.ndarray, bins: int) -> np.ndarray:
    if isinstance(space, Circle):
        return np.linspace(space.origin, space.origin + space.period, bins + 1)
    both = np.concatenate([data, samples])
    if not len(both):
        return np.array([0.0, 1.0])
    low = min(np.quantile(both, 0.002), data.min() if len(data) else np.inf)
    high = max(np.quantile(both, 0.998), np.quantile(data, 0.995) if len(data) else -np.inf)
    if not high > low:
        low, high = low - abs(low) * 1e-3 - 1e-12, high + abs(high) * 1e-3 + 1e-12
    if _is_geometric(space, data):
        return np.geomspace(low, high, bins + 1)
    return _whole_steps(space, low, high, bins)


def _whole_steps(space: Scalar, low: float, high: float, bins: int) -> np.ndarray:
    """Bins a whole number of rounding steps wide, so that rounding makes no comb."""
    step = getattr(space, "resolution", None)
    width = (high - low) / bins
    if not step or width > 20 * step:
        return np.linspace(low, high, bins + 1)
    width = step * max(1, np.ceil(width / step))
    edges: np.ndarray = low - step / 2 + width * np.arange(int(np.ceil((high - low + step) / width)) + 1)
    return edges


def _shares(values: np.ndarray, edges: np.ndarray, whole: int) -> tuple[float, ...]:
    counts, _ = np.histogram(values, bins=edges)
    return tuple((counts / max(whole, 1)).tolist())
