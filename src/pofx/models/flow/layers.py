"""The invertible layers of a flow of tables, built of zuko's layers, masked networks and affine maps.

Masked autoregressive layers (Papamakarios et al. 2017), couplings (Dinh et al. 2017), both with affine maps or with
affine maps and rational-quadratic splines (Durkan et al. 2019); rotations and splines (Gaussianisation: Meng et al.
2020, with the splines of Dai & Seljak 2021, whose inverse is closed and known everywhere).

A layer maps the values that a row has and leaves out those it has not: these stay zero, add nothing to the volume, and
are seen as zero by the networks. For each pattern of gaps what remains is a bijection of the values that exist, since
every layer is triangular in its columns; so the density of rows with gaps is exact. Rotations mix columns and cannot.

Outside their box splines are the line of the affine map before them, so nothing raises far out. Networks see values
clamped to the box, which any network may do without harm to exactness. Every layer begins as the identity.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from pofx.errors import MissingExtra
from pofx.models.flow.masked import Masked
from pofx.models.flow.rational import forward as rational
from pofx.models.flow.rational import inverse, size
from pofx.nets.planar import PlanarField
from pofx.nets.spline import AffineSpline

Kind = Literal["spline", "coupling_spline", "maf", "coupling", "gaussianisation", "continuous"]
BOX = 5.0  # where splines bend, in robust standard deviations
Pair = tuple[Tensor, Tensor]


def zuko() -> Any:
    """The package, or a line that says how to get it."""
    try:
        import zuko
    except ImportError:
        raise MissingExtra("flows", "zuko") from None
    return zuko


class Layer(nn.Module):
    """`forward(x, there, context)` gives y and log |dy/dx| `[n]`, `inverse` x and the same log. `[n, d]`, `[n, c]`.

    `there` is 1 where a row has a value and 0 where it has none; there x and y are 0.
    """

    def inverse(self, y: Tensor, there: Tensor, context: Tensor | None) -> Pair:
        raise NotImplementedError


class ElementWise(Layer):
    """Each column by itself, given the context."""

    def __init__(self, width: int, context: int, univariate: dict[str, Any], network: dict[str, Any]) -> None:
        super().__init__()
        extra = network if context else {}
        self.layer = zuko().flows.ElementWiseTransform(width, context, **univariate, **extra)
        _begin_as_identity(self.layer)

    def forward(self, x: Tensor, there: Tensor, context: Tensor | None) -> Pair:
        y, volume = self.layer(context).base.call_and_ladj(x)
        return y * there, (volume * there).sum(1)

    def inverse(self, y: Tensor, there: Tensor, context: Tensor | None) -> Pair:
        maps = self.layer(context).base
        return _back(maps, y, there)


class Autoregressive(Layer):
    """Each column given those at earlier places `[d]`, by maps that are affine, or affine and then splines."""

    def __init__(self, place: Tensor, context: int, *, hidden: int, depth: int, bins: int) -> None:
        super().__init__()
        self.bins = bins
        self.network = Masked(place, context, size(bins), hidden, depth)

    def _parameters_of(self, x: Tensor, context: Tensor | None) -> Tensor:
        found: Tensor = self.network(x.clamp(-BOX, BOX), context)
        return found

    def forward(self, x: Tensor, there: Tensor, context: Tensor | None) -> Pair:
        u = x.mT.contiguous()
        y, volume = rational(u, self._parameters_of(u, _turned(context)), self.bins, BOX)
        return y.mT * there, (volume.mT * there).sum(1)

    def inverse(self, y: Tensor, there: Tensor, context: Tensor | None) -> Pair:
        v, exists, features = y.mT.contiguous(), there.mT.contiguous(), _turned(context)
        x = torch.zeros_like(v)
        for _ in range(len(v)):  # each pass settles one more column
            x = inverse(v, self._parameters_of(x, features), self.bins, BOX) * exists
        volume = rational(x, self._parameters_of(x, features), self.bins, BOX)[1]
        return x.mT, (volume * exists).sum(0)


def _turned(context: Tensor | None) -> Tensor | None:
    return None if context is None else context.mT.contiguous()


class Coupling(Layer):
    """Every other column given the rest."""

    def __init__(
        self, width: int, context: int, univariate: dict[str, Any], network: dict[str, Any], *, odd: bool
    ) -> None:
        super().__init__()
        self.kept = [j for j in range(width) if (j % 2 == 1) == odd]
        self.moved = [j for j in range(width) if (j % 2 == 1) != odd]
        mask = torch.arange(width) % 2 == int(odd)
        self.layer = zuko().flows.coupling.GeneralCouplingTransform(width, context, mask=mask, **univariate, **network)
        _begin_as_identity(self.layer)

    def _maps(self, x: Tensor, context: Tensor | None) -> Any:
        return self.layer.meta(context, x[:, self.kept].clamp(-BOX, BOX)).base

    def forward(self, x: Tensor, there: Tensor, context: Tensor | None) -> Pair:
        moved, volume = self._maps(x, context).call_and_ladj(x[:, self.moved])
        y = x.clone()
        y[:, self.moved] = moved * there[:, self.moved]
        return y, (volume * there[:, self.moved]).sum(1)

    def inverse(self, y: Tensor, there: Tensor, context: Tensor | None) -> Pair:
        x = y.clone()
        x[:, self.moved], volume = _back(self._maps(y, context), y[:, self.moved], there[:, self.moved])
        return x, volume


class Rotation(Layer):
    """A learned rotation of all columns; rows must be complete."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.angles = nn.Parameter(torch.randn(width, width))

    @property
    def _matrix(self) -> Tensor:
        matrix: Tensor = zuko().transforms.RotationTransform(self.angles).R
        return matrix

    def forward(self, x: Tensor, there: Tensor, context: Tensor | None) -> Pair:
        return x @ self._matrix.mT, x.new_zeros(len(x))

    def inverse(self, y: Tensor, there: Tensor, context: Tensor | None) -> Pair:
        return y @ self._matrix, y.new_zeros(len(y))


class Continuous(Layer):
    """The flow of a differential equation (Chen et al. 2018)."""

    def __init__(self, width: int, context: int, hidden: int) -> None:
        super().__init__()
        self.field = PlanarField(width, context, hidden)

    def forward(self, x: Tensor, there: Tensor, context: Tensor | None) -> Pair:
        return self.field.follow(x, there, context, backwards=False)

    def inverse(self, y: Tensor, there: Tensor, context: Tensor | None) -> Pair:
        x, volume = self.field.follow(y, there, context, backwards=True)
        return x, -volume


def _back(maps: Any, y: Tensor, there: Tensor) -> Pair:
    """x of each value that exists, and the log-volume of the map at x."""
    x: Tensor = maps.inv(y) * there
    return x, (maps.call_and_ladj(x)[1] * there).sum(1)


def layers(kind: Kind, width: int, context: int, *, count: int, hidden: int, depth: int, bins: int) -> list[Layer]:
    """The layers of one kind of flow of `width` columns; one column has nothing to be autoregressive about."""
    if kind == "continuous":
        return [Continuous(width, context, hidden) for _ in range(count)]
    univariate = _affine() if kind in ("maf", "coupling") else _spline(bins)
    network = {"hidden_features": (hidden,) * depth, "activation": nn.SiLU}
    if width == 1:
        return [ElementWise(1, context, univariate, network) for _ in range(count)]
    if kind == "gaussianisation":
        each = [(Rotation(width), ElementWise(width, context, univariate, network)) for _ in range(count)]
        return [layer for pair in each for layer in pair]
    if kind in ("spline", "maf"):
        pieces, place = bins if kind == "spline" else 0, torch.randperm(width)
        places = [place if k % 2 == 0 else width - 1 - place for k in range(count)]
        return [Autoregressive(p, context, hidden=hidden, depth=depth, bins=pieces) for p in places]
    return [Coupling(width, context, univariate, network, odd=k % 2 == 1) for k in range(count)]


def _affine() -> dict[str, Any]:
    return {"univariate": zuko().transforms.MonotonicAffineTransform, "shapes": ((), ())}


def _spline(bins: int) -> dict[str, Any]:
    return {"univariate": AffineSpline, "shapes": ((), (), (2, bins), (bins - 1,))}


def _begin_as_identity(layer: Any) -> None:
    """Zero what the last layer gives: all maps begin as y = x."""
    last = [layer.hyper[-1].weight, layer.hyper[-1].bias] if hasattr(layer, "hyper") else list(layer.phi)
    for parameter in last:
        nn.init.zeros_(parameter)
