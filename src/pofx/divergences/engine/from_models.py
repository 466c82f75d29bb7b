"""Ways to answer from models: a formula, a sum or quadrature, random draws, or a bound where there is only a bound."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from pofx.divergences.engine import monte_carlo
from pofx.divergences.engine.closed_forms import title
from pofx.divergences.engine.integrals import outcomes, total
from pofx.divergences.engine.question import Question
from pofx.divergences.estimate import Estimate, Nature
from pofx.divergences.matching import carrier, same_places
from pofx.divergences.sides import scorer
from pofx.errors import LikelihoodError
from pofx.likelihood import Likelihood
from pofx.rng import split
from pofx.spaces.table import Table

WRONG_MASS = 1e-5


def closed_form(ask: Question) -> Estimate | None:
    """The formula of the pair."""
    p, q = ask.p.named, ask.q.named
    if p is None or q is None or (ask.p.space != ask.q.space and "categorical" in (p.family, q.family)):
        return None
    if ask.p.space is not None and ask.q.space is not None and not same_places(ask.p.space, ask.q.space):
        return None
    value = ask.measure.closed(p, q)
    if value is None:
        return None
    pair = title(p) if title(p) == title(q) else f"{title(p)} and {title(q)}"
    note = "no overlap, or tails too heavy for it" if math.isinf(value) else ""
    return ask.told(value, Nature.CLOSED_FORM, f"closed form, {pair}", note=note)


def integral(ask: Question) -> Estimate | None:
    """A sum over all outcomes, or adaptive quadrature in one or two dimensions."""
    models = ask.exact()
    if models is None:
        return None
    found = outcomes(list(models), ask.seed)
    if found is None:
        return None
    log_p, log_q = scorer(ask.p, found.table), scorer(ask.q, found.table)
    if found.continuous == 2 and abs(total(found, lambda x: _mixture(log_p(x), log_q(x))).value - 1) > WRONG_MASS:
        return None  # the boxes missed something: leave it to random draws
    whole = total(found, lambda x: ask.functional.at(log_p(x), log_q(x)))
    value = ask.functional.final(min(whole.value, ask.functional.ceiling))
    if whole.points:
        return ask.told(value, Nature.CLOSED_FORM, f"sum over {whole.points:,} outcomes", note=whole.where)
    return ask.told(value, Nature.QUADRATURE, f"adaptive, {found.continuous}-D", note=whole.where)


def _mixture(log_p: Tensor, log_q: Tensor) -> tuple[Tensor, Tensor]:
    log_m = torch.logaddexp(log_p, log_q) - math.log(2)
    return log_m, torch.ones_like(log_m)


def importance(ask: Question) -> Estimate | None:
    """Draws from the even mixture of both."""
    models = ask.exact()
    if models is None:
        return None
    n = (ask.draws or monte_carlo.DRAWS) // 2
    table = models[0].space
    assert isinstance(table, Table)
    rows_p = models[0].draw(n, seed=split(ask.seed, "P"))
    rows_q = models[1].draw(n, seed=split(ask.seed, "Q"))
    assert isinstance(models[1].space, Table)
    rows_q = carrier(models[1].space, table)(rows_q)
    found = monte_carlo.from_mixture(ask.functional, rows_p, rows_q, scorer(ask.p, table), scorer(ask.q, table))
    return _drawn(ask, found, "draws from the even mixture of both")


def plain_draws(ask: Question) -> Estimate | None:
    """Draws from P alone, of log p - log q: for KL."""
    if not ask.measure.bounded or ask.exact() is None or ask.p.model is None:
        return None
    table = ask.p.space
    assert table is not None
    log_p, log_q = scorer(ask.p, table), scorer(ask.q, table)
    rows = ask.p.model.draw(ask.draws or monte_carlo.DRAWS, seed=split(ask.seed, "P"))
    return _drawn(ask, monte_carlo.averaged(log_p(rows) - log_q(rows)), f"draws of {ask.p.label}")


def _drawn(ask: Question, found: monte_carlo.Average, method: str) -> Estimate:
    inside = min(found.value, ask.functional.ceiling)
    value = ask.functional.final(inside)
    error = None if math.isinf(value) or math.isinf(found.value) else ask.functional.slope(inside) * found.std_error
    error = None if error is None else abs(error)
    return ask.told(value, Nature.MONTE_CARLO, method, std_error=error, draws=found.draws, note=found.note)


def bound(ask: Question) -> Estimate | None:
    """KL where one model has only a lower bound on its log-probability: then KL, too, has only a bound."""
    kinds = (ask.p.likelihood, ask.q.likelihood)
    if Likelihood.LOWER_BOUND not in kinds or ask.p.model is None:
        return None
    if not ask.measure.bounded:
        raise LikelihoodError(
            f"a lower bound on a log-probability says nothing about {ask.functional.name}",
            got=_whose(ask),
            remedy="compare samples: method='nearest'",
        )
    if kinds == (Likelihood.LOWER_BOUND, Likelihood.LOWER_BOUND):
        raise LikelihoodError(
            "the difference of two bounds bounds nothing",
            got=f"{ask.p.label} and {ask.q.label} both have only a lower bound on their log-probability",
            remedy="compare samples: method='nearest'; or take a model with an exact density on one side",
        )
    if Likelihood.NONE in kinds or ask.q.model is None:
        return None
    n = ask.draws or monte_carlo.DRAWS
    rows = ask.p.model.draw(n, seed=split(ask.seed, "P"))
    assert ask.p.space is not None
    log_p, log_q = (scorer(side, ask.p.space, split(ask.seed, side.label)) for side in (ask.p, ask.q))
    found = monte_carlo.averaged(log_p(rows) - log_q(rows))
    nature = Nature.LOWER_BOUND if kinds[0] is Likelihood.LOWER_BOUND else Nature.UPPER_BOUND
    return replace(_drawn(ask, found, f"draws of {ask.p.label}, whose scores are bounds"), nature=nature)


def _whose(ask: Question) -> str:
    sides = [side.label for side in (ask.p, ask.q) if side.likelihood is Likelihood.LOWER_BOUND]
    return f"only a bound for {' and '.join(sides)}"
