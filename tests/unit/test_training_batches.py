"""The rows of a step: by seed and step alone, each row once an epoch, or in proportion to its weight."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pofx.errors import FitError
from pofx.training.batches import Batches


def test_rows_depend_on_seed_and_step_alone() -> None:
    forwards, backwards = Batches(103, 10, 7), Batches(103, 10, 7)
    rows = {step: forwards.rows(step) for step in range(60)}
    for step in reversed(range(60)):
        assert torch.equal(backwards.rows(step), rows[step])
    assert not torch.equal(Batches(103, 10, 8).rows(0), rows[0])


@pytest.mark.parametrize(("n", "batch"), [(103, 10), (100, 10), (7, 7), (5, 256), (1, 3)])
def test_every_epoch_has_every_row_once(n: int, batch: int) -> None:
    batches = Batches(n, batch, 0)
    line = torch.cat([batches.rows(step) for step in range(3 * n)]).numpy()
    assert len(line) == 3 * n * min(n, batch)
    epochs = line.reshape(-1, n)
    assert (np.sort(epochs, axis=1) == np.arange(n)).all()
    assert n < 5 or not (epochs[0] == epochs[1]).all()


def test_weights_are_proportions_to_one_row_an_epoch() -> None:
    weights = torch.tensor([0.0, 1.0, 2.0, 5.0, 0.0, 2.5, 0.0])
    n = len(weights)
    batches = Batches(n, n, 3, weights)
    expected = n * (weights / weights.sum()).numpy()
    total = np.zeros(n)
    for epoch in range(400):
        counts = np.bincount(batches.rows(epoch).numpy(), minlength=n)
        assert (np.abs(counts - expected) < 1).all()
        total += counts
    assert total[[0, 4, 6]].sum() == 0
    assert total / 400 == pytest.approx(expected, abs=4 * np.sqrt(0.25 / 400))


def test_equal_weights_are_no_weights() -> None:
    rows = Batches(50, 50, 0, torch.full((50,), 0.3)).rows(0)
    assert torch.equal(rows.sort().values, torch.arange(50))


@pytest.mark.parametrize("weights", [[0.0, 0.0, 0.0], [1.0, -1.0, 1.0], [1.0, float("nan"), 1.0], [1.0, 1.0]], ids=str)
def test_weights_that_cannot_be_drawn_from_are_refused(weights: list[float]) -> None:
    with pytest.raises(FitError, match="row weights"):
        Batches(3, 2, 0, torch.tensor(weights))


def test_no_rows_are_refused() -> None:
    with pytest.raises(FitError, match="no row"):
        Batches(0, 2, 0)
