"""Permutation tests of no difference: of all columns jointly, and of each column with a family-wise false-alarm rate.

Under "no difference" the pooled rows are exchangeable, so whoever permutes whole rows gets the statistic's exact law:
p = (1 + #{T* >= T}) / (1 + B) is at most alpha with probability at most alpha, whatever the number of rows, ties or
dependence between columns (Phipson & Smyth 2010). No normality, no asymptotics.

Jointly: energy distance, or the largest standardised maximum mean discrepancy over several bandwidths (one p-value, in
the spirit of Schrab et al. 2023), from a matrix of at most `POOLED` rows. Per column: the two-sample Anderson-Darling
statistic on mid-ranks (Scholz & Stephens 1987, JASA 82) for numbers, which a change of units or a logarithm leaves as
it is; chi-square on counts for labels; and the share of missing values, where any is missing. One permutation serves
all columns; the corrected p-values are the step-down max-T of Westfall & Young (1993) over all of them. The smallest
possible p-value is 1 / (B + 1) at any number of columns. Cost: O(B N D) after one sort a column; at most `ROWS` rows of
each sample, chosen at random above.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pofx.divergences.two_sample.energy import NegativeDistance
from pofx.divergences.two_sample.mmd import Kernel, bandwidths, read_samples
from pofx.errors import SpaceError
from pofx.rng import numpy_generator, split
from pofx.training.recorder import SILENT, Recorder

POOLED = 2_000  # rows of the pooled matrix of the joint tests: 32 MB
ROWS = 100_000  # rows of each sample in the column tests
CELLS = 1 << 18  # labels permuted at a time: fits the processor's cache
SLACK = 1e-9  # two equal statistics may differ by rounding; they count as equal


@dataclass(frozen=True)
class JointTest:
    """One p-value for all columns together."""

    statistic: float
    p_value: float
    permutations: int
    rows: int
    method: str


@dataclass(frozen=True)
class ColumnTest:
    """One column's evidence of a difference.

    Args:
        statistic: Anderson-Darling (numbers) or chi-square (labels), on the values that are not missing.
        p_value_alone: of this statistic, as if it were the only one tested.
        p_value: corrected for all columns, and for the missing shares tested with them.
        p_value_missing: of the share of missing values alone, not corrected; None where none is missing.
        method: the statistic's name, permutations and rows.
    """

    statistic: float
    p_value_alone: float
    p_value: float
    p_value_missing: float | None
    method: str


def energy_test(
    x: np.ndarray, y: np.ndarray, *, permutations: int = 999, seed: int = 0, recorder: Recorder = SILENT
) -> JointTest:
    """Permutation test by the energy distance of `x` `[n, d]` and `y` `[m, d]`."""
    return _joint_test(x, y, (NegativeDistance(),), "energy distance", permutations, seed, recorder)


def mmd_test(
    x: np.ndarray, y: np.ndarray, kernels: Sequence[Kernel] | None = None, *,
    permutations: int = 999, seed: int = 0, recorder: Recorder = SILENT,
) -> JointTest:  # fmt: skip
    """Permutation test by the maximum mean discrepancy, the largest over `kernels` (default: five Gaussians)."""
    chosen = tuple(kernels) if kernels else bandwidths(x, y, seed=seed).kernels
    what = "MMD^2" if len(chosen) == 1 else f"largest standardised MMD^2 of {len(chosen)} kernels"
    return _joint_test(x, y, chosen, what, permutations, seed, recorder)


def _joint_test(
    x: np.ndarray, y: np.ndarray, kernels: Sequence[Kernel], what: str,
    permutations: int, seed: int, recorder: Recorder,
) -> JointTest:  # fmt: skip
    a, b = (s.rows for s in read_samples(x, y))
    _check_permutations(permutations)
    whole = len(a) + len(b)
    if whole > POOLED:
        n = min(max(POOLED * len(a) // whole, 2), POOLED - 2)
        a, b = _some(a, n, seed, "a"), _some(b, POOLED - n, seed, "b")
    pooled = torch.from_numpy(np.concatenate([a, b]))
    labels = torch.from_numpy(_labels(len(a), len(b), permutations, seed).astype(np.float64)).T  # [N, 1 + B]
    recorder.start("permuting rows", len(kernels))
    values = []
    for k, kernel in enumerate(kernels):
        matrix = kernel.of(torch.cdist(pooled, pooled, compute_mode="donot_use_mm_for_euclid_dist"))
        values.append(_discrepancies(matrix.fill_diagonal_(0.0), labels, len(a), len(b)))
        recorder.step(k + 1)
    recorder.finish()
    statistics = np.stack(values)  # [kernels, 1 + B]
    largest = statistics[0] if len(kernels) == 1 else _standardised(statistics).max(0)
    rows = f"{len(pooled):,} of {whole:,} rows, chosen at random" if len(pooled) < whole else f"{whole:,} rows"
    method = f"{what}, {permutations:,} permutations of {rows}"
    return JointTest(float(largest[0]), float(_p_values(largest[None])[0]), permutations, len(pooled), method)


def _discrepancies(matrix: torch.Tensor, labels: torch.Tensor, n: int, m: int) -> np.ndarray:
    """Unbiased xx + yy - 2 xy for each labelling `[N, 1 + B]`, from a kernel matrix without its diagonal."""
    xx = ((matrix @ labels) * labels).sum(0)
    sums = matrix.sum(1)
    xy = sums @ labels - xx
    yy = sums.sum() - xx - 2 * xy
    return (xx / (n * (n - 1)) + yy / (m * (m - 1)) - 2 * xy / (n * m)).numpy()


def column_tests(
    a: np.ndarray, b: np.ndarray, kinds: Sequence[str], *,
    permutations: int = 999, seed: int, recorder: Recorder = SILENT,
) -> tuple[ColumnTest, ...]:  # fmt: skip
    """Test each column of `a` `[n, D]` against the same of `b` `[m, D]`, with corrected p-values.

    Args:
        a, b: numbers, or codes of labels; NaN is "missing".
        kinds: for each column `number` or `label`.
        permutations: B; the smallest possible p-value is 1 / (B + 1).
        seed: permutations, and the rows chosen where there are more than `ROWS`.
        recorder: told after each block of permutations.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    _check_columns(a, b, kinds)
    _check_permutations(permutations)
    whole = len(a) + len(b)
    a, b = _some(a, ROWS, seed, "a"), _some(b, ROWS, seed, "b")
    pooled = np.concatenate([a, b])
    columns = [_Column.of(pooled[:, j], kind) for j, kind in enumerate(kinds)]
    shares = [j for j, c in enumerate(columns) if len(c.order) < len(pooled)]
    rows = f"{len(pooled):,} of {whole:,} rows, chosen at random" if len(pooled) < whole else f"{whole:,} rows"
    statistics = _permuted(columns, shares, len(a), len(b), permutations, seed, recorder)  # [D + missing, 1 + B]
    alone, corrected = _p_values(statistics), _step_down(_standardised(statistics))
    missing = {j: len(columns) + k for k, j in enumerate(shares)}
    names = {"number": "Anderson-Darling", "label": "chi-square"}
    return tuple(
        ColumnTest(
            float(statistics[j, 0]), float(alone[j]), float(min(corrected[j], corrected[missing.get(j, j)])),
            float(alone[missing[j]]) if j in missing else None,
            f"{names[kind]}, {permutations:,} permutations of {rows}, corrected for {len(kinds)} columns",
        )
        for j, kind in enumerate(kinds)
    )  # fmt: skip


@dataclass(frozen=True)
class _Column:
    """What permutations leave alone: the order of the rows, the places of tied values, and what each of them weighs."""

    order: np.ndarray  # [N'], rows with a value, sorted by it
    ends: np.ndarray  # [G], last place of each distinct value
    place: np.ndarray  # [G], mid-rank (numbers) or count (labels): times the first sample's share, what is expected
    weight: np.ndarray  # [G], what a squared excess counts
    number: bool

    @classmethod
    def of(cls, values: np.ndarray, kind: str) -> _Column:
        present = np.flatnonzero(~np.isnan(values))
        order = present[np.argsort(values[present], kind="stable")]
        ordered = values[order]
        ends = np.flatnonzero(np.r_[ordered[1:] != ordered[:-1], np.ones(min(len(order), 1), dtype=bool)])
        counts, total = np.diff(ends, prepend=-1).astype(np.float64), len(order)
        if kind == "label" or len(ends) < 2:
            return cls(order, ends, counts, total / counts, False)
        place = ends + 1 - counts / 2
        weight = (total - 1) * counts / (place * (total - place) - total * counts / 4)
        return cls(order, ends, place, weight, True)

    def statistics(self, labels: np.ndarray) -> np.ndarray:
        """For each labelling `[P, N]`, 1 where a row is of the first sample: `[P]`."""
        if len(self.ends) < 2:
            return np.zeros(len(labels))
        total = len(self.order)
        at_most = torch.cumsum(torch.from_numpy(labels.take(self.order, axis=1)), 1, dtype=torch.int32).numpy()
        at_most = at_most if len(self.ends) == total else at_most.take(self.ends, axis=1)  # [P, G]
        n = at_most[:, -1:].astype(np.float64)  # [P, 1], rows of the first sample that have a value
        seen = at_most.copy()
        seen[:, 1:] += at_most[:, :-1] if self.number else -at_most[:, :-1]
        off = seen * (0.5 if self.number else 1.0)
        off -= n / total * self.place
        squares = np.square(off, out=off) @ self.weight
        both = n[:, 0] * (total - n[:, 0])
        result = np.zeros(len(labels))
        np.divide(squares * total, both, out=result, where=both > 0)
        return result


def _permuted(
    columns: Sequence[_Column], shares: Sequence[int], n: int, m: int, permutations: int, seed: int, recorder: Recorder
) -> np.ndarray:
    """Each column's statistic, then each missing share's, for the truth and for each permutation."""
    result = np.empty((len(columns) + len(shares), 1 + permutations))
    block = max(1, CELLS // (n + m))
    recorder.start("permuting rows", 1 + permutations)
    for start in range(0, 1 + permutations, block):
        stop = min(start + block, 1 + permutations)
        labels = _labels(n, m, permutations, seed, start, stop)
        for j, column in enumerate(columns):
            result[j, start:stop] = column.statistics(labels)
        for k, j in enumerate(shares):
            present = labels[:, columns[j].order].sum(1, dtype=np.int64)
            result[len(columns) + k, start:stop] = (present - len(columns[j].order) * n / (n + m)) ** 2
        recorder.step(stop)
    recorder.finish()
    return result


def _labels(n: int, m: int, permutations: int, seed: int, start: int = 0, stop: int | None = None) -> np.ndarray:
    """Labellings `start` to `stop` of the pooled rows `[P, n + m]`, the first the true one; the same in any blocks."""
    true = np.r_[np.ones(n, dtype=np.uint8), np.zeros(m, dtype=np.uint8)]
    numbers = range(start, 1 + permutations if stop is None else stop)
    return np.stack([numpy_generator(split(seed, "permutation", k)).permutation(true) if k else true for k in numbers])


def _standardised(statistics: np.ndarray) -> np.ndarray:
    """Less their mean, over their standard deviation: the truth counts as one labelling, so the level is exact."""
    spread = statistics.std(1, keepdims=True)
    centred = statistics - statistics.mean(1, keepdims=True)
    result = np.zeros(statistics.shape)
    np.divide(centred, spread, out=result, where=spread > SLACK * np.abs(statistics).max(1, keepdims=True))
    return result


def _p_values(statistics: np.ndarray) -> np.ndarray:
    """Share of labellings, the truth among them, with at least the truth's statistic: `[k, 1 + B] -> [k]`."""
    truth = statistics[:, :1]
    return (statistics >= truth - SLACK * np.abs(truth)).mean(1)  # type: ignore[no-any-return]


def _step_down(standardised: np.ndarray) -> np.ndarray:
    """Westfall & Young's corrected p-values: each against the largest of those no more striking than itself."""
    corrected = np.empty(len(standardised))
    largest = np.full(standardised.shape[1], -np.inf)
    order = np.argsort(standardised[:, 0], kind="stable")
    for j in order:
        largest = np.maximum(largest, standardised[j])
        truth = standardised[j, 0]
        corrected[j] = (largest >= truth - SLACK * abs(truth)).mean()
    corrected[order] = np.maximum.accumulate(corrected[order][::-1])[::-1]
    return corrected


def _some(rows: np.ndarray, most: int, seed: int, name: str) -> np.ndarray:
    if len(rows) <= most:
        return rows
    return rows[numpy_generator(split(seed, "rows", name)).choice(len(rows), most, replace=False)]


def _check_permutations(permutations: int) -> None:
    if permutations < 19:
        raise SpaceError("too few permutations to tell anything", got=f"{permutations}", expected="at least 19")


def _check_columns(a: np.ndarray, b: np.ndarray, kinds: Sequence[str]) -> None:
    if a.ndim != 2 or b.ndim != 2 or not a.shape[1] == b.shape[1] == len(kinds):
        raise SpaceError(
            "two samples must have the same columns", got=f"shapes {a.shape} and {b.shape}, {len(kinds)} kinds"
        )
    if not len(a) or not len(b) or not len(kinds):
        raise SpaceError("a sample is empty", got=f"{len(a)} and {len(b)} rows", expected="at least one row in each")
    odd = sorted(set(kinds) - {"number", "label"})
    if odd:
        raise SpaceError("a column is of no kind that can be tested", got=repr(odd[0]), expected="'number' or 'label'")
