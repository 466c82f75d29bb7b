"""Checkpoints: killed, interrupted and resumed fits end in the same bits; what does not fit is refused in one line."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pofx.errors import StoreError
from pofx.rng import generator
from pofx.training.history import read_history
from pofx.training.interrupts import Interrupts
from pofx.training.loop import minimise
from pofx.training.plan import Plan
from pofx.training.recipe import Recipe

RECIPE = Recipe(
    steps=60, batch=16, learning_rate=0.02, warmup=5, average=0.9, check_every=20, device="cpu", optimiser="muon"
)


class Stop(Exception):
    """Ends a fit like a crash: nothing is written at the end."""


def network(width: int = 8) -> nn.Sequential:
    layers = nn.Linear(2, width), nn.Dropout(0.2), nn.Linear(width, width), nn.BatchNorm1d(width), nn.Linear(width, 2)
    random = generator(0)
    with torch.no_grad():
        for parameter in nn.Sequential(*layers).parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=random))
    return nn.Sequential(*layers)


def rows(seed: int = 1) -> Tensor:
    return torch.randn(100, 2, generator=generator(seed))


def fit(
    module: nn.Module,
    path: Path | None,
    *,
    recipe: Recipe = RECIPE,
    seed: int = 0,
    values: Tensor | None = None,
    weights: Tensor | None = None,
    at: Callable[[int], None] | None = None,
    pause: float = 0.0,
    every: float = 1e9,
    history: Path | None = None,
) -> dict[str, Tensor]:
    """Trains, calling `at` at each call of the loss; the final state of the module."""
    calls = []

    def loss(x: Tensor, random: torch.Generator) -> Tensor:
        calls.append(1)
        if at is not None:
            at(len(calls))
        time.sleep(pause)
        return (module(x + torch.randn(x.shape, generator=random)) - x.sin()).pow(2).mean()

    unseen = rows(2)
    fitted = minimise(
        module,
        loss,
        rows() if values is None else values,
        recipe=recipe,
        plan=Plan(),
        seed=seed,
        weights=weights,
        validation=lambda: float((module(unseen) - unseen.sin()).pow(2).mean()),
        checkpoint=path,
        history=history,
        checkpoint_seconds=every,
    )
    return {**module.state_dict(), "losses": torch.tensor(fitted.losses), "best": torch.tensor(fitted.best_step)}


def same(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def stop_at(step: int, error: type[BaseException] = Stop) -> Callable[[int], None]:
    def at(call: int) -> None:
        if call == step:
            raise error

    return at


@pytest.fixture(scope="module")
def whole() -> dict[str, Tensor]:
    """The end of a fit that nothing interrupts."""
    return fit(network(), None)


# Going on -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 20, 21, 60])
@pytest.mark.parametrize("error", [Stop, KeyboardInterrupt])
def test_an_interrupted_fit_ends_in_the_same_bits(
    step: int, error: type[BaseException], tmp_path: Path, whole: dict[str, Tensor]
) -> None:
    path, lines = tmp_path / "a.ckpt", tmp_path / "a.jsonl"
    with pytest.raises(error):
        fit(network(), path, at=stop_at(step, error), history=lines, every=0.0 if error is Stop else 1e9)
    calls: list[int] = []
    assert same(fit(network(), path, at=calls.append, history=lines), whole)
    assert len(calls) == 60 - (step - 1)  # no step was made twice
    assert [check.step for check in read_history(lines)] == [0, 20, 40, 60]


def test_a_fit_that_ended_is_not_trained_again(tmp_path: Path, whole: dict[str, Tensor]) -> None:
    path = tmp_path / "a.ckpt"
    assert same(fit(network(), path), whole)
    assert same(fit(network(), path, at=stop_at(1)), whole)


def test_ctrl_c_writes_a_checkpoint_although_none_is_due(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    with pytest.raises(KeyboardInterrupt):
        fit(network(), path, at=stop_at(33, KeyboardInterrupt))
    assert path.exists() and [file.name for file in tmp_path.iterdir()] == ["a.ckpt"]


def test_ctrl_c_at_any_moment_leaves_a_state_between_two_steps(tmp_path: Path, whole: dict[str, Tensor]) -> None:
    """A real signal, sent from another thread at odd moments, many times over."""
    path, broken = tmp_path / "a.ckpt", 0
    before = signal.getsignal(signal.SIGINT)
    for k in range(300):
        timer = threading.Timer(0.01 + 0.0037 * (k % 7), lambda: os.kill(os.getpid(), signal.SIGINT))
        try:
            timer.start()
            end = fit(network(), path)
            timer.cancel()
            timer.join()
            break
        except KeyboardInterrupt:
            broken += 1
    assert broken > 0 and same(end, whole) and signal.getsignal(signal.SIGINT) is before


def test_a_held_block_is_not_broken() -> None:
    done = []

    def work(interrupts: Interrupts) -> None:
        with interrupts.held():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
            done.append(1)

    with Interrupts() as interrupts, pytest.raises(KeyboardInterrupt):
        work(interrupts)
    assert done == [1]


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.unit.test_training_checkpoint import fit, network
from safetensors.torch import save_file
save_file(fit(network(), Path({path!r}), pause={pause}, every=0.0), {out!r})
assert "lightning_fabric" not in sys.modules  # it is for several processes only
"""


@pytest.mark.slow
def test_a_killed_process_is_resumed_to_the_same_bits(tmp_path: Path, whole: dict[str, Tensor]) -> None:
    """kill -9: a run from a fresh process, killed in the middle, and one that goes on."""
    from safetensors.torch import load_file

    path, out = tmp_path / "a.ckpt", tmp_path / "end.safetensors"

    def run(pause: float) -> subprocess.Popen[bytes]:
        root = str(Path(__file__).parents[2])
        script = KILLED.format(root=root, path=str(path), out=str(out), pause=pause)
        return subprocess.Popen([sys.executable, "-c", script], env={**os.environ, "OMP_NUM_THREADS": "1"})

    process = run(0.02)
    patience = time.monotonic() + 60
    while not path.exists() and process.poll() is None and time.monotonic() < patience:
        time.sleep(0.01)
    time.sleep(0.3)
    process.kill()
    assert process.wait() == -signal.SIGKILL and not out.exists()
    done = json.loads(_header(path)["__metadata__"]["pofx.checkpoint"])["numbers"]["done"]
    assert 0 < done < 60
    assert run(0.0).wait() == 0
    end = load_file(out)
    assert all(torch.equal(end[name], whole[name]) for name in whole)


def _header(path: Path) -> dict[str, dict[str, str]]:
    content = path.read_bytes()
    header: dict[str, dict[str, str]] = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return header


# What is refused ----------------------------------------------------------------------------------------------------


@pytest.fixture
def half(tmp_path: Path) -> Path:
    """A checkpoint in the middle of a fit."""
    path = tmp_path / "half.ckpt"
    with pytest.raises(Stop):
        fit(network(), path, at=stop_at(40), every=0.02)
    return path


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"width": 9}, r"another architecture; got 0.bias \[8\] float32; expected 0.bias \[9\] float32"),
        ({"learning_rate": 0.5}, "another recipe; got learning_rate=0.02; expected learning_rate=0.5"),
        ({"steps": 61}, "another recipe; got steps=60; expected steps=61"),
        ({"seed": 3}, "another seed; got 0; expected 3"),
        ({"values": rows(5)}, "other rows or weights"),
        ({"weights": torch.ones(100)}, "other rows or weights"),
    ],
    ids=["width", "learning_rate", "steps", "seed", "values", "weights"],
)
def test_a_checkpoint_of_another_fit_is_refused(change: dict[str, object], says: str, half: Path) -> None:
    module = network(change.pop("width", 8))  # type: ignore[arg-type]
    known = {name: change.pop(name) for name in ("learning_rate", "steps") if name in change}
    content = half.read_bytes()
    with pytest.raises(StoreError, match=says) as said:
        fit(module, half, recipe=replace(RECIPE, **known), **change)  # type: ignore[arg-type]
    assert "\n" not in str(said.value) and "half.ckpt" in str(said.value) and "remedy" in str(said.value)
    assert half.read_bytes() == content


def test_a_checkpoint_may_go_on_elsewhere(half: Path, whole: dict[str, Tensor]) -> None:
    assert same(fit(network(), half, recipe=replace(RECIPE, device="auto")), whole)


def _cut(content: bytes) -> bytes:
    return content[:-100]


def _flipped(content: bytes) -> bytes:
    return content[:-50] + bytes([content[-50] ^ 1]) + content[-49:]


@pytest.mark.parametrize(
    "harm", [_cut, _flipped, lambda _: b"", lambda _: b"not a checkpoint"], ids=["cut", "flipped", "empty", "other"]
)
def test_a_damaged_checkpoint_is_refused(harm: Callable[[bytes], bytes], half: Path) -> None:
    half.write_bytes(harm(half.read_bytes()))
    with pytest.raises(StoreError, match="checkpoint is damaged") as said:
        fit(network(), half)
    assert "\n" not in str(said.value)


def test_another_safetensors_file_is_no_checkpoint(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(1)}, tmp_path / "x")
    with pytest.raises(StoreError, match="not a checkpoint"):
        fit(network(), tmp_path / "x")


# A disk that is full ------------------------------------------------------------------------------------------------


class FullDisk:
    """From now on, nothing more can be written."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch

    def fill(self) -> None:
        def refuse(path: Path, content: bytes) -> int:
            with path.open("wb") as file:
                file.write(content[: len(content) // 2])  # a full disk takes a part
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        self._patch.setattr(Path, "write_bytes", refuse)


def test_a_full_disk_leaves_the_old_checkpoint_and_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, Tensor]
) -> None:
    path, disk = tmp_path / "a.ckpt", FullDisk(monkeypatch)
    with pytest.raises(StoreError, match="cannot be written, the one before it is whole; got No space left") as said:
        fit(network(), path, at=lambda call: disk.fill() if call == 31 else None, every=0.0)
    assert "\n" not in str(said.value) and "a.ckpt" in str(said.value) and "free some space" in str(said.value)
    assert [file.name for file in tmp_path.iterdir()] == ["a.ckpt"]
    monkeypatch.undo()
    calls: list[int] = []
    assert same(fit(network(), path, at=calls.append), whole) and len(calls) == 30


def test_a_full_disk_does_not_hide_ctrl_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = FullDisk(monkeypatch)

    def at(call: int) -> None:
        if call == 31:
            disk.fill()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as said:
        fit(network(), tmp_path / "a.ckpt", at=at)
    assert "No space left" in said.value.__notes__[0]


def test_a_full_disk_at_the_end_does_not_take_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, Tensor]
) -> None:
    disk = FullDisk(monkeypatch)
    assert same(fit(network(), tmp_path / "a.ckpt", at=lambda call: disk.fill()), whole)


def test_a_real_limit_on_file_size_is_worded_too(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(StoreError, match="checkpoint cannot be written; got File too large"):
            fit(network(), tmp_path / "a.ckpt", every=0.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())
