"""Likelihood heads are likelihoods: they sum to one, leave missing values out, and sample what they score."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from pofx.heads.base import Head
from pofx.heads.choose import head_of
from pofx.heads.discrete import Bernoulli, Categorical
from pofx.heads.joined import Joined
from pofx.heads.levels import Levels, few_levels
from pofx.heads.mixture import Logistics
from pofx.heads.real import Gaussian, VonMises
from pofx.rng import generator
from pofx.spaces.image import Image
from pofx.spaces.numeric import Circle, Integer, Real
from pofx.spaces.symbolic import Category
from pofx.spaces.table import Table


def numbers(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def pixels(levels: int, components: int = 3) -> Logistics:
    half = numbers((levels - 1) / 2)
    return Logistics(numbers(0.0), 2 * half, half, half, components)


def over(head: Head, parameters: Tensor, outcomes: Tensor) -> Tensor:
    """Log-probability of each outcome of one column for each row of parameters, `[outcomes, n]`."""
    return torch.stack([head.log_prob(parameters, outcome.expand(len(parameters), 1))[:, 0] for outcome in outcomes])


@pytest.mark.parametrize("spread", [1.0, 30.0], ids=["usual", "extreme"])
@pytest.mark.parametrize("levels", [4, 256], ids=str)
def test_pixels_sum_to_one(levels: int, spread: float) -> None:
    head = pixels(levels)
    log_p = over(head, spread * normal(50, head.size), torch.arange(levels, dtype=torch.float64))
    assert torch.isfinite(log_p).all()
    torch.testing.assert_close(log_p.exp().sum(0), torch.ones(50, dtype=torch.float64), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("log_scale", [-60.0, -6.0, 0.0, 11.9, 60.0], ids=str)
@pytest.mark.parametrize("place", [-1e6, -1.0, 0.001, 1.0, 1e6], ids=str)
def test_pixels_sum_to_one_however_extreme_a_law_is(place: float, log_scale: float) -> None:
    head = pixels(256)
    parameters = numbers(0.0, 50.0, -50.0, place, place, 0.0, log_scale, log_scale, 0.0)[None]
    log_p = over(head, parameters, torch.arange(256, dtype=torch.float64))
    assert float(log_p.exp().sum()) == pytest.approx(1, abs=1e-9)
    assert (log_p <= 1e-12).all()


@pytest.mark.parametrize("spread", [1.0, 4.0], ids=str)
def test_single_and_double_precision_agree(spread: float) -> None:
    head = pixels(256)
    parameters = (spread * normal(500, head.size)).float().double()
    x = torch.randint(256, (500, 1), generator=generator(1)).double()
    answers = []
    for kind in (torch.float32, torch.float64):
        given = parameters.to(kind).requires_grad_()
        score = head.log_prob(given, x)
        assert score.dtype == kind
        (slopes,) = torch.autograd.grad(score.sum(), given)
        answers.append((score.double(), slopes.double()))
    for single, double in zip(*answers, strict=True):
        torch.testing.assert_close(single, double, rtol=1e-4, atol=1e-4)


def test_heads_of_pictures_answer_as_those_that_look_for_gaps() -> None:
    half = numbers(7.5, 7.5)
    law = (torch.zeros_like(half), 2 * half, half, half, 2)
    x = torch.tensor([[0.0, 15.0], [3.0, 8.0]], dtype=torch.float64)
    for quick, careful in (
        (Logistics(*law, complete=True), Logistics(*law)), (Bernoulli(2, complete=True), Bernoulli(2))
    ):  # fmt: skip
        parameters, seen = normal(2, careful.size), x if careful.per > 1 else (x > 5).double()
        assert torch.equal(quick.log_prob(parameters, seen), careful.log_prob(parameters, seen))


def test_a_pixel_is_a_difference_of_distribution_functions_with_open_ends() -> None:
    head = pixels(256, components=1)
    place, scale = 0.3 * 127.5 + 127.5, 0.02 + 127.5 * math.exp(-2.0)
    log_p = over(head, numbers(0.0, 0.3, -2.0)[None], torch.arange(256, dtype=torch.float64))[:, 0]
    ends = stats.logistic.cdf((np.arange(257) - 0.5 - place) / scale)
    ends[0], ends[-1] = 0.0, 1.0
    np.testing.assert_allclose(log_p.exp().numpy(), np.diff(ends), rtol=1e-9)


def test_gradients_of_pixels_are_right_at_the_ends_and_in_the_tails() -> None:
    head = pixels(256)
    x = torch.tensor([[0.0], [255.0], [7.0], [128.0]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda p: head.log_prob(p, x), normal(4, head.size).requires_grad_())
    far = torch.tensor([[0.0] * 3 + [50.0] * 3 + [-40.0] * 3], dtype=torch.float64).requires_grad_()
    head.log_prob(far, torch.zeros(1, 1, dtype=torch.float64)).sum().backward()
    assert far.grad is not None and torch.isfinite(far.grad).all()


def test_unbounded_counts_sum_to_one_and_are_finite_far_out() -> None:
    head = Logistics(numbers(0.0), numbers(math.inf), numbers(4.0), numbers(3.0), 2)
    parameters = normal(5, head.size)
    log_p = over(head, parameters, torch.arange(0, 3000, dtype=torch.float64))
    torch.testing.assert_close(log_p.exp().sum(0), torch.ones(5, dtype=torch.float64), rtol=1e-9, atol=1e-9)
    assert torch.isfinite(head.log_prob(parameters, torch.full((5, 1), 1e9, dtype=torch.float64))).all()


def test_gaussian_is_the_normal_law_above_its_floor() -> None:
    head = Gaussian(numbers(0.5, 0.5))
    parameters = numbers(1.0, -2.0, -1.0, -900.0)[None]  # means, then logs of spreads
    found = head.log_prob(parameters, numbers(1.5, -2.0)[None])[0]
    wanted = stats.norm.logpdf([1.5, -2.0], [1.0, -2.0], [0.5 + math.exp(-1.0), 0.5])
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-12)


def test_von_mises_integrates_to_one() -> None:
    head = VonMises(numbers(24.0), numbers(-3.0))
    x = -3.0 + 24.0 * (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000
    total = over(head, 4 * normal(6, 2), x).exp().sum(0) * (24.0 / 4000)
    torch.testing.assert_close(total, torch.ones(6, dtype=torch.float64), rtol=1e-6, atol=1e-6)


HEADS: dict[str, Head] = {
    "bernoulli": Bernoulli(2),
    "categorical": Categorical(2, 3),
    "logistics": Logistics(numbers(0.0, -5.0), numbers(7.0, 5.0), numbers(3.0, 0.0), numbers(2.0, 2.0), 2),
    "gaussian": Gaussian(numbers(0.1, 0.1)),
    "von_mises": VonMises(numbers(360.0, 1.0), numbers(0.0, 0.0)),
}


@pytest.mark.parametrize("name", HEADS)
def test_a_missing_value_scores_nothing_and_moves_nothing(name: str) -> None:
    head = HEADS[name]
    parameters = normal(3, head.size).requires_grad_()
    x = head.middle(parameters.detach())
    x[:, 1] = torch.nan
    score = head.log_prob(parameters, x)
    score.sum().backward()
    assert (score[:, 1] == 0).all()
    assert (score[:, 0] != 0).all()
    assert parameters.grad is not None and torch.isfinite(parameters.grad).all()
    assert (head.split(parameters.grad)[:, :, 1] == 0).all()


@pytest.mark.parametrize("name", HEADS)
def test_float32_is_answered_in_float32(name: str) -> None:
    head = HEADS[name]
    assert head.log_prob(normal(2, head.size).float(), torch.zeros(2, 2)).dtype == torch.float32


@pytest.mark.parametrize("name", ["bernoulli", "categorical", "logistics"])
def test_samples_come_as_often_as_they_score(name: str) -> None:
    head = HEADS[name]
    parameters = normal(1, head.size)
    drawn = head.sample(parameters.expand(20_000, -1), generator(1))
    for column in range(2):
        outcomes, counts = drawn[:, column].unique(return_counts=True)
        x = head.middle(parameters).expand(len(outcomes), 2).clone()
        x[:, column] = outcomes
        expected = 20_000 * head.log_prob(parameters.expand(len(x), -1), x)[:, column].exp()
        kept = expected > 20
        z = (counts[kept] - expected[kept]) / expected[kept].sqrt()
        assert kept.any() and z.abs().max() < 4.5


def test_real_samples_have_the_moments_of_their_law() -> None:
    head = HEADS["gaussian"]
    drawn = head.sample(numbers(2.0, -1.0, 0.0, math.log(0.4)).expand(20_000, -1), generator(2))
    torch.testing.assert_close(drawn.mean(0), numbers(2.0, -1.0), rtol=0, atol=0.04)
    torch.testing.assert_close(drawn.std(0), numbers(1.1, 0.5), rtol=0.03, atol=0)


def test_directions_of_samples_are_those_of_their_law() -> None:
    head = HEADS["von_mises"]
    drawn = head.sample(numbers(0.0, 3.0, 5.0, 0.0).expand(20_000, -1), generator(3))
    assert head.middle(numbers(0.0, 3.0, 5.0, 0.0)[None])[0].tolist() == pytest.approx([90.0, 0.0])
    resultant = torch.sin(torch.deg2rad(drawn[:, 0])).mean()
    assert float(resultant) == pytest.approx(float(stats.vonmises(5.0).expect(math.cos)), abs=0.01)
    assert (drawn[:, 1] >= 0).all() and (drawn[:, 1] < 1).all()


def table_head() -> tuple[Joined, Table]:
    spaces = (
        Category(("a", "b"), open=False),
        Real(2.0),
        Integer(0),
        Category(("x", "y"), open=False),
        Circle(1.0),
        Real(),
    )
    table = Table(tuple("abcdef"), spaces)
    return head_of(table, torch.zeros(6, dtype=torch.float64), torch.ones(6, dtype=torch.float64), 2, 0.01), table


def test_columns_of_a_table_keep_their_places() -> None:
    head, table = table_head()
    assert head.size == 2 * 2 + 2 * 2 + 6 + 2
    drawn = head.sample(normal(40, head.size), generator(4))
    assert table.contains(drawn).all()
    parameters = normal(1, head.size).expand(2, -1)
    x = drawn[:1].repeat(2, 1)
    for j in range(6):
        other = x.clone()
        other[1, j] = torch.nan
        score = head.log_prob(parameters, other)
        assert (score[0] != score[1]).nonzero()[:, 0].tolist() == [j]


def test_half_the_resolution_is_the_floor() -> None:
    head, _ = table_head()
    gaussian = next(part for part in head.heads if isinstance(part, Gaussian))
    assert gaussian.floor.tolist() == [1.0, 0.01]
    assert int(head.spreads().sum()) == 2


def test_what_a_network_begins_with_fits_the_columns_by_themselves() -> None:
    head, _ = table_head()
    random = generator(5)
    codes = torch.floor(2 * torch.rand(500, 2, generator=random, dtype=torch.float64) ** 2)
    x = torch.stack(
        [codes[:, 0], 5 + 3 * normal(500), torch.floor(normal(500, seed=1).exp() * 4), codes[:, 1],
         torch.remainder(0.1 * normal(500, seed=2), 1), normal(500, seed=3)], 1,
    )  # fmt: skip
    start = head.initial(x)
    begun = head.log_prob(start.expand(500, -1), x).mean(0)
    shares = codes.mean(0)
    entropy = -(shares * shares.log() + (1 - shares) * (1 - shares).log())
    assert begun[[0, 3]].tolist() == pytest.approx((-entropy).tolist(), abs=0.01)
    assert float(begun[1]) == pytest.approx(-0.5 * math.log(2 * math.pi * math.e * 9), abs=0.1)
    assert float(begun[4]) > 0.5  # far better than the uniform law, which has 0


def test_pictures_of_one_bit_have_bernoulli_pixels_and_others_logistic_ones() -> None:
    none = torch.zeros(0, dtype=torch.float64)
    assert head_of(Image(1, 2, 3, 1), none, none, 3, 0.01).size == 6
    assert head_of(Image(3, 2, 2, 8), none, none, 3, 0.01).size == 3 * 3 * 12


# Levels -------------------------------------------------------------------------------------------------------------


def test_levels_have_mass_one_and_samples_that_follow_it_levels_never_met_among_them():
    head = Levels(2, [0, 3, 7], 8)
    parameters = torch.randn(1, head.size, generator=torch.Generator().manual_seed(0)).double()
    every = torch.tensor([[a, b] for a in range(8) for b in range(8)]).double()
    assert float(head.log_prob(parameters.expand(64, -1), every).sum(1).exp().sum()) == pytest.approx(1, abs=1e-12)
    drawn = head.sample(parameters.expand(100_000, -1), torch.Generator().manual_seed(1))
    share = head.log_prob(parameters.expand(8, -1), torch.arange(8.0)[:, None].expand(8, 2)).exp()
    found = torch.bincount(drawn[:, 1].long(), minlength=8) / len(drawn)
    assert torch.allclose(found.double(), share[:, 1], atol=0.006)


def test_levels_where_all_occur_are_categorical():
    head = Levels(3, range(4), 4)
    assert head.per == 4
    x = torch.randint(4, (50, 3), generator=torch.Generator().manual_seed(0)).double()
    begin = head.initial(x)
    counted = torch.stack([(x == k).sum(0) for k in range(4)]) + 0.5
    wanted = (counted / counted.sum(0)).gather(0, x[:1].long())[0].double()
    assert torch.allclose(head.log_prob(begin[None], x[:1])[0].exp(), wanted)


def test_few_levels_are_found_and_many_are_not():
    space = torch.tensor([0, 16, 255], dtype=torch.uint8).repeat(40).reshape(30, 1, 2, 2)
    assert few_levels(space, 256) == (0, 16, 255)
    assert few_levels(torch.arange(256).reshape(4, 1, 8, 8), 256) == ()
