"""A univariate SciPy distribution as numbers that make it again, for the store: no pickle."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import scipy.stats
import torch
from torch import Tensor

from pofx.errors import StoreError

Record = dict[str, Any]
_SETTINGS = ("self", "kwargs", "parameters", "tol", "validation_policy", "cache_policy")  # no numbers


def record_of_frozen(frozen: Any) -> Record | None:
    """Name or tables, and arguments, of a frozen distribution; None for one made by hand."""
    arguments = {
        "args": tuple(_plain(value) for value in frozen.args),
        "kwds": {key: _plain(value) for key, value in frozen.kwds.items()},
    }
    family: Any = frozen.dist
    if _is_published(family):
        return {"kind": "named", "name": family.name, **arguments}
    if isinstance(family, scipy.stats.rv_histogram):
        return {"kind": "histogram", **_two(family._hpdf[1:-1], family._hbins), **arguments}
    if hasattr(family, "xk"):
        return {"kind": "values", **_two(family.xk, family.pk), **arguments}
    return None


def _is_published(family: Any) -> bool:
    return type(getattr(scipy.stats, family.name, None)) is type(family)


def record_of_object(distribution: Any) -> Record | None:
    """Name and parameters of a `scipy.stats.Normal` and its like; None for what was made of several."""
    for kind in type(distribution).__mro__:  # Normal() is a StandardNormal
        if getattr(scipy.stats, kind.__name__, None) is kind:
            names = [name for name in inspect.signature(kind.__init__).parameters if name not in _SETTINGS]
            values = {name: getattr(distribution, name) for name in names}
            if any(np.asarray(value).dtype.kind not in "iuf" for value in values.values()):
                return None  # scipy.stats.Mixture, which is made of distributions
            return {"kind": "object", "name": kind.__name__, "kwds": {key: _plain(v) for key, v in values.items()}}
    return None


def _two(first: np.ndarray, second: np.ndarray) -> dict[str, Tensor]:
    return {"first": torch.tensor(np.array(first)), "second": torch.tensor(np.array(second))}


def family(record: Record) -> Any:
    """What was frozen."""
    if record["kind"] == "named":
        found = getattr(scipy.stats, record["name"], None)
        if not isinstance(found, scipy.stats.rv_continuous | scipy.stats.rv_discrete):
            raise _unknown(record)
        return found
    first, second = record["first"].numpy(), record["second"].numpy()
    if record["kind"] == "histogram":
        return scipy.stats.rv_histogram((first, second), density=True)
    return scipy.stats.rv_discrete(values=(first, second))


def new_kind(record: Record) -> Any:
    """`scipy.stats.Normal(mu=1, sigma=2)` from its record."""
    found = getattr(scipy.stats, record["name"], None)
    if not (isinstance(found, type) and is_a(found, "_ProbabilityDistribution")):
        raise _unknown(record)
    return found(**record["kwds"])


def is_a(kind: type, name: str) -> bool:
    """Whether the class derives from one of SciPy's of this name: it does not publish its new base classes."""
    return any(base.__name__ == name and base.__module__.startswith("scipy.") for base in kind.__mro__)


def _unknown(record: Record) -> StoreError:
    return StoreError(
        f"the installed SciPy has no distribution '{record['name']}'",
        got=f"SciPy {scipy.__version__}",
        remedy="pip install --upgrade scipy",
    )


def _plain(value: Any) -> int | float | tuple[float, ...]:
    if np.size(value) != 1:  # poisson_binom has a list of probabilities
        return tuple(np.asarray(value, dtype=np.float64).reshape(-1).tolist())
    number = np.asarray(value).reshape(-1)[0]
    return int(number) if isinstance(number, np.integer) else float(number)
