"""The table of univariate families, and which of them suit a column."""

from __future__ import annotations

from difflib import get_close_matches

from pofx.errors import FitError
from pofx.models.parametric.bounded import CIRCLE, UNIT
from pofx.models.parametric.count import BOUNDED, COUNT
from pofx.models.parametric.family import FRAMES, Family
from pofx.models.parametric.line import LINE
from pofx.models.parametric.positive import POSITIVE
from pofx.models.parametric.rounded import ROUNDED
from pofx.spaces.base import Scalar
from pofx.spaces.numeric import Integer

FAMILIES: tuple[Family, ...] = (*LINE, *POSITIVE, *UNIT, *CIRCLE, *COUNT)


def names() -> tuple[str, ...]:
    """All family names, `categorical` included."""
    return (*dict.fromkeys(family.name for family in FAMILIES), "categorical")


def candidates(space: Scalar) -> tuple[Family, ...]:
    """The families that give every outcome of the space a probability: what `best` chooses among, simplest first."""
    home = FRAMES[type(space)][0]
    suited = FAMILIES
    if isinstance(space, Integer) and space.low is None:
        suited = ROUNDED
    found = [f for f in suited if f.frame is home and f.regular and _suits_bounds(f, space)]
    return tuple(sorted(found, key=lambda f: len(f.free)))


def family_for(name: str, space: Scalar) -> Family:
    """The family of that name in the frame nearest to the space.

    Raises:
        FitError: there is no such family, or it does not live on this kind of column.
    """
    named = [family for family in FAMILIES if family.name == name]
    if not named:
        near = get_close_matches(name, names(), 1)
        raise FitError(
            f"there is no family '{name}'",
            expected=", ".join(names()),
            remedy=f"did you mean '{near[0]}'?" if near else "family='best' chooses one",
        )
    for frame in FRAMES[type(space)]:
        for family in named:
            if family.frame is frame and _suits_bounds(family, space):
                return family
    raise FitError(
        f"the family '{name}' lives on {' or '.join(family.frame.value for family in named)}",
        got=f"a column that is {space.describe()}",
        expected=", ".join(family.name for family in candidates(space)),
        remedy="choose one of these, or say that the column is something else (--column NAME=KIND)",
    )


def _suits_bounds(family: Family, space: Scalar) -> bool:
    """Counts without an end need a lowest value; counts of a fixed number of trials need both ends."""
    if not isinstance(space, Integer):
        return True
    if family in ROUNDED:
        return True
    if family in BOUNDED:
        return space.high is not None and space.low is not None and space.high > space.low
    return space.high is None
