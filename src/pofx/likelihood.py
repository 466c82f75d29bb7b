"""How honest an answer is: exact, a lower bound, or none. A composition has the minimum of its parts."""

from __future__ import annotations

from enum import IntEnum


class Likelihood(IntEnum):
    """What a model's score is.

    >>> min(Likelihood.EXACT, Likelihood.LOWER_BOUND).word
    'bound'
    """

    NONE = 0
    LOWER_BOUND = 1
    EXACT = 2

    @property
    def word(self) -> str:
        """`exact`, `bound` or `none`, as the command line and its JSON write it."""
        return ("none", "bound", "exact")[int(self)]
