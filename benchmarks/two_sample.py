"""Claim: energy distance and MMD of 10^5 against 10^5 points in 5 dimensions, in bounded memory, no slower than peers.

    python benchmarks/two_sample.py                      # 10^5 points each: some minutes
    python benchmarks/two_sample.py --rows 5000          # a quick look

scipy and scikit-learn have no blocked energy distance nor MMD; the peer is what a user would write with them: loops
over blocks of `cdist`, `pairwise_distances_chunked` and `rbf_kernel`, at the same block size, with the halves of the
symmetric sums saved for the peer too. All peers run at a smaller size; the fastest there runs at the full one. Ours
runs three ways: exact sums (like for like), as it comes (`mmd.PAIRS`), and, for the energy distance, on a line, against
scipy.stats.energy_distance. Every run is a process of its own, so that its peak memory is its own; "extra" is the peak
resident size less that before the call. Writes benchmarks/results/two_sample.json.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import stats
from scipy.spatial.distance import cdist
from sklearn.metrics import pairwise_distances_chunked
from sklearn.metrics.pairwise import rbf_kernel

from pofx.divergences.two_sample.energy import energy_distance
from pofx.divergences.two_sample.mmd import BLOCK, Gaussian, mmd_squared

RESULTS = Path(__file__).parent / "results"
PILOT = 4_000
SHIFT = 0.2
BANDWIDTH = 2.0

Matrix = Callable[[np.ndarray, np.ndarray], np.ndarray]
Statistic = Callable[[np.ndarray, np.ndarray], float]


def blocked(matrix: Matrix, sign: float) -> Statistic:
    """sign * (xx + yy - 2 xy), V-statistic, by blocks."""

    def mean(a: np.ndarray, b: np.ndarray) -> float:
        total = 0.0
        for i in range(0, len(a), BLOCK):
            for j in range(i if a is b else 0, len(b), BLOCK):
                total += matrix(a[i : i + BLOCK], b[j : j + BLOCK]).sum() * (2 if a is b and j > i else 1)
        return total / (len(a) * len(b))

    return lambda x, y: sign * (mean(x, x) + mean(y, y) - 2 * mean(x, y))


def chunked_energy(x: np.ndarray, y: np.ndarray) -> float:
    """By scikit-learn's generator of strips, which has no use for symmetry."""

    def mean(a: np.ndarray, b: np.ndarray) -> float:
        return (
            sum(float(strip.sum()) for strip in pairwise_distances_chunked(a, b, working_memory=16)) / len(a) / len(b)
        )

    return 2 * mean(x, y) - mean(x, x) - mean(y, y)


def gaussian_of_cdist(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """scipy's squared distances, then the exponential."""
    values: np.ndarray = np.exp(cdist(a, b, "sqeuclidean") / (-2 * BANDWIDTH**2))
    return values


PEERS: dict[str, dict[str, Statistic]] = {
    "energy": {"scipy cdist": blocked(cdist, -1.0), "sklearn pairwise_distances_chunked": chunked_energy},
    "mmd": {
        "sklearn rbf_kernel": blocked(lambda a, b: rbf_kernel(a, b, gamma=0.5 / BANDWIDTH**2), 1.0),
        "scipy cdist": blocked(gaussian_of_cdist, 1.0),
    },
    "energy on a line": {"scipy energy_distance": lambda x, y: stats.energy_distance(x[:, 0], y[:, 0]) ** 2},
}
OURS: dict[str, dict[str, Statistic]] = {
    "energy": {
        "exact": lambda x, y: energy_distance(x, y, unbiased=False, pairs=10**18).value,
        "as it comes": lambda x, y: energy_distance(x, y, unbiased=False).value,
    },
    "mmd": {
        "exact": lambda x, y: mmd_squared(x, y, Gaussian(BANDWIDTH), unbiased=False, pairs=10**18).value,
        "as it comes": lambda x, y: mmd_squared(x, y, Gaussian(BANDWIDTH), unbiased=False).value,
    },
    "energy on a line": {"exact": lambda x, y: energy_distance(x, y, unbiased=False).value},
}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _run(measure: str, who: str, name: str, rows: int) -> dict[str, float]:
    """In a fresh process: value, seconds, and MiB above what was there before."""
    random = np.random.default_rng(0)
    d = 1 if measure == "energy on a line" else 5
    x, y = random.normal(size=(rows, d)), random.normal(SHIFT, 1, size=(rows, d))
    statistic = (OURS if who == "ours" else PEERS)[measure][name]
    statistic(x[:100], y[:100])  # imports and first-call costs
    before, began = _peak(), time.perf_counter()
    value = statistic(x, y)
    return {"value": value, "seconds": time.perf_counter() - began, "extra_mib": _peak() - before}


def measured(measure: str, who: str, name: str, rows: int) -> dict[str, float]:
    """One run in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        result = pool.apply(_run, (measure, who, name, rows))
    print(
        f"{measure}, {who}, {name}, {rows:,} rows: {result['value']:.9g} in {result['seconds']:.2f} s, "
        f"{result['extra_mib']:.0f} MiB extra", flush=True,
    )  # fmt: skip
    return result


def compare(measure: str, rows: int) -> dict[str, object]:
    """Ours each way against the fastest peer."""
    pilots = {
        name: min(measured(measure, "peer", name, min(PILOT, rows))["seconds"] for _ in range(3))
        for name in PEERS[measure]
    }
    best = min(pilots, key=lambda name: pilots[name])
    ours = {name: measured(measure, "ours", name, rows) for name in OURS[measure]}
    peer = measured(measure, "peer", best, rows)
    ratios = {name: run["seconds"] / peer["seconds"] for name, run in ours.items()}
    off = {name: run["value"] - peer["value"] for name, run in ours.items()}
    for name in ours:
        print(f"  {measure}, {name}: {ratios[name]:.3f} of {best}'s time, values differ by {off[name]:.2g}", flush=True)
    return {"rows": rows, "peer": best, "peer_run": peer, "ours": ours, "time_ratio": ratios, "difference": off}


def main() -> None:
    """Run and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--only", choices=list(OURS), default=None)
    asked = parser.parse_args()
    results = {m: compare(m, asked.rows) for m in OURS if asked.only in (None, m)}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "two_sample.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
