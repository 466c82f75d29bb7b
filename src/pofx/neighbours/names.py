"""Which named law a SciPy or torch distribution is, so that closed forms are found; and laws that are no models.

Dirichlet laws have no model here (the points of a simplex are not free numbers), but their divergences have closed
forms: `named_of` takes SciPy's and torch's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.stats
import torch
from torch import Tensor
from torch import distributions as td

from pofx.core.named import Named, named, univariate
from pofx.neighbours.scipy_records import Record

_Build = Callable[..., Named | None]


def _at_zero(family: str, **numbers: float) -> Callable[[float, float], Named | None]:
    """A family of the half-line, which has a name only where nothing shifts it."""
    return lambda loc, scale: univariate(family, **numbers, scale=scale) if loc == 0 else None


_SCIPY: dict[str, _Build] = {  # (shapes..., loc, scale)
    "norm": lambda loc, scale: univariate("normal", mean=loc, sd=scale),
    "lognorm": lambda s, loc, scale: (
        univariate("lognormal", log_mean=float(np.log(scale)), log_sd=s) if loc == 0 else None
    ),
    "laplace": lambda loc, scale: univariate("laplace", location=loc, scale=scale),
    "cauchy": lambda loc, scale: univariate("cauchy", location=loc, scale=scale),
    "expon": lambda loc, scale: _at_zero("exponential")(loc, scale),
    "gamma": lambda a, loc, scale: _at_zero("gamma", shape=a)(loc, scale),
    "erlang": lambda a, loc, scale: _at_zero("gamma", shape=a)(loc, scale),
    "chi2": lambda df, loc, scale: _at_zero("gamma", shape=df / 2)(loc, 2 * scale),
    "invgamma": lambda a, loc, scale: _at_zero("inverse_gamma", shape=a)(loc, scale),
    "weibull_min": lambda c, loc, scale: _at_zero("weibull", shape=c)(loc, scale),
    "rayleigh": lambda loc, scale: _at_zero("rayleigh")(loc, scale),
    "beta": lambda a, b, loc, scale: univariate("beta", a=a, b=b, low=loc, high=loc + scale),
    "poisson": lambda mu, loc, scale: univariate("poisson", mean=mu, low=loc),
}
_OBJECTS: dict[str, _Build] = {"Normal": lambda mu, sigma: univariate("normal", mean=mu, sd=sigma)}


def named_of_scipy(record: Record | None) -> Named | None:
    """The named law of a SciPy distribution's record, where it has one."""
    if record is None or record["kind"] not in ("named", "object", "vector"):
        return None
    if record["kind"] == "object":
        build = _OBJECTS.get(record["name"])
        return None if build is None else build(**record["kwds"])
    if record["kind"] == "vector":
        if record["name"] != "multivariate_normal":
            return None
        return named("normal", mean=record["parameters"]["mean"], covariance=record["parameters"]["cov"])
    build = _SCIPY.get(record["name"])
    if build is None:
        return None
    family = getattr(scipy.stats, record["name"])
    shapes, loc, scale = family._parse_args(*record["args"], **record["kwds"])  # SciPy publishes no other way
    return build(*map(float, shapes), float(loc), float(scale))


def named_of_torch(record: Any) -> Named | None:
    """The named law of a torch distribution's record, where it has one."""
    build = None if record is None else _TORCH.get(record["family"])
    return None if build is None else build(record["parameters"])


def _number(p: dict[str, Any], key: str) -> float:
    return float(p[key])


def _independent(p: dict[str, Any]) -> Named | None:
    base = p["base_distribution"]
    if base["family"] != "Normal":
        return None
    mean, sd = (base["parameters"][key].reshape(-1) for key in ("loc", "scale"))
    return named("normal", mean=mean, covariance=torch.diag(sd.square()))


def _log_shares(p: dict[str, Any]) -> Tensor:
    logits = p["logits"] if "logits" in p else torch.log(p["probs"])
    shares: Tensor = torch.log_softmax(logits.to(torch.float64), -1)
    return shares


_TORCH: dict[str, Callable[[dict[str, Any]], Named | None]] = {
    "Normal": lambda p: univariate("normal", mean=_number(p, "loc"), sd=_number(p, "scale")),
    "LogNormal": lambda p: univariate("lognormal", log_mean=_number(p, "loc"), log_sd=_number(p, "scale")),
    "MultivariateNormal": lambda p: named("normal", mean=p["loc"], covariance=p["scale_tril"] @ p["scale_tril"].mT),
    "Independent": _independent,
    "Laplace": lambda p: univariate("laplace", location=_number(p, "loc"), scale=_number(p, "scale")),
    "Cauchy": lambda p: univariate("cauchy", location=_number(p, "loc"), scale=_number(p, "scale")),
    "Exponential": lambda p: univariate("exponential", scale=1 / _number(p, "rate")),
    "Gamma": lambda p: univariate("gamma", shape=_number(p, "concentration"), scale=1 / _number(p, "rate")),
    "Chi2": lambda p: univariate("gamma", shape=_number(p, "df") / 2, scale=2.0),
    "InverseGamma": lambda p: univariate("inverse_gamma", shape=_number(p, "concentration"), scale=_number(p, "rate")),
    "Weibull": lambda p: univariate("weibull", shape=_number(p, "concentration"), scale=_number(p, "scale")),
    "Beta": lambda p: univariate("beta", a=_number(p, "concentration1"), b=_number(p, "concentration0")),
    "Poisson": lambda p: univariate("poisson", mean=_number(p, "rate")),
    "Categorical": lambda p: named("categorical", log_shares=_log_shares(p)),
}


def dirichlet(value: Any) -> Named | None:
    """The named law of SciPy's or torch's Dirichlet; None for everything else."""
    if isinstance(value, td.Dirichlet) and not value.batch_shape:
        return named("dirichlet", concentration=value.concentration)
    if type(value).__name__ == "dirichlet_frozen":
        return named("dirichlet", concentration=np.asarray(value.alpha))
    return None
