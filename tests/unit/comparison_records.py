"""Records of a comparison that never was: two seasons of weather, from seeded draws."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from pofx.runs.comparison import ArrowsPicture, ColumnDrift, ColumnPicture, Comparison, Measure, Part, Verdict

BINS, GRID, LEVELS = 40, 120, 99


def measure(name: str, value: float | None, **changes: Any) -> Measure:
    """A measure with likely fields."""
    symmetric = name not in ("kl", "cross_entropy")
    plain = Measure(
        name, value, 0.012, "asymptotically unbiased", "rows", "nats", "A, B" if symmetric else "A || B", 0.01, 0.001
    )
    return dataclasses.replace(plain, **changes)


def numbers(a: np.ndarray, b: np.ndarray, *, log: bool = False, counts: bool = False, **changes: Any) -> ColumnPicture:
    """The picture of two samples of numbers, computed plainly."""
    both = np.concatenate([a, b])
    low, high = float(both.min()), float(both.max())
    edges = np.arange(low - 0.5, high + 1) if counts else (np.geomspace if log else np.linspace)(low, high, BINS + 1)
    p, q = (np.histogram(x, edges)[0] / len(x) for x in (a, b))
    grid = np.unique(both) if counts else (np.geomspace if log else np.linspace)(low, high, GRID)
    levels = (np.arange(LEVELS) + 0.5) / LEVELS
    found: dict[str, Any] = {
        "kind": "counts" if counts else "continuous",
        "a": floats(p),
        "b": floats(q),
        "edges": floats(edges),
        "log_scale": log,
        "grid": floats(grid),
        "cdf_a": floats(np.searchsorted(np.sort(a), grid, side="right") / len(a)),
        "cdf_b": floats(np.searchsorted(np.sort(b), grid, side="right") / len(b)),
        "integrand": integrand(p, q),
        "quantiles_a": floats(np.quantile(a, levels)),
        "quantiles_b": floats(np.quantile(b, levels)),
    }
    return ColumnPicture(**{**found, **changes})


def labels(a: Sequence[str], b: Sequence[str], **changes: Any) -> ColumnPicture:
    """The picture of two samples of labels."""
    names = sorted({*a, *b})
    p, q = (np.array([list(x).count(name) / len(x) for name in names]) for x in (a, b))
    found = {"a": floats(p), "b": floats(q), "labels": tuple(names), "integrand": integrand(p, q)}
    return ColumnPicture(kind="category", **{**found, **changes})


def integrand(p: np.ndarray, q: np.ndarray) -> tuple[float | None, ...]:
    """p log(p / q), null where it is infinite."""
    return tuple(
        0.0 if x == 0 else None if y == 0 else float(x * np.log(x / y))
        for x, y in zip(p.tolist(), q.tolist(), strict=True)
    )


def floats(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def drift(name: str, picture: ColumnPicture, value: float | None, null: float | None, **changes: Any) -> ColumnDrift:
    """A column with likely fields."""
    headline = "tv" if picture.kind == "category" else "wasserstein"
    units = changes.pop("units", "" if headline == "tv" else "mm")
    p = 0.001 if null is None or value is None or value > 3 * null else 0.4
    kl = None if None in picture.integrand else sum(part or 0.0 for part in picture.integrand)
    note = "A has rows where B has none" if kl is None else ""
    plain = ColumnDrift(
        name=name,
        measure=headline,
        value=value,
        std_error=None if value is None else 0.05 * value,
        nature="asymptotically unbiased",
        method="sorted rows" if headline == "wasserstein" else "plug-in",
        units=units,
        direction="A, B",
        null=null,
        p_value=p,
        p_value_alone=p / 2,
        drifted=p < 0.05,
        space="labels" if headline == "tv" else "real numbers",
        measures=(
            measure(
                headline, value, units=units, std_error=None if value is None else 0.05 * value, null=null, p_value=p
            ),
            measure("kl", kl, std_error=None, method="binned", note=note, p_value=None),
            measure("js", 0.08, method="binned", p_value=None),
        ),
        picture=picture,
    )
    return dataclasses.replace(plain, **changes)


def make_columns(seed: int = 0) -> tuple[ColumnDrift, ...]:
    """Six columns of every kind, the most drifted first."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(12, 4, 900), rng.normal(17, 5, 700)
    rain_a, rain_b = rng.lognormal(0, 1.2, 900), rng.lognormal(0.3, 1.0, 700)
    days_a, days_b = 15_340 + 365 * rng.beta(2, 2, 900), 15_400 + 365 * rng.beta(2, 3, 700)
    kinds_a = rng.choice(["drizzle", "fog", "rain", "snow", "sun"], 900, p=[0.1, 0.1, 0.5, 0.05, 0.25]).tolist()
    kinds_b = rng.choice(["drizzle", "fog", "rain", "snow", "sun"], 700, p=[0.1, 0.1, 0.2, 0.0, 0.6]).tolist()
    return (
        drift("temp_max", numbers(a, b), 5.1, 0.31, units="°C"),
        drift("precipitation", numbers(rain_a, rain_b, log=True, special={"0": (0.55, 0.71)}), 0.37, 0.06),
        drift("weather", labels(kinds_a, kinds_b, special={"missing": (0.02, 0.11)}), 0.36, 0.03),
        drift("date", numbers(days_a, days_b, is_date=True), 24.5, 4.6, units="days"),
        drift("storms", numbers(rng.poisson(3, 900), rng.poisson(3.1, 700), counts=True), 0.05, 0.045, units=""),
        drift("wind", numbers(rng.gamma(6, 0.5, 900), rng.gamma(6, 0.5, 700)), 0.116, 0.13, units="m/s"),
    )


def make_arrows(seed: int = 1) -> ArrowsPicture:
    """Eighty arrows that mostly go up and right."""
    rng = np.random.default_rng(seed)
    start, mass = rng.normal([12, 3], [4, 1], (80, 2)), rng.dirichlet(np.full(80, 2.0))
    rows = np.column_stack([start, start + rng.normal([5, 0.4], 0.6, (80, 2)), mass])
    return ArrowsPicture("temp_max", "wind", tuple(tuple(row) for row in rows.tolist()), "exact plan of 80 rows each")


def make_comparison(**changes: Any) -> Comparison:
    """A whole comparison; `changes` replace its fields."""
    plain: dict[str, Any] = {
        "a": Part("data/winter.csv", "data", 900),
        "b": Part("data/summer.csv", "data", 700),
        "verdict": Verdict(
            True,
            0.001,
            0.05,
            999,
            "The two files differ: p = 0.001 at a false-alarm rate of 5%; 4 of 6 columns drifted.",
        ),
        "measures": (
            measure("energy", 0.42, units="", method="all pairs of rows"),
            measure("kl", 0.61, nature="lower bound", method="5 nearest neighbours"),
            measure("js", 0.11, nature="upper bound", std_error=None, null=None, p_value=None, method="from TV"),
            measure("c2st", 0.83, units="", method="gradient boosting, held-out rows", null=0.5),
            measure("kl", None, direction="B || A", std_error=None, p_value=None, note="infinite where snow = yes"),
        ),
        "columns": make_columns(),
        "arrows": make_arrows(),
        "only_in_a": ("station",),
        "only_in_b": ("pressure", "cloud cover"),
        "notes": ("The column 'id' is different in every row and was left out.",),
        "seed": 7,
        "command": "pofx compare data/winter.csv data/summer.csv --seed 7",
        "created": "2025-01-31T09:15:02+00:00",
        "versions": {"pofx": "0.1.0", "numpy": "2.2"},
    }
    return Comparison(**{**plain, **changes})
