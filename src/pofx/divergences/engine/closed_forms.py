"""Divergences and entropies that are formulas: a registry of pairs of named laws.

Kullback-Leibler by family (Gil, Alajaji & Linder 2013 for most of them; Chyzak & Nielsen 2019 for Cauchy). The integral
of p^a q^(1-a), from which Hellinger, chi-square, Renyi and the alpha divergences follow, by the log-normaliser of an
exponential family (Nielsen & Nock 2011). All in nats. What has no formula gives None, and the caller goes on to
quadrature.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from scipy.special import betaln, digamma, gammaln
from torch import Tensor

from pofx.core.named import Named

EULER = 0.57721566490153286
LOG_2PI = math.log(2 * math.pi)


def closed_kl(p: Named, q: Named) -> float | None:
    """KL(P || Q), or None where this pair has no formula here."""
    formula = _KL.get(p.family)
    if formula is None or not _same_kind(p, q):
        return None
    return formula(p, q)


def closed_entropy(p: Named) -> float | None:
    """Entropy of a discrete law, differential entropy of a continuous one; None where it has no formula here."""
    formula = _ENTROPY.get(p.family)
    if formula is None:
        return None
    inside = formula(p)
    if not p.through:
        return inside
    if p.family == "normal" and p.through == "log":  # H(exp z) = H(z) + E z
        return inside + float(p["mean"].sum())
    if p.family == "gamma" and p.through == "inverse":  # H(1/z) = H(z) - 2 E log z
        return inside - 2 * (float(digamma(_f(p, "shape"))) + math.log(_f(p, "scale")))
    return None


def closed_log_power(p: Named, q: Named, a: float) -> float | None:
    """log of the integral of p^a q^(1 - a): 0 at a = 0 and 1, inf where it diverges; None without a formula."""
    formula = _POWER.get(p.family)
    if formula is None or not _same_kind(p, q):
        return None
    return formula(p, q, a)


def closed_total_variation(p: Named, q: Named) -> float | None:
    """Two normal laws with the same covariance: 2 Phi(D / 2) - 1, D their Mahalanobis distance."""
    if p.family != "normal" or not _same_kind(p, q) or not torch.equal(p["covariance"], q["covariance"]):
        return None
    away = (p["mean"] - q["mean"])[:, None]
    distance = math.sqrt(float((away.mT @ torch.linalg.solve(p["covariance"], away)).item()))
    return math.erf(distance / 2 / math.sqrt(2))


def title(p: Named) -> str:
    """The family's name for people."""
    return p.title or p.family


# What pairs may be compared ------------------------------------------------------------------------------------------


def _same_kind(p: Named, q: Named) -> bool:
    """The same family in as many dimensions and, where the family has ends, between the same."""
    if p.family != q.family or p.through != q.through:
        return False
    alike = all(value.shape == q[key].shape for key, value in p.parameters.items())
    return alike and all(torch.equal(p[key], q[key]) for key in ("low", "high") if key in p.parameters)


def _f(law: Named, key: str) -> float:
    return float(law.parameters[key])


# Kullback-Leibler ----------------------------------------------------------------------------------------------------


def _kl_normal(p: Named, q: Named) -> float:
    d = len(p["mean"])
    factor_p, factor_q = (torch.linalg.cholesky(law["covariance"]) for law in (p, q))
    relative = torch.linalg.solve_triangular(factor_q, factor_p, upper=False)  # [d, d]
    away = torch.linalg.solve_triangular(factor_q, (q["mean"] - p["mean"])[:, None], upper=False)
    volume = torch.log(factor_q.diagonal()).sum() - torch.log(factor_p.diagonal()).sum()
    return float(0.5 * (relative.square().sum() + away.square().sum() - d) + volume)


def _kl_gamma(p: Named, q: Named) -> float:
    a, s, b, t = _f(p, "shape"), _f(p, "scale"), _f(q, "shape"), _f(q, "scale")
    return float((a - b) * digamma(a) - gammaln(a) + gammaln(b) + b * math.log(t / s) + a * (s / t - 1))


def _kl_beta(p: Named, q: Named) -> float:
    a, b, c, d = _f(p, "a"), _f(p, "b"), _f(q, "a"), _f(q, "b")
    value = betaln(c, d) - betaln(a, b) + (a - c) * digamma(a) + (b - d) * digamma(b)
    return float(value + (c - a + d - b) * digamma(a + b))


def _kl_dirichlet(p: Named, q: Named) -> float:
    a, b = p["concentration"], q["concentration"]
    gap = torch.digamma(a) - torch.digamma(a.sum())
    return float(_dirichlet_normaliser(b) - _dirichlet_normaliser(a) + ((a - b) * gap).sum())


def _kl_laplace(p: Named, q: Named) -> float:
    away, s, t = abs(_f(p, "location") - _f(q, "location")), _f(p, "scale"), _f(q, "scale")
    return math.log(t / s) + away / t + s / t * math.exp(-away / s) - 1


def _kl_weibull(p: Named, q: Named) -> float:
    k, s, l, t = _f(p, "shape"), _f(p, "scale"), _f(q, "shape"), _f(q, "scale")  # noqa: E741
    head = math.log(k) - k * math.log(s) - math.log(l) + l * math.log(t)
    return head + (k - l) * (math.log(s) - EULER / k) + math.exp(l * math.log(s / t) + gammaln(l / k + 1)) - 1


def _kl_cauchy(p: Named, q: Named) -> float:
    s, t = _f(p, "scale"), _f(q, "scale")
    away = _f(p, "location") - _f(q, "location")
    return math.log(((s + t) ** 2 + away**2) / (4 * s * t))


def _kl_poisson(p: Named, q: Named) -> float:
    a, b = _f(p, "mean"), _f(q, "mean")
    return a * math.log(a / b) - a + b


def _kl_categorical(p: Named, q: Named) -> float:
    log_p, log_q = p["log_shares"], q["log_shares"]
    met = log_p > -torch.inf
    return float((log_p[met].exp() * (log_p[met] - log_q[met])).sum())


_KL: dict[str, Callable[[Named, Named], float]] = {
    "normal": _kl_normal,
    "gamma": _kl_gamma,
    "beta": _kl_beta,
    "dirichlet": _kl_dirichlet,
    "laplace": _kl_laplace,
    "weibull": _kl_weibull,
    "cauchy": _kl_cauchy,
    "poisson": _kl_poisson,
    "categorical": _kl_categorical,
}

# Entropy -------------------------------------------------------------------------------------------------------------


def _entropy_normal(p: Named) -> float:
    factor = torch.linalg.cholesky(p["covariance"])
    return float(torch.log(factor.diagonal()).sum() + 0.5 * len(p["mean"]) * (1 + LOG_2PI))


def _entropy_gamma(p: Named) -> float:
    a, s = _f(p, "shape"), _f(p, "scale")
    return float(a + math.log(s) + gammaln(a) + (1 - a) * digamma(a))


def _entropy_beta(p: Named) -> float:
    a, b = _f(p, "a"), _f(p, "b")
    inside = betaln(a, b) - (a - 1) * digamma(a) - (b - 1) * digamma(b) + (a + b - 2) * digamma(a + b)
    return float(inside + math.log(_f(p, "high") - _f(p, "low")))


def _entropy_dirichlet(p: Named) -> float:
    a = p["concentration"]
    total = a.sum()
    value = _dirichlet_normaliser(a) + (total - len(a)) * torch.digamma(total) - ((a - 1) * torch.digamma(a)).sum()
    return float(value)


def _entropy_weibull(p: Named) -> float:
    k, s = _f(p, "shape"), _f(p, "scale")
    return EULER * (1 - 1 / k) + math.log(s / k) + 1


def _entropy_categorical(p: Named) -> float:
    return float(torch.special.entr(p["log_shares"].exp()).sum())


_ENTROPY: dict[str, Callable[[Named], float]] = {
    "normal": _entropy_normal,
    "gamma": _entropy_gamma,
    "beta": _entropy_beta,
    "dirichlet": _entropy_dirichlet,
    "laplace": lambda p: 1 + math.log(2 * _f(p, "scale")),
    "weibull": _entropy_weibull,
    "cauchy": lambda p: math.log(4 * math.pi * _f(p, "scale")),
    "categorical": _entropy_categorical,
}

# The integral of p^a q^(1-a) -----------------------------------------------------------------------------------------


def _dirichlet_normaliser(a: Tensor) -> Tensor:
    return torch.lgamma(a).sum() - torch.lgamma(a.sum())


def _power_normal(p: Named, q: Named, a: float) -> float:
    precision_p, precision_q = (torch.cholesky_inverse(torch.linalg.cholesky(law["covariance"])) for law in (p, q))
    joint = a * precision_p + (1 - a) * precision_q
    factor, failed = torch.linalg.cholesky_ex(joint)
    if bool(failed):
        return math.inf
    away = (q["mean"] - p["mean"])[:, None]
    pull = (1 - a) * precision_q @ away
    square = ((1 - a) * away.mT @ precision_q @ away - pull.mT @ torch.cholesky_solve(pull, factor)).item()
    volume = a * torch.logdet(p["covariance"]) + (1 - a) * torch.logdet(q["covariance"])
    return float(-0.5 * (volume + 2 * torch.log(factor.diagonal()).sum() + square))


def _power_gamma(p: Named, q: Named, a: float) -> float:
    shape = a * _f(p, "shape") + (1 - a) * _f(q, "shape")
    rate = a / _f(p, "scale") + (1 - a) / _f(q, "scale")
    if shape <= 0 or rate <= 0:
        return math.inf
    ends = [float(gammaln(_f(law, "shape"))) + _f(law, "shape") * math.log(_f(law, "scale")) for law in (p, q)]
    return float(gammaln(shape)) - shape * math.log(rate) - a * ends[0] - (1 - a) * ends[1]


def _power_beta(p: Named, q: Named, a: float) -> float:
    left, right = (a * _f(p, key) + (1 - a) * _f(q, key) for key in ("a", "b"))
    if left <= 0 or right <= 0:
        return math.inf
    ends = [float(betaln(_f(law, "a"), _f(law, "b"))) for law in (p, q)]
    return float(betaln(left, right)) - a * ends[0] - (1 - a) * ends[1]


def _power_dirichlet(p: Named, q: Named, a: float) -> float:
    joint = a * p["concentration"] + (1 - a) * q["concentration"]
    if bool((joint <= 0).any()):
        return math.inf
    ends = [_dirichlet_normaliser(law["concentration"]) for law in (p, q)]
    return float(_dirichlet_normaliser(joint) - a * ends[0] - (1 - a) * ends[1])


def _power_poisson(p: Named, q: Named, a: float) -> float:
    m, n = _f(p, "mean"), _f(q, "mean")
    return math.exp(a * math.log(m) + (1 - a) * math.log(n)) - a * m - (1 - a) * n


_POWER: dict[str, Callable[[Named, Named, float], float]] = {
    "normal": _power_normal,
    "gamma": _power_gamma,
    "beta": _power_beta,
    "dirichlet": _power_dirichlet,
    "poisson": _power_poisson,
}
