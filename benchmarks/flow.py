"""Claim: a flow is as fast as zuko's and nflows' of the same size. Question: does it beat the mixture and the kernels?

    python benchmarks/flow.py                       # speed only
    python benchmarks/flow.py FILE [FILE ...]        # and held-out nats on table files, or arrays X in .npz
    python benchmarks/flow.py --rows 4000 FILE ...   # of so many random rows of each
    python benchmarks/flow.py --spirals              # and on two spirals with noise

Speed: zuko.flows.NSF, and nflows' masked rational-quadratic layers, with three layers, two hidden layers of 64 units
and 8 bins, against our network of the same layers, units and bins (ours has an affine map in front of each spline, and
the margins, in addition), on one core, turn and turn about: gradient steps a second with batches of 256 rows, in single
precision, as ours are trained, and in double, and log_prob rows a second in double. Peers that are not installed are
left out. Times are of the process, so that a busy machine troubles all alike.
Nats: 60 % of the rows to train on, 20 % to choose by, 20 % scored; each model is refitted to the first 80 % with its
choices settled. The same rows for all; nats a row in the table's own units. Rows of the test that are equal to a row of
training reward what is narrow: their share is told.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
import zuko
from torch import nn

from pofx.core.registry import estimator
from pofx.data.dataset import Data
from pofx.data.infer import infer
from pofx.data.tables import read_table
from pofx.models.flow.network import Network
from pofx.rng import generator, numpy_generator

WIDTH, BATCH, SCORED, SECONDS, ROUNDS = 8, 256, 5_000, 0.6, 3
ARCHITECTURE = {"count": 3, "hidden": 64, "depth": 2, "bins": 8}
MODELS = ("flow", "mixture", "kde")


def stepper(module: nn.Module, log_prob: Callable[[], torch.Tensor]) -> Callable[[], None]:
    """One gradient step on one batch."""
    optimiser = torch.optim.AdamW(module.parameters(), lr=1e-3)

    def step() -> None:
        optimiser.zero_grad()
        (-log_prob().mean()).backward()
        optimiser.step()

    return step


def rate(work: Callable[[], object]) -> float:
    """How often a second of this process, after one warm call."""
    work()
    done, began = 0, time.process_time()
    while time.process_time() - began < SECONDS:
        work()
        done += 1
    return done / (time.process_time() - began)


def networks(dtype: torch.dtype) -> dict[str, tuple[nn.Module, Callable[[torch.Tensor], torch.Tensor]]]:
    """Each side's module and its log-density."""
    ours = Network(WIDTH, (), "spline", **ARCHITECTURE, linear=False, seed=0)
    ours.layers.to(dtype)
    theirs = zuko.flows.NSF(WIDTH, transforms=3, hidden_features=(64, 64), activation=nn.SiLU, bins=8).to(dtype)
    found: dict[str, tuple[nn.Module, Callable[[torch.Tensor], torch.Tensor]]] = {
        "pofx": (ours, lambda x: ours(x.double(), x.new_zeros(len(x), 0))),
        "zuko": (theirs, lambda x: theirs().log_prob(x)),
    }
    if find_spec("nflows"):
        third = _nflows().to(dtype)
        found["nflows"] = (third, third.log_prob)
    return found


def _nflows() -> Any:
    transforms = import_module("nflows.transforms")
    layers = []
    for _ in range(3):
        layers.append(
            transforms.MaskedPiecewiseRationalQuadraticAutoregressiveTransform(
                WIDTH, 64, num_bins=8, tails="linear", tail_bound=5.0, num_blocks=1, use_residual_blocks=False,
                activation=nn.functional.silu,
            )
        )  # fmt: skip
        layers.append(transforms.ReversePermutation(WIDTH))
    normal = import_module("nflows.distributions").StandardNormal([WIDTH])
    return import_module("nflows.flows").Flow(transforms.CompositeTransform(layers), normal)


def speed() -> None:
    """All sides in turn, the best of a few rounds each."""
    torch.set_num_threads(1)
    if not find_spec("nflows"):
        print("nflows is not installed: left out")
    x = torch.randn(SCORED, WIDTH, generator=generator(0), dtype=torch.float64)
    for dtype, said in ((torch.float32, "training steps / s, f32"), (torch.float64, "training steps / s, f64")):
        batch = x[:BATCH].to(dtype)
        sides = networks(dtype).items()
        _line(said, _best({who: stepper(module, partial(score, batch)) for who, (module, score) in sides}))
    with torch.no_grad():
        scores = {who: partial(score, x) for who, (_, score) in networks(torch.float64).items()}
        _line("log_prob rows / s, f64", {who: SCORED * found for who, found in _best(scores).items()})


def _best(works: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """The best rate of each in a few rounds, in turn."""
    rounds = [{who: rate(work) for who, work in works.items()} for _ in range(ROUNDS)]
    return {who: max(each[who] for each in rounds) for who in works}


def _line(what: str, found: dict[str, float]) -> None:
    ratios = ", ".join(f"{found['pofx'] / found[who]:.2f} of {who}" for who in found if who != "pofx")
    told = "".join(f"{who:>9s}{value:11.1f}" for who, value in found.items())
    print(f"{what:24s}{told}   {ratios}", flush=True)


def spirals(n: int = 5_000) -> np.ndarray:
    """Two arms of three half turns, with noise of 0.3 across."""
    random = numpy_generator(5)
    angle, side = 3 * np.pi * np.sqrt(random.random(n)), random.integers(0, 2, n) * 2 - 1
    arms = np.stack([side * angle * np.cos(angle), side * angle * np.sin(angle)], 1)
    return np.asarray(arms + 0.3 * random.normal(size=(n, 2)))


def table(path: str) -> Any:
    """A table file, or the array X of an .npz."""
    return np.load(path)["X"].astype(float) if path.endswith(".npz") else read_table(path)


def nats(name: str, frame: Any, most: int | None, seed: int = 0) -> None:
    """Held-out nats a row of each model, with the standard error of the difference to the flow."""
    space, _ = infer(frame)
    data = Data(space, space.read(frame))
    order = torch.randperm(len(data), generator=generator(seed))[:most]
    train, held, test = (
        data.rows(part) for part in torch.tensor_split(order, [3 * len(order) // 5, 4 * len(order) // 5])
    )
    both = data.rows(order[: len(train) + len(held)])
    known = {tuple(row) for row in both.values.nan_to_num(0.123).tolist()}
    again = sum(tuple(row) in known for row in test.values.nan_to_num(0.123).tolist()) / len(test)
    print(f"\n{name}: {len(order)} rows, {len(test)} scored, {again:.0%} of them equal to a row of training")
    scores: dict[str, torch.Tensor] = {}
    for name in MODELS:
        scores[name], seconds = _scored(name, train, held, both, test)
        gap = scores["flow"] - scores[name]
        error = float(gap.std()) / len(gap) ** 0.5
        told = "" if name == "flow" else f"   flow ahead by {float(gap.mean()):+.3f} +- {error:.3f}"
        print(f"  {name:10s}{float(scores[name].mean()):10.3f} nats{seconds:8.1f} s{told}", flush=True)


def _scored(name: str, train: Data, held: Data, both: Data, test: Data) -> tuple[torch.Tensor, float]:
    began = time.perf_counter()
    recipe = estimator(name)()
    model = recipe.settled(recipe.fit(train, validation=held, seed=0)).fit(both, seed=0)
    return torch.as_tensor(model.log_prob(test.values)), time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*")
    parser.add_argument("--rows", type=int, default=None)
    parser.add_argument("--spirals", action="store_true")
    options = parser.parse_args()
    speed()
    if options.spirals:
        nats("spirals", spirals(), options.rows)
    for path in options.files:
        nats(path.rsplit("/", 1)[-1], table(path), options.rows)


if __name__ == "__main__":
    main()
