"""The loop: what it learns, what it keeps, when it stops, and what it says."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pofx.errors import FitError
from pofx.rng import generator
from pofx.training import device as devices
from pofx.training.history import History, read_history
from pofx.training.loop import minimise
from pofx.training.plan import Plan
from pofx.training.recipe import Recipe

QUICK = Recipe(steps=60, batch=32, learning_rate=0.05, check_every=20, warmup=5, device="cpu")


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    """PyTorch's first optimiser loads its compiler, a second or two, which are not to be counted in a budget here."""
    torch.optim.AdamW([nn.Parameter(torch.zeros(1))])


class Normal(nn.Module):
    """A normal law with a mean and a scale to be learnt."""

    def __init__(self) -> None:
        super().__init__()
        self.mean, self.log_scale = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(2))

    def forward(self, x: Tensor) -> Tensor:  # [n, 2] -> [n], nats
        z = (x - self.mean) * torch.exp(-self.log_scale)
        return (0.5 * z**2 + self.log_scale + 0.5 * math.log(2 * math.pi)).sum(-1)


def network(seed: int = 0) -> nn.Sequential:
    module = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 2))
    random = generator(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=random))
    return module


def rows(n: int = 400, seed: int = 1) -> Tensor:
    return 1.5 + 0.5 * torch.randn(n, 2, generator=generator(seed))


def nats(module: nn.Module) -> Callable[[Tensor, torch.Generator], Tensor]:
    return lambda x, _: module(x).mean()


def squares(module: nn.Module) -> Callable[[Tensor, torch.Generator], Tensor]:
    return lambda x, random: (module(x + 0.1 * torch.randn(x.shape, generator=random)) - x.sin()).pow(2).mean()


def held_out(module: nn.Module) -> Callable[[], float]:
    unseen = rows(seed=2)
    return lambda: float((module(unseen) - unseen.sin()).pow(2).mean().detach())


def weights_of(module: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])


def fit(
    module: nn.Module, recipe: Recipe = QUICK, *, seconds: float | None = None, seed: int = 0, **more: object
) -> History:
    loss = more.pop("loss", None) or squares(module)
    return minimise(module, loss, rows(), recipe=recipe, plan=Plan(seconds), seed=seed, **more)  # type: ignore[arg-type]


# What is learnt -----------------------------------------------------------------------------------------------------


def test_a_normal_law_is_found_to_the_nat() -> None:
    module, x = Normal(), rows()
    history = minimise(module, nats(module), x, recipe=replace(QUICK, steps=400, batch=400), plan=Plan(), seed=0)
    best = (x.std(0, correction=0).log() + 0.5 * math.log(2 * math.pi * math.e)).sum()
    assert float(module(x).mean().detach()) == pytest.approx(float(best), abs=1e-3)
    torch.testing.assert_close(module.mean.detach(), x.mean(0), atol=0.01, rtol=0)
    assert history.stopped == "all steps done" and len(history.losses) == 400 and not module.training


def test_weights_are_as_good_as_repeated_rows() -> None:
    x = rows(60)
    module = Normal()
    heavy = (x[:, 0] > 1.5).float()
    recipe = replace(QUICK, steps=400, batch=60)
    minimise(module, nats(module), x, recipe=recipe, plan=Plan(), seed=0, weights=heavy)
    torch.testing.assert_close(module.mean.detach(), x[heavy > 0].mean(0), atol=0.05, rtol=0)


@pytest.mark.parametrize(
    "change",
    [
        {"optimiser": "muon"},
        {"average": 0.9},
        {"precision": "bf16"},
        {"cooldown": "linear"},
        {"cooldown": "none"},
        {"clip": 0.0},
        {"weight_decay": 0.01},
    ],
    ids=str,
)
def test_every_ingredient_learns(change: dict[str, object]) -> None:
    module = network()
    before = held_out(module)()
    history = fit(module, replace(QUICK, learning_rate=0.02, **change), validation=held_out(module))  # type: ignore[arg-type]
    assert held_out(module)() < 0.2 * before
    assert all(math.isfinite(value) for value in history.losses)
    assert all(parameter.dtype == torch.float32 for parameter in module.parameters())


def test_the_same_seed_gives_the_same_weights_and_another_gives_others() -> None:
    ends = []
    for seed in (0, 0, 1):
        module = network()
        fit(module, seed=seed)
        ends.append(weights_of(module))
    assert torch.equal(ends[0], ends[1]) and not torch.equal(ends[0], ends[2])


def test_global_generators_are_untouched_and_do_no_harm() -> None:
    ends = []
    for global_seed in (1, 2):
        torch.manual_seed(global_seed)
        module = nn.Sequential(network(), nn.Dropout(0.3))  # dropout draws from the global generator
        before = torch.get_rng_state()
        fit(module, validation=lambda: float(torch.rand(())))
        assert torch.equal(torch.get_rng_state(), before)
        ends.append(weights_of(module))
    assert torch.equal(*ends)


def test_the_gradient_is_clipped() -> None:
    moves = []
    for clip in (0.0, 1e-9):
        module = Normal()  # with so short a gradient AdamW's epsilon of 1e-8 is what divides
        fit(module, replace(QUICK, steps=1, warmup=0, clip=clip), loss=nats(module))
        moves.append(float(weights_of(module).norm()))
    assert moves[0] == pytest.approx(0.05 * 2, rel=1e-3) and moves[1] < 0.2 * moves[0]


def test_frozen_parameters_stay() -> None:
    module = network()
    module[0].requires_grad_(False)
    before = module[0].weight.clone()
    fit(module, replace(QUICK, average=0.9))
    assert torch.equal(module[0].weight, before)


# What is kept, and when it stops ------------------------------------------------------------------------------------


def test_the_best_weights_by_validation_are_kept() -> None:
    module, seen = network(), []

    def validation() -> float:
        assert not module.training and not torch.is_grad_enabled()
        seen.append(weights_of(module))
        return [3.0, 2.0, 1.0, 1.5][len(seen) - 1]

    history = fit(module, validation=validation)
    assert len(seen) == 4 and history.best_step == 40 and torch.equal(weights_of(module), seen[2])
    assert [check.step for check in history.checks] == [0, 20, 40, 60]
    assert [check.validation for check in history.checks] == [3.0, 2.0, 1.0, 1.5]


def test_a_fit_without_gain_stops_early() -> None:
    module, values = network(), iter([3.0, 1.0, 2.0, 2.0, 2.0, 2.0])
    history = fit(module, replace(QUICK, steps=1000, patience=3), validation=lambda: next(values))
    assert history.stopped == "no gain in 3 validations" and history.best_step == 20
    assert len(history.losses) == 80


def test_averaged_weights_are_validated_and_kept() -> None:
    module, seen = network(), []

    def validation() -> float:
        seen.append(weights_of(module))
        return -float(len(seen))

    fit(module, replace(QUICK, average=0.9), validation=validation)
    plain, averaged = network(), network()
    fit(plain)
    fit(averaged, replace(QUICK, average=0.9))  # without validation
    assert torch.equal(weights_of(module), seen[-1])
    assert torch.equal(weights_of(averaged), weights_of(module))
    assert not torch.equal(weights_of(plain), weights_of(module))


@pytest.mark.parametrize("poison", ["loss", "gradient"])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_step_that_is_not_finite_stops_the_fit_there(poison: str, bad: float) -> None:
    module, calls = network(), []

    def loss(x: Tensor, random: torch.Generator) -> Tensor:
        calls.append(weights_of(module))
        value = squares(module)(x, random)
        if len(calls) == 31:
            if poison == "loss":
                return value * bad
            value.register_hook(lambda gradient: gradient * bad)
        return value

    with pytest.raises(FitError, match=rf"step 31: its {poison} is not finite.*learning rate.*remedy: .*0.005") as said:
        fit(module, loss=loss)
    assert "\n" not in str(said.value)
    assert len(calls) == 31 and torch.isfinite(weights_of(module)).all() and not module.training
    assert torch.equal(weights_of(module), calls[29 if poison == "loss" else 30])


def test_weights_made_infinite_by_a_step_are_rolled_back() -> None:
    module = Normal()
    with pytest.raises(FitError, match="not finite"):
        fit(module, replace(QUICK, learning_rate=1e38, warmup=0, cooldown="none"), loss=nats(module))
    assert torch.isfinite(weights_of(module)).all() and torch.isfinite(module(rows())).all()


@pytest.mark.parametrize("validated", [True, False])
def test_a_learning_rate_that_diverges_is_said(validated: bool) -> None:
    module = network()
    before = weights_of(module)
    recipe = replace(QUICK, steps=4000, learning_rate=30.0, warmup=0)
    more = {"validation": held_out(module)} if validated else {}
    with pytest.raises(FitError, match=r"diverged.*at step 40.*learning_rate=30; remedy: .* 3$"):
        fit(module, recipe, **more)
    assert torch.isfinite(weights_of(module)).all()
    assert not validated or torch.equal(weights_of(module), before)  # the best there were


def test_a_fit_that_diverges_late_keeps_its_best() -> None:
    module, values = network(), iter([3.0, 1.0, 1e9, math.nan, 0.0])
    history = fit(module, replace(QUICK, steps=1000), validation=lambda: next(values))
    assert history.stopped == "diverged" and history.best_step == 20 and history.checks[-1].validation == math.inf


# Time ---------------------------------------------------------------------------------------------------------------


def test_a_budget_is_kept_and_cools_down_in_it() -> None:
    module = network()

    def slow(x: Tensor, random: torch.Generator) -> Tensor:
        time.sleep(0.02)
        return squares(module)(x, random)

    def slow_validation() -> float:
        time.sleep(0.05)
        return held_out(module)()

    recipe = replace(QUICK, steps=100_000, learning_rate=0.02, check_every=10)
    started = time.monotonic()
    history = fit(module, recipe, seconds=1.5, loss=slow, validation=slow_validation)
    passed = time.monotonic() - started
    assert history.stopped == "time is up" and 1.2 < passed < 1.7  # of 1.5; the rest is for a busy machine
    last = history.checks[-1]
    assert last.step == len(history.losses) > 20
    assert last.learning_rate < 0.02 * 0.05  # it reached its floor, though 100,000 steps were planned
    assert max(check.learning_rate for check in history.checks) > 0.5 * 0.02


def test_validations_take_a_fifth_of_a_budget_at_most() -> None:
    module, calls = network(), []

    def slow_validation() -> float:
        calls.append(1)
        time.sleep(0.1)
        return held_out(module)()

    fit(module, replace(QUICK, steps=100_000, check_every=1), seconds=1.5, validation=slow_validation)
    assert 2 <= len(calls) <= 5


def test_without_any_time_one_step_is_made_and_its_weights_kept() -> None:
    module = network()
    before = weights_of(module)
    history = fit(module, seconds=0.0, validation=held_out(module))
    assert len(history.losses) == 1 and history.stopped == "time is up"
    assert not torch.equal(weights_of(module), before)


def test_no_steps_leave_a_network_as_it_is() -> None:
    module = network()
    before = weights_of(module)
    history = fit(module, replace(QUICK, steps=0), validation=held_out(module))
    assert history.losses == () and torch.equal(weights_of(module), before) and not module.training


# What is said -------------------------------------------------------------------------------------------------------


class Listener:
    def __init__(self) -> None:
        self.heard: list[tuple[object, ...]] = []

    def start(self, what: str, total: int | None) -> None:
        self.heard.append(("start", what, total))

    def step(self, done: int, note: str = "") -> None:
        self.heard.append(("step", done, note))

    def finish(self) -> None:
        self.heard.append(("finish",))


def test_the_recorder_hears_steps_and_the_loss_in_the_users_units() -> None:
    listener = Listener()
    fit(network(), recorder=listener, note=lambda loss: f"{loss / 2:.2f} bits/dim")
    assert listener.heard[0] == ("start", "training", 60) and listener.heard[-1] == ("finish",)
    first, last = listener.heard[1], listener.heard[-2]
    assert first[1] == 1 and str(first[2]).endswith("bits/dim")
    assert last[1] == 60 and str(last[2]).endswith("bits/dim")


def test_under_a_budget_the_recorder_hears_percent_of_the_time() -> None:
    listener = Listener()
    fit(network(), recorder=listener, note=lambda loss: f"{loss / 2:.2f} bits/dim", seconds=60.0)
    assert listener.heard[0] == ("start", "training", 100)
    first, last = listener.heard[1], listener.heard[-2]
    assert first[1] == round(100 / 60) and str(first[2]).endswith("bits/dim, step 1")
    assert last[1] == 100 and str(last[2]).endswith("bits/dim, step 60")


def test_history_is_a_line_a_validation_and_readable_while_it_grows(tmp_path: Path) -> None:
    module, path, lengths = network(), tmp_path / "history.jsonl", []

    def validation() -> float:
        lengths.append(len(read_history(path)))
        return math.inf if len(lengths) == 1 else held_out(module)()

    history = fit(module, validation=validation, history=path)
    assert lengths == [0, 1, 2, 3]
    read = read_history(path)
    assert read[0].validation is None and read[1:] == list(history.checks[1:])
    with path.open("a") as file:
        file.write('{"step": 80, "sec')  # what a crash leaves
    assert read_history(path) == read
    assert sum(history.losses[:20]) / 20 == pytest.approx(read[1].loss)


def test_without_a_compiler_the_fit_goes_on_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no C++ compiler\nand more")

    plain, module, listener = network(), network(), Listener()
    fit(plain)
    monkeypatch.setattr(devices.torch, "compile", broken)
    fit(module, replace(QUICK, compile=True), recorder=listener)
    assert ("step", 0, "torch.compile failed, going on without: no C++ compiler") in listener.heard
    assert torch.equal(weights_of(module), weights_of(plain))


def test_a_compiled_loss_leaves_no_trace_of_its_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = []
    for compile in (False, True):
        module = nn.Sequential(network(), nn.BatchNorm1d(2))
        monkeypatch.setattr(devices.torch, "compile", lambda objective: objective)
        fit(module, replace(QUICK, compile=compile))
        ends.append(module.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(ends[0].values(), ends[1].values(), strict=True))


def test_a_fit_may_run_in_any_thread() -> None:
    modules = [network(), network()]
    with ThreadPoolExecutor(1) as pool:
        pool.submit(fit, modules[0]).result()
    fit(modules[1])
    assert torch.equal(*map(weights_of, modules))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the compiler's own
def test_a_compiled_fit_ends_where_a_plain_one_does() -> None:
    ends = []
    for compile in (False, True):
        module, listener = network(), Listener()
        fit(module, replace(QUICK, compile=compile), recorder=listener)
        ends.append(weights_of(module))
    if ("step", 0, "compiled") not in listener.heard:
        pytest.skip("torch.compile does not work here")
    torch.testing.assert_close(*ends, rtol=1e-4, atol=1e-4)


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(FitError, match=r"device cannot be used.*nowhere"):
        fit(network(), replace(QUICK, device="nowhere"))


def test_a_network_without_parameters_is_refused() -> None:
    with pytest.raises(FitError, match="no parameter"):
        fit(nn.Identity(), loss=lambda x, _: x.mean())


def test_numbers_too_small_are_zero_in_training_only():
    from pofx.training.denormals import flushed

    tiny = torch.tensor(1e-40)
    with flushed():
        assert tiny * 0.5 == 0
    assert tiny * 0.5 != 0
