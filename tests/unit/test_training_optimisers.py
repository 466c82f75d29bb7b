"""Muon against its definition and against PyTorch's own; which parameters it takes; averages of weights."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pofx.rng import generator
from pofx.training.averaging import Average, Copy
from pofx.training.optimisers import Muon, Optimisers, hidden_matrices, orthogonalised
from pofx.training.recipe import Recipe


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=generator(seed), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(12, 12), (8, 30), (30, 8), (1, 5)], ids=str)
def test_newton_schulz_moves_all_singular_values_near_one_and_keeps_the_directions(shape: tuple[int, int]) -> None:
    matrix = normal(*shape)
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    rotated = u.mT @ orthogonalised(matrix) @ v.mT  # diagonal, if the singular vectors are those of the matrix
    values = rotated.diagonal()
    assert float(values.min()) > 0.3 and float(values.max()) < 1.3
    assert float((rotated - torch.diag(values)).abs().max()) < 1e-10
    assert torch.isfinite(orthogonalised(torch.zeros(shape))).all()


def test_muon_is_that_of_pytorch_up_to_its_half_precision() -> None:
    start, target = normal(10, 24).float(), normal(10, 24, seed=1).float()
    ours, theirs = (nn.Parameter(start.clone()) for _ in range(2))
    optimisers = [
        Muon([ours], lr=0.02, weight_decay=0.1),
        torch.optim.Muon([theirs], lr=0.02, weight_decay=0.1, momentum=0.95, adjust_lr_fn="match_rms_adamw"),
    ]
    for _ in range(20):
        for parameter, optimiser in zip((ours, theirs), optimisers, strict=True):
            parameter.grad = parameter.detach() - target
            optimiser.step()
    a, b = ours.detach(), theirs.detach()
    assert float((a - b).norm()) < 0.02 * float((b - start).norm())
    assert float((a - target).norm()) < float((start - target).norm())


def test_muon_takes_hidden_matrices_and_kernels_only() -> None:
    module = nn.Sequential(
        nn.Embedding(5, 4), nn.Linear(4, 6), nn.Linear(6, 6), nn.Conv2d(2, 3, 3), nn.LayerNorm(6), nn.Linear(6, 2)
    )
    taken = {id(parameter) for parameter in hidden_matrices(module)}
    assert taken == {id(module[2].weight), id(module[3].weight)}
    recipe = Recipe(optimiser="muon")
    optimisers = Optimisers(module, recipe)
    before = {name: parameter.detach().clone() for name, parameter in module.named_parameters()}
    for parameter in module.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimisers.step(1e-2)
    assert all(bool((parameter != before[name]).any()) for name, parameter in module.named_parameters())


def test_weights_decay_and_biases_do_not() -> None:
    module = nn.Linear(3, 2)
    before = [parameter.detach().clone() for parameter in (module.weight, module.bias)]
    optimisers = Optimisers(module, Recipe(weight_decay=0.5))
    for parameter in module.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimisers.step(0.1)
    torch.testing.assert_close(module.weight.detach(), before[0] * 0.95)
    assert torch.equal(module.bias.detach(), before[1])


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_the_state_of_optimisers_survives_its_way_through_tensors(optimiser: str) -> None:
    def run(module: nn.Module, optimisers: Optimisers, steps: range) -> None:
        for step in steps:
            for k, parameter in enumerate(module.parameters()):
                parameter.grad = normal(*parameter.shape, seed=100 * step + k).float()
            optimisers.step(0.01)

    recipe = Recipe(optimiser=optimiser)  # type: ignore[arg-type]
    one = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 2))
    first = Optimisers(one, recipe)
    run(one, first, range(5))
    two = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 2))
    two.load_state_dict(one.state_dict())
    second = Optimisers(two, recipe)
    second.load({name: tensor.clone() for name, tensor in first.tensors().items()})
    run(one, first, range(5, 10))
    run(two, second, range(5, 10))
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_average_is_exponential_once_it_is_warm() -> None:
    weight = nn.Parameter(torch.zeros(2, dtype=torch.float64))
    average, plain = Average([weight], 0.5), torch.zeros(2, dtype=torch.float64)
    for done in range(100, 120):
        with torch.no_grad():
            weight.add_(float(done))
        average.update(done)
        plain = 0.5 * plain + 0.5 * weight.detach()
    torch.testing.assert_close(average.kept[0], plain)


def test_a_swap_is_undone_also_by_an_error() -> None:
    weight = nn.Parameter(torch.zeros(2))
    copy = Copy([weight])
    with torch.no_grad():
        weight.fill_(3.0)
    with copy.swapped():
        assert weight.tolist() == [0.0, 0.0]
    assert weight.tolist() == [3.0, 3.0]
    with pytest.raises(RuntimeError), copy.swapped():
        raise RuntimeError
    assert weight.tolist() == [3.0, 3.0]
