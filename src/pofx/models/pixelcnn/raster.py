"""Pictures drawn place by place in reading order, from uniform numbers; what is known of them stays.

The network walks with what is drawn: each place costs what one place costs, not a pass over the picture (Ramachandran
et al. 2017, Fast generation for convolutional autoregressive models, for the idea).
"""

from __future__ import annotations

import torch
from torch import Tensor

from pofx.core.warp import Warp
from pofx.errors import SpaceError
from pofx.models.pixelcnn.law import Law
from pofx.models.pixelcnn.network import PixelNet
from pofx.spaces.image import Image


def fill(law: Law, net: PixelNet, begun: Tensor, u: Tensor, told: Tensor | None, warp: Warp) -> Tensor:
    """Pictures `[n, C, H, W]`, float64.

    Args:
        law: of single values.
        net: what is said of them.
        begun: the same pictures, NaN where nothing is known.
        u: uniform numbers, `[n, C, UNIFORMS, H, W]`.
        told: what is known of each picture, `[n, told]` or None.
        warp: of the law.
    """
    x, open_ = begun.nan_to_num(nan=0.0), torch.isnan(begun)
    walk, (_, _, height, width) = net.reader.walk(len(x), told), x.shape
    for row in range(height):
        walk.begin(row)
        for column in range(width):
            pixel, missing = x[:, :, row, column], open_[:, :, row, column]
            h = walk.at(column)
            if bool(missing.any()):
                x[:, :, row, column] = _pixel(
                    law, net, h, (row, column), pixel, missing, u[..., row, column], warp
                )  # fmt: skip
            walk.put(column, _known(law, net, x[:, :, row, column])[..., 0, 0])
    return x


def _pixel(
    law: Law, net: PixelNet, h: Tensor, place: tuple[int, int], pixel: Tensor, missing: Tensor, u: Tensor, warp: Warp
) -> Tensor:
    """One pixel, `[n, C]`, channel after channel."""
    pixel = pixel.clone()
    for channel in range(pixel.shape[1]):
        known = _known(law, net, pixel)
        said = net.outputs.channel(channel, h[..., None, None], known)[..., 0, 0]
        drawn = law.draw(channel, said, place, pixel[:, :channel], u[:, channel], warp)
        pixel[:, channel] = torch.where(missing[:, channel], drawn, pixel[:, channel])
    return pixel


def _known(law: Law, net: PixelNet, pixel: Tensor) -> Tensor:
    return law.known(pixel[..., None, None], net.dtype)


def begun_places(begun: Tensor, space: Image) -> None:
    """Refuse pictures that are not known in reading order up to a place, or are no pictures.

    Raises:
        SpaceError: naming the row.
    """
    known = ~torch.isnan(begun).movedim(1, -1).flatten(1)  # [n, H W C]
    gap = (known[:, 1:] & ~known[:, :-1]).any(1)
    if bool(gap.any()):
        raise SpaceError(
            "a picture is known after a place where it is not",
            expected="known values first, in reading order (row by row), and NaN after them",
            where=f"row {int(gap.nonzero()[0, 0]) + 1}",
        )
    inside = space.contains(begun.nan_to_num(nan=0.0))
    if not bool(inside.all()):
        raise SpaceError(
            "this is no picture", expected=space.describe(), where=f"row {int((~inside).nonzero()[0, 0]) + 1}"
        )
