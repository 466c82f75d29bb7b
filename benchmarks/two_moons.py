"""Question: how near is a conditional flow to a posterior that is known exactly, the two moons of sbibm?

    python benchmarks/two_moons.py                        # 10,000 simulations
    python benchmarks/two_moons.py --simulations 100000 --samples 10000

The task (Lueckmann et al. 2021, Benchmarking simulation-based inference): theta is uniform on [-1, 1]^2, a uniform on
(-pi/2, pi/2), r normal with mean 0.1 and standard deviation 0.01, and

    x = (r cos a + 0.25 - |theta1 + theta2| / sqrt 2,  r sin a + (theta2 - theta1) / sqrt 2).

Neural posterior estimation: one flow of theta given x, fitted to simulated pairs, is asked for theta at one x_o. Told
from exact draws by sbibm's classifier: a perceptron of two layers of ten units a dimension, on standardised rows, five
folds; 0.5 is the best and 1 the worst.

The exact posterior. Write s = |theta1 + theta2| / sqrt 2 and t = (theta2 - theta1) / sqrt 2, so that given x the noise
is p = (r cos a, r sin a) = (x1 - 0.25 + s, x2 - t). In polar coordinates p has density N(r; 0.1, 0.01) / (pi r) on the
half plane p1 > 0, with respect to dp; the map theta -> (s, t) is a rotation folded once, of constant volume. So under a
flat prior the posterior of p is that of the simulator itself: draw r and a, put s = p1 + 0.25 - x1 and t = x2 - p2,
unfold by a fair coin, theta1 + theta2 = +-sqrt 2 s, and keep what lies in the square, with s >= 0.
"""

from __future__ import annotations

import argparse
import math
import time
import warnings

import numpy as np
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neural_network import MLPClassifier

from pofx.data.dataset import Data
from pofx.models.flow.estimator import Flow
from pofx.rng import numpy_generator
from pofx.spaces.numeric import Interval, Real
from pofx.spaces.table import Table
from pofx.training.plan import Plan

ROOT = math.sqrt(2)
THETA = Table(("theta1", "theta2"), (Interval(-1.0, 1.0), Interval(-1.0, 1.0)), "numpy")
X = Table(("x1", "x2"), (Real(), Real()), "numpy")


def noise(n: int, random: np.random.Generator) -> np.ndarray:
    """The crescent, `[n, 2]`."""
    angle, radius = random.uniform(-math.pi / 2, math.pi / 2, n), random.normal(0.1, 0.01, n)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)


def simulate(n: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draws of theta and x, both `[n, 2]`."""
    theta = random.uniform(-1, 1, (n, 2))
    off = np.stack([-np.abs(theta.sum(1)), theta[:, 1] - theta[:, 0]], 1) / ROOT
    return theta, noise(n, random) + np.array([0.25, 0.0]) + off


def exact(n: int, x: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Draws of theta given x, `[n, 2]`."""
    found = np.zeros((0, 2))
    while len(found) < n:
        p = noise(n, random)
        s, t = p[:, 0] + 0.25 - x[0], x[1] - p[:, 1]
        side = random.choice([-1.0, 1.0], n)
        theta = np.stack([side * s - t, side * s + t], 1) / ROOT
        found = np.concatenate([found, theta[(s >= 0) & (np.abs(theta) <= 1).all(1)]])
    return found[:n]


def told_apart(a: np.ndarray, b: np.ndarray, seed: int = 1) -> float:
    """The share of rows that a classifier tells apart, over five folds."""
    centre, scale = a.mean(0), a.std(0)
    rows = (np.concatenate([a, b]) - centre) / scale
    labels = np.concatenate([np.zeros(len(a)), np.ones(len(b))])
    units = 10 * a.shape[1]
    classifier = MLPClassifier(hidden_layer_sizes=(units, units), max_iter=10_000, random_state=seed)
    folds = KFold(5, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(np.mean(cross_val_score(classifier, rows, labels, cv=folds, scoring="accuracy")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=10_000)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--members", type=int, default=None)
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--layers", type=int, default=None)
    parser.add_argument("--hidden", type=int, default=None)
    parser.add_argument("--seconds", type=float, default=None)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    random, began = numpy_generator(options.seed), time.perf_counter()
    theta, x = simulate(options.simulations, random)
    data = Data(THETA, THETA.read(theta), given=X.read(x), given_space=X)
    sizes = {"members": options.members, "steps": options.steps, "layers": options.layers, "hidden": options.hidden}
    flow = Flow(noise=0.0, **sizes)  # simulations are as many as we like, and their density is what it is: no smoothing
    model = flow.fit(data, given=True, seed=options.seed, plan=Plan(options.seconds))
    print(f"{options.simulations} simulations, fitted in {time.perf_counter() - began:.0f} s", flush=True)
    for x_o in (np.zeros(2), x[0]):
        truth = exact(options.samples, x_o, random)
        again = exact(options.samples, x_o, random)
        drawn = model.sample(options.samples, seed=options.seed, given=np.tile(x_o, (options.samples, 1)))
        score, floor = told_apart(truth, np.asarray(drawn)), told_apart(truth, again)
        print(f"x_o = {np.round(x_o, 3)}: C2ST {score:.3f} (exact draws against themselves {floor:.3f})")


if __name__ == "__main__":
    main()
