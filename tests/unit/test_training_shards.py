"""Two processes that each keep a part of the weights train to the weights of one process that has them all."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pofx.errors import FitError, MissingExtra
from pofx.rng import generator
from pofx.training.loop import minimise
from pofx.training.plan import Plan
from pofx.training.recipe import Recipe

RECIPE = Recipe(steps=20, batch=15, learning_rate=0.01, clip=0.1, check_every=5, warmup=5, device="cpu")
OPTIONS: dict[str, dict[str, object]] = {
    "adamw": {},
    "muon": {"optimiser": "muon", "average": 0.9, "weight_decay": 0.1},
    "early": {"learning_rate": 0.1, "patience": 1, "check_every": 1, "cooldown": "none", "clip": 0.0},
    "compiled": {"compile": True},
}
KINDS = ("tied", "read", "hidden", "attention")


class Stop(Exception):
    """Ends a fit like a crash, in all processes at the same step."""


class Block(nn.Module):
    """A layer of layers, with a buffer that it changes."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.narrow = nn.Linear(4, 7), nn.Linear(7, 4)
        self.scale = nn.Parameter(torch.ones(1))  # fewer rows than there are processes
        self.mean: Tensor
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.mean.lerp_(x.detach().sin().sum().sign(), 0.5)
        moved: Tensor = self.scale * self.narrow(torch.tanh(self.wide(x)))
        return x + moved


class Net(nn.Module):
    """Two blocks, and what is odd by its kind."""

    def __init__(self, kind: str = "") -> None:
        super().__init__()
        self.kind, self.out, self.frozen = kind, nn.Linear(4, 4), nn.Linear(4, 4).requires_grad_(False)
        self.blocks = nn.ModuleList([Block(), Block()])
        if kind == "tied":
            self.blocks[1] = self.blocks[0]
            self.first = nn.Linear(4, 4)
            self.out.weight = self.first.weight
        if kind == "attention":
            self.attention = nn.MultiheadAttention(4, 2, bias=False)  # that of the keys has no gradient but noise
        if kind == "scalar":
            self.scalar = nn.Parameter(torch.tensor(1.0))
        self.behind = [self.out]  # torch does not see into lists
        random = generator(0)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(0.5 * torch.randn(parameter.shape, generator=random))

    def error(self, x: Tensor) -> Tensor:
        """The loss; not `forward`, which torch alone knows."""
        y = x
        for block in self.blocks:
            y = block(y)
        if self.kind == "read":  # a weight outside of the layer that it is of
            y = functional.linear(y, self.out.weight * 2, self.out.bias)
        elif self.kind == "hidden":
            y = self.behind[0](y)
        elif self.kind == "attention":
            words = torch.stack([y, x])  # [2, n, 4]
            both = self.attention(words, words, words)[0]
            both += words  # in place, on what was a view
            y = both[0]
        else:
            y = self.out(y if self.kind != "tied" else self.first(y))
        error: Tensor = (self.frozen(y) - x.sin()).pow(2).mean()
        return error


def fit(
    module: Net,
    *,
    path: Path | None = None,
    at: Callable[[int], None] | None = None,
    bad: int = 0,
    seconds: float | None = None,
    **options: object,
) -> dict[str, Tensor]:
    """The end of a fit: weights, buffers, losses, checks. `at` is called at each step; loss `bad` is NaN."""
    random, calls = generator(1), []
    values, unseen = torch.randn(100, 4, generator=random), torch.randn(50, 4, generator=random)

    def loss(x: Tensor, _: torch.Generator) -> Tensor:
        if len(x) > 2:  # no trial
            calls.append(1)
            if at is not None:
                at(len(calls))
        return module.error(x) * (math.nan if bad and len(calls) == bad else 1)

    recipe = replace(RECIPE, **{"share": "shards", **options})  # type: ignore[arg-type]
    history = minimise(
        module,
        loss,
        values,
        recipe=recipe,
        plan=Plan(seconds),
        seed=0,
        validation=lambda: {"error": float(module.error(unseen)), "one": 1.0},
        checkpoint=path,
        checkpoint_seconds=0.0,
    )
    checks = [check.validation or 0.0 for check in history.checks]
    weights = {name: value.clone() for name, value in module.state_dict().items()}
    return {**weights, "losses": torch.tensor(history.losses), "checks": torch.tensor(checks)}


def plain(module: nn.Module) -> bool:
    """Whether nothing of torch's sharding is left in the network."""
    left = [name for part in module.modules() for name in vars(part) if "fsdp" in name]
    kinds = {type(part).__name__ for part in module.modules()} - {"NonDynamicallyQuantizableLinear"}
    known = {"Net", "Block", "Linear", "ModuleList", "MultiheadAttention"}
    return not left and kinds <= known and all(type(weight) is nn.Parameter for weight in module.parameters())


def stop_at(step: int) -> Callable[[int], None]:
    def at(call: int) -> None:
        if call == step:
            raise Stop

    return at


def failed(module: Net, **options: object) -> str:
    """What is said of a fit that must fail."""
    with pytest.raises(FitError) as said:
        fit(module, **options)  # type: ignore[arg-type]
    return str(said.value)


# In two processes ---------------------------------------------------------------------------------------------------

SCRIPT = """
import sys, warnings
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.unit.test_training_shards import in_two
warnings.simplefilter("error")
in_two(Path({folder!r}))
"""


def in_two(folder: Path) -> None:
    """What each of the two processes does; its ends go to files, where the test compares them."""
    from safetensors.torch import save_file
    from torch.distributed.fsdp import FSDPModule

    from pofx.training import shards
    from pofx.training.state import State

    shards.LAYER = 1  # else these networks are one layer
    rank, layers, move = os.environ["RANK"], list[int](), State.move

    def moved(self: State, loss: float, rate: float, progress: float) -> None:
        move(self, loss, rate, progress)
        layers.append(sum(isinstance(part, FSDPModule) for part in self.module.modules()))
        parts = [*self.good.kept, *(shards.Shards().here(tensor) for tensor in self.optimisers.tensors().values())]
        numbers = sum(part.numel() for part in parts if part.ndim)
        whole = 3 * sum(weight.numel() for weight in self.parameters)
        assert numbers <= 0.55 * whole + 30  # of weights, first and second moments

    State.move = moved  # type: ignore[method-assign]

    def keep(name: str, end: dict[str, Tensor]) -> None:
        end["layers"] = torch.tensor(layers[-1:])
        save_file({key: value.clone() for key, value in end.items()}, folder / f"{name}.{rank}")

    for name, options in OPTIONS.items():
        module = Net()
        keep(name, fit(module, **options))  # type: ignore[arg-type]
        assert plain(module)
    for kind in KINDS:
        module = Net(kind)
        keep(kind, fit(module, average=0.9))
        assert plain(module)
    fit(module := Net(), steps=5)
    keep("again", fit(module))
    keep("timed", fit(Net(), seconds=60.0))
    with pytest.raises(FitError, match="stopped at step 8: its loss is not finite"):
        fit(module := Net(), bad=8)
    keep("bad", module.state_dict())
    before = {name: value.clone() for name, value in Net().state_dict().items()}
    with pytest.raises(Stop):
        fit(module := Net(), path=folder / "two.ckpt", at=stop_at(13), **OPTIONS["muon"])  # type: ignore[arg-type]
    assert plain(module) and all(torch.equal(value, before[name]) for name, value in module.named_parameters())
    if rank == "0":
        shutil.copy(folder / "two.ckpt", folder / "half.ckpt")
    keep("resumed", fit(Net(), path=folder / "two.ckpt", **OPTIONS["muon"]))  # type: ignore[arg-type]
    keep("one", fit(Net(), path=folder / f"one{rank}.ckpt", **OPTIONS["muon"]))  # type: ignore[arg-type]
    said = failed(module := Net("scalar"))
    assert (
        said.startswith("this network cannot be sharded; got fully_shard doesn't support scalar") and "\n" not in said
    )
    assert plain(module)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the two processes left their ends; one process wrote the checkpoints `one0` and `one1` before."""
    pytest.importorskip("lightning_fabric")
    folder = tmp_path_factory.mktemp("shards")
    with pytest.raises(Stop):
        fit(Net(), path=folder / "one0.ckpt", at=stop_at(13), **OPTIONS["muon"])  # type: ignore[arg-type]
    shutil.copy(folder / "one0.ckpt", folder / "one1.ckpt")
    script = folder / "train.py"
    script.write_text(SCRIPT.format(root=str(Path(__file__).parents[2]), folder=str(folder)))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(torchrun, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


def ends(folder: Path, name: str) -> list[dict[str, Tensor]]:
    from safetensors.torch import load_file

    return [load_file(folder / f"{name}.{rank}") for rank in (0, 1)]


def close(end: dict[str, Tensor], alone: dict[str, Tensor]) -> None:
    for name, value in alone.items():
        if not name.endswith("mean"):  # of the rows of the first process, as with copies
            torch.testing.assert_close(end[name], value, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*OPTIONS, *KINDS, "again", "timed", "bad", "resumed", "one"])
def test_the_end_is_that_of_one_process(name: str, folder: Path) -> None:
    module = Net(name if name in KINDS else "")
    if name == "again":
        fit(module, steps=5)
    if name == "bad":
        failed(module, bad=8)
        alone = module.state_dict()
    else:
        known = {"resumed": "muon", "one": "muon"}.get(name, name)
        alone = fit(module, **{"average": 0.9} if name in KINDS else OPTIONS.get(known, {}))
    first, second = ends(folder, name)
    close(first, alone)
    assert all(torch.equal(value, first[key]) for key, value in second.items())
    if name == "early":
        assert len(alone["losses"]) < RECIPE.steps  # it did stop early
    layers = {"read": 0, "hidden": 0, "tied": 1, "attention": 9}.get(name, 8)  # within the network
    assert first["layers"].tolist() == [layers]


@pytest.mark.slow
def test_a_crashed_fit_is_resumed_to_the_same_bits(folder: Path) -> None:
    for whole, resumed in zip(ends(folder, "muon"), ends(folder, "resumed"), strict=True):
        assert all(torch.equal(resumed[name], value) for name, value in whole.items())


@pytest.mark.slow
@pytest.mark.parametrize("share", ["copies", "shards"])
def test_a_checkpoint_of_shards_goes_on_alone(share: str, folder: Path, tmp_path: Path) -> None:
    path = shutil.copy(folder / "half.ckpt", tmp_path)
    calls: list[int] = []
    end = fit(Net(), path=Path(path), at=calls.append, **{**OPTIONS["muon"], "share": share})  # type: ignore[arg-type]
    close(ends(folder, "muon")[0], end)
    assert len(calls) == 8  # of 20, the first 12 were made


# In one process -----------------------------------------------------------------------------------------------------


def test_one_process_has_nothing_to_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pofx.training.shards", raising=False)
    copies, shards = (fit(Net(), share=share) for share in ("copies", "shards"))
    assert all(torch.equal(copies[name], shards[name]) for name in copies)
    assert "pofx.training.shards" not in sys.modules


@pytest.mark.parametrize(
    ("absent", "error", "says"),
    [
        ("lightning_fabric", MissingExtra, r"pip install pofx\[training\]"),
        ("torch.distributed.fsdp", FitError, "this torch cannot shard a network; got .*; expected torch 2.11 or later"),
    ],
)
def test_what_is_missing_is_said(
    absent: str, error: type[Exception], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("shards", "layers"):
        monkeypatch.delitem(sys.modules, f"pofx.training.{name}", raising=False)
    monkeypatch.setitem(sys.modules, absent, None)
    with pytest.raises(error, match=says) as said:
        fit(Net())
    assert "\n" not in str(said.value)


def test_another_way_to_share_is_refused() -> None:
    with pytest.raises(FitError, match="unknown share; got halves; expected copies or shards"):
        replace(RECIPE, share="halves")  # type: ignore[arg-type]
