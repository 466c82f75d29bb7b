"""Records of a run that never was: a year of weather, as `pofx fit` would write it, from seeded NumPy draws."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from pofx.runs.evidence import ColumnEvidence, Evidence, OddRow, PairEvidence, TwoSample
from pofx.runs.records import ColumnRow, Failure, ModelRow, Recipe, Rows, Run, Source

TEST_ROWS = 292
ON_A_LOG_SCALE = "above zero and closer to normal on a log scale, rounded to 0.1"


def make_records(seed: int = 0, **changes: Any) -> tuple[Run, Evidence]:
    """A run and its evidence; `changes` replace fields of either."""
    run, evidence = _run(), _evidence(np.random.default_rng(seed))
    ours = {f.name for f in dataclasses.fields(Run)}
    return (
        dataclasses.replace(run, **{k: v for k, v in changes.items() if k in ours}),
        dataclasses.replace(evidence, **{k: v for k, v in changes.items() if k not in ours}),
    )


def model_row(name: str, log_prob: float | None, delta: float | None = None, **more: Any) -> ModelRow:
    known = {"likelihood": "exact", "std_error": None if log_prob is None else 0.071, "seconds": 2.5, "parameters": 40}
    error = None if delta is None else 0.0 if delta == 0 else 0.02 + 0.05 * abs(delta)
    return ModelRow(name=name, log_prob=log_prob, delta=delta, delta_std_error=error, **{**known, **more})


def _run() -> Run:
    models = (
        model_row("stacking", -9.412, 0.0, validation=-9.398, seconds=0.4, parameters=4),
        model_row(
            "mixture", -9.448, -0.036, validation=-9.431, seconds=14.2, parameters=412, estimator={"components": 8}
        ),
        model_row("vae", -9.71, -0.298, likelihood="bound", validation=-9.69, seconds=61.0, parameters=25_812),
        model_row("kde", -9.803, -0.391, validation=-9.822, seconds=6.9, parameters=1_022),
        model_row("gaussian", -10.227, -0.815, validation=-10.19, parameters=35),
        model_row("independent", -10.904, -1.492, validation=-10.88, parameters=61),
        model_row("histogram", None, validation=-13.02, impossible=3, parameters=988),
        model_row("gan", None, likelihood="none", parameters=81_220, seconds=93.1),
    )
    columns = (
        ColumnRow("date", "date", "a date"),
        ColumnRow("precipitation", "maybe positive, atoms 0", f"{ON_A_LOG_SCALE}; spikes at 0"),
        ColumnRow("temp_max", "real, resolution 0.1", "real numbers, rounded to 0.1"),
        ColumnRow("temp_min", "real, resolution 0.1", "real numbers, rounded to 0.1"),
        ColumnRow("wind", "positive, resolution 0.1", f"{ON_A_LOG_SCALE}; 2.1% missing"),
        ColumnRow("gusts", "integer, from 0", "whole numbers, 9 different values"),
        ColumnRow("weather", "category of 5", "text with 5 different values"),
        ColumnRow("station", "left out", "left out: 1461 different texts in 1461 rows look like an identifier"),
    )
    return Run(
        run="runs/seattle-weather",
        chosen="stacking",
        units="nats per row",
        rows=Rows(train=877, validation=292, test=TEST_ROWS),
        models=models,
        columns=columns,
        failed=(Failure("student_t", "the covariance is singular; got 2 equal columns; remedy: leave one out"),),
        source=Source("data/seattle-weather.csv", 1461, "3f9ac1" * 10 + "07aa", ("2 rows were empty and left out",)),
        recipe=Recipe(
            command="pofx fit data/seattle-weather.csv --seed 7 --time 60 --column wind=positive",
            models=tuple(model.name for model in models),
            seed=7,
            seconds=60.0,
            split="random",
            columns={"wind": "positive"},
        ),
        created="2025-01-31T09:15:02Z",
        versions={"pofx": "0.1.0", "python": "3.11.9", "torch": "2.11.0", "numpy": "2.1.0"},
    )


def _evidence(random: np.random.Generator) -> Evidence:
    data, samples = _weather(random, TEST_ROWS), _weather(random, 5_000)
    columns = (
        _continuous("date", data["date"], samples["date"], random, is_date=True),
        _continuous(
            "precipitation", data["rain"], samples["rain"], random, log_scale=True, special={"0": (0.573, 0.581)}
        ),
        _continuous("temp_max", data["high"], samples["high"], random),
        _continuous("temp_min", data["low"], samples["low"] + 0.8, random),
        _continuous("wind", data["wind"], samples["wind"], random, special={"missing": (0.021, 0.024)}),
        _counts("gusts", data["gusts"], samples["gusts"]),
        ColumnEvidence(
            "weather",
            "category",
            data=(0.485, 0.353, 0.079, 0.058, 0.025),
            samples=(0.479, 0.361, 0.075, 0.055, 0.03),
            labels=("rain", "sun", "fog", "drizzle", "snow"),
        ),
    )
    score = -9.4 - random.gamma(3.0, 0.7, TEST_ROWS) + 2.1, -9.4 - random.gamma(3.0, 0.7, 5_000) + 2.1
    edges = np.linspace(min(score[1].min(), score[0].min()), max(score[1].max(), score[0].max()), 41)
    return Evidence(
        model="stacking",
        columns=columns,
        pairs=(
            _contoured("temp_max", "temp_min", data["high"], data["low"], samples["high"], samples["low"]),
            _contoured("date", "temp_max", data["date"], data["high"], samples["date"], samples["high"]),
            PairEvidence("wind", "temp_max", *(_points(rows["wind"], rows["high"]) for rows in (data, samples))),
        ),
        surprise=_shares(random.random(TEST_ROWS), np.linspace(0, 1, 21)),
        score_edges=tuple(edges.tolist()),
        score_test=_shares(score[0], edges),
        score_samples=_shares(score[1], edges),
        odd=tuple(_odd(random, k) for k in range(6)),
        two_sample=TwoSample(0.527, std_error=0.021, auc=0.539, rows=292, classifier="gradient-boosted trees, 5 folds"),
    )


def _weather(random: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    date = random.uniform(15_340, 16_800, n)
    season = -np.cos(2 * np.pi * (date - 15_360) / 365.25)
    high = 16.4 + 8.5 * season + random.normal(0, 3.4, n)
    return {
        "date": date,
        "high": high,
        "low": 1.5 + 0.55 * high - 0.012 * (high - 16) ** 2 + random.normal(0, 2.3, n),
        "wind": random.lognormal(1.1, 0.42, n),
        "rain": random.lognormal(1.2, 1.25, n),
        "gusts": random.poisson(2.1, n).astype(float),
    }


def _continuous(
    name: str, data: np.ndarray, samples: np.ndarray, random: np.random.Generator, **more: Any
) -> ColumnEvidence:
    low, high = np.quantile(np.concatenate([data, samples]), [0.002, 0.998])
    edges = np.geomspace(low, high, 41) if more.get("log_scale") else np.linspace(low, high, 41)
    regular = 1 - sum(share for share, _ in more.get("special", {}).values())
    pit = np.searchsorted(np.sort(samples), data) / len(samples)
    return ColumnEvidence(
        name,
        "continuous",
        data=tuple(regular * share for share in _shares(data, edges)),
        samples=tuple(regular * share for share in _shares(samples, edges)),
        edges=tuple(edges.tolist()),
        pit=_shares(pit, np.linspace(0, 1, 21)),
        pit_p_value=1e-5 if name == "temp_min" else float(random.random()),
        **more,
    )


def _counts(name: str, data: np.ndarray, samples: np.ndarray) -> ColumnEvidence:
    edges = np.arange(-0.5, max(data.max(), samples.max()) + 1.5)
    return ColumnEvidence(name, "counts", _shares(data, edges), _shares(samples, edges), edges=tuple(edges.tolist()))


def _contoured(x: str, y: str, *values: np.ndarray) -> PairEvidence:
    """A pair with the density of the samples' normal law, and nothing at all in the first row of the grid."""
    data_x, data_y, sample_x, sample_y = values
    grid_x, grid_y = (np.linspace(v.min(), v.max(), 30) for v in (data_x, data_y))
    covariance = np.cov(sample_x, sample_y)
    mesh = np.stack(np.meshgrid(grid_x - sample_x.mean(), grid_y - sample_y.mean()), -1)
    quadratic = np.einsum("yxi,ij,yxj->yx", mesh, np.linalg.inv(covariance), mesh)
    log_density = -0.5 * (quadratic + np.log(np.linalg.det(2 * np.pi * covariance)))
    rows: list[tuple[float | None, ...]] = [tuple(row) for row in log_density.tolist()]
    rows[0] = tuple(None for _ in grid_x)
    return PairEvidence(
        x,
        y,
        _points(data_x, data_y),
        _points(sample_x, sample_y),
        tuple(grid_x.tolist()),
        tuple(grid_y.tolist()),
        tuple(rows),
    )


def _odd(random: np.random.Generator, k: int) -> OddRow:
    names = ("date", "precipitation", "temp_max", "temp_min", "wind", "gusts", "weather")
    excess = {name: float(e) for name, e in zip(names, -random.gamma(0.7, 2.2, len(names)) + 0.4, strict=True)}
    values = ("2014-12-02", 55.9, 3.3, -6.1, None, 7, "snow")
    return OddRow(
        row=37 + 211 * k,
        log_prob=None if k == 5 else -24.3 + 1.7 * k,
        surprise=1 / 10_001 if k < 2 else 0.0007 * k,
        values=dict(zip(names, values, strict=True)),
        shares={name: e - 1.3 for name, e in excess.items()},
        excess=excess,
    )


def _points(x: np.ndarray, y: np.ndarray) -> tuple[tuple[float, float], ...]:
    return tuple((float(a), float(b)) for a, b in zip(x[:600], y[:600], strict=True))


def _shares(values: np.ndarray, edges: np.ndarray) -> tuple[float, ...]:
    return tuple((np.histogram(values, bins=edges)[0] / len(values)).tolist())
