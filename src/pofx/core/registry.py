"""Which estimators there are. A module of `pofx.models` that says `@register` is found; nothing else is edited.

Other packages add theirs with an entry point in the group `pofx.models` that names a module.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any, TypeVar

from pofx.core.estimator import Estimator
from pofx.errors import FitError

HOME = "pofx.models"
_known: dict[str, type[Estimator]] = {}
_found: list[bool] = []
Adapter = Callable[[Any], Any]
_adapters: list[Adapter] = []

E = TypeVar("E", bound=type[Estimator])


def register(estimator: E) -> E:
    """Class decorator: make an estimator known under its `name`."""
    _known[estimator.name] = estimator
    return estimator


def adapter(take: Adapter) -> Adapter:
    """Decorator: let another library's distributions stand wherever a model may. `take` gives None for other things."""
    _adapters.append(take)
    return take


def adapted(value: Any) -> Any:
    """What the first adapter that knows `value` makes of it: a model or a named law; None where none does."""
    estimators()
    return next((made for take in _adapters if (made := take(value)) is not None), None)


def estimators() -> dict[str, type[Estimator]]:
    """All known estimators by name, in alphabetical order."""
    if not _found:
        _found.append(True)
        home = importlib.import_module(HOME)
        for module in sorted(info.name for info in pkgutil.walk_packages(home.__path__, HOME + ".")):
            importlib.import_module(module)
        for entry in entry_points(group=HOME):
            entry.load()
    return dict(sorted(_known.items()))


def estimator(name: str) -> type[Estimator]:
    """The estimator class of that name; an unknown name raises with the nearest one."""
    from difflib import get_close_matches

    known = estimators()
    if name not in known:
        near = get_close_matches(name, known, 1)
        raise FitError(
            f"there is no model '{name}'",
            expected=", ".join(known),
            remedy=f"did you mean '{near[0]}'?" if near else "pofx models lists them",
        )
    return known[name]
