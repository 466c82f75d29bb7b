"""Histograms filled batch by batch, and merged: counts add up, so the result is the fit of all rows at once."""

from __future__ import annotations

from torch import Tensor

from pofx.codecs.base import Codec
from pofx.core.coded import CodedDensity, coded
from pofx.core.contract import Model
from pofx.errors import FitError
from pofx.models.histogram.model import HistogramModel


def fill(model: Model, rows: Tensor, weights: Tensor | None = None) -> Model:
    """A fitted histogram with more rows counted; `rows` are values of the model's space as its tensor `[n, d]`."""
    if isinstance(model, CodedDensity):
        return coded(model.codec, fill(model.inner, model.codec.encode(rows)[0], weights))
    return _histogram(model).filled(rows, weights)


def merge(a: Model, b: Model) -> Model:
    """The histogram of both models' rows; they must have the same cells, codec and settings."""
    if isinstance(a, CodedDensity) and isinstance(b, CodedDensity):
        _require_codec(a.codec, b.codec)
        return coded(a.codec, merge(a.inner, b.inner))
    return _histogram(a).merge(_histogram(b))


def _histogram(model: Model) -> HistogramModel:
    if not isinstance(model, HistogramModel):
        raise FitError("only a histogram can be filled or merged", got=type(model).__name__)
    return model


def _require_codec(a: Codec, b: Codec) -> None:
    if a != b:
        raise FitError(
            "two histograms in different units cannot be merged",
            remedy="give both fits the same space, and dates as numbers",
        )
