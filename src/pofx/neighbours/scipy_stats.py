"""SciPy's distributions as models, and models as SciPy's distributions.

    law = from_scipy(scipy.stats.gamma(2.0, scale=3.0))      # a Density: log_prob, sample, cdf, ppf, save
    to_scipy(model).interval(0.9)                            # a scipy.stats.rv_continuous, or rv_discrete

A distribution that SciPy has by name is stored as name and numbers; one made by hand works too, but cannot be saved.
What SciPy computes is what you get: some of its families underflow to `-inf` far out in their tails, and nothing is
differentiable. Cost: SciPy's, O(n) a call.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from pofx.core.contract import Density, Model
from pofx.core.named import Named
from pofx.core.registry import adapter
from pofx.neighbours.names import dirichlet, named_of_scipy
from pofx.neighbours.scipy_laws import Law, law_from, law_of
from pofx.neighbours.scipy_records import Record
from pofx.neighbours.scipy_views import view
from pofx.spaces.numeric import Positive

LARGEST, SMALLEST = torch.finfo(torch.float64).max, 5e-324  # what draws that overflow, or underflow to zero, become


def from_scipy(distribution: Any) -> Density:
    """A SciPy distribution with its parameters as a model of a column `x`, or of columns `x1`, `x2`, ...

    Args:
        distribution: a frozen univariate one, `scipy.stats.norm(1, 2)`; a frozen `multivariate_normal` or
            `multivariate_t`; one of the new kind, `scipy.stats.Normal(mu=1, sigma=2)`; a `gaussian_kde`; or what
            `to_scipy` gave.

    Raises:
        SpaceError: parameters missing, out of range, or arrays of them; other things than distributions.
    """
    model = getattr(distribution, "pofx_model", None)
    if isinstance(model, Density):
        return model
    law = law_of(distribution)
    if law.record is None or not _agree(law, law_from(law.record)):
        return HandmadeDensity(distribution)
    return ScipyDensity(law.record)


def to_scipy(model: Model) -> Any:
    """The model with SciPy's methods; a model that came from SciPy gives the distribution it was made of.

    One real column gives an `rv_continuous` (pdf, logpdf, cdf, ppf, rvs, mean, std, interval, expect, ...), one column
    of whole numbers an `rv_discrete`, several columns an object with `logpdf`, `pdf` (or `logpmf`, `pmf`) and `rvs`.
    As in SciPy, `rvs` draws its seed from `random_state`, and from NumPy's global generator where that is None.

    Raises:
        SpaceError: columns that are not plain numbers, or real and counted ones together.
    """
    return model.law.original if isinstance(model, _LawDensity) else view(model)


class _LawDensity(Density):
    """A density whose numbers SciPy computes."""

    def __init__(self, law: Law) -> None:
        super().__init__(law.space)
        self.law = law
        self.capabilities = frozenset({"cdf"} if law.has_cdf else ())  # type: ignore[misc]

    @property
    def free_parameters(self) -> int:
        """None was fitted here."""
        return 0

    def named(self) -> Named | None:
        return named_of_scipy(self.law.record)

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        return _tensor(self.law.log_prob(_array(x)), x)

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        seed = int(torch.randint(2**62, (1,), generator=generator))
        with np.errstate(all="ignore"):
            x = torch.tensor(self.law.draw(n, np.random.default_rng(seed)), dtype=torch.float64)
        x = x.clamp(-LARGEST, LARGEST)  # of a tail so heavy that doubles end before it does
        if isinstance(self.law.space.spaces[0], Positive):
            x = x.clamp(min=SMALLEST)
        return x

    def _cdf(self, x: Tensor) -> Tensor:
        return _tensor(self.law.cdf(_array(x)), x)


class ScipyDensity(_LawDensity):
    """A distribution that can be stored.

    Args:
        record: its name and parameters, as `pofx.neighbours.scipy_laws` writes them.
    """

    def __init__(self, record: Record) -> None:
        super().__init__(law_from(record))
        self.record = record


class HandmadeDensity(_LawDensity):
    """A distribution that SciPy does not have by name: it cannot be stored.

    Args:
        distribution: SciPy's object.
    """

    def __init__(self, distribution: Any) -> None:
        super().__init__(law_of(distribution))
        self.distribution = distribution


@adapter
def _taken(value: Any) -> Density | Named | None:
    """SciPy's distributions wherever a model may stand."""
    kind = type(value)
    if not kind.__module__.startswith("scipy.stats"):
        return None
    return dirichlet(value) or from_scipy(value)


def _agree(law: Law, remade: Law) -> bool:
    """Whether a record says all: a family that someone changed has the old name and other numbers."""
    with np.errstate(all="ignore"):
        x = law.draw(16, np.random.default_rng(0))
    near = np.allclose(law.log_prob(x), remade.log_prob(x), rtol=1e-9, atol=1e-9, equal_nan=True)
    return law.space == remade.space and bool(near)


def _array(x: Tensor) -> np.ndarray:
    return x.detach().cpu().numpy()


def _tensor(values: np.ndarray, like: Tensor) -> Tensor:
    return torch.as_tensor(np.array(values, dtype=np.float64)).to(like.device)
