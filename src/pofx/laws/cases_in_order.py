"""Small data sets whose outcomes are rows of values in an order: symbols, a stream, texts, waves, colour pictures."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pofx.data.dataset import Data
from pofx.data.texts.cut import documents
from pofx.rng import generator, split
from pofx.spaces.image import Image
from pofx.spaces.symbols import Symbols
from pofx.spaces.waveform import Waveform

NEXT = ((0.05, 0.8, 0.1, 0.05), (0.1, 0.05, 0.75, 0.1), (0.35, 0.1, 0.05, 0.5))  # behind 0, 1, 2; the last is the end
SUBJECTS, VERBS, OBJECTS = ("the dog", "a cat", "the bird"), ("chased", "saw"), ("a ball", "the dog", "a fish")


def _of_rows(space: Symbols | Waveform, rows: list[Tensor]) -> Data:
    """Rows of different lengths, one after the other."""
    ends = torch.tensor([len(row) for row in rows]).cumsum(0)
    return Data(space, torch.cat(rows).to(torch.int16), ends=ends)


def _chain(random: torch.Generator, longest: int, end: bool) -> Tensor:
    """A Markov chain of three symbols; with `end` it may end itself, and is closed by 3."""
    shares = torch.tensor(NEXT if end else [row[:3] for row in NEXT])
    found = [int(torch.randint(3, (1,), generator=random))]
    while found[-1] != 3 and len(found) < longest:
        found.append(int(torch.multinomial(shares[found[-1]], 1, generator=random)))
    return torch.tensor(found if found[-1] == 3 or not end else [*found, 3])


def symbols(seed: int) -> Data:
    """Sequences of three symbols that mostly go round, of about five."""
    random = generator(split(seed, "symbols"))
    return _of_rows(Symbols(3), [_chain(random, 12, True) for _ in range(200)])


def stream(seed: int) -> Data:
    """A stream of three symbols that mostly go round, in passages of four."""
    x = _chain(generator(split(seed, "stream")), 600, False)
    return _of_rows(Symbols(3, ends=False, length=4), list(x.split(4)))


def text(seed: int) -> Data:
    """Short sentences of a few words."""
    random = generator(split(seed, "text"))

    def word(words: tuple[str, ...]) -> str:
        return words[int(torch.randint(len(words), (1,), generator=random))]

    return documents([f"{word(SUBJECTS)} {word(VERBS)} {word(OBJECTS)}".encode() for _ in range(60)])


def wave(seed: int) -> Data:
    """Sines of one pitch, of all phases, some longer than others, of three bits, and some noise."""
    random = generator(split(seed, "wave"))
    space = Waveform(rate=100, bits=3, length=3)
    rows = []
    for _ in range(80):
        moments = torch.arange(int(torch.randint(8, 17, (1,), generator=random)))
        phase = 2 * math.pi * torch.rand(1, generator=random)
        loud = 3 * torch.sin(0.7 * moments + phase) + 0.4 * torch.randn(len(moments), generator=random)
        rows.append(loud.round().clamp(space.low, space.high))
    return _of_rows(space, rows)


def colours(seed: int) -> Data:
    """Pictures of two pixels of eight colours: green mostly as red, blue mostly not, the second pixel mostly alike."""
    random = generator(split(seed, "colours"))
    space = Image(3, 1, 2, 1)

    def mostly(x: Tensor) -> Tensor:
        return torch.where(torch.rand(x.shape, generator=random) < 0.85, x, 1 - x)

    red = torch.randint(2, (200,), generator=random)
    green = mostly(red)
    first = torch.stack([red, green, mostly(1 - green)], 1)  # [n, 3]
    return Data(space, space.compact(torch.stack([first, mostly(first)], -1)[:, :, None]))
