"""Small data sets, one for each kind of space, on which the laws are tried. Generated from seeds; no files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pofx.codecs.choose import choose
from pofx.core.estimator import Estimator
from pofx.data.dataset import Data
from pofx.errors import SpaceError
from pofx.laws.cases_in_order import colours, stream, symbols, text, wave
from pofx.rng import generator, split
from pofx.spaces.base import MISSING, Scalar
from pofx.spaces.image import Image
from pofx.spaces.numeric import Circle, Grid, Integer, Interval, Positive, Real
from pofx.spaces.symbolic import Category, Constant, Date, Maybe
from pofx.spaces.symbols import Symbols
from pofx.spaces.table import Table
from pofx.spaces.text import Text

Column = tuple[Scalar, Tensor]


@dataclass(frozen=True)
class Case:
    """A named data set.

    Args:
        name: what reports call it.
        make: `make(seed)` generates rows; another seed gives other rows from the same law.
        smooth: whether a fitted density is smooth enough to be integrated.
        structured: whether its values depend on each other strongly enough for a joint model to show.
    """

    name: str
    make: Callable[[int], Data]
    smooth: bool = True
    structured: bool = False


def applies(estimator: Estimator, data: Data) -> bool:
    """Whether the estimator declares that it takes data of this kind: by `accepts`, `columns` and `capabilities`."""
    if data.weights is not None and "weights" not in estimator.capabilities:
        return False
    if not isinstance(data.space, Table):
        as_symbols = isinstance(data.space, Text) and Symbols in estimator.accepts
        return as_symbols or type(data.space) in estimator.accepts
    try:
        codec = choose(data.space, data.values, estimator.accepts, estimator.name, standardise=estimator.standardise)
    except SpaceError:  # the one thing that `choose` refuses: a space that is not in `accepts`
        return False
    return estimator.columns in (None, len(codec.target.names))


def _table(columns: dict[str, Column], weights: Tensor | None = None) -> Data:
    space = Table(tuple(columns), tuple(kind for kind, _ in columns.values()))
    return Data(space, torch.stack([x.to(torch.float64) for _, x in columns.values()], 1), weights)


def _normal(random: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=random, dtype=torch.float64)


def _uniform(random: torch.Generator, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=random, dtype=torch.float64)


def normal(seed: int) -> Data:
    """One real column with two humps."""
    random = generator(split(seed, "normal"))
    return _table({"x": (Real(), _normal(random, 100) + 3.0 * (_uniform(random, 100) < 0.3))})


def correlated(seed: int) -> Data:
    """Two real columns in different units, correlation 0.9."""
    z = _normal(generator(split(seed, "correlated")), 120, 2)
    return _table({"a": (Real(), z[:, 0] + 5), "b": (Real(), 50 * (0.9 * z[:, 0] + 0.19**0.5 * z[:, 1]))})


def positive(seed: int) -> Data:
    """One skewed positive column."""
    return _table({"x": (Positive(), torch.exp(0.8 * _normal(generator(split(seed, "positive")), 100) + 2))})


def interval(seed: int) -> Data:
    """One column between 0 and 10, rising to one end."""
    return _table({"x": (Interval(0.0, 10.0), 10 * _uniform(generator(split(seed, "interval")), 100) ** 0.4)})


def circle(seed: int) -> Data:
    """Directions in degrees, gathered round north, where the numbers wrap."""
    x = torch.remainder(50 * _normal(generator(split(seed, "circle")), 100), 360)
    return _table({"x": (Circle(360.0), x)})


def counts(seed: int) -> Data:
    """Whole numbers from 0, more spread than Poisson."""
    random = generator(split(seed, "counts"))
    return _table({"x": (Integer(0), torch.floor(4 * torch.exp(0.7 * _normal(random, 100))))})


def category(seed: int) -> Data:
    """One column of labels, where others may come."""
    x = torch.floor(3 * _uniform(generator(split(seed, "category")), 100) ** 1.5)
    return _table({"x": (Category(("red", "green", "blue")), x)})


def categories(seed: int) -> Data:
    """Two columns of labels, one of which mostly tells the other."""
    random = generator(split(seed, "categories"))
    a = torch.floor(3 * _uniform(random, 100))
    b = torch.where(_uniform(random, 100) < 0.85, a, torch.floor(4 * _uniform(random, 100)))
    return _table({"a": (Category(("x", "y", "z"), open=False), a), "b": (Category((10, 20, 30, 40)), b)})


def grid(seed: int) -> Data:
    """Numbers rounded to halves."""
    x = torch.round(2 * _normal(generator(split(seed, "grid")), 100)) / 2 + 0.25
    return _table({"x": (Grid(0.5, 0.25), x)})


def maybe(seed: int) -> Data:
    """A positive column that may be missing and has a spike at 0."""
    random = generator(split(seed, "maybe"))
    x, u = torch.exp(_normal(random, 100)), _uniform(random, 100)
    x = torch.where(u < 0.15, torch.zeros_like(x), torch.where(u > 0.8, torch.full_like(x, MISSING), x))
    return _table({"x": (Maybe(Positive(), True, (0.0,)), x)})


def groups(seed: int) -> Data:
    """A label and a number whose mean depends on it."""
    random = generator(split(seed, "groups"))
    label = torch.floor(3 * _uniform(random, 120))
    return _table({"k": (Category(("a", "b", "c")), label), "x": (Real(), 4 * label + _normal(random, 120))})


def mixed(seed: int) -> Data:
    """A table of many kinds of columns, most of which follow one hidden number."""
    random = generator(split(seed, "mixed"))
    n = 120
    hidden = _normal(random, n)
    noise = _normal(random, n, 10)
    date = torch.round(19000 + 300 * hidden + 100 * noise[:, 7])
    maybe_number = torch.where(_uniform(random, n) < 0.2, torch.full((n,), MISSING), torch.exp(noise[:, 8]))
    maybe_label = torch.where(_uniform(random, n) < 0.1, torch.full((n,), MISSING), (noise[:, 9] > 0).double())
    return _table(
        {
            "real": (Real(), hidden + 0.3 * noise[:, 0]),
            "circle": (Circle(24.0), torch.remainder(6 + 2 * hidden + noise[:, 3], 24)),
            "integer": (Integer(0), torch.floor(torch.exp(1 + 0.5 * hidden + 0.3 * noise[:, 4]))),
            "category": (Category(("no", "yes"), open=False), (hidden + 0.5 * noise[:, 5] > 0).double()),
            "date": (Date(), date),
            "maybe": (Maybe(Positive()), maybe_number),
            "label": (Maybe(Category(("f", "m"))), maybe_label),
            "constant": (Constant("same"), torch.zeros(n)),
        }
    )


def ties(seed: int) -> Data:
    """Finely rounded numbers with many equal values, and one value that half of the rows have."""
    random = generator(split(seed, "ties"))
    x = torch.round(_normal(random, 100) * 10) / 10
    return _table({"x": (Real(0.1), torch.where(_uniform(random, 100) < 0.5, torch.full_like(x, 0.3), x))})


def collinear(seed: int) -> Data:
    """Three columns of which one is a multiple of another, and equal rows: every covariance is singular."""
    z = _normal(generator(split(seed, "collinear")), 30, 2).repeat(3, 1)
    return _table({"a": (Real(), z[:, 0]), "b": (Real(), 2 * z[:, 0]), "c": (Real(), z[:, 1])})


def tiny(seed: int) -> Data:
    """Five rows of two columns."""
    return _table({name: (Real(), _normal(generator(split(seed, "tiny", name)), 5)) for name in ("a", "b")})


def few(seed: int) -> Data:
    """Five rows of one column."""
    return _table({"x": (Real(), 100 + 7 * _normal(generator(split(seed, "few")), 5))})


def weighted(seed: int) -> Data:
    """Rows with weights 0, 1, 2, 3."""
    x = _normal(generator(split(seed, "weighted")), 120)
    return _table({"x": (Real(), x)}, torch.arange(120, dtype=torch.float64) % 4)


def pictures(seed: int) -> Data:
    """Black and white pictures of two rows and three columns: bars that stand or lie, and some noise."""
    random = generator(split(seed, "pictures"))
    space = Image(1, 2, 3, 1)
    bars = torch.tensor([[1, 0, 0, 1, 0, 0], [0, 1, 0, 0, 1, 0], [1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]])
    kind = torch.randint(len(bars), (200,), generator=random)
    flip = _uniform(random, 200, 6) < 0.1
    return Data(space, space.compact((bars[kind].bool() ^ flip).reshape(-1, 1, 2, 3)))


CASES: dict[str, Case] = {
    case.name: case
    for case in (
        Case("normal", normal),
        Case("correlated", correlated, structured=True),
        Case("positive", positive),
        Case("interval", interval),
        Case("circle", circle),
        Case("counts", counts),
        Case("category", category),
        Case("categories", categories, structured=True),
        Case("grid", grid),
        Case("maybe", maybe),
        Case("groups", groups, structured=True),
        Case("mixed", mixed, structured=True),
        Case("ties", ties),
        Case("collinear", collinear, smooth=False),
        Case("tiny", tiny),
        Case("few", few),
        Case("weighted", weighted),
        Case("pictures", pictures),
        Case("colours", colours, structured=True),
        Case("symbols", symbols, structured=True),
        Case("stream", stream, structured=True),
        Case("text", text, structured=True),
        Case("wave", wave, structured=True),
    )
}
