"""Entropy and cross entropy of models and samples: KL(p||q) = H(p, q) - H(p).

Entropy is Shannon's for counted columns and differential for continuous ones, which depends on the units and may be
negative. A model's is a closed form, a sum, quadrature or a mean over its draws; where it only has a bound on its
log-probability, an upper bound. A sample's is by nearest neighbours (continuous) or relative frequencies (counted).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from pofx.divergences.coordinates import half_steps
from pofx.divergences.engine import monte_carlo, plug_in
from pofx.divergences.engine.cells import Cells
from pofx.divergences.engine.closed_forms import closed_entropy, closed_kl, title
from pofx.divergences.engine.integrals import outcomes, total
from pofx.divergences.engine.nearest import entropy as nearest
from pofx.divergences.engine.parted import cells, parted, refuse_weights
from pofx.divergences.estimate import Estimate, Nature
from pofx.divergences.matching import same_places
from pofx.divergences.sides import Side, one, scorer, two
from pofx.errors import LikelihoodError, PofxError
from pofx.likelihood import Likelihood
from pofx.rng import split


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
    log_q = scorer(q, space, split(seed, "Q"))(rows)
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
