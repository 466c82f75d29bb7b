"""Claim: a flow is as fast as zuko's own of the same architecture. Question: does it beat the mixture and the kernels?

    python benchmarks/flow.py                       # speed only
    python benchmarks/flow.py FILE [FILE ...]        # and held-out nats on table files
    python benchmarks/flow.py --rows 4000 FILE ...   # of so many random rows of each

Speed: zuko.flows.NSF with three masked autoregressive layers and two hidden layers of 64 units against our network of
the same layers, units and bins (ours has an affine map in front of each spline, and the margins, in addition), both in
float64 on one core, turn and turn about: gradient steps a second with batches of 256 rows and log_prob rows a second.
Nats: 60 % of the rows to train on, 20 % to choose by, 20 % scored; each model is refitted to the first 80 % with its
choices settled. The same rows for all; nats a row in the table's own units.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
import zuko
from torch import nn

from pofx.core.registry import estimator
from pofx.data.dataset import Data
from pofx.data.infer import infer
from pofx.data.tables import read_table
from pofx.models.flow.network import Network
from pofx.rng import generator

WIDTH, BATCH, SCORED, SECONDS, ROUNDS = 8, 256, 20_000, 2.0, 3
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
    """How often a second, after one warm call."""
    work()
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < SECONDS:
        work()
        done += 1
    return done / (time.perf_counter() - began)


def speed() -> None:
    """Both sides in turn, the best of a few rounds each."""
    torch.set_num_threads(1)
    x = torch.randn(SCORED, WIDTH, generator=generator(0), dtype=torch.float64)
    none = x.new_zeros(SCORED, 0)
    ours = Network(WIDTH, (), "spline", **ARCHITECTURE, linear=False, seed=0)
    theirs = zuko.flows.NSF(WIDTH, transforms=3, hidden_features=(64, 64), activation=nn.SiLU, bins=8).double()
    steps: dict[str, Callable[[], object]] = {
        "pofx": stepper(ours, lambda: ours(x[:BATCH], none[:BATCH])),
        "zuko": stepper(theirs, lambda: theirs().log_prob(x[:BATCH])),
    }
    scores: dict[str, Callable[[], object]] = {"pofx": lambda: ours(x, none), "zuko": lambda: theirs().log_prob(x)}
    print(f"{'':24s}{'pofx':>12s}{'zuko':>12s}{'ratio':>8s}")
    _line("training steps / s", _best(steps))
    with torch.no_grad():
        _line("log_prob rows / s", {who: SCORED * found for who, found in _best(scores).items()})


def _best(works: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The best rate of each in a few rounds, in turn."""
    rounds = [{who: rate(work) for who, work in works.items()} for _ in range(ROUNDS)]
    return {who: max(each[who] for each in rounds) for who in works}


def _line(what: str, found: dict[str, float]) -> None:
    print(f"{what:24s}{found['pofx']:12.1f}{found['zuko']:12.1f}{found['pofx'] / found['zuko']:8.2f}")


def nats(path: str, most: int | None, seed: int = 0) -> None:
    """Held-out nats a row of each model, with the standard error of the difference to the flow."""
    frame = read_table(path)
    space, _ = infer(frame)
    data = Data(space, space.read(frame))
    order = torch.randperm(len(data), generator=generator(seed))[:most]
    train, held, test = (
        data.rows(part) for part in torch.tensor_split(order, [3 * len(order) // 5, 4 * len(order) // 5])
    )
    both = data.rows(order[: len(train) + len(held)])
    print(f"\n{path.rsplit('/', 1)[-1]}: {len(order)} rows, {len(test)} scored")
    scores: dict[str, torch.Tensor] = {}
    for name in MODELS:
        scores[name], seconds = _scored(name, train, held, both, test)
        gap = scores["flow"] - scores[name]
        error = float(gap.std()) / len(gap) ** 0.5
        told = "" if name == "flow" else f"   flow ahead by {float(gap.mean()):+.3f} +- {error:.3f}"
        print(f"  {name:10s}{float(scores[name].mean()):10.3f} nats{seconds:8.1f} s{told}")


def _scored(name: str, train: Data, held: Data, both: Data, test: Data) -> tuple[torch.Tensor, float]:
    began = time.perf_counter()
    recipe = estimator(name)()
    model = recipe.settled(recipe.fit(train, validation=held, seed=0)).fit(both, seed=0)
    return torch.as_tensor(model.log_prob(test.values)), time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*")
    parser.add_argument("--rows", type=int, default=None)
    options = parser.parse_args()
    speed()
    for path in options.files:
        nats(path, options.rows)


if __name__ == "__main__":
    main()
