"""Claim: on tables nobody tuned for, the chosen model equals or beats scikit-learn's best on held-out log-likelihood.

    python benchmarks/tables.py                 # scikit-learn's bundled tables
    python benchmarks/tables.py FILE [FILE ...]  # any table files

Like for like: the same rows are fitted (pofx's train and validation rows together) and the same rows are scored, in the
same units, nats per row of the raw columns. scikit-learn gets what its documentation recommends: standardised columns,
KernelDensity with bandwidth and kernel by 5-fold GridSearchCV, GaussianMixture with the least BIC over 1 to 15
components and all four covariance types, 5 starts each. Only columns that are numbers on a line take part: a density
of ours refuses counts, coarse grids and categories, and scikit-learn's on them grows without end at ties. Rows with a
missing value are left out, since scikit-learn takes none; spikes are scored by both as plain numbers.
Writes benchmarks/results/tables.json.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import polars as pl
from sklearn import datasets
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import StandardScaler

from pofx.data.infer import infer
from pofx.data.tables import read_table
from pofx.evaluate.experiment import Settings, run_experiment
from pofx.evaluate.scores import mean_score, paired
from pofx.spaces.numeric import Positive, Real
from pofx.spaces.symbolic import inner_space

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
    kept = {n: "positive" if isinstance(s, Positive) else "real" for n, s in kinds.items() if isinstance(s, Real | Positive)}
    rows = frame.select(list(kept)).drop_nulls()
    return rows, {n: k if float(rows[n].min()) > 0 else "real" for n, k in kept.items()}  # type: ignore[arg-type]


def sklearn_scores(train: np.ndarray, test: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Per-row log-density of the test rows under each peer, in raw units."""
    scaler = StandardScaler().fit(train)
    log_volume = -np.log(scaler.scale_).sum()
    a, b = scaler.transform(train), scaler.transform(test)
    grid = {"bandwidth": np.geomspace(0.05, 2.0, 25), "kernel": ["gaussian", "exponential"]}
    kde = GridSearchCV(KernelDensity(), grid, cv=5).fit(a).best_estimator_
    mixtures = [
        GaussianMixture(k, covariance_type=kind, n_init=5, random_state=seed).fit(a)
        for k in range(1, min(15, len(a) // 5) + 1)
        for kind in ("full", "tied", "diag", "spherical")
    ]
    mixture = min(mixtures, key=lambda m: m.bic(a))
    return {"sklearn KernelDensity": kde.score_samples(b) + log_volume, "sklearn GaussianMixture": mixture.score_samples(b) + log_volume}


def compare(name: str, frame: pl.DataFrame, seed: int = 0) -> dict[str, object]:
    """One table: ours and theirs on the same test rows."""
    rows, spaces = numbers_on_a_line(frame)
    began = time.perf_counter()
    ours = run_experiment(rows, Settings(seed=seed, split="random", columns=spaces))
    seconds = time.perf_counter() - began
    x = rows.to_numpy().astype(float)
    fitted, test = ours.split.fitted.numpy(), ours.split.test.numpy()
    test_rows = ours.data.rows(ours.split.test).values
    own = {c.name: c.model.log_prob(test_rows).numpy() for c in ours.contenders}
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # convergence warnings of small components
        peers = sklearn_scores(x[fitted], x[test], seed)
    peer_seconds = time.perf_counter() - began
    best_peer = max(peers, key=lambda p: peers[p].mean())
    gain = paired(own[ours.chosen.name], peers[best_peer])
    over_independent = paired(own[ours.chosen.name], own["independent"])
    result = {
        "table": name, "rows": len(x), "columns": x.shape[1], "chosen": ours.chosen.name,
        "scores": {n: mean_score(s).value for n, s in {**own, **peers}.items()},
        "best_peer": best_peer,
        "gain": gain.value, "gain_std_error": gain.std_error,
        "over_independent": over_independent.value, "over_independent_std_error": over_independent.std_error,
        "seconds": seconds, "peer_seconds": peer_seconds,
    }  # fmt: skip
    print(f"\n{name}: {len(x)} rows, {x.shape[1]} columns; ours {seconds:.1f} s, scikit-learn {peer_seconds:.1f} s")
    for model, score in sorted({**own, **peers}.items(), key=lambda item: -item[1].mean()):
        print(f"  {model:26s} {score.mean():10.4f}{'  * chosen' if model == ours.chosen.name else ''}")
    print(f"  chosen minus best peer: {gain.value:.4f} +- {gain.std_error:.4f}; minus independent: "
          f"{over_independent.value:.4f} +- {over_independent.std_error:.4f}", flush=True)  # fmt: skip
    return result


def main() -> None:
    """Run and write the JSON."""
    files = [Path(a) for a in sys.argv[1:]]
    tables = {f.stem: read_table(f) for f in files} if files else bundled()
    results = [compare(name, frame) for name, frame in tables.items()]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "tables.json").write_text(json.dumps(results, indent=1))
    wins = sum(float(r["gain"]) >= 0 for r in results)  # type: ignore[arg-type]
    print(f"\nequal or better on {wins} of {len(results)} tables")


if __name__ == "__main__":
    main()
