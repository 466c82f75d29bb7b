"""Spoken digits: bits per sample of a WaveNet and of baselines, and how fast waves are drawn, beside a peer.

    python benchmarks/audio.py --validation --seconds 300    # tune on recordings 5-9 of each digit and speaker
    python benchmarks/audio.py --seconds 720                 # test on recordings 0-4, as the data's README says
    python benchmarks/audio.py --seconds 0                   # the speed alone

Data: the Free Spoken Digit Dataset (Jackson et al.), 3,000 recordings, 8 kHz, 16 bits, a tar file under `--data`. Bits
are those of all test samples over their number; the standard error is over recordings. Drawing: 30 layers, dilations
1 .. 512 three times, residual 64, skip 256, 256 codes, random weights: our fused loop (numba, float32), a cached step
in TorchScript, written here, and the whole network anew for each sample; one after the other in turns, and the best of
the turns; beside it the WaveNet as it is by default. Times are CPU seconds of the process.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import re
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pofx.core.contract import Model
from pofx.data.dataset import Data
from pofx.models.sound.code_ngram import CodeNGram
from pofx.models.sound.linear import LinearPrediction
from pofx.models.sound.samples import fit_samples
from pofx.models.wavenet.drawing import ready
from pofx.models.wavenet.estimator import WaveNet
from pofx.models.wavenet.generate import Begun, by_kernel
from pofx.models.wavenet.network import Network
from pofx.models.wavenet.rounding import round_weights
from pofx.spaces.waveform import Waveform
from pofx.training.plan import Plan

SPACE = Waveform(8000)
PEER = {"residual": 64, "skip": 256, "doublings": 10, "cycles": 3, "head": "mulaw"}
TURNS = 5


def recordings(path: Path) -> list[tuple[int, np.ndarray]]:
    """Index and samples of each recording."""
    import soundfile

    found = []
    with tarfile.open(path) as archive:
        for member in archive.getmembers():
            name = re.search(r"\d_\w+_(\d+)\.wav$", member.name)
            if name is not None:
                samples, _ = soundfile.read(io.BytesIO(archive.extractfile(member).read()), dtype="int16")
                found.append((int(name[1]), samples))
    return found


def rows(waves: list[np.ndarray]) -> Data:
    """As the space's rows."""
    return Data(SPACE, SPACE.read(waves))


def bits(model: Model, waves: list[np.ndarray]) -> tuple[float, float]:
    """Bits per sample of all recordings together, and its standard error over recordings."""
    nats = np.concatenate([model.log_prob(waves[k : k + 50]) for k in range(0, len(waves), 50)])
    long = np.array([len(wave) for wave in waves])
    each = -nats / math.log(2)
    mean = each.sum() / long.sum()
    return float(mean), float(np.std(each - mean * long, ddof=1) * math.sqrt(len(waves)) / long.sum())


def compare(arguments: argparse.Namespace) -> dict[str, object]:
    """Every model fitted and scored."""
    everything = recordings(arguments.data)
    first, last = (5, 9) if arguments.validation else (0, 4)
    train = [wave for index, wave in everything if index > last]
    test = [wave for index, wave in everything if first <= index <= last]
    plan, result = Plan(arguments.seconds), {}
    fits: dict[str, Callable[[], Model]] = {
        "independent samples": lambda: fit_samples(rows(train)),
        "mu-law n-gram": lambda: CodeNGram().fit(rows(train)),
        "linear prediction": lambda: LinearPrediction().fit(rows(train), seed=arguments.seed),
        "wavenet": lambda: WaveNet().fit(rows(train), plan=plan, seed=arguments.seed),
    }
    for name, fit in fits.items():
        if arguments.only and name not in arguments.only:
            continue
        wall, cpu = time.perf_counter(), time.process_time()
        model = fit()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        mean, error = bits(model, test)
        result[name] = {"bits": mean, "error": error, "seconds": wall, "cpu_seconds": cpu,
                        "parameters": model.free_parameters}  # fmt: skip
        print(f"{name}: {mean:.4f} +- {error:.4f} bits/sample, {wall:.0f} s ({cpu:.0f} s of CPU)", flush=True)
    return {"recordings": len(test), "samples": sum(map(len, test)), "split": f"{first}-{last}", "models": result}


class Step(nn.Module):
    """The peer: one sample of all rows, ring buffers as tensors; everything that is fixed is laid out beforehand."""

    def __init__(self, rows: int, residual: int = 64, skip: int = 256, classes: int = 256) -> None:
        super().__init__()
        self.dilations = [1 << k for k in range(10)] * 3
        draw = torch.Generator().manual_seed(0)

        def weight(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=draw) / math.sqrt(shape[-1])

        self.embedding = weight(classes, residual)
        self.look = [weight(2 * residual, 2 * residual) for _ in self.dilations]
        self.mix = [weight(residual + skip, residual) for _ in self.dilations]
        self.bias = [torch.zeros(2 * residual) for _ in self.dilations]
        self.mix_bias = [torch.zeros(residual + skip) for _ in self.dilations]
        self.middle, self.last = weight(skip, skip), weight(classes, skip)
        self.middle_bias, self.last_bias = torch.zeros(skip), torch.zeros(classes)
        self.rings = [torch.zeros(dilation, rows, residual) for dilation in self.dilations]
        self.residual, self.skip = residual, skip

    def forward(self, code: Tensor, t: int) -> Tensor:
        h = self.embedding[code]
        total = torch.zeros(len(code), self.skip)
        for look, bias, mix, mix_bias, ring in zip(self.look, self.bias, self.mix, self.mix_bias, self.rings):  # noqa: B905
            place = t % ring.shape[0]
            z = torch.nn.functional.linear(torch.cat([ring[place], h], 1), look, bias)
            ring[place] = h
            gate = torch.tanh(z[:, : self.residual]) * torch.sigmoid(z[:, self.residual :])
            mixed = torch.nn.functional.linear(gate, mix, mix_bias)
            h = h + mixed[:, : self.residual]
            total += mixed[:, self.residual :]
        seen = torch.relu(torch.nn.functional.linear(torch.relu(total), self.middle, self.middle_bias))
        return torch.nn.functional.linear(seen, self.last, self.last_bias)


@torch.inference_mode()
def scripted(rows: int) -> Callable[[int], None]:
    """The peer, warmed up."""
    step = torch.jit.script(Step(rows))

    def go(samples: int) -> None:
        code = torch.zeros(rows, dtype=torch.int64)
        with torch.inference_mode():
            for t in range(samples):
                code = torch.multinomial(torch.softmax(step(code, t), 1), 1)[:, 0]

    go(100)
    return go


def network(**options: object) -> Network:
    """With random weights in the last layer too."""
    net = Network(SPACE, WaveNet(**options), 400.0, 0, 0)
    with torch.no_grad():
        net.net.final.normal_(0, 0.05, generator=torch.Generator().manual_seed(0))
    round_weights(net.net)
    return net


def ours(net: Network, rows: int) -> Callable[[int], None]:
    """The fused loop in one thread."""
    zeros = torch.zeros(rows, dtype=torch.int64)
    begun = Begun(torch.zeros(rows, 0, dtype=torch.int32), zeros, zeros + 1, None)
    kernel = ready()["run"]

    def go(samples: int) -> None:
        u = torch.rand(rows, samples, 2, dtype=torch.float64)
        by_kernel(kernel, net, begun, torch.zeros(rows, samples, dtype=torch.int32), u, np.arange(rows))

    go(10)
    return go


def naive(net: Network, rows: int) -> Callable[[int], None]:
    """The whole network on all that is seen, for each sample."""
    x = torch.zeros(rows, net.field)

    def go(samples: int) -> None:
        with torch.inference_mode():
            for _ in range(samples):
                net.outputs(x, None)

    return go


def speed(arguments: argparse.Namespace) -> dict[str, object]:
    """Samples a second of all rows, the best of the turns, which alternate."""
    result: dict[str, object] = {}
    for count in (1, 16):
        large, small = network(**PEER), network()
        ways = {
            "fused": (ours(large, count), 2000 // count + 500),
            "TorchScript": (scripted(count), 600),
            "naive": (naive(large, count), 1),
            "default, fused": (ours(small, count), 8000 // count + 1000),
        }
        best = dict.fromkeys(ways, 0.0)
        for turn in range(TURNS):
            for name, (go, samples) in ways.items():
                if name == "naive" and turn:
                    continue  # far too slow for more
                started = time.process_time()
                go(samples)
                best[name] = max(best[name], count * samples / (time.process_time() - started))
        ratio = {f"fused / {name}": best["fused"] / best[name] for name in ("TorchScript", "naive")}
        result[f"batch {count}"] = {**best, **ratio}
        said = ", ".join(f"{name} {value:.0f}/s" for name, value in best.items())
        print(f"drawing, batch {count}: {said}; {', '.join(f'{k} {v:.1f}x' for k, v in ratio.items())}", flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/audio/fsdd/fsdd_recordings.tar"))
    parser.add_argument("--seconds", type=float, default=720.0, help="of training; 0 measures the speed alone")
    parser.add_argument("--validation", action="store_true", help="score recordings 5-9 in place of the test's 0-4")
    parser.add_argument("--only", nargs="*", help="models by name")
    parser.add_argument("--no-speed", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--to", type=Path, default=Path("benchmarks/results/audio.json"))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    result: dict[str, object] = {"threads": arguments.threads, "seconds": arguments.seconds}
    if arguments.seconds > 0 and not arguments.data.exists():
        print(f"no recordings at {arguments.data}: the speed alone")
    elif arguments.seconds > 0:
        result["digits"] = compare(arguments)
    if not arguments.no_speed:
        result["drawing"] = speed(arguments)
    arguments.to.parent.mkdir(parents=True, exist_ok=True)
    arguments.to.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
