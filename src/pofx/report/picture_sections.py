"""What the templates of training and of pictures are given: charts, sheets and sentences of each model."""

from __future__ import annotations

import math
from typing import Any

from pofx.report import bits, words
from pofx.report import picture_words as says
from pofx.report.curves import MOST as CURVES
from pofx.report.curves import losses, terms
from pofx.report.latent import clouds, latent_map, use_chart
from pofx.report.sheets import Pictures, Shown, budgeted, shown
from pofx.report.text import significant
from pofx.runs.evidence import Curve, Evidence
from pofx.runs.pictures import PictureEvidence, Sheet
from pofx.runs.records import Run

MODELS = 12  # whose pictures are shown
ALIKE = 0.1  # a loss this near to the negative validation score, relatively, is in its units
ROW = 1040  # CSS pixels for a sheet of two rows


def sections(run: Run, evidence: Evidence, pictures: Pictures) -> dict[str, Any]:
    """Everything by its name in the templates; an empty list, or None, where a section has no records."""
    some, pictures = evidence.pictures[:MODELS], budgeted(pictures)
    return {
        "says": says,
        "unscored": says.without_likelihood(run, evidence) if evidence.pictures else [],
        "pictures_left_out": len(evidence.pictures) - len(some),
        **_training(run, evidence),
        "truth": shown(evidence.truth, pictures) if evidence.truth else None,
        "samples": [_samples(each, pictures) for each in some],
        "maps": [_map(each, pictures) for each in some if each.bits_map or each.completions],
        "reconstructions": [
            {"model": each.model, "sheet": shown(each.reconstructions, pictures, wide=ROW), "of": each}
            for each in some
            if each.reconstructions
        ],
        "latents": [card for k, each in enumerate(some) if (card := _latent(each, pictures, k)) is not None],
        "bounds": says.bounds(run, evidence),
        "odd_sheets": [{"model": each.model, "sheet": shown(each.odd, pictures)} for each in some if each.odd],
    }


def _training(run: Run, evidence: Evidence) -> dict[str, Any]:
    curves = evidence.curves[:CURVES]
    together = [curve for curve in curves if _is_score(run, curve)]
    apart = [curve for curve in curves if not _is_score(run, curve)]
    own = [(curve, losses([curve], None, "loss", f"loss{k}")) for k, curve in enumerate(apart)]
    cards = [{"curve": curve, "picture": terms(curve, f"terms{k}")} for k, curve in enumerate(curves)]
    return {
        "loss_picture": losses(together, run.dims, run.units, "losses", per=bits.per(run)),
        "own_losses": [{"curve": curve, "picture": picture} for curve, picture in own if picture is not None],
        "term_cards": [card for card in cards if card["picture"] is not None],
        "curves_left_out": len(evidence.curves) - len(curves),
    }


def _is_score(run: Run, curve: Curve) -> bool:
    """Whether a loss is the negative score: not without a likelihood, nor on values as a model encodes them."""
    model = words.named(run, curve.model)
    losses = [value for value in curve.validation if value is not None and math.isfinite(value)]
    if model is None or (model.validation is None and model.likelihood != "none") or not losses:
        return True
    return model.validation is not None and abs(min(losses) + model.validation) <= ALIKE * abs(model.validation) + ALIKE


def _samples(each: PictureEvidence, pictures: Pictures) -> dict[str, Any]:
    return {
        "model": each.model,
        "sheet": shown(each.samples, pictures),
        "neighbours": _maybe(each.neighbours, pictures),
        "memory": says.memory(each.memory) if each.memory else "",
    }


def _map(each: PictureEvidence, pictures: Pictures) -> dict[str, Any]:
    return {
        "model": each.model,
        "bits": shown(each.bits_map, pictures, wide=ROW) if each.bits_map else None,
        "most": significant(each.bits_most, 2) if each.bits_most is not None else "",
        "completions": shown(each.completions, pictures, wide=ROW) if each.completions else None,
    }


def _latent(each: PictureEvidence, pictures: Pictures, place: int) -> dict[str, Any] | None:
    """The map, the walk and the use of one model; None where it has none of them."""
    found = latent_map(each.latent, each.model, f"latent{place}") if each.latent else None
    used = use_chart(each.use, each.model, f"use{place}")
    if found is None and used is None and each.walk is None:
        return None
    return {
        "model": each.model,
        "map": found,
        "share": says.share(each.latent) if each.latent else "",
        "classes": clouds(each.latent) if each.latent else [],
        "walk": shown(each.walk, pictures) if each.walk else None,
        "use": used,
        "use_says": says.use(each.use) if used is not None else "",
    }


def _maybe(sheet: Sheet | None, pictures: Pictures) -> Shown | None:
    return None if sheet is None else shown(sheet, pictures)
