"""Which models compete: those that were named, or those that suit the columns or pictures where `auto` was."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from pofx.core.estimator import Estimator
from pofx.core.registry import estimator as estimator_named
from pofx.core.registry import estimators
from pofx.data.dataset import Data
from pofx.errors import PofxError
from pofx.runs.records import Failure
from pofx.spaces.image import Image
from pofx.spaces.numeric import Real
from pofx.spaces.table import Table
from pofx.spaces.waveform import Waveform

AUTO = ("independent", "histogram", "kde", "mixture", "stacking")
AUTO_REAL = ("gaussian",)  # added where every column is a real number
AUTO_MANY = ("vae",)  # added where rows are many
AUTO_MANY_REAL = ("flow",)  # added where a column is a real number as well, and the package is there
AUTO_PICTURES = ("independent", "autoencoder", "vae", "flow", "pixelcnn")
AUTO_TEXTS = ("independent", "ngram", "gpt")
AUTO_SOUNDS = ("independent", "linear_prediction", "wavenet")
MANY = 2_000  # rows: with fewer, a mixture has been ahead on every table measured, in a tenth of the time
MOST_KERNELS = 50_000  # rows up to which `auto` tries a kernel density estimate: each score visits every stored row


def entries(names: Sequence[str], data: Data) -> tuple[list[Estimator], list[Failure]]:
    """The estimators for `names`, and what `auto` left out, with the reason."""
    chosen: list[str] = []
    for name in names:
        chosen += _auto(data) if name == "auto" else [name]
    found = [estimator_named(name)() for name in dict.fromkeys(chosen)]
    if data.weights is not None:
        found = [each for each in found if "weights" in each.capabilities or each.name == "stacking"]
    return found, _left_out(names, data)


def _auto(data: Data) -> list[str]:
    if not isinstance(data.space, Table):
        names_of = {Image: AUTO_PICTURES, Waveform: AUTO_SOUNDS}
        known = [name for name in names_of.get(type(data.space), AUTO_TEXTS) if name in estimators()]
        return [name for name in known if _suits(estimator_named(name)(), data)]
    left_out = {failure.name for failure in _left_out(("auto",), data)}
    names = [*AUTO[:-1], *AUTO_REAL]
    if len(data) >= MANY:
        names += [*AUTO_MANY_REAL, *AUTO_MANY] if _has_a_flow(data) else AUTO_MANY
    known = [name for name in (*names, AUTO[-1]) if name in estimators()]
    sure = {*AUTO}  # what takes every table
    suited = [name for name in known if name in sure or _suits(estimator_named(name)(), data)]
    return [name for name in suited if name not in left_out]


def _left_out(names: Sequence[str], data: Data) -> list[Failure]:
    """What `auto` does not try on so many rows, and why; asked for by name it is tried all the same."""
    kernels = isinstance(data.space, Table) and len(data) > MOST_KERNELS
    if "auto" not in names or "kde" in names or not kernels:
        return []
    return [Failure("kde", f"more than {MOST_KERNELS} rows, and each score visits every stored row: --models auto,kde")]


def _suits(estimator: Estimator, data: Data) -> bool:
    try:
        estimator.codec(data)
    except PofxError:
        return False
    return True


def _has_a_flow(data: Data) -> bool:
    """Whether there is a real column to map, and the package of the extra `flows`."""
    flow = next((kind() for name, kind in estimators().items() if name in AUTO_MANY_REAL), None)
    if flow is None or find_spec("zuko") is None or not _suits(flow, data):
        return False
    target = flow.codec(data).target
    return isinstance(target, Table) and any(isinstance(space, Real) for space in target.spaces)
