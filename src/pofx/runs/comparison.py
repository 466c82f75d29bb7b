"""What a comparison says, as plain records: `comparison.json`, and what `pofx compare --json` prints. Torch-free.

A folder holds `comparison.json` (a `Comparison`) and `report.html`. A value that is infinite is null, and its note says
where it is infinite.
"""

from __future__ import annotations

from dataclasses import dataclass, field

FORMAT = 1


@dataclass(frozen=True)
class Measure:
    """One measured distance or divergence."""

    name: str
    """`wasserstein`, `kl`, `js`, `tv`, `energy`, `mmd`, `c2st`, `cross_entropy`, ..."""
    value: float | None
    """Null where it is infinite; `note` says where."""
    std_error: float | None
    nature: str
    """`closed form`, `quadrature`, `Monte Carlo`, `upper bound`, `lower bound` or `asymptotically unbiased`."""
    method: str
    units: str
    direction: str
    """`A || B`, `B || A`, or `A, B` for what is symmetric."""
    null: float | None
    """The same measure between two halves of A: what "no difference" looks like at this number of rows."""
    p_value: float | None
    """Of no difference, by permutation; null where the measure was not tested."""
    draws: int | None = None
    note: str = ""


@dataclass(frozen=True)
class ColumnPicture:
    """One column of A and of B, for drawing.

    For `kind` "continuous" and "counts": `a` and `b` are shares of the regular values in each bin of `edges`. For
    "category": `labels` names the bars. `special` has the shares of missing values and atoms, which stand apart.
    """

    kind: str
    a: tuple[float, ...]
    b: tuple[float, ...]
    edges: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    log_scale: bool = False
    is_date: bool = False
    special: dict[str, tuple[float, float]] = field(default_factory=dict)
    grid: tuple[float, ...] = ()
    """Where the cumulative distributions below are given, increasing."""
    cdf_a: tuple[float, ...] = ()
    cdf_b: tuple[float, ...] = ()
    integrand: tuple[float | None, ...] = ()
    """`p log(p / q)` of each bin, nats; null where it is infinite. Their sum is the KL between the binned columns."""
    quantiles_a: tuple[float, ...] = ()
    """Of both at the same levels, evenly spaced: the optimal transport plan in one dimension."""
    quantiles_b: tuple[float, ...] = ()


@dataclass(frozen=True)
class ColumnDrift:
    """One column: its headline measure, whether it drifted, every measure, and its picture."""

    name: str
    """The column."""
    measure: str
    """The headline measure that the next fields are of: `wasserstein` for numbers, `tv` for categories."""
    value: float | None
    std_error: float | None
    nature: str
    method: str
    units: str
    direction: str
    null: float | None
    p_value: float | None
    """Corrected over all columns: the share of permutations of whole rows whose most extreme column beats this one."""
    p_value_alone: float | None
    """The same if this were the only column."""
    drifted: bool
    space: str
    measures: tuple[Measure, ...]
    picture: ColumnPicture


@dataclass(frozen=True)
class ArrowsPicture:
    """The transport plan between two columns as arrows: rows `x0, y0, x1, y1, mass`."""

    x: str
    y: str
    arrows: tuple[tuple[float, float, float, float, float], ...]
    method: str


@dataclass(frozen=True)
class Part:
    """What was compared: a file, a run's model, or an object in memory."""

    path: str
    kind: str
    """`data` or `model`."""
    rows: int
    """Rows of the file, or draws taken from the model."""
    model: str = ""


@dataclass(frozen=True)
class Verdict:
    """Is there a difference at all?"""

    drifted: bool
    p_value: float
    """The smallest of the tests', corrected for their number."""
    alpha: float
    """The false-alarm rate: the probability of `drifted` when nothing changed."""
    permutations: int
    text: str


@dataclass(frozen=True)
class Comparison:
    """A whole comparison: `comparison.json`."""

    a: Part
    b: Part
    verdict: Verdict
    measures: tuple[Measure, ...]
    columns: tuple[ColumnDrift, ...]
    """Sorted: the most drifted first."""
    arrows: ArrowsPicture | None = None
    only_in_a: tuple[str, ...] = ()
    only_in_b: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seed: int = 0
    command: str = ""
    created: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT

    def __str__(self) -> str:
        lines = [self.verdict.text]
        lines += [f"  {m.name}({m.direction}): {_told(m.value, m.units)}" for m in self.measures]
        lines += [
            f"{'*' if c.drifted else ' '} {c.name}: {c.measure} {_told(c.value, c.units)}, p = {c.p_value:.3g}"
            for c in self.columns
            if c.p_value is not None
        ]
        return "\n".join(lines)


def _told(value: float | None, units: str) -> str:
    return f"{'infinite' if value is None else f'{value:.4g}'} {units}".rstrip()
