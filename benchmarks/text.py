"""Tiny Shakespeare, nats a character: our gpt, the n-gram family and nanoGPT, one after another on the same threads.

    python benchmarks/text.py --seconds 600 --seeds 0 1 2                      # ours alone, as users get it
    python benchmarks/text.py --seconds 120 --nanogpt PATH                      # and nanoGPT's documented CPU recipe
    python benchmarks/text.py --seconds 0 --nanogpt PATH                        # speed of sampling only
    python benchmarks/text.py --tune --seconds 60                               # the last tenth of the training part

Protocol: the first 90 % of the bytes train, the last 10 % are scored once, as one stream from the start mark, in
windows (context and stride are told), mean over all of them; the file is ASCII, so bytes are characters. With `--tune`
the test part is not touched. nanoGPT (a checkout of github.com/karpathy/nanoGPT) is trained by its own script on its
documented recipe for CPUs (4 layers, width 128, context 64, batch 12, 2000 steps), and its last checkpoint is
scored on the same characters in windows of the same rule; it has no start mark, so its first character is left out.
Sampling: one layer
shape for both, random weights, characters a second beyond a full window and from an empty one, turn and turn about.
Times are wall-clock; `cpu` is that of the process, over its threads. Results go to `benchmarks/results/text.json`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pofx.core.contract import Model
from pofx.core.registry import estimators
from pofx.core.warp import LAW
from pofx.data.dataset import Data
from pofx.models.gpt.drawing import Drawing
from pofx.models.gpt.estimator import GPT
from pofx.models.gpt.model import GPTModel
from pofx.models.gpt.options import Kind
from pofx.models.gpt.windows import Windows
from pofx.rng import generator
from pofx.spaces.symbols import Symbols
from pofx.training.plan import Plan

SPACE = Symbols(256, ends=False)
RECIPE = (
    "config/train_shakespeare_char.py --device=cpu --compile=False --eval_iters=20 --log_interval=100 --block_size=64 "
    "--batch_size=12 --n_layer=4 --n_head=4 --n_embd=128 --max_iters=2000 --lr_decay_iters=2000 --dropout=0.0"
)
SHAPES = {"L4 D128 T64": (4, 4, 128, 64), "L6 D384 T256": (6, 6, 384, 256)}  # layers, heads, width, context
ROUNDS = 3


def parts(path: Path, tune: bool) -> tuple[Tensor, Tensor]:
    """The bytes to train on and those to score."""
    text = torch.from_numpy(np.frombuffer(path.read_bytes(), np.uint8).copy()).to(torch.int32)
    train, test = text[: len(text) * 9 // 10], text[len(text) * 9 // 10 :]
    return (train[: len(train) * 9 // 10], train[len(train) * 9 // 10 :]) if tune else (train, test)


def clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def ours(name: str, train: Tensor, test: Tensor, seconds: float, seed: int, given: dict[str, Any]) -> dict[str, Any]:
    """One fit of one of our estimators, and its score."""
    wall, cpu = clocks()
    model: Model = estimators()[name](**given).fit(Data(SPACE, train[None]), plan=Plan(seconds), seed=seed)
    fitted, fitted_cpu = clocks()
    nats = -float(model.log_prob(test[None])[0]) / len(test)
    found: dict[str, Any] = {
        "model": name, "seed": seed, "nats": nats, "seconds": fitted - wall, "cpu": fitted_cpu - cpu,
        "scoring": time.perf_counter() - fitted, "parameters": model.free_parameters,
    }  # fmt: skip
    if isinstance(model, GPTModel):
        recipe = model.recipe
        taken = (recipe.steps or 0) * (recipe.batch or 0) * (recipe.context or 0)
        sizes = ("context", "stride", "layers", "width", "heads", "orders", "rows", "dropout", "steps", "batch")
        found |= {"tokens a second": taken / found["seconds"], **{size: getattr(recipe, size) for size in sizes}}
    told = ", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in found.items())
    print(told, flush=True)
    return found


# nanoGPT ------------------------------------------------------------------------------------------------------------


def peer_module(checkout: Path) -> Any:
    """Its `model.py`."""
    spec = importlib.util.spec_from_file_location("nanogpt_model", checkout / "model.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def peer(checkout: Path, train: Tensor, test: Tensor, threads: int, seed: int) -> dict[str, Any]:
    """Its own script in a copy of the checkout, and the score of what it leaves."""
    codes = {int(code): number for number, code in enumerate(torch.cat([train, test]).unique())}
    table = torch.zeros(256, dtype=torch.int64)
    for code, number in codes.items():
        table[code] = number
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "nanoGPT"
        shutil.copytree(checkout, home, ignore=shutil.ignore_patterns(".git"))
        data = home / "data" / "shakespeare_char"
        for name, part in (("train", train), ("val", test)):
            table[part.long()].numpy().astype(np.uint16).tofile(data / f"{name}.bin")
        (data / "meta.pkl").write_bytes(pickle.dumps({"vocab_size": len(codes)}))
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        wall = time.perf_counter()
        command = [sys.executable, "train.py", *RECIPE.split(), f"--out_dir={home / 'out'}"]
        subprocess.run(command, cwd=home, env=environment, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - wall
        saved = torch.load(home / "out" / "ckpt.pt", weights_only=True)
    module = peer_module(checkout)
    net = module.GPT(module.GPTConfig(**saved["model_args"]))
    net.load_state_dict(saved["model"])
    nats = peer_nats(net.eval(), table[test.long()])
    print(f"nanoGPT: nats {nats:.4f}, seconds {seconds:.1f}", flush=True)
    return {"model": "nanoGPT", "seed": seed, "nats": nats, "seconds": seconds}


@torch.no_grad()
def peer_nats(net: Any, text: Tensor) -> float:
    """Mean nats of all characters but the first, in windows by our rule."""
    inputs, said = text[:-1], text[1:]
    rule = Windows(net.config.block_size, net.config.block_size // 2)
    window = torch.arange(int(rule.count(torch.tensor([len(said)]))))
    place = window[:, None] * rule.stride + torch.arange(rule.context)
    fresh, total = rule.fresh(window) & (place < len(said)), 0.0
    place = place.clamp(max=len(said) - 1)
    for at, new in zip(place.split(256), fresh.split(256), strict=True):
        logits, _ = net(inputs[at], said[at])  # it gives all logits only if it is told what follows
        score = torch.log_softmax(logits, -1).gather(-1, said[at][..., None])[..., 0]
        total -= float(score[new].double().sum())
    return total / len(said)


# Sampling -----------------------------------------------------------------------------------------------------------


def drawer(kind: Kind, shape: tuple[int, int, int, int], batch: int) -> Callable[[int], object]:
    """Draws so many characters a row with random weights."""
    layers, heads, width, context = shape
    recipe = GPT(
        kind=kind, layers=layers, heads=heads, width=width, context=context, orders=3, rows=1 << 14, stride=context // 2
    )
    model = GPTModel(Symbols(65, ends=False), recipe).eval()
    nothing = torch.zeros(batch, 0, dtype=torch.int64)

    def draw(length: int) -> object:
        with torch.no_grad():
            return Drawing(model.net, model.windows, 65, None, LAW, generator(0)).go_on(nothing, length)

    return draw


def peer_drawer(module: Any, shape: tuple[int, int, int, int], batch: int) -> Callable[[int], object]:
    layers, heads, width, context = shape
    config = module.GPTConfig(
        n_layer=layers, n_head=heads, n_embd=width, block_size=context, vocab_size=65, dropout=0.0, bias=False
    )
    net, begun = module.GPT(config).eval(), torch.zeros(batch, 1, dtype=torch.int64)
    return lambda length: net.generate(begun, length)


def sampling(checkout: Path | None) -> list[dict[str, Any]]:
    """Characters a second of all sides, turn and turn about; the best of a few rounds."""
    module, found = None if checkout is None else peer_module(checkout), []
    for name, shape in SHAPES.items():
        for batch in (1, 16):
            sides = {"modern": drawer("modern", shape, batch), "gpt2": drawer("gpt2", shape, batch)}
            if module is not None:
                sides["nanoGPT"] = peer_drawer(module, shape, batch)
            for length in (shape[3], 3 * shape[3]):
                found.append({"shape": name, "batch": batch, "length": length, **_rates(sides, batch, length)})
                told = ", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{v}" for k, v in found[-1].items())
                print(f"sampling {told}", flush=True)
    return found


def _rates(sides: dict[str, Callable[[int], object]], batch: int, length: int) -> dict[str, float]:
    times: dict[str, list[float]] = {who: [] for who in sides}
    for draw in sides.values():
        draw(4)
    for _ in range(ROUNDS):
        for who, draw in sides.items():
            began = time.process_time()
            draw(length)
            times[who].append(time.process_time() - began)
    rates = {who: batch * length / min(spent) for who, spent in times.items()}
    theirs = rates.get("nanoGPT")
    return rates | ({} if theirs is None else {f"{who} ratio": rates[who] / theirs for who in ("modern", "gpt2")})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/text/tinyshakespeare/input.txt"))
    parser.add_argument("--seconds", type=float, default=600.0, help="of each of our fits; 0 fits nothing")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--nanogpt", type=Path, help="a checkout")
    parser.add_argument("--tune", action="store_true", help="score the last tenth of the training part instead")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--given", type=json.loads, default={}, help="options of our gpt, as JSON")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "text.json")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    record: dict[str, Any] = {"threads": arguments.threads, "tune": arguments.tune, "fits": [], "sampling": []}
    if arguments.seconds > 0:
        if not arguments.data.exists():
            sys.exit(f"{arguments.data} is not there: give --data")
        train, test = parts(arguments.data, arguments.tune)
        for seed in arguments.seeds:
            record["fits"].append(ours("gpt", train, test, arguments.seconds, seed, arguments.given))
        if "ngram" in estimators():
            record["fits"].append(ours("ngram", train, test, arguments.seconds, 0, {}))
        if arguments.nanogpt is not None:
            record["fits"].append(peer(arguments.nanogpt, train, test, arguments.threads, 0))
            theirs = record["fits"][-1]
            for fit in record["fits"][:-1]:
                fit |= {"nats less": theirs["nats"] - fit["nats"], "time ratio": fit["seconds"] / theirs["seconds"]}
                print(f"{fit['model']} seed {fit['seed']}: {fit['nats less']:+.4f} nats better than nanoGPT in "
                      f"{fit['time ratio']:.2f} of its time", flush=True)  # fmt: skip
    record["sampling"] = sampling(arguments.nanogpt)
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
