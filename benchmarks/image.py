"""MNIST of 8 bits, whole levels: bits a dimension of a network that goes pixel by pixel, and how fast it draws.

    python benchmarks/image.py --seconds 900                                  # gated PixelCNN, all test pictures
    python benchmarks/image.py --seconds 60 --model pixelrnn --kind diagonal --rows 500 --sheet drawn.png

Drawn with what is kept of the places before, and against it by a whole pass for each pixel, the same uniform numbers in
the same run: the pictures must be equal, and the ratio of the times is reported. Published, exact: Gated PixelCNN-like
networks of 852,000 numbers reach 0.808 after 150 epochs. Files are the IDX files of MNIST, under `--data`.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import fields
from pathlib import Path

import torch
from picture_flow import Lines, sheet

from pofx.core.store import save
from pofx.core.warp import LAW
from pofx.data.images.read import read_images
from pofx.models.pixelcnn.estimator import PixelCNN
from pofx.models.pixelcnn.law import UNIFORMS
from pofx.models.pixelcnn.model import PixelModel
from pofx.models.pixelcnn.raster import fill
from pofx.models.pixelrnn.estimator import PixelRNN
from pofx.rng import generator
from pofx.spaces.image import Image
from pofx.training.plan import Plan

FOLDER = Path(__file__).parent / "results"


def slowly(model: PixelModel, u: torch.Tensor, rows: int) -> torch.Tensor:
    """Pictures of uniform numbers by a whole pass for each pixel; only the first so many rows of pixels."""
    n, channels, _, height, width = u.shape
    x = torch.zeros(n, channels, height, width, dtype=torch.float64)
    for row in range(rows):
        for column in range(width):
            for c in range(channels):
                said = model.net(model.law.known(x, model.net.dtype), None)[c][:, :, row, column]
                x[:, c, row, column] = model.law.draw(
                    c, said, (row, column), x[:, :c, row, column], u[:, c, :, row, column], LAW
                )
    return x


@torch.no_grad()
def drawing(model: PixelModel, n: int, rows: int) -> dict[str, float]:
    """Pictures a second of processor time, kept against recomputed; the slow way is timed on the first rows."""
    space = model.space
    assert isinstance(space, Image)
    u = torch.rand(n, space.channels, UNIFORMS, *space.event_shape[1:], generator=generator(3), dtype=torch.float64)
    begun = torch.full((n, *space.event_shape), torch.nan, dtype=torch.float64)
    started = time.process_time()
    quick = fill(model.law, model.net, begun, u, None, LAW)
    kept = time.process_time() - started
    started = time.process_time()
    slow = slowly(model, u, rows)
    recomputed = (time.process_time() - started) * space.height / rows
    return {
        "pictures": n,
        "kept_per_second": n / kept,
        "recomputed_per_second": n / recomputed,
        "ratio": recomputed / kept,
        "equal": bool(torch.equal(quick[:, :, :rows], slow[:, :, :rows])),
    }


def parsed() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/images/mnist"))
    parser.add_argument("--model", choices=("pixelcnn", "pixelrnn"), default="pixelcnn")
    parser.add_argument("--kind", choices=("row", "diagonal"), default="row", help="of pixelrnn")
    parser.add_argument("--seconds", type=float)
    for name, kind in (("steps", int), ("hidden", int), ("depth", int), ("batch", int), ("learning-rate", float)):
        parser.add_argument(f"--{name}", type=kind)
    parser.add_argument("--optimiser", choices=("adamw", "muon"))
    parser.add_argument("--rows", type=int, default=10_000, help="test pictures that are scored")
    parser.add_argument("--held", type=int, default=0, help="score so many of the training pictures instead")
    parser.add_argument("--drawn", type=int, default=16, help="pictures whose drawing is timed")
    parser.add_argument("--slow-rows", type=int, default=1, help="rows of pixels that are drawn the slow way")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="for checkpoints, to go on from")
    parser.add_argument("--sheet", type=Path, help="a PNG file for 100 drawn pictures")
    parser.add_argument("--save", type=Path, help="a file for the model")
    parser.add_argument("--results", type=Path, default=FOLDER)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    arguments = parsed()
    torch.set_num_threads(arguments.threads)
    kind = PixelCNN if arguments.model == "pixelcnn" else PixelRNN
    known = {field.name for field in fields(kind)}
    asked = {name: value for name, value in vars(arguments).items() if name in known and value is not None}
    train = read_images(arguments.data, part="train")
    test = read_images(arguments.data, part="test") if not arguments.held else train.rows(
        torch.arange(len(train) - arguments.held, len(train))
    )  # fmt: skip
    train = train.rows(torch.arange(len(train) - arguments.held))
    started, busy = time.perf_counter(), time.process_time()
    plan = Plan(arguments.seconds, arguments.folder)
    model = kind(**asked).fit(train, plan=plan, seed=arguments.seed, recorder=Lines())
    seconds, busy = time.perf_counter() - started, time.process_time() - busy
    assert isinstance(model, PixelModel)
    assert isinstance(test.space, Image)
    if arguments.save:
        save(model, arguments.save)
    started = time.process_time()
    bits = -model.log_prob(test.values[: arguments.rows].double()) / math.log(2) / test.space.dims
    scoring = time.process_time() - started
    record = {
        "model": arguments.model,
        "options": asked,
        "bits_per_dim": float(bits.mean()),
        "standard_error": float(bits.std()) / math.sqrt(len(bits)),
        "pictures": len(bits),
        "of": "training, held out" if arguments.held else "test",
        "seconds": seconds,
        "processor_seconds": busy,
        "best_step": getattr(model.recipe, "steps", None),
        "numbers": model.free_parameters,
        "scored_per_processor_second": len(bits) / max(scoring, 1e-9),
        "drawing": drawing(model, arguments.drawn, arguments.slow_rows),
    }
    print(json.dumps(record, indent=2), flush=True)
    arguments.results.mkdir(parents=True, exist_ok=True)
    name = arguments.model if arguments.model == "pixelcnn" else f"{arguments.model}_{arguments.kind}"
    (arguments.results / f"image_{name}.json").write_text(json.dumps(record, indent=2) + "\n")
    if arguments.sheet:
        sheet(model.draw(100, seed=arguments.seed), test.space, arguments.sheet)


if __name__ == "__main__":
    main()
