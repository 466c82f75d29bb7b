"""Texts and sounds as read from somewhere, ready for a contest: a stream is split in its order, others at random."""

from __future__ import annotations

from pofx.data.dataset import Data
from pofx.data.split import split_sequences
from pofx.evaluate.prepared import Prepared, refuse_options_of_tables
from pofx.evaluate.settings import Settings
from pofx.spaces.sequence import Sequence


def prepare_texts(data: Data, settings: Settings) -> Prepared:
    """Texts: the last tenth of a stream is the test, the tenth before it is for choosing."""
    refuse_options_of_tables(settings, "texts")
    assert isinstance(data.space, Sequence)
    if data.space.closing is None:
        split = split_sequences(len(data), seed=None, outcome="passage")
        return Prepared(data, split, "in order", [], refit=False)
    return Prepared(data, split_sequences(len(data), seed=settings.seed, outcome="document"), "random", [], refit=False)


def prepare_sounds(data: Data, settings: Settings) -> Prepared:
    """Recordings."""
    refuse_options_of_tables(settings, "recordings")
    split = split_sequences(len(data), seed=settings.seed, outcome="recording")
    return Prepared(data, split, "random", [], refit=False)
