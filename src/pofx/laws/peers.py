"""Laws 13 and 14, weights and left-out rows: what a fit must equal, and what it must beat."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor

from pofx.core.contract import Model
from pofx.core.estimator import Estimator, encode
from pofx.core.registry import estimator
from pofx.data.dataset import Data
from pofx.laws.cases import CASES
from pofx.laws.oracles import FIXED, ORACLES
from pofx.laws.subject import Law, Outcome, Subject, close, first_failure, score
from pofx.likelihood import Likelihood
from pofx.spaces.sequence import PAD, Sequence
from pofx.spaces.table import Table
from pofx.training.plan import Plan
from pofx.training.recorder import SILENT

BASELINE = "independent"
CLEARLY = 3.0  # standard errors
NEARLY = 1e-6  # nats: two ways to the same fit, each by its own sums


def oracle(subject: Subject) -> Outcome | None:
    """Law 13."""
    assert subject.estimator is not None
    outcomes = []
    for peer in ORACLES.get(subject.estimator.name, ()):
        data = CASES[peer.case].make(0)
        ours = score(replace(subject.estimator, **peer.settings).fit(data, seed=0), data.values)
        theirs = torch.as_tensor(peer(data))
        outcomes.append(close(ours, theirs, peer.tolerance, peer.tolerance, f"{peer.name} on {peer.case}"))
    return first_failure(*outcomes) if outcomes else None


def beats_independent(subject: Subject) -> Outcome | None:
    """Law 14, on fresh rows of a case whose values depend on each other."""
    if subject.model.likelihood is not Likelihood.EXACT:
        return None
    fresh = CASES[subject.case].make(1)
    gain = score(subject.model, fresh.block(0, len(fresh))) - _baseline(subject.case)
    mean, error = float(gain.mean()), float(gain.std()) / len(gain) ** 0.5
    return Outcome(mean > CLEARLY * error, f"{mean:+.3f} +- {error:.3f} nats per fresh row against {BASELINE}")


@lru_cache(maxsize=8)
def _baseline(case: str) -> Tensor:
    """Scores of a case's fresh rows under independent columns, or independent values, `[n]`."""
    data, fresh = CASES[case].make(0), CASES[case].make(1)
    if isinstance(data.space, Table):
        return score(estimator(BASELINE)().fit(data, seed=0), fresh.values)
    x, y = data.block(0, len(data)).long(), fresh.block(0, len(fresh)).long()
    if isinstance(data.space, Sequence):
        return _counted(x[x != PAD], y)
    return torch.stack([_counted(a, b[:, None]) for a, b in zip(x.flatten(1).T, y.flatten(1).T, strict=True)]).sum(0)


def _counted(seen: Tensor, y: Tensor) -> Tensor:
    """Scores of rows `[n, L]` whose values are drawn alike and alone, each as often as it was seen, `[n]`."""
    there = y != PAD
    low, high = min(int(seen.min()), int(y[there].min())), max(int(seen.max()), int(y[there].max()))
    counts = torch.bincount(seen - low, minlength=high - low + 1).double() + 0.5
    return torch.where(there, (counts / counts.sum()).log()[(y - low).clamp(min=0)], 0.0).sum(1)


def weights(subject: Subject) -> Outcome:
    """Whole weights are repetition, a weight of zero is absence."""
    assert subject.data is not None
    data = replace(subject.data, weights=None)
    times = 1 + torch.arange(len(data)) % 3
    times[::5] = 0
    weighted = subject.fit(replace(data, weights=times.to(torch.float64)))
    repeated = subject.fit(data.rows(torch.repeat_interleave(torch.arange(len(data)), times)))
    return close(
        score(weighted, data.values), score(repeated, data.values), NEARLY, NEARLY, "weights against repetition"
    )


def absent(subject: Subject) -> Outcome:
    """A weight of zero is absence."""
    assert subject.data is not None
    data = replace(subject.data, weights=None)
    keep = torch.arange(len(data)) % 4 != 0
    zero = subject.fit(replace(data, weights=keep.to(torch.float64)))
    gone = subject.fit(data.rows(keep.nonzero()[:, 0]))
    return close(score(zero, data.values), score(gone, data.values), NEARLY, NEARLY, "weight zero against absence")


def left_out(subject: Subject) -> Outcome | None:
    """Each training row without itself equals the fit to the other rows, with hyper-parameters held fixed.

    Both fits are made in coded units, so that shifts and scales are held fixed too.
    """
    assert subject.estimator is not None
    assert subject.data is not None
    settings = FIXED.get(subject.estimator.name)
    if settings is None or "left_out" not in subject.model.capabilities:
        return None
    data = replace(subject.data.rows(torch.arange(min(len(subject.data), 40))), weights=None)
    coded = encode(subject.estimator.codec(data), data)
    assert isinstance(coded.space, Table)
    fixed = replace(subject.estimator, **settings(coded.space))
    scores = torch.as_tensor(_fit(fixed, coded).log_prob_left_out())
    without = [
        _fit(fixed, coded.rows((torch.arange(len(coded)) != i).nonzero()[:, 0])) for i in range(0, len(coded), 4)
    ]
    refits = torch.cat([model._log_prob(coded.values[4 * k : 4 * k + 1], None) for k, model in enumerate(without)])
    return close(scores[::4], refits, 1e-9, 1e-9, "left out against refitted")


def _fit(fixed: Estimator, coded: Data) -> Model:
    return fixed._fit(coded, validation=None, plan=Plan(), seed=0, start=None, recorder=SILENT)


STRUCTURED = tuple(case.name for case in CASES.values() if case.structured)

PEERS = (
    Law(13, "oracle", "agrees with other libraries, or with the formula written out", oracle, once=True),
    Law(14, "gain", "beats independent values where values depend on each other", beats_independent,
        cases=STRUCTURED, exact=True),
    Law(21, "weights", "whole weights are repetition", weights, capability="weights",
        cases=("normal", "correlated", "maybe"), exact=True),
    Law(22, "absent", "a weight of zero is absence", absent, capability="weights",
        cases=("normal", "groups"), exact=True),
    Law(23, "leftout", "a training row scored without itself equals a refit without it", left_out,
        capability="left_out"),
)  # fmt: skip
