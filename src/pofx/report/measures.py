"""The measures by name: what each is called in words, and what it says, in one sentence a person can use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Meaning(NamedTuple):
    """A measure in words, and what it says."""

    words: str
    says: str


_ALWAYS = ("kl", "js", "tv", "wasserstein", "energy", "c2st")
_SHORT = {"kl": "KL", "js": "JS", "tv": "TV", "wasserstein": "W₁", "mmd": "MMD", "c2st": "C2ST"}

MEANINGS: Mapping[str, Meaning] = {
    "kl": Meaning(
        "Kullback-Leibler divergence (KL)",
        "The nats that a row of A costs more, on average, when it is predicted with B in place of A. Zero where "
        "nothing differs, infinite as soon as A has rows where B has none. KL(B ‖ A) is another number.",
    ),
    "js": Meaning(
        "Jensen-Shannon divergence (JS)",
        "The KL of each from the mixture of both, half and half, averaged: never infinite, at most log 2 ≈ 0.693 nats.",
    ),
    "tv": Meaning(
        "total variation (TV)",
        "The share of rows that would have to change to turn one into the other: 0 is none, 1 is all.",
    ),
    "wasserstein": Meaning(
        "Wasserstein distance (W₁)",
        "How far rows have to be moved, on average, to turn A into B, in the units of the column.",
    ),
    "energy": Meaning(
        "energy distance",
        "How much further rows of A are from rows of B than rows of the same side are from each other. It sees all "
        "columns at once, and is zero only where nothing differs.",
    ),
    "c2st": Meaning(
        "classifier two-sample test (C2ST)",
        "How often a classifier tells a row of A from one of B, on rows it has not seen: 0.5 is chance, 1 is always.",
    ),
    "mmd": Meaning(
        "maximum mean discrepancy (MMD)",
        "The largest difference of means that a smooth function of bounded size finds between A and B.",
    ),
    "cross_entropy": Meaning(
        "cross entropy",
        "The nats a row of A costs, on average, when it is predicted with B: the entropy of A plus KL(A ‖ B).",
    ),
    "entropy": Meaning("entropy", "The nats a row costs, on average, when it is predicted with its own law."),
    "hellinger": Meaning(
        "Hellinger distance",
        "How far apart the square roots of the two densities are: 0 where they agree, 1 without overlap.",
    ),
    "sliced_wasserstein": Meaning(
        "sliced Wasserstein distance",
        "The Wasserstein distance along one direction through the columns, averaged over many directions.",
    ),
    "sinkhorn": Meaning(
        "Sinkhorn divergence",
        "The cost of a transport plan that is smoothed so that it can be computed for many rows, less the bias.",
    ),
}


def words_of(name: str) -> str:
    """A measure in words; one that is not known here keeps its name.

    >>> words_of("js"), words_of("my_own")
    ('Jensen-Shannon divergence (JS)', 'my own')
    """
    return MEANINGS[name].words if name in MEANINGS else name.replace("_", " ")


def short_name(name: str) -> str:
    """As it stands in a line of figures: `KL`, `W₁`, `TV`."""
    return _SHORT.get(name, words_of(name))


def glossary(names: Iterable[str]) -> list[Meaning]:
    """What the measures that are always needed mean, and those of `names` that are known."""
    return [MEANINGS[name] for name in dict.fromkeys([*_ALWAYS, *names]) if name in MEANINGS]
