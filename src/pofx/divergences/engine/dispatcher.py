"""Answers a question by the first way that can, in order of how much each may claim, or by the one the caller names.

Each way answers or says "not mine" with None. The order: closed form, sum or quadrature, random draws, a bound where a
model has only a bound, estimators from samples. What no way can tell raises, and says why.
"""

from __future__ import annotations

from pofx.divergences.engine.closed_forms import title
from pofx.divergences.engine.from_models import bound, closed_form, importance, integral, plain_draws
from pofx.divergences.engine.from_samples import classifier, frequencies, from_samples, neighbours
from pofx.divergences.engine.question import Question, Way
from pofx.divergences.estimate import Estimate, Nature
from pofx.divergences.sides import Side
from pofx.errors import LikelihoodError, PofxError


def _bounds_way(place: int, nature: Nature) -> Way:
    def way(ask: Question) -> Estimate | None:
        p, q = ask.p.named, ask.q.named
        if ask.measure.bounds is None or p is None or q is None:
            return None
        if p.family != "normal mixture" or q.family != "normal mixture":
            return None
        how = ("Jensen's inequality", "variational coupling of the components")[place]
        return ask.told(ask.measure.bounds[place](p, q), nature, f"{how}, normal mixtures")

    return way


WAYS: dict[str, Way] = {
    "closed form": closed_form,
    "quadrature": integral,
    "importance": importance,
    "monte carlo": lambda ask: plain_draws(ask) or importance(ask),
    "bound": bound,
    "plug in": frequencies,
    "nearest": neighbours,
    "classifier": classifier,
    "lower bound": _bounds_way(0, Nature.LOWER_BOUND),
    "upper bound": _bounds_way(1, Nature.UPPER_BOUND),
}
"""The ways a caller can force, by name."""

AUTO: tuple[Way, ...] = (closed_form, integral, importance, bound, from_samples)


def answer(ask: Question, method: str) -> Estimate:
    """The first way that answers, or the named one.

    Raises:
        LikelihoodError: no way can tell; the line says why and what would.
        PofxError: there is no such method, or it does not apply to these.
    """
    name = method.lower().replace("-", " ").replace("_", " ")
    if name == "auto":
        found = next((made for way in AUTO if (made := way(ask)) is not None), None)
    elif name in WAYS:
        found = WAYS[name](ask)
    else:
        raise PofxError("there is no such method", got=repr(method), expected=", ".join(["auto", *WAYS]))
    if found is None:
        what = "no way to compute it" if name == "auto" else f"the method '{name}' cannot give it"
        raise LikelihoodError(
            f"{ask.functional.name}: {what}",
            got=f"{_what(ask.p)} and {_what(ask.q)}",
            remedy="method='auto' chooses one that can"
            if name != "auto"
            else "give models with exact densities, or samples",
        )
    return found


def _what(side: Side) -> str:
    if side.law is not None:
        return f"{side.label}: a {title(side.law)} law by name"
    if side.model is not None:
        word = side.model.likelihood.word
        return f"{side.label}: a model, {type(side.model).__name__} ({word} likelihood)"
    return f"{side.label}: a sample of {len(side.data) if side.data is not None else 0} rows"
