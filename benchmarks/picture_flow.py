"""MNIST of 8 bits, uniformly dequantised: bits a dimension of a flow of pictures on the canonical test set.

    python benchmarks/picture_flow.py --seconds 1800                      # the default kind, all test pictures
    python benchmarks/picture_flow.py --seconds 60 --pictures pyramid --rows 1000 --sheet drawn.png

Published, with uniform or learned dequantisation: RealNVP 1.06, Glow 1.05, FFJORD 0.99, residual flow 0.97 (Chen et al.
2019). Files are the IDX files of MNIST, under `--data`.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch

from pofx.core.store import save
from pofx.data.images.read import read_images
from pofx.models.flow.estimator import Flow
from pofx.models.flow.pictures.model import picture_flow, sample_and_bound
from pofx.spaces.image import Image
from pofx.training.plan import Plan
from pofx.training.recorder import Recorder

COLUMNS = 10  # pictures beside one another in a sheet


class Lines(Recorder):
    """Prints what training says, now and then."""

    def __init__(self) -> None:
        self._last = 0.0

    def start(self, what: str, total: int | None) -> None:
        self._last = time.perf_counter()

    def step(self, done: int, note: str = "") -> None:
        if time.perf_counter() - self._last > 20:
            self._last = time.perf_counter()
            print(f"  step {done}: {note}", flush=True)

    def finish(self) -> None:
        self._last = 0.0


def sheet(pictures: torch.Tensor, space: Image, path: Path) -> None:
    """Write pictures `[n, C, H, W]` in rows of ten."""
    from PIL import Image as Picture

    shown = space.show(pictures)
    rows = [np.concatenate(list(shown[i : i + COLUMNS]), 1) for i in range(0, len(shown), COLUMNS)]
    Picture.fromarray(np.concatenate(rows, 0)).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/images/mnist"))
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--pictures", default=Flow.pictures, choices=("raster", "pyramid", "multiscale"))
    parser.add_argument("--hidden", type=int)
    parser.add_argument("--layers", type=int)
    parser.add_argument("--bins", type=int, default=Flow.picture_bins)
    parser.add_argument("--batch", type=int, default=Flow.picture_batch)
    parser.add_argument("--rate", type=float, default=Flow.picture_rate)
    parser.add_argument("--decay", type=float, default=Flow.weight_decay)
    parser.add_argument("--rows", type=int, default=10_000, help="test pictures that are scored")
    parser.add_argument("--draws", type=int, default=1, help="of the noise, for the bound")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="for checkpoints, to go on from")
    parser.add_argument("--sheet", type=Path, help="a PNG file for 100 drawn pictures")
    parser.add_argument("--save", type=Path, help="a file for the model")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    train, test = read_images(arguments.data, part="train"), read_images(arguments.data, part="test")
    estimator = Flow(
        pictures=arguments.pictures, hidden=arguments.hidden, layers=arguments.layers, picture_bins=arguments.bins,
        picture_batch=arguments.batch, picture_rate=arguments.rate, weight_decay=arguments.decay,
        steps=arguments.steps,
    )  # fmt: skip
    plan = Plan(arguments.seconds, arguments.folder)
    started, busy = time.perf_counter(), time.process_time()
    model = estimator.fit(train, plan=plan, seed=arguments.seed, recorder=Lines())
    seconds, busy = time.perf_counter() - started, time.process_time() - busy
    if arguments.save:
        save(model, arguments.save)
    assert isinstance(test.space, Image)
    rows = test.values[: arguments.rows]
    started = time.perf_counter()
    bound = model.log_prob_bound(rows, draws=arguments.draws, seed=1)
    scoring = time.perf_counter() - started
    bits = -bound / math.log(2) / test.space.dims
    error = float(bits.std()) / math.sqrt(len(bits))
    recipe = picture_flow(model).recipe
    print(
        f"{arguments.pictures}: <= {float(bits.mean()):.4f} +- {error:.4f} bits/dim "
        f"on {len(bits)} test pictures ({scoring:.0f} s); {seconds:.0f} s of training ({busy:.0f} s of processors), "
        f"best at step {getattr(recipe, 'steps', None)}; {model.free_parameters} numbers fitted",
        flush=True,
    )
    if arguments.sheet:
        started = time.perf_counter()
        drawn, _ = sample_and_bound(model, 100, seed=arguments.seed)
        sheet(drawn, test.space, arguments.sheet)
        print(f"100 pictures in {time.perf_counter() - started:.0f} s: {arguments.sheet}", flush=True)


if __name__ == "__main__":
    main()
