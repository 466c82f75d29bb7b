"""What a report says of pictures: whether samples are copies, what comes back from a code, which codes are in use."""

from __future__ import annotations

import math

from pofx.report import bits
from pofx.report.latent import IDLE, clouds, in_use
from pofx.report.text import NONE, count, decimals_for, number, percent, plus_minus, short, significant
from pofx.runs.evidence import Curve, Evidence
from pofx.runs.pictures import Bound, LatentMap, Memory, PictureEvidence, Sheet
from pofx.runs.records import Run

SURE = 3.0  # standard errors from one half that are no chance

_TERMS = {
    "reconstruction": "what it costs to say a {} once its code is known",
    "prior": "what the code itself costs: the Kullback-Leibler divergence of the encoder's law from the prior",
}


def size(sheet: Sheet) -> str:
    """`8 rows of 10 pictures`."""
    return f"{count(sheet.rows, 'row')} of {count(sheet.columns, 'picture')}"


def binarised(run: Run) -> str:
    """How grey levels were made black or white."""
    how = {
        "dynamic": "dynamically: each pixel is white with the probability that its grey level says",
        "threshold": "by a threshold: white from the middle level on",
    }
    return how.get(run.recipe.binarise, run.recipe.binarise)


def without_likelihood(run: Run, evidence: Evidence) -> list[str]:
    """Of each model without a likelihood, what else it can be judged by."""
    found = {picture.model: picture for picture in evidence.pictures}
    return [_judged(model.name, found.get(model.name)) for model in run.models if model.likelihood == "none"]


def _judged(name: str, picture: PictureEvidence | None) -> str:
    start = f"{short(name, 40)} has no likelihood and so no score"
    if picture is None:
        return f"{start}."
    if picture.error is None:
        return f"{start}: judge it by its samples."
    back = f"what comes back from its codes is off by {significant(picture.error)} levels (root mean square)"
    return f"{start}: judge it by its samples, and by its reconstructions: {back}."


def memory(found: Memory) -> str:
    """Whether samples lie nearer to training pictures than held-out pictures do, as copies would."""
    share = f"{number(100 * found.nearer, 1)}% ± {number(100 * found.std_error, 1)}%"
    start = f"In {share} of pairs a sample lies nearer to training than a held-out picture does; 50% is what is due"
    looked = f"Looked through: {count(found.training, 'training picture')}, for {count(found.samples, 'sample')}"
    return f"{start}. {_copies(found)} {looked}."


def _copies(found: Memory) -> str:
    away = found.nearer - 0.5
    if abs(away) <= SURE * found.std_error:
        return "So samples are no nearer to training pictures than held-out pictures are."
    if away > 0:
        start = "So samples lie suspiciously near to training pictures: copies?"
        return f"{start} Blurred samples are near to everything, too: only a look at the pictures tells which."
    return "So samples lie farther from training pictures than held-out ones do: no copies, but not yet like the data."


def reconstruction(picture: PictureEvidence) -> str:
    if picture.error is None:
        return ""
    return f"Root mean squared error: {significant(picture.error)} levels."


def share(latent: LatentMap) -> str:
    """How much of the codes' variance the map shows, and what its colours are."""
    shown = "" if latent.share is None else f"This plane holds {percent(latent.share)} of the variance of the codes. "
    classes = len(set(latent.labels))
    if clouds(latent) or classes < 2:
        return shown.rstrip()
    return f"{shown}There are {classes} classes, too many for colours that can be told apart."


def use(found: tuple[float, ...]) -> str:
    """How many latent numbers are in use, and what it means that others are not."""
    busy, all_of_them = in_use(found), len(found)
    total = significant(math.fsum(found))
    start = f"{busy} of {count(all_of_them, 'latent number')} {'is' if busy == 1 else 'are'} in use"
    start += f" (at least {IDLE} nats each); together they carry {total} nats a picture."
    if busy == 0:
        return f"{start} The decoder has learnt to ignore its code: posterior collapse."
    if busy < all_of_them:
        return f"{start} The others say nothing about the picture: for them the posterior has collapsed to the prior."
    return f"{start} None has collapsed to the prior."


def bounds(run: Run, evidence: Evidence) -> list[tuple[str, str, str, str, str]]:
    """Rows of the table of bounds: model, draws, pictures, nats, bits per dimension."""
    return [
        (
            picture.model,
            f"{bound.draws:,}",
            f"{bound.rows:,}",
            "≥ " + plus_minus(bound.log_prob, bound.std_error, 2),
            _bits(run, bound),
        )
        for picture in evidence.pictures
        for bound in picture.bounds
    ]


def uneven(evidence: Evidence) -> bool:
    """Whether bounds of one model are means over different numbers of pictures."""
    return any(len({bound.rows for bound in picture.bounds}) > 1 for picture in evidence.pictures)


def _bits(run: Run, bound: Bound) -> str:
    value, error = bits.converted(run, bound.log_prob), bits.error(run, bound.std_error)
    return NONE if value is None else "≤ " + plus_minus(value, error, decimals_for([error]))


def terms(curve: Curve, outcome: str) -> str:
    """What each known term of a loss is."""
    known = [f"{name} is {_TERMS[name].format(outcome)}" for name in curve.parts if name in _TERMS]
    said = "; ".join(known)
    return f"{said[:1].upper()}{said[1:]}. They add up to the validation loss." if said else ""
