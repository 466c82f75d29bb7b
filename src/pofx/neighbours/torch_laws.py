"""torch's distributions as JSON records with tensors and back, their outcomes, and draws that leave the world alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributions as td
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.distributions.constraints import Constraint, MixtureSameFamilyConstraint

from pofx.errors import SpaceError
from pofx.neighbours.shapes import continuous, whole
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Circle

Record = dict[str, Any]

_LOC_SCALE = ("loc", "scale")
FAMILIES: dict[type[Any], tuple[str, ...]] = {
    td.Bernoulli: ("probs|logits",),
    td.Beta: ("concentration1", "concentration0"),
    td.Binomial: ("total_count", "probs|logits"),
    td.Categorical: ("logits",),
    td.Cauchy: _LOC_SCALE,
    td.Chi2: ("df",),
    td.ContinuousBernoulli: ("probs|logits",),
    td.Exponential: ("rate",),
    td.FisherSnedecor: ("df1", "df2"),
    td.Gamma: ("concentration", "rate"),
    td.Geometric: ("probs|logits",),
    td.Gumbel: _LOC_SCALE,
    td.HalfCauchy: ("scale",),
    td.HalfNormal: ("scale",),
    td.Independent: ("base_dist", "reinterpreted_batch_ndims"),
    td.InverseGamma: ("concentration", "rate"),
    td.Kumaraswamy: ("concentration1", "concentration0"),
    td.Laplace: _LOC_SCALE,
    td.LogNormal: _LOC_SCALE,
    td.LowRankMultivariateNormal: ("loc", "cov_factor", "cov_diag"),
    td.MixtureSameFamily: ("mixture_distribution", "component_distribution"),
    td.Multinomial: ("total_count", "logits"),
    td.MultivariateNormal: ("loc", "scale_tril"),
    td.NegativeBinomial: ("total_count", "probs|logits"),
    td.Normal: _LOC_SCALE,
    td.OneHotCategorical: ("logits",),
    td.Pareto: ("scale", "alpha"),
    td.Poisson: ("rate",),
    td.RelaxedBernoulli: ("temperature", "logits"),
    td.StudentT: ("df", "loc", "scale"),
    td.TransformedDistribution: ("base_dist", "transforms"),
    td.Uniform: ("low", "high"),
    td.VonMises: ("loc", "concentration"),
    td.Weibull: ("scale", "concentration"),
    td.AffineTransform: ("loc", "scale", "event_dim"),
    td.ExpTransform: (),
    td.PowerTransform: ("exponent",),
    td.SigmoidTransform: (),
    td.SoftplusTransform: (),
    td.TanhTransform: (),
}
"""What can be stored: distributions and transforms, with the attributes that make them again."""

_KEYWORDS = {"base_dist": "base_distribution"}  # where the attribute and the argument have different names
_NAMES = {kind.__name__: kind for kind in FAMILIES}


def record_of(value: Any) -> Any:
    """Numbers, tensors in float64 and names that make the value again; None where a part is of another family."""
    if isinstance(value, Tensor):
        return value.detach().cpu().to(torch.float64).clone()
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple):
        parts = [record_of(part) for part in value]
        return None if any(part is None for part in parts) else parts
    if type(value) not in FAMILIES:
        return None
    parameters = dict(_parameter(value, name) for name in FAMILIES[type(value)])
    if any(parameter is None for parameter in parameters.values()):
        return None
    return {"family": type(value).__name__, "parameters": parameters}


def _parameter(value: Any, name: str) -> tuple[str, Any]:
    if name == "probs|logits":  # the one that it was made with; torch keeps the other one too once it was asked for
        made_with = getattr(value, "_param", vars(value).get("probs"))
        name = "logits" if made_with is vars(value).get("logits") or made_with is None else "probs"
    return _KEYWORDS.get(name, name), record_of(getattr(value, name))


def made_from(record: Any) -> Any:
    """The inverse of `record_of`."""
    if isinstance(record, list | tuple):
        return [made_from(part) for part in record]
    if not isinstance(record, dict):
        return record
    kind = _NAMES[record["family"]]
    parameters = {name: made_from(value) for name, value in record["parameters"].items()}
    return kind(**parameters, **({"validate_args": False} if issubclass(kind, Distribution) else {}))


def outcomes(distribution: Distribution) -> list[Scalar]:
    """One space for each number of an outcome; raises where the outcomes are not plain rows of numbers."""
    width = distribution.event_shape.numel()
    if isinstance(_leaf(distribution), td.VonMises):  # torch says real, but the density goes round and round
        return [Circle(2 * math.pi, -math.pi)] * width
    try:
        support = distribution.support
    except NotImplementedError:
        support = None
    spaces = None if support is None else _spaces(support, width)
    if spaces is None:
        raise SpaceError(
            f"the outcomes of a {type(distribution).__name__} are not rows of free numbers",
            got=f"support {support}",
            expected="real, positive, interval, or whole numbers in each column",
        )
    return spaces


def possible(distribution: Distribution, value: Tensor) -> Tensor:
    """Which rows are outcomes, `[n, *event_shape] -> [n]`."""
    support = distribution.support
    assert support is not None  # outcomes() has read it
    inside: Tensor = support.check(value)
    leaf = _leaf(distribution)
    if isinstance(leaf, td.Multinomial):  # torch checks only that there are not too many
        inside = inside & (value.sum(-1) == leaf.total_count)
    return inside


def _leaf(distribution: Any) -> Any:
    if isinstance(distribution, td.Independent):
        return _leaf(distribution.base_dist)
    return (
        _leaf(distribution.component_distribution) if isinstance(distribution, td.MixtureSameFamily) else distribution
    )


def _spaces(support: Constraint, width: int) -> list[Scalar] | None:
    if isinstance(support, constraints.independent):
        return _spaces(support.base_constraint, width)
    if isinstance(support, MixtureSameFamilyConstraint):
        return _spaces(support.base_constraint, width)
    bounds = _bounds(support)
    if bounds is None:
        return None
    discrete, low, high = bounds
    ends = zip(_each(low, width), _each(high, width), strict=True)
    return [whole(*pair) if discrete else continuous(*pair) for pair in ends]


def _bounds(support: Constraint) -> tuple[bool, Any, Any] | None:
    """Whether outcomes are whole numbers, and the ends they lie between."""
    if support is constraints.real:
        return False, -math.inf, math.inf
    if support is constraints.boolean or support is constraints.one_hot:
        return True, 0, 1
    if isinstance(support, constraints.multinomial):
        return True, 0, support.upper_bound
    if isinstance(support, constraints.interval | constraints.half_open_interval):
        return False, support.lower_bound, support.upper_bound
    if isinstance(support, constraints.greater_than | constraints.greater_than_eq):
        return False, support.lower_bound, math.inf
    if isinstance(support, constraints.less_than):
        return False, -math.inf, support.upper_bound
    if isinstance(support, constraints.integer_interval):
        return True, support.lower_bound, support.upper_bound
    if isinstance(support, type(constraints.nonnegative_integer)):
        return True, support.lower_bound, math.inf
    return None


def _each(end: Any, width: int) -> list[float]:
    """An end of the support for each column; a mixture has a row of them for each component."""
    ends = torch.as_tensor(end, dtype=torch.float64)
    rows = ends.expand(1, width) if ends.numel() == 1 else ends.reshape(-1, width)
    if bool((rows != rows[:1]).any()):
        raise SpaceError("the parts of a mixture must have the same support", got=f"ends at {rows[:, 0].tolist()[:4]}")
    values: list[float] = rows[0].tolist()
    return values


@contextmanager
def drawing_from(generator: torch.Generator) -> Iterator[None]:
    """Let torch's distributions, which know only the global generator, draw from this one (a CPU generator)."""
    before = torch.get_rng_state()
    torch.set_rng_state(generator.get_state())
    try:
        yield
    finally:
        generator.set_state(torch.get_rng_state())
        torch.set_rng_state(before)
