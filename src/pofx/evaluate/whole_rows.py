"""Measures of all columns together: energy distance, a classifier, divergences, a model's mean surprise."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from pofx.data.dataset import Data
from pofx.divergences import distances, entropies, information
from pofx.divergences.coordinates import Coordinates
from pofx.divergences.estimate import Estimate, Nature
from pofx.divergences.halves import halves
from pofx.divergences.sides import Side
from pofx.divergences.two_sample import classifier, energy
from pofx.divergences.two_sample.classified import judged
from pofx.divergences.two_sample.permutation import energy_test
from pofx.errors import PofxError
from pofx.evaluate.drift import measure_of
from pofx.likelihood import Likelihood
from pofx.rng import split
from pofx.runs.comparison import Measure
from pofx.spaces.base import Measure as SpaceMeasure
from pofx.spaces.table import Table
from pofx.training.recorder import Recorder

JOINT = 5_000  # rows of each side that whole-row measures look at
CLASSIFIED = 5_000
STAGES = 5


def whole_rows(
    sides: tuple[Side, Side], table: Table, a: Tensor, b: Tensor, permutations: int, seed: int, recorder: Recorder
) -> tuple[list[Measure], float]:
    """Measures of all columns together, and the p-value of the energy test."""
    recorder.start("whole rows", STAGES)
    p, q = some(a, JOINT, seed), some(b, JOINT, seed + 1)
    place = Coordinates.of(table, p, q)
    x, y = place(p), place(q)
    test = energy_test(x, y, permutations=permutations, seed=split(seed, "energy"))
    recorder.step(1, "energy distance")
    found = [_energy(x, y, test.p_value, seed)]
    recorder.step(2, "classifier")
    found += _classified(table, p, q, seed)
    recorder.step(3, "divergences")
    found += _divergences(sides, table, p, q, seed)
    recorder.step(4, "cross entropy")
    found += _scores(sides, seed)
    recorder.step(STAGES)
    return found, test.p_value


def some(rows: Tensor, most: int, seed: int) -> Tensor:
    if len(rows) <= most:
        return rows
    return rows[torch.from_numpy(np.random.default_rng(split(seed, "rows")).permutation(len(rows))[:most])]


def _energy(x: np.ndarray, y: np.ndarray, p_value: float, seed: int) -> Measure:
    found = energy.energy_distance(x, y, units="pooled sd", seed=seed)
    one, other = halves(len(x), seed)
    between = energy.energy_distance(x[one], x[other], seed=seed).value
    return measure_of(found, "energy", p_value=p_value, null=between)


def _classified(table: Table, p: Tensor, q: Tensor, seed: int) -> list[Measure]:
    """What a classifier can tell, and what that proves."""
    if min(len(p), len(q)) < classifier.FEWEST:
        return []
    test = judged(table, some(p, CLASSIFIED, seed), some(q, CLASSIFIED, seed), split(seed, "classifier"))
    accuracy = Estimate(
        test.accuracy, test.std_error, Nature.ASYMPTOTICALLY_UNBIASED, test.method, "", "A, B", test.rows, 0.5
    )
    proved = [
        ("js", classifier.js_lower_bound(test), "A, B"),
        ("tv", classifier.tv_lower_bound(test), "A, B"),
    ]
    told = [measure_of(bound, name, direction=direction) for name, bound, direction in proved]
    return [measure_of(accuracy, "c2st", p_value=test.p_value), *told]


def _divergences(sides: tuple[Side, Side], table: Table, p: Tensor, q: Tensor, seed: int) -> list[Measure]:
    """KL both ways, of the models themselves where both are exact, and the sliced distance."""
    models = [side.model for side in sides]
    exact = all(model is not None and model.likelihood is Likelihood.EXACT for model in models)
    mine, other = (models[0], models[1]) if exact else (Data(table, p), Data(table, q))
    asks: list[tuple[str, str, Callable[[], Estimate]]] = [
        ("kl", "A || B", lambda: information.kl(mine, other, seed=seed)),
        ("kl", "B || A", lambda: information.kl(other, mine, seed=seed)),
    ]
    if exact:
        asks.append(("js", "A, B", lambda: information.js(mine, other, seed=seed)))
    if len(table.names) > 1 and any(space.measure is not SpaceMeasure.COUNTING for space in table.spaces):
        a, b = Data(table, p), Data(table, q)
        sliced = functools.partial(distances.sliced_wasserstein, a, b, order=1.0, scale="pooled", seed=seed)
        asks.append(("sliced_wasserstein", "A, B", sliced))
    found = []
    for name, direction, ask in asks:
        try:
            found.append(measure_of(ask(), name, direction=direction))
        except PofxError:
            continue  # this measure has no answer here; the others do
    return found


def _scores(sides: tuple[Side, Side], seed: int) -> list[Measure]:
    """A model's mean surprise at the other side."""
    found = []
    for mine, other, direction in ((0, 1, "A, B"), (1, 0, "B, A")):
        data, model = sides[mine], sides[other].model
        if model is None or model.likelihood is Likelihood.NONE:
            continue
        source = data.data if data.data is not None else data.model
        found.append(
            measure_of(entropies.cross_entropy(source, model, seed=seed), "cross_entropy", direction=direction)
        )
    return found
