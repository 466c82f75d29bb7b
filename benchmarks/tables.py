"""Claim: on tables nobody tuned for, the chosen model equals or beats scikit-learn's best on held-out log-likelihood.

    python benchmarks/tables.py                 # scikit-learn's bundled tables
    python benchmarks/tables.py FILE [FILE ...]  # any table files

Like for like: the same rows are fitted (pofx's train and validation rows together) and the same rows are scored, in the
same units, nats per row of the raw columns. scikit-learn gets what its documentation recommends: standardised columns,
KernelDensity with bandwidth and kernel by 5-fold GridSearchCV, GaussianMixture with the least BIC over 1 to 15
components and all four covariance types, 5 starts each. Only columns that are numbers on a line take part: a density
of ours refuses counts, coarse grids and categories, and scikit-learn's on them grows without end at ties. Rows with a
missing value are left out, since scikit-learn takes none; spikes are scored by both as plain numbers.

Real tables are rounded, and a density may grow without end at a value that is repeated: one component of a Gaussian
mixture with scikit-learn's smallest variance on petals 0.2 cm wide gives them a density that, times the rounding step,
is far over one. pofx uses no scale under half a step. So two scores are printed: the density at the recorded number
("raw"), and the mean density over the cell that was rounded to it ("cell"), by 1024 random points in each cell, the
same for all models: the log-probability of what was recorded, per unit.
Writes benchmarks/results/tables.json.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from scipy.special import logsumexp
from sklearn import datasets
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import StandardScaler

from pofx.core.contract import Model
from pofx.data.infer import infer
from pofx.data.tables import read_table
from pofx.evaluate.experiment import Settings, run_experiment
from pofx.evaluate.scores import paired
from pofx.spaces.numeric import Positive, Real
from pofx.spaces.symbolic import inner_space
from pofx.spaces.table import Table

Score = Callable[[np.ndarray], np.ndarray]
CELL_DRAWS = 1024  # points in each rounding cell
MOST_TEST = 500  # test rows scored
RESULTS = Path(__file__).parent / "results"


def bundled() -> dict[str, pl.DataFrame]:
    """scikit-learn's own tables."""
    loaders = {"iris": datasets.load_iris, "wine": datasets.load_wine, "breast_cancer": datasets.load_breast_cancer}
    tables = {name: load() for name, load in loaders.items()} | {"diabetes": datasets.load_diabetes(scaled=False)}
    return {
        name: pl.DataFrame(t.data, schema=[str(n) for n in t.feature_names])
        for name, t in tables.items()
    }  # fmt: skip


def numbers_on_a_line(frame: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, str]]:
    """The columns that take part, complete rows only, and spaces without spikes for them."""
    table, _ = infer(frame)
    kinds = {n: inner_space(s) for n, s in zip(table.names, table.spaces, strict=True)}
    kept = {
        n: "positive" if isinstance(s, Positive) else "real" for n, s in kinds.items() if isinstance(s, Real | Positive)
    }
    rows = frame.select(list(kept)).drop_nulls()
    return rows, {n: k if float(rows[n].min()) > 0 else "real" for n, k in kept.items()}  # type: ignore[arg-type]


def sklearn_models(train: np.ndarray, seed: int) -> dict[str, Score]:
    """Log-density of raw rows under each peer."""
    scaler = StandardScaler().fit(train)
    log_volume = -np.log(scaler.scale_).sum()
    a = scaler.transform(train)
    grid = {"bandwidth": np.geomspace(0.05, 2.0, 25), "kernel": ["gaussian", "exponential"]}
    kde = GridSearchCV(KernelDensity(), grid, cv=5).fit(a).best_estimator_
    mixtures = [
        GaussianMixture(k, covariance_type=kind, n_init=5, random_state=seed).fit(a)
        for k in range(1, min(15, len(a) // 5) + 1)
        for kind in ("full", "tied", "diag", "spherical")
    ]
    mixture = min(mixtures, key=lambda m: m.bic(a))

    def scored(model: KernelDensity | GaussianMixture) -> Score:
        return lambda x: model.score_samples(scaler.transform(x)) + log_volume

    return {"sklearn KernelDensity": scored(kde), "sklearn GaussianMixture": scored(mixture)}


def cell_scores(score: Score, test: np.ndarray, steps: np.ndarray, seed: int) -> np.ndarray:
    """Log of the mean density over each row's rounding cell, per row."""
    if not steps.any():
        return score(test)
    random = np.random.default_rng(seed)
    shifts = (random.random((CELL_DRAWS, test.shape[1])) - 0.5) * steps
    return np.array([logsumexp(score(row + shifts)) - np.log(CELL_DRAWS) for row in test])


def compare(name: str, frame: pl.DataFrame, seed: int = 0) -> dict[str, object]:
    """One table: ours and theirs on the same test rows."""
    rows, spaces = numbers_on_a_line(frame)
    began = time.perf_counter()
    ours = run_experiment(rows, Settings(seed=seed, split="random", columns=spaces))
    seconds = time.perf_counter() - began
    x = rows.to_numpy().astype(float)
    fitted, test = x[ours.split.fitted.numpy()], x[ours.split.test.numpy()][:MOST_TEST]
    models: dict[str, Score] = {c.name: _ours(c.model, rows.columns) for c in ours.contenders}
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # convergence warnings of small components
        models |= sklearn_models(fitted, seed)
    peer_seconds = time.perf_counter() - began
    table = ours.data.space
    assert isinstance(table, Table)
    steps = np.array([getattr(s, "resolution", None) or 0.0 for s in table.spaces])
    result: dict[str, object] = {"table": name, "rows": len(x), "columns": x.shape[1], "chosen": ours.chosen.name}
    result |= {"seconds": seconds, "peer_seconds": peer_seconds}
    print(f"\n{name}: {len(x)} rows, {x.shape[1]} columns; ours {seconds:.1f} s, scikit-learn {peer_seconds:.1f} s")
    for kind in ("raw", "cell"):
        scores = {n: f(test) if kind == "raw" else cell_scores(f, test, steps, seed) for n, f in models.items()}
        result[kind] = _told(kind, scores, ours.chosen.name)
    return result


def _ours(model: Model, names: list[str]) -> Score:
    return lambda x: model.log_prob(pl.DataFrame(x, schema=names))


def _told(kind: str, scores: dict[str, np.ndarray], chosen: str) -> dict[str, object]:
    peers = [n for n in scores if n.startswith("sklearn")]
    best_peer = max(peers, key=lambda n: scores[n].mean())
    gain, over = paired(scores[chosen], scores[best_peer]), paired(scores[chosen], scores["independent"])
    ranked = sorted(scores, key=lambda n: -scores[n].mean())
    print(f"  {kind}: " + ", ".join(f"{n}{'*' if n == chosen else ''} {scores[n].mean():.4f}" for n in ranked))
    print(f"    chosen minus best peer {gain.value:.4f} +- {gain.std_error:.4f}; minus independent {over.value:.4f} "
          f"+- {over.std_error:.4f}", flush=True)  # fmt: skip
    return {
        "scores": {n: float(scores[n].mean()) for n in ranked}, "best_peer": best_peer,
        "gain": gain.value, "gain_std_error": gain.std_error,
        "over_independent": over.value, "over_independent_std_error": over.std_error,
    }  # fmt: skip


def main() -> None:
    """Run and write the JSON."""
    files = [Path(a) for a in sys.argv[1:]]
    tables = {f.stem: read_table(f) for f in files} if files else bundled()
    results = [compare(name, frame) for name, frame in tables.items()]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "tables.json").write_text(json.dumps(results, indent=1))
    for kind in ("raw", "cell"):
        wins = sum(r[kind]["gain"] >= 0 for r in results)  # type: ignore[index]
        print(f"\n{kind}: better than the best peer on {wins} of {len(results)} tables")


if __name__ == "__main__":
    main()
