"""Where in a picture a model's bits go, and how it ends pictures of which it saw half: of models that read in an order.

The bits of a pixel are what it adds to the cost of the picture given the pixels before it, all channels together (the
chain rule). Limits: the parts of a bound are bounds. Cost: one pass over 8 pictures, and one draw of 24 halves.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pofx.core.contract import Model
from pofx.evaluate.pictures.album import PAPER, Album
from pofx.likelihood import Likelihood
from pofx.rng import split
from pofx.runs.pictures import Sheet

SHOWN = 8
ENDINGS = 3
WHITE = 0.995  # of the pixels cost no more bits than a white one


def bits_map(model: Model, pictures: Tensor, album: Album, name: str) -> tuple[Sheet | None, float | None]:
    """Held-out pictures above, the bits of each pixel below, and how many a white pixel has; None without parts."""
    if "parts" not in model.capabilities or model.likelihood is Likelihood.NONE or not len(pictures):
        return None, None
    some = pictures[: min(SHOWN, album.most)].double()
    bits = -model.log_prob_parts(some).detach().cpu().double().sum(1, keepdim=True) / math.log(2)  # [n, 1, H, W]
    most = _most(bits)
    levels = (bits / most).clamp(0, 1).nan_to_num(1.0) * (album.space.levels - 1)
    both = torch.cat([some.cpu(), levels.expand(some.shape)])
    return album.add(name, both, columns=len(some)), round(most, 4)


def completions(model: Model, pictures: Tensor, album: Album, name: str, *, seed: int) -> Sheet | None:
    """Held-out pictures, their upper halves, and so many endings of each made up; None of models that end nothing."""
    if "complete" not in model.capabilities or not len(pictures):
        return None
    some = pictures[: min(SHOWN, album.most)].double().cpu()
    begun = some.clone()
    begun[:, :, album.space.height // 2 :] = torch.nan
    found = model.complete(begun.repeat(ENDINGS, 1, 1, 1), seed=split(seed, "completed"))
    blank = PAPER / 255 * (album.space.levels - 1)
    sheets = torch.cat([some, begun.nan_to_num(blank), album.space.read(found).double()])
    return album.add(name, sheets, columns=len(some))


def _most(bits: Tensor) -> float:
    """Bits of a white pixel: nearly the most, so that a few pixels do not make all others black."""
    known = bits[torch.isfinite(bits)]
    if not len(known):
        return 1.0
    place = min(len(known) - 1, math.ceil(WHITE * len(known)) - 1)
    return max(float(known.sort().values[place]), 1e-9)
