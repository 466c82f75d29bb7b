"""Claim: 1-D Wasserstein of 10^6 against 10^6 points is at least as fast as the best of scipy and POT, weighted too.

    python benchmarks/wasserstein.py

Like for like: the same float64 arrays, unsorted, in the same process, one after the other in turns; the median of the
turns. scipy's `wasserstein_distance` has order one only; POT is asked by both `wasserstein_1d` and `emd2_1d` (which for
order two has the cost `sqeuclidean`), and the faster counts. Two times of ours: the number alone, as the peers give,
and the whole `Estimate` with its standard error. Ours sorts in two threads; the peers get the same machine.
Writes benchmarks/results/wasserstein.json.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import ot
from scipy.stats import wasserstein_distance

from pofx.divergences.transport.line import line_distance, wasserstein_line

N = 1_000_000
REPEATS = 5
RESULTS = Path(__file__).parent / "results"
Way = Callable[[], float]


def ways(x: np.ndarray, y: np.ndarray, u: np.ndarray | None, v: np.ndarray | None, order: int) -> dict[str, Way]:
    """Everyone's way to the same number."""
    metric = "minkowski" if order == 1 else "sqeuclidean"
    found: dict[str, Way] = {
        "ours, number": lambda: line_distance(x, y, order, u, v),
        "ours, estimate": lambda: wasserstein_line(x, y, order=order, x_weights=u, y_weights=v, null=False).value,
        "POT wasserstein_1d": lambda: float(ot.wasserstein_1d(x, y, u, v, p=order)) ** (1 / order),
        "POT emd2_1d": lambda: float(ot.emd2_1d(x, y, u, v, metric=metric, dense=False)) ** (1 / order),
    }
    if order == 1:
        found["scipy"] = lambda: float(wasserstein_distance(x, y, u, v))
    return found


def timed(found: dict[str, Way]) -> tuple[dict[str, float], dict[str, float]]:
    """Median seconds and values, in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in found}
    values: dict[str, float] = {}
    for _ in range(REPEATS):
        for name, way in found.items():
            began = time.perf_counter()
            values[name] = way()
            seconds[name].append(time.perf_counter() - began)
    return {name: float(np.median(s)) for name, s in seconds.items()}, values


def main() -> None:
    """Run, print and write the JSON."""
    random = np.random.default_rng(0)
    x, y, short = random.normal(size=N), random.normal(0.3, 1.2, size=N), random.normal(0.3, 1.2, size=N * 7 // 10)
    u, v = random.random(N), random.random(N)
    u, v = u / u.sum(), v / v.sum()
    cases = {"equal sizes": (x, y, None, None), "unequal sizes": (x, short, None, None), "weighted": (x, y, u, v)}
    results = []
    for title, case in cases.items():
        for order in (1, 2):
            seconds, values = timed(ways(*case, order))
            best = min((n for n in seconds if not n.startswith("ours")), key=lambda n: seconds[n])
            ours = values["ours, number"]
            apart = max(abs(value / ours - 1) for value in values.values())
            ratio, whole = seconds[best] / seconds["ours, number"], seconds[best] / seconds["ours, estimate"]
            print(
                f"\n{title}, order {order}: {ratio:.1f}x the best peer ({best}); with the standard error {whole:.1f}x"
            )
            print("  " + ", ".join(f"{name} {s * 1000:.0f} ms" for name, s in seconds.items()))
            print(f"  largest relative difference of the values {apart:.1e}", flush=True)
            results.append({"case": title, "order": order, "seconds": seconds, "best_peer": best, "ratio": ratio,
                            "ratio_with_std_error": whole, "largest_difference": apart})  # fmt: skip
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "wasserstein.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
