"""Outcomes whose values come one after the other: sequences, and pictures in reading order, channels inside a pixel.

The laws of `causal` and `drawing` see every outcome as a row of values in the model's order, `[n, places]`. A model of
texts is looked at as the model of symbols that it is.

A model that looks back on a bounded number of values says so by an attribute `reach`: how many values before a place
change what is said of it for sure. Without one it is all of them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pofx.codecs.tokens.base import TokenCodec
from pofx.core.contract import Model
from pofx.laws.subject import Subject
from pofx.spaces.base import Space
from pofx.spaces.image import Image
from pofx.spaces.sequence import PAD, Sequence
from pofx.spaces.symbols import Symbols
from pofx.spaces.text import END, Text
from pofx.spaces.waveform import Waveform

LARGEST = 1024  # values in an alphabet that is listed


def has_order(space: Space) -> bool:
    """Whether its outcomes are values in an order."""
    return isinstance(space, Image | Symbols | Text | Waveform)


def _cut(model: Model) -> tuple[TokenCodec, Model] | None:
    """How a model of texts cuts them, and the model behind it."""
    codec, behind = getattr(model, "codec", None), getattr(model, "inner", None)
    return (codec, behind) if isinstance(codec, TokenCodec) and isinstance(behind, Model) else None


def some_rows(subject: Subject, each: int) -> tuple[Model, Tensor]:
    """The model behind the cutting of texts, and some training rows and samples in order, `[n, places]`."""
    x, cut = subject.all_rows, _cut(subject.model)
    chosen = torch.cat([x[:each], x[len(x) - min(each, len(subject.own)) :]])
    if cut is None:
        return subject.model, in_order(subject.model.space, chosen)
    codec, model = cut
    return model, codec.encode(chosen)[0]


def reach_of(model: Model) -> int | None:
    """How many values before a place change what is said of it; None: all."""
    found: int | None = getattr(model, "reach", None)
    return found


def values(space: Space) -> Tensor:
    """All values that may stand at a place, the end mark not counted."""
    if isinstance(space, Image):
        return torch.arange(space.levels)
    if isinstance(space, Waveform):
        return torch.arange(space.low, space.high + 1)
    return torch.arange(END if isinstance(space, Text) else space.size)  # type: ignore[attr-defined]


def closing(space: Space) -> int | None:
    """The end mark, where there is one."""
    return space.closing if isinstance(space, Sequence) else None


def in_order(space: Space, x: Tensor) -> Tensor:
    """`[n, *event] -> [n, places]`."""
    return x.movedim(1, -1).flatten(1) if isinstance(space, Image) else x


def back(space: Space, x: Tensor) -> Tensor:
    """`[n, places] -> [n, *event]`."""
    if isinstance(space, Image):
        return x.reshape(-1, space.height, space.width, space.channels).movedim(-1, 1).double()
    return x


def closed(space: Space, x: Tensor) -> Tensor:
    """Beginnings `[n, k]` as outcomes: with the end mark where there is one, pictures filled up with zeros."""
    end = closing(space)
    if isinstance(space, Image):
        return torch.cat([x, x.new_zeros(len(x), space.dims - x.shape[1])], 1)
    return x if end is None else torch.cat([x, x.new_full((len(x), 1), end)], 1)


def parts(model: Model, x: Tensor) -> Tensor:
    """What each value adds to log p, of rows in order; `[n, places]`."""
    return in_order(model.space, torch.as_tensor(model.log_prob_parts(back(model.space, x))))


def next_law(model: Model, begun: Tensor) -> Tensor:
    """Log p of each value, and last of the end where it may come, behind beginnings `[n, k]`; `[n, values]`."""
    space, (n, k), known = model.space, begun.shape, values(model.space).to(begun.dtype)
    rows = torch.cat([begun.repeat_interleave(len(known), 0), known.repeat(n)[:, None]], 1)
    found = parts(model, closed(space, rows))[:, k].reshape(n, len(known))
    if closing(space) is None:
        return found
    return torch.cat([found, parts(model, closed(space, begun))[:, k, None]], 1)


def filled_to(x: Tensor) -> Tensor:
    """How many values each row has, `[n]`."""
    return (x != PAD).sum(1)


def spread(count: int, most: int) -> list[int]:
    """Numbers from 0 to count - 1, the first and the last among them, at most so many."""
    return sorted({round(k) for k in torch.linspace(0, max(count - 1, 0), min(count, most)).tolist()})
