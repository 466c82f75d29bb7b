"""Rows into train, validation and test, once: at random, by group, or in time order."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
import torch
from torch import Tensor

from pofx.errors import FitError
from pofx.rng import generator

TEST = 0.20  # of all rows
VALIDATION = 0.16  # of all rows: a fifth of what is left
FEWEST = 10  # rows that can be split
PART = 0.1  # of all texts or sounds: the test, and as many to choose by
MOST_SEQUENCES = 2_000  # held out to choose by
MOST_PICTURES = 5_000  # held out to choose by: scoring a picture costs a pass through a network


@dataclass(frozen=True)
class Split:
    """Row numbers (from 0) of the three parts; together they are all rows, each once."""

    train: Tensor
    validation: Tensor
    test: Tensor

    @property
    def fitted(self) -> Tensor:
        """Train and validation rows together, for the last fit before the test."""
        return torch.cat([self.train, self.validation]).sort().values


def split_rows(
    n: int,
    *,
    seed: int,
    groups: pl.Series | None = None,
    times: pl.Series | None = None,
    most_validation: int = 1 << 62,
    outcome: str = "row",
) -> Split:
    """Split `n` rows: 64% train, 16% validation, 20% test.

    Args:
        n: number of rows, at least 10.
        seed: for a random split; a split in time order needs none.
        groups: rows with the same value stay together.
        times: the latest rows are the test, the ones before them the validation.
        most_validation: validation rows at most; not by group.
        outcome: what one row is called.
    """
    if n < FEWEST:
        model = "KDE" if outcome == "row" else "VAE"
        raise FitError(
            f"fewer {outcome}s than can be split into train, validation and test",
            got=f"{n} {outcome}{'s' * (n != 1)}",
            expected=f"at least {FEWEST}",
            remedy=f"collect more {outcome}s, or fit one model to all of them from Python: pofx.{model}().fit(x)",
        )
    if times is not None:
        return _cut(torch.tensor(times.arg_sort(nulls_last=False).to_numpy().astype("int64")), most_validation)
    if groups is not None:
        return _by_group(groups, seed)
    return _cut(torch.randperm(n, generator=generator(seed)), most_validation)


def split_pictures(n: int, tests: int, *, seed: int) -> Split:
    """Split `n` pictures at random, the `tests` that follow them being the test; without any, a fifth of `n` are.

    Args:
        n: number of pictures that were not set apart as a test, at least 10 with it.
        tests: number of test pictures that came with them.
        seed: of the split.
    """
    if tests == 0:
        return split_rows(n, seed=seed, most_validation=MOST_PICTURES, outcome="picture")
    if n < 2:
        raise FitError("a picture to train on and one to choose by are the least", got=f"{n} pictures")
    order = torch.randperm(n, generator=generator(seed))
    held = min(max(1, round(VALIDATION * n)), MOST_PICTURES)
    return Split(order[held:].sort().values, order[:held].sort().values, torch.arange(n, n + tests))


def split_sequences(n: int, *, seed: int | None, outcome: str) -> Split:
    """Split `n` texts or sounds: 80% train, 10% validation, 10% test.

    Args:
        n: how many, at least 10.
        seed: for a random split; None splits them in their order.
        outcome: what one is called.
    """
    if n < FEWEST:
        raise FitError(
            f"fewer {outcome}s than can be split into train, validation and test",
            got=f"{n} {outcome}{'s' * (n != 1)}",
            expected=f"at least {FEWEST}",
            remedy=f"collect more, or fit one model to all of them from Python: estimator.fit({outcome}s)",
        )
    order = torch.arange(n) if seed is None else torch.randperm(n, generator=generator(seed))
    return _cut(order, MOST_SEQUENCES, PART, PART)


def _cut(order: Tensor, most_validation: int, test_part: float = TEST, held_part: float = VALIDATION) -> Split:
    n = len(order)
    test, validation = max(1, round(test_part * n)), min(max(1, round(held_part * n)), most_validation)
    first = n - test - validation
    return Split(*(part.sort().values for part in (order[:first], order[first : n - test], order[n - test :])))


def _by_group(groups: pl.Series, seed: int) -> Split:
    codes = torch.tensor(groups.cast(pl.String).fill_null("").rank("dense").to_numpy().astype("int64")) - 1
    count = int(codes.max()) + 1
    if count < 3:
        raise FitError(
            "fewer groups than can be split", got=f"{count} groups", expected="at least 3", remedy="--split random"
        )
    sizes = torch.bincount(codes)
    order = torch.randperm(count, generator=generator(seed))
    covered = torch.cumsum(sizes[order], 0).double() / len(codes)
    part = torch.zeros(count, dtype=torch.long)
    part[order] = (covered > 1 - TEST - VALIDATION).long() + (covered > 1 - TEST).long()
    part[order[0]], part[order[-2]], part[order[-1]] = 0, 1, 2  # each part gets at least one group
    rows = part[codes]
    return Split(*((rows == k).nonzero()[:, 0] for k in range(3)))
