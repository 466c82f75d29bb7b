"""What the chosen model looks like against held-out rows: numbers for the report's pictures."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pofx.core.contract import Model
from pofx.evaluate.calibration import flatness
from pofx.evaluate.columns import column_evidence
from pofx.evaluate.histograms import score_edges, shares
from pofx.evaluate.pairs import pair_evidence
from pofx.evaluate.shares import column_shares
from pofx.evaluate.surprise import reference_scores, surprise
from pofx.evaluate.two_sample import c2st
from pofx.likelihood import Likelihood
from pofx.rng import split
from pofx.runs.evidence import Evidence, OddRow
from pofx.spaces.table import Table

DRAWS = 10_000
ODDEST = 12  # rows shown
TYPICAL = 500  # rows whose mean share says what is usual


def evidence(name: str, model: Model, test: Tensor, rows: Tensor, *, seed: int) -> tuple[Evidence, np.ndarray]:
    """Evidence for the report, and the sorted reference scores that surprise p-values are read from.

    Args:
        name: the model's name.
        model: an exact density on a table.
        test: held-out rows in the space's tensor form, `[n, d]`.
        rows: their row numbers in the data, from 0, `[n]`.
    """
    table = model.space
    assert isinstance(table, Table)
    drawn = model.draw(DRAWS, seed=split(seed, "evidence"))
    exact = model.likelihood is Likelihood.EXACT
    reference = reference_scores(model, seed=seed) if exact else np.zeros(0)
    scores = model.log_prob(test).cpu().numpy() if exact else np.zeros(0)
    p_values = surprise(scores, reference) if exact else np.zeros(0)
    edges = score_edges(scores, reference)
    document = Evidence(
        model=name,
        columns=tuple(
            column_evidence(table.names[j], space, test[:, j], drawn[:, j], seed=split(seed, "pit", j))
            for j, space in enumerate(table.spaces)
        ),
        pairs=pair_evidence(model, test, drawn, seed=seed),
        surprise=flatness(p_values)[0],
        score_edges=tuple(edges.tolist()),
        score_test=shares(scores, edges),
        score_samples=shares(reference, edges),
        odd=_oddest(model, test, rows, scores, p_values) if exact else (),
        two_sample=c2st(test.numpy(), drawn.numpy(), seed=split(seed, "c2st")),
    )
    return document, reference


def _oddest(model: Model, test: Tensor, rows: Tensor, scores: np.ndarray, p_values: np.ndarray) -> tuple[OddRow, ...]:
    order = np.argsort(scores, kind="stable")[:ODDEST]
    table = model.space
    assert isinstance(table, Table)
    usual = column_shares(model, test[:: max(1, len(test) // TYPICAL)])
    odd = column_shares(model, test[torch.tensor(order.copy())])
    shown = {name: table.spaces[j].show_series(test[:, j]).to_list() for j, name in enumerate(table.names)}
    found = []
    for place, k in enumerate(order.tolist()):
        share = _named(table, None if odd is None else odd[place])
        excess = _named(table, None if odd is None or usual is None else odd[place] - _finite_mean(usual))
        found.append(
            OddRow(
                row=int(rows[k]) + 1,
                log_prob=float(scores[k]) if np.isfinite(scores[k]) else None,
                surprise=float(p_values[k]),
                values={name: _plain(values[k]) for name, values in shown.items()},
                shares=share,
                excess=excess,
            )
        )
    return tuple(found)


def _finite_mean(shares: Tensor) -> Tensor:
    return torch.nan_to_num(shares, neginf=-700.0).mean(0)


def _named(table: Table, values: Tensor | None) -> dict[str, float]:
    if values is None:
        return {}
    return {name: max(float(values[j]), -1e9) for j, name in enumerate(table.names)}


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
