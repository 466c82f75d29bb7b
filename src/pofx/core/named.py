"""A law with a name and numbers, by which a closed form can be looked up.

One spelling for the many ways to write a family: SciPy's, torch's and our own all become the same `Named`. An
exponential law is a gamma law of shape one and so on (`ALIASES` of the callers); `through` says that the law is that of
`exp(z)` or `1 / z` where z has the named law: a divergence is the same on both sides of such a map, an entropy is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Named:
    """A named law.

    Args:
        family: `normal` (mean `[d]`, covariance `[d, d]`), `normal mixture` (log_weights `[K]`, means `[K, d]`,
            covariances `[K, d, d]`), `gamma` (shape, scale), `beta` (a, b, low, high), `dirichlet` (concentration
            `[K]`), `laplace`, `cauchy` (location, scale), `weibull` (shape, scale), `poisson` (mean, low),
            `categorical` (log_shares `[K]`).
        parameters: name to float64 tensor.
        through: `log` where log x has the named law, `inverse` where 1 / x has; empty where x itself has.
        title: what a person calls it, where that is not the family: `exponential`.
    """

    family: str
    parameters: dict[str, Tensor]
    through: Literal["", "log", "inverse"] = ""
    title: str = ""

    def __getitem__(self, name: str) -> Tensor:
        return self.parameters[name]

    def moved(self, shift: Tensor, scale: Tensor) -> Named | None:
        """The law of `shift + scale x`, `[d]` each, or None where that law has no name."""
        if self.through:
            return None
        if self.family == "normal":
            mean, covariance = self["mean"], self["covariance"]
            moved = {"mean": shift + scale * mean, "covariance": covariance * scale[:, None] * scale[None, :]}
            return Named("normal", moved)
        if self.family == "normal mixture":
            means = shift + scale * self["means"]
            covariances = self["covariances"] * scale[:, None] * scale[None, :]
            return Named(self.family, {**self.parameters, "means": means, "covariances": covariances})
        if self.family in ("laplace", "cauchy"):
            where = shift[0] + scale[0] * self["location"]
            return Named(self.family, {"location": where, "scale": scale[0] * self["scale"]})
        if self.family in ("gamma", "weibull") and float(shift[0]) == 0:
            return Named(self.family, {**self.parameters, "scale": scale[0] * self["scale"]}, title=self.title)
        return None


def named(family: str, *, through: Literal["", "log", "inverse"] = "", title: str = "", **parameters: Any) -> Named:
    """A `Named` from plain numbers, lists or tensors."""
    tensors = {key: torch.as_tensor(value, dtype=torch.float64) for key, value in parameters.items()}
    return Named(family, tensors, through, title)


def univariate(family: str, **p: float) -> Named | None:
    """The named law of a one-dimensional family under the spelling of our own families; None for one without a name."""
    build = _UNIVARIATE.get(family)
    return None if build is None else build(p)


def _normal(mean: float, sd: float, through: Literal["", "log"] = "", title: str = "") -> Named:
    return named("normal", mean=[mean], covariance=[[sd * sd]], through=through, title=title)


_UNIVARIATE: dict[str, Any] = {
    "normal": lambda p: _normal(p["mean"], p["sd"]),
    "lognormal": lambda p: _normal(p["log_mean"], p["log_sd"], "log", "log-normal"),
    "laplace": lambda p: named("laplace", **p),
    "cauchy": lambda p: named("cauchy", **p),
    "exponential": lambda p: named("gamma", shape=1.0, scale=p["scale"], title="exponential"),
    "gamma": lambda p: named("gamma", **p),
    "inverse_gamma": lambda p: named(
        "gamma", shape=p["shape"], scale=1 / p["scale"], through="inverse", title="inverse gamma"
    ),
    "weibull": lambda p: named("weibull", **p),
    "rayleigh": lambda p: named("weibull", shape=2.0, scale=2**0.5 * p["scale"], title="Rayleigh"),
    "beta": lambda p: named("beta", **{"low": 0.0, "high": 1.0, **p}),
    "poisson": lambda p: named("poisson", **{"low": 0.0, **p}),
}
