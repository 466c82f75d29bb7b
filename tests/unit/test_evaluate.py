"""Splits, means, paired differences, surprise, ranks and the two-sample test."""

import numpy as np
import polars as pl
import pytest
import torch
from scipy import stats

from pofx.data.split import split_rows
from pofx.errors import FitError
from pofx.evaluate.calibration import flatness, ranks
from pofx.evaluate.scores import mean_score, paired
from pofx.evaluate.surprise import surprise
from pofx.evaluate.two_sample import c2st
from pofx.models.stacking import stacking_weights


@pytest.mark.parametrize("n", [10, 11, 57, 1000])
def test_every_row_is_in_one_part(n):
    split = split_rows(n, seed=0)
    assert torch.equal(torch.cat([split.train, split.validation, split.test]).sort().values, torch.arange(n))
    assert min(len(split.train), len(split.validation), len(split.test)) >= 1


def test_time_order_and_groups():
    times = pl.Series(np.random.default_rng(0).permutation(100))
    split = split_rows(100, seed=0, times=times)
    newest = times.gather(split.test.numpy()).min()
    assert newest > times.gather(split.fitted.numpy()).max()
    groups = pl.Series([f"g{k % 9}" for k in range(90)])
    parts = split_rows(90, seed=1, groups=groups)
    names = [set(groups.gather(part.numpy())) for part in (parts.train, parts.validation, parts.test)]
    assert all(names) and not names[0] & names[1] and not names[0] & names[2] and not names[1] & names[2]
    with pytest.raises(FitError, match="at least 10"):
        split_rows(9, seed=0)


def test_means_and_paired_differences():
    random = np.random.default_rng(0)
    hard = random.normal(0, 10, 500)
    a, b = hard + 0.1 + random.normal(0, 0.1, 500), hard
    assert mean_score(a).std_error == pytest.approx(a.std(ddof=1) / np.sqrt(500))
    assert paired(a, b).std_error < mean_score(a).std_error / 10
    assert mean_score(np.array([0.0, -np.inf])).impossible == 1 and mean_score(np.array([0.0, -np.inf])).value is None


def test_surprise_is_a_p_value():
    random = np.random.default_rng(0)
    reference = np.sort(random.normal(size=5000))
    p = surprise(random.normal(size=2000), reference)
    assert stats.kstest(p, "uniform").pvalue > 1e-3
    assert surprise(np.array([-np.inf, 99.0]), reference).tolist() == [1 / 5001, 1.0]


def test_ranks_are_flat_under_the_same_law_even_with_ties():
    random = np.random.default_rng(0)
    for draw in (lambda n: random.normal(size=n), lambda n: random.poisson(2, n).astype(float)):
        shares, p_value = flatness(ranks(draw(2000), draw(10_000), seed=1))
        assert p_value > 1e-3 and sum(shares) == pytest.approx(1)
    assert flatness(ranks(random.normal(0.3, 1, 2000), random.normal(size=10_000), seed=1))[1] < 1e-6


def test_a_classifier_tells_different_laws_apart_and_the_same_law_not():
    random = np.random.default_rng(0)
    same = c2st(random.normal(size=(400, 3)), random.normal(size=(500, 3)), seed=0)
    other = c2st(random.normal(size=(400, 3)), random.normal(1, 1, size=(500, 3)), seed=0)
    assert abs(same.accuracy - 0.5) < 5 * same.std_error < 0.3 < other.accuracy - 0.4
    assert c2st(np.zeros((3, 1)), np.zeros((3, 1)), seed=0) is None


def test_stacking_weights_maximise_the_held_out_score():
    random = np.random.default_rng(0)
    x = np.concatenate([random.normal(0, 1, 700), random.normal(8, 1, 300)])
    scores = torch.tensor(np.stack([stats.norm(*law).logpdf(x) for law in ((0, 1), (8, 1), (0, 50))], 1))
    weights = stacking_weights(scores)
    assert weights.tolist() == pytest.approx([0.7, 0.3, 0.0], abs=0.02)
    best = torch.logsumexp(scores + weights.log(), 1).mean()
    for k in range(3):
        assert best >= scores[:, k].mean()
    impossible = torch.tensor([[-torch.inf, -torch.inf], [0.0, -torch.inf]]).double()
    assert stacking_weights(impossible).tolist() == [1.0, 0.0]


def test_auto_leaves_a_slow_model_out_of_many_rows_and_says_so(monkeypatch):
    from pofx.data.infer import as_data
    from pofx.evaluate import entries

    monkeypatch.setattr(entries, "MOST_KERNELS", 50)
    data = as_data(np.random.default_rng(0).normal(size=(60, 2)))
    chosen, left_out = entries.entries(("auto",), data)
    names = [each.name for each in chosen]
    assert "mixture" in names and "kde" not in names
    assert left_out[0].name == "kde"
    chosen, left_out = entries.entries(("auto", "kde"), data)
    assert "kde" in [each.name for each in chosen] and left_out == []
