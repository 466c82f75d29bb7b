"""Question: is a flow ahead of scikit-learn's Gaussian mixture on tables of real numbers?

    python benchmarks/flow_tables.py FILE.npz --seconds 240

The file holds an array `X` of real columns. 60 % of the rows to train on, 20 % to choose by, 20 % scored, once. The
mixture has full covariances on standardised columns; its number of components (1 to 64) and regularisation are chosen
on the validation rows. The flow has its defaults, the same rows to stop by, and so many seconds. Nats a row in the
columns' own units; the difference is paired.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from sklearn.mixture import GaussianMixture

from pofx.models.flow.estimator import Flow
from pofx.training.plan import Plan

COMPONENTS, REGULAR = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64), (1e-6, 1e-4)


def parts(path: Path, seed: int) -> list[np.ndarray]:
    """Train, validation and test rows."""
    with np.load(path, allow_pickle=False) as file:
        x = file["X"].astype(float)
    x = x[np.random.default_rng(seed).permutation(len(x))]
    return np.split(x, [int(0.6 * len(x)), int(0.8 * len(x))])


def mixture(train: np.ndarray, held: np.ndarray, test: np.ndarray, seed: int) -> tuple[np.ndarray, str]:
    """The test rows' log-density under the best mixture, `[n]`, and which that is."""
    centre, scale = train.mean(0), train.std(0) + 1e-12
    z, z_held = (train - centre) / scale, (held - centre) / scale
    tried = [
        GaussianMixture(k, covariance_type="full", reg_covar=least, max_iter=300, random_state=seed).fit(z)
        for k in COMPONENTS
        for least in REGULAR
    ]
    best = max(tried, key=lambda each: each.score(z_held))
    words = f"{best.n_components} components, regularised by {best.reg_covar:g}"
    return best.score_samples((test - centre) / scale) - np.log(scale).sum(), words


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--seconds", type=float, default=240.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", module="sklearn")
    for path in options.files:
        train, held, test = parts(path, options.seed)
        began = time.perf_counter()
        theirs, words = mixture(train, held, test, options.seed)
        middle = time.perf_counter()
        model = Flow().fit(train, validation=held, plan=Plan(options.seconds), seed=options.seed)
        ours = model.log_prob(test)
        gap = ours - theirs
        print(f"{path.name}: {len(test)} rows of {test.shape[1]} columns scored")
        print(f"  scikit-learn mixture {theirs.mean():10.3f}  {middle - began:6.0f} s  {words}")
        print(f"  pofx flow            {ours.mean():10.3f}  {time.perf_counter() - middle:6.0f} s")
        print(f"  flow ahead by {gap.mean():+.3f} +- {gap.std() / len(gap) ** 0.5:.3f}")


if __name__ == "__main__":
    main()
