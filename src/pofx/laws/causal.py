"""Laws of models that say what each value adds given those before it: nothing from ahead, everything from behind."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from pofx.core.contract import Model
from pofx.laws.orders import (
    LARGEST,
    back,
    closed,
    closing,
    filled_to,
    has_order,
    in_order,
    next_law,
    parts,
    reach_of,
    some_rows,
    spread,
    values,
)
from pofx.laws.subject import Law, Outcome, Subject, close, first_failure
from pofx.likelihood import Likelihood
from pofx.spaces.base import Space
from pofx.spaces.sequence import PAD, Sequence

PLACES = 12  # at most, at which a law is tried
ROWS = 8  # training rows, and as many samples
NOTHING = 1e-12  # a change that is none
FELT = 1e-10  # the least change that is one
SAME, RELATIVE = 1e-10, 1e-12  # as law 11


def add_up(subject: Subject) -> Outcome | None:
    """Law 24."""
    model, x = subject.model, subject.all_rows
    if "parts" not in model.capabilities or model.likelihood is Likelihood.NONE:
        return None
    x = torch.cat([x[:60], x[-40:]])
    each = torch.as_tensor(model.log_prob_parts(x))
    if each.shape != x.shape or each.dtype != torch.float64:
        return Outcome(False, f"parts are {each.dtype} {list(each.shape)}, not float64 {list(x.shape)}")
    if isinstance(model.space, Sequence) and bool((each[x == PAD] != 0).any()):
        return Outcome(False, "a part is not 0 where a short row is filled up")
    whole = torch.as_tensor(model.log_prob_bound(x, seed=1))
    return close(each.flatten(1).sum(1), whole, RELATIVE, SAME, "parts added up against log_prob")


def causal(subject: Subject) -> Outcome | None:
    """Law 8: by changing one value after the other."""
    if "parts" not in subject.model.capabilities:
        return None
    model, x = some_rows(subject, ROWS)
    places = spread(x.shape[1], PLACES)
    before = parts(model, x)
    change = torch.zeros(x.shape[1], len(places), dtype=torch.float64)  # [part, changed place]
    for column, j in enumerate(places):
        moved = torch.stack([moved_by(parts(model, y), before) for y in _changed(model.space, x, j)])
        change[:, column] = moved.amax((0, 1))
    return first_failure(_ahead(change, places), _behind(model, change, places, filled_to(x)))


def moved_by(a: Tensor, b: Tensor) -> Tensor:
    """|a - b| by the size of the numbers, 0 where both are the same infinity."""
    gap = torch.where(a == b, 0.0, (a - b).abs())
    return gap / b.abs().clamp(1.0, 1e100)


def _changed(space: Space, x: Tensor, j: int) -> list[Tensor]:
    """The rows with other values in place j: all others of a small alphabet, else the next and one far off."""
    known, end = values(space), closing(space)
    size, low = len(known), int(known[0])
    inside = (x[:, j] != PAD) & (x[:, j] != (PAD if end is None else end))
    found = []
    for shift in range(1, size) if size <= 4 else (1, size // 2):
        y = x.clone()
        y[:, j] = torch.where(inside, torch.remainder(x[:, j] - low + shift, size) + low, x[:, j])
        found.append(y)
    return found


def _ahead(change: Tensor, places: list[int]) -> Outcome:
    for column, j in enumerate(places):
        worst = float(change[:j, column].max()) if j else 0.0
        if worst > NOTHING:
            i = int(change[:j, column].argmax())
            return Outcome(False, f"value {j + 1} changes what is said of value {i + 1}, before it, by {worst:.2g}")
    return Outcome(True, "no value changes what is said before it")


def _behind(model: Model, change: Tensor, places: list[int], lengths: Tensor) -> Outcome:
    reach, end = reach_of(model), closing(model.space)
    for column, j in enumerate(places):
        for i in (i for i in places if i > j and (reach is None or i - j <= reach)):
            told = int((lengths > i).sum())  # rows that have a value there
            if told and not float(change[i, column]) > FELT:
                return Outcome(False, f"value {j + 1} changes nothing of what is said of value {i + 1}")
    within = "" if reach is None else f" of the {reach} before it"
    return Outcome(True, f"each value{within} changes what is said after it{'' if end is None else ', ends too'}")


def adds_to_one(subject: Subject) -> Outcome | None:
    """Law 3, of the conditional laws."""
    if "parts" not in subject.model.capabilities:
        return None
    model, x = some_rows(subject, 3)
    if len(values(model.space)) > LARGEST:
        return None
    outcomes = []
    for k in spread(x.shape[1], 5):
        begun = x[filled_to(x) > k][:, :k]
        total = torch.logsumexp(next_law(model, begun), 1)
        outcomes.append(close(total, torch.zeros_like(total), 0.0, 1e-9, f"log of all that may follow {k} values"))
    return first_failure(*outcomes)


def chain(subject: Subject) -> Outcome | None:
    """Law 25, of sequences: their beginnings are outcomes, or are once they are closed."""
    if "parts" not in subject.model.capabilities:
        return None
    model, x = some_rows(subject, ROWS)
    each, whole, outcomes = parts(model, x), torch.as_tensor(model.log_prob(x)), []
    for k in spread(x.shape[1], 6)[1:]:
        longer = filled_to(x) > k
        short = closed(model.space, x[longer][:, :k])
        begun = parts(model, short)
        end = begun[:, k:].sum(1)
        joined = torch.as_tensor(model.log_prob(short)) - end + each[longer][:, k:].sum(1)
        outcomes += [
            close(begun[:, :k].flatten(), each[longer][:, :k].flatten(), RELATIVE, SAME, "parts of a beginning"),
            close(joined, whole[longer], RELATIVE, SAME, "a beginning and the parts of the rest"),
        ]
    return first_failure(*outcomes)


def padding(subject: Subject) -> Outcome:
    """Law 11, of rows that are filled up further than the longest needs."""
    model = subject.model
    x = subject.all_rows[::3][:60]
    more = functional.pad(x, (0, 7), value=PAD)
    scores = close(
        torch.as_tensor(model.log_prob(more)), torch.as_tensor(model.log_prob(x)), RELATIVE, SAME, "filled up further"
    )
    if "parts" not in model.capabilities:
        return scores
    each = in_order(model.space, torch.as_tensor(model.log_prob_parts(back(model.space, more))))
    plain = torch.as_tensor(model.log_prob_parts(x))
    same = close(each[:, : x.shape[1]].flatten(), plain.flatten(), RELATIVE, SAME, "parts, filled up further")
    return first_failure(scores, same)


def _is_sequence(space: Space) -> bool:
    return isinstance(space, Sequence)


CAUSAL = (
    Law(3, "next", "the probabilities of all values that may come next add up to one", adds_to_one, alone=True,
        space=has_order, capability="parts"),
    Law(8, "causal", "no value changes what is said before it, and each changes what is said after it", causal,
        alone=True, space=has_order, capability="parts"),
    Law(11, "padding", "a row scores the same however far it is filled up", padding, alone=True, space=_is_sequence,
        exact=True),
    Law(24, "parts", "what the values add makes up log p", add_up, alone=True, capability="parts"),
    Law(25, "chain", "log p of a sequence is that of its beginning and what the rest adds", chain, alone=True,
        space=_is_sequence, capability="parts", exact=True),
)  # fmt: skip
