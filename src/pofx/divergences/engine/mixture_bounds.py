"""Bounds on KL between two normal mixtures, which has no formula.

Above: the variational bound over couplings of the components (Hershey & Olsen 2007, section 7), which is never worse
than convexity. Below: cross entropy by Jensen, -sum_a w_a log sum_b v_b integral f_a g_b, less an upper bound on the
entropy of the first mixture. Cost: K L pairs of d^3.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pofx.core.named import Named
from pofx.divergences.engine.closed_forms import LOG_2PI, closed_entropy, closed_kl

SWEEPS = 500


def upper_bound(p: Named, q: Named) -> float:
    """No less than KL(P || Q), nats."""
    log_w, log_v = p["log_weights"], q["log_weights"]
    pairs = torch.tensor([[closed_kl(f, g) or 0.0 for g in _parts(q)] for f in _parts(p)], dtype=torch.float64)
    log_psi = log_w[:, None] + log_v[None, :]  # [K, L], columns sum to v
    log_phi = log_psi
    for _ in range(SWEEPS):
        tilted = log_psi - pairs
        log_phi = log_w[:, None] + torch.log_softmax(tilted, 1)
        log_psi = log_v[None, :] + torch.log_softmax(log_phi, 0)
    share = log_phi.exp()
    gap = torch.where(share > 0, log_phi - log_psi, torch.zeros_like(share))
    return float((share * (gap + pairs)).sum())


def lower_bound(p: Named, q: Named) -> float:
    """No more than KL(P || Q), nats; zero where nothing better is known."""
    weights = p["log_weights"].exp()
    overlap = torch.stack([_log_overlap(f, q) for f in _parts(p)])  # [K, L]
    cross = -float(weights @ torch.logsumexp(q["log_weights"] + overlap, 1))
    parts = torch.tensor([closed_entropy(f) for f in _parts(p)], dtype=torch.float64)
    entropy = float(weights @ parts) + float(torch.special.entr(weights).sum())
    return max(cross - entropy, 0.0)


def _parts(law: Named) -> list[Named]:
    pairs = zip(law["means"], law["covariances"], strict=True)
    return [Named("normal", {"mean": mean, "covariance": covariance}) for mean, covariance in pairs]


def _log_overlap(f: Named, mixture: Named) -> Tensor:
    """log of the integral of f times each component, `[L]`."""
    covariance = f["covariance"] + mixture["covariances"]  # [L, d, d]
    factor = torch.linalg.cholesky(covariance)
    away = torch.linalg.solve_triangular(factor, (mixture["means"] - f["mean"])[:, :, None], upper=False)
    volume = torch.log(torch.diagonal(factor, dim1=1, dim2=2)).sum(1)
    result: Tensor = -0.5 * away.square().sum((1, 2)) - volume - 0.5 * len(f["mean"]) * LOG_2PI
    return result
