"""Entropy, cross entropy and mutual information of models and samples: KL(p||q) = H(p, q) - H(p).

Entropy is Shannon's for counted columns and differential for continuous ones, which depends on the units and may be
negative. A model's is a closed form, a sum, quadrature or a mean over its draws; where it only has a bound on its
log-probability, an upper bound. A sample's is by nearest neighbours (continuous) or relative frequencies (counted).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pofx.divergences.coordinates import half_steps
from pofx.divergences.engine import monte_carlo, plug_in
from pofx.divergences.engine.closed_forms import closed_entropy, closed_kl, title
from pofx.divergences.engine.integrals import outcomes, total
from pofx.divergences.engine.nearest import entropy as nearest
from pofx.divergences.engine.nearest import information
from pofx.divergences.engine.parted import cells, parted, refuse_weights
from pofx.divergences.engine.plug_in import Cells
from pofx.divergences.estimate import Estimate, Nature
from pofx.divergences.matching import same_places
from pofx.divergences.sides import Side, one, scorer, two
from pofx.errors import LikelihoodError, PofxError
from pofx.likelihood import Likelihood
from pofx.rng import split
from pofx.spaces.base import Measure
from pofx.spaces.symbolic import inner_space
from pofx.spaces.table import Table


def entropy(p: Any, *, draws: int | None = None, seed: int = 0, p_weights: Any = None) -> Estimate:
    """H(P) = -E log p, nats.

    Args:
        p: a model, a sample, a file, a run folder, SciPy's or torch's distribution, `probabilities` or `counts`.
        draws: of the model, where it is a mean over draws.
        seed: of the draws.
        p_weights: of the rows of a plain sample.

    >>> import scipy.stats
    >>> round(entropy(scipy.stats.norm(0, 1)).value, 6)
    1.418939
    """
    if isinstance(p, Cells):
        return plug_in.entropy(p)
    side = one(p, weights=p_weights)
    if side.data is not None:
        return _of_sample(side, seed)
    law = side.named
    value = None if law is None else closed_entropy(law)
    if law is not None and value is not None:
        return _told(value, Nature.CLOSED_FORM, f"closed form, {title(law)}")
    if side.model is None:
        raise PofxError("this law has no entropy formula here", got=title(law) if law else "")
    return _of_model(side, draws or monte_carlo.DRAWS, seed)


def cross_entropy(
    p: Any, q: Any, *, draws: int | None = None, seed: int = 0, p_weights: Any = None, q_weights: Any = None
) -> Estimate:
    """H(P, Q) = -E_P log q, nats: the mean surprise of rows of P under Q.

    For a sample and a model this is the negative mean log-probability, which is what a leaderboard shows.
    """
    if isinstance(p, Cells) and isinstance(q, Cells):
        return plug_in.cross_entropy(p, q)
    a, b = two(p, q, p_weights=p_weights, q_weights=q_weights)
    if a.named is not None and b.named is not None:
        own, away = closed_entropy(a.named), closed_kl(a.named, b.named)
        if (
            own is not None
            and away is not None
            and (a.space is None or b.space is None or same_places(a.space, b.space))
        ):
            return _told(own + away, Nature.CLOSED_FORM, f"closed form, {title(a.named)}", direction="P, Q")
    if b.data is not None:
        return _against_sample(a, b, draws, seed)
    return _under_model(a, b, draws or monte_carlo.DRAWS, seed)


def mutual_information(
    p: Any, x: str | Sequence[str], y: str | Sequence[str], *, draws: int | None = None, seed: int = 0,
    null: bool = True,
) -> Estimate:  # fmt: skip
    """I(X; Y) between two groups of columns of a model or a sample, nats.

    Args:
        p: as for `entropy`; an array's columns are called x1, x2, ...
        x, y: names of columns.
        draws, seed: for a model, a mean over its draws; its marginals must be exact.
        null: of a sample, also for rows paired at random.
    """
    side = one(p)
    first, second = ([names] if isinstance(names, str) else list(names) for names in (x, y))
    if set(first) & set(second):
        raise PofxError("a column cannot stand on both sides", got=", ".join(sorted(set(first) & set(second))))
    if side.space is None:
        raise PofxError("a law that only has a name has no columns", remedy="give a model or a sample")
    if side.data is not None:
        return _information_of_sample(side, first, second, null, seed)
    return _information_of_model(side, first, second, draws or monte_carlo.DRAWS, seed)


def _told(value: float, nature: Nature, method: str, **more: object) -> Estimate:
    return replace(Estimate(value, None, nature, method, "nats", "P", name="H"), **more)  # type: ignore[arg-type]


# Models --------------------------------------------------------------------------------------------------------------


def _of_model(side: Side, draws: int, seed: int) -> Estimate:
    model, table = side.model, side.space
    assert model is not None
    assert table is not None
    if model.likelihood is Likelihood.NONE:
        return _of_sample(replace(side, model=None, data=_drawn(side, draws, seed)), seed)
    if model.likelihood is Likelihood.EXACT:
        found = outcomes([model], seed)
        score = scorer(side, table)
        if found is not None and found.continuous < 2:
            whole = total(found, lambda rows: _own(score(rows)))
            if whole.points:
                return _told(whole.value, Nature.CLOSED_FORM, f"sum over {whole.points:,} outcomes", note=whole.where)
            return _told(whole.value, Nature.QUADRATURE, "adaptive, 1-D", note=whole.where)
    return _under_model(side, side, draws, seed, name="H", direction="P")


def _own(log_p: Tensor) -> tuple[Tensor, Tensor]:
    return log_p, torch.where(log_p == -torch.inf, torch.zeros_like(log_p), -log_p)


def _under_model(p: Side, q: Side, draws: int, seed: int, name: str = "H", direction: str = "P, Q") -> Estimate:
    model, space = q.model, p.space
    if model is None or space is None or model.likelihood is Likelihood.NONE:
        raise LikelihoodError(
            f"{q.label} gives no row a probability",
            got=type(model).__name__ if model is not None else "a law that only has a name",
            remedy="choose a model with a likelihood, or compare samples",
        )
    weights = None if p.data is None else p.data.weights
    rows = p.rows(draws, split(seed, "P"))
    bounded = model.likelihood is Likelihood.LOWER_BOUND
    log_q = model.log_prob_bound(rows, seed=split(seed, "Q")) if bounded else scorer(q, space)(rows)
    found = monte_carlo.averaged(-log_q) if weights is None else _weighted(-log_q, weights)
    nature = Nature.UPPER_BOUND if bounded else Nature.MONTE_CARLO
    method = f"mean over the {len(rows):,} rows of {p.label}" if p.data is not None else f"mean over draws of {p.label}"
    error = None if math.isnan(found.std_error) else found.std_error
    draws_said = None if p.data is not None else found.draws
    return Estimate(found.value, error, nature, method, "nats", direction, draws_said, name=name, note=found.note)


def _weighted(terms: Tensor, weights: Tensor) -> monte_carlo.Average:
    """A weighted mean with the standard error of a ratio; whole weights are repetitions."""
    if bool(torch.isinf(terms[weights > 0]).any()):
        return monte_carlo.averaged(terms[weights > 0])
    if bool((weights == weights.round()).all()):
        return monte_carlo.averaged(terms.repeat_interleave(weights.long()))
    share = weights / weights.sum()
    mean = (share * terms).sum()
    error = float((share.square() * (terms - mean).square()).sum().sqrt())
    return monte_carlo.Average(float(mean), error, len(terms))


def _information_of_model(side: Side, x: list[str], y: list[str], draws: int, seed: int) -> Estimate:
    model = side.model
    assert model is not None
    if model.likelihood is not Likelihood.EXACT or "marginal" not in model.capabilities:
        raise LikelihoodError(
            f"{type(model).__name__} has no exact marginals",
            remedy="draw a sample and give that: model.sample(n, seed=0)",
        )
    joint = model.marginal([*x, *y])
    law = joint.named()
    if law is not None and law.family == "normal":
        k = len(x)
        covariance = law["covariance"]
        parts = torch.logdet(covariance[:k, :k]) + torch.logdet(covariance[k:, k:]) - torch.logdet(covariance)
        return _information(0.5 * float(parts), Nature.CLOSED_FORM, "closed form, normal")
    rows = joint.draw(draws, seed=split(seed, "I"))
    terms = joint.log_prob(rows) - model.marginal(x).log_prob(rows[:, : len(x)])
    found = monte_carlo.averaged(terms - model.marginal(y).log_prob(rows[:, len(x) :]))
    method = "mean over draws"
    return _information(
        found.value, Nature.MONTE_CARLO, method, std_error=found.std_error, draws=draws, note=found.note
    )


def _information(value: float, nature: Nature, method: str, **more: object) -> Estimate:
    return replace(Estimate(value, None, nature, method, "nats", "X; Y", name="I"), **more)  # type: ignore[arg-type]


# Samples -------------------------------------------------------------------------------------------------------------


def _drawn(side: Side, draws: int, seed: int) -> Any:
    from pofx.data.dataset import Data

    assert side.space is not None
    return Data(side.space, side.rows(min(draws, 10_000), seed))


def _of_sample(side: Side, seed: int) -> Estimate:
    data, table = side.data, side.space
    assert data is not None
    assert table is not None
    parts = parted(table, data.values, data.values[:0])
    if parts.is_counted:
        return replace(
            plug_in.entropy(cells(table, (data.values, data.weights))[0], corrected=True), direction=side.label
        )
    if not parts.is_continuous:
        raise LikelihoodError(
            "the entropy of a sample with both counted and continuous columns needs a model",
            got=f"a sample of {len(table.names)} columns",
            remedy="fit one and ask that: pofx.entropy(pofx.fit(frame)); or choose columns of one kind",
        )
    weights = None if data.weights is None else data.weights.numpy()
    return nearest.entropy(data.values.numpy(), weights=weights, steps=half_steps(table), seed=seed)


def _against_sample(p: Side, q: Side, draws: int | None, seed: int) -> Estimate:
    """Q is a sample: its density at rows of P from frequencies or neighbours."""
    table = p.space
    assert table is not None
    assert q.data is not None
    rows = p.rows(draws or 10_000, split(seed, "P"))
    parts = parted(table, rows, q.data.values)
    if parts.is_counted:
        weights = None if p.data is None else p.data.weights
        return plug_in.cross_entropy(*cells(table, (rows, weights), (q.data.values, q.data.weights)))
    refuse_weights(p.data, q.data)
    if not parts.is_continuous:
        raise LikelihoodError(
            "the density of a sample with both counted and continuous columns needs a model",
            remedy="fit one to Q: pofx.cross_entropy(p, pofx.fit(q))",
        )
    return nearest.cross_entropy(rows.numpy(), q.data.values.numpy(), steps=half_steps(table), seed=seed)


def _information_of_sample(side: Side, x: list[str], y: list[str], null: bool, seed: int) -> Estimate:
    refuse_weights(side.data)
    table = side.space
    assert side.data is not None
    assert table is not None
    values = side.data.values
    tables = [table.select(names) for names in (x, y)]
    columns = [values[:, [table.index(name) for name in names]] for names in (x, y)]
    counted = [[inner_space(space).measure is Measure.COUNTING for space in t.spaces] for t in tables]
    if all(map(all, counted)):
        return replace(_information_of_cells(tables, columns), direction="X; Y")
    kept = ~torch.isnan(torch.cat(columns, 1)).any(1)
    a, b = (part[kept].numpy() for part in columns)
    steps = [half_steps(t) for t in tables]
    found = information.mutual_information(
        a, b, discrete_x=counted[0], discrete_y=counted[1], steps_x=_unlabelled(steps[0], counted[0]),
        steps_y=_unlabelled(steps[1], counted[1]), null=null, seed=seed,
    )  # fmt: skip
    gone = int((~kept).sum())
    return replace(found, note=f"{found.note} {gone} rows with missing values left out".strip()) if gone else found


def _unlabelled(steps: np.ndarray | None, counted: list[bool]) -> np.ndarray | None:
    return None if steps is None else np.where(counted, 0.0, steps)


def _information_of_cells(tables: list[Table], columns: list[Tensor]) -> Estimate:
    codes = []
    for part in columns:
        key = torch.nan_to_num(part, nan=-1e300).numpy()
        codes.append(np.unique(key, axis=0, return_inverse=True)[1].reshape(-1))
    joint = np.zeros((codes[0].max() + 1, codes[1].max() + 1))
    np.add.at(joint, (codes[0], codes[1]), 1.0)
    return plug_in.mutual_information(plug_in.counted(joint), corrected=True)
