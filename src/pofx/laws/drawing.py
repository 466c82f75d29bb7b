"""Laws of models that go on where an outcome is begun: what is given stays, and what is drawn follows the scores."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pofx.core.contract import Model
from pofx.core.warp import Warp
from pofx.errors import LikelihoodError
from pofx.laws.counting import follow
from pofx.laws.orders import LARGEST, back, closing, filled_to, has_order, in_order, next_law, some_rows, values
from pofx.laws.state import global_state
from pofx.laws.subject import Law, Outcome, Subject, first_failure
from pofx.spaces.base import Space
from pofx.spaces.image import Image
from pofx.spaces.sequence import PAD, Sequence, filled
from pofx.spaces.text import Text

DRAWS = 2_000  # of each beginning
VALUES = 200_000  # drawn in one test, about, where outcomes are long
BEGUN = (0, 1, 2, 5)  # values that are given
FEW = 16  # an alphabet of so many values has its pairs looked at
NEARLY = 1e-5  # nats: a sampler may compute in float32
SAMPLES_AT_ZERO = 4
LOOKED = 8  # values ahead of a beginning for its end


def begun(space: Space, x: Tensor, known: Tensor) -> Tensor:
    """Rows in order `[n, places]` of which the first `known` `[n]` values are given, as `complete` takes them."""
    there = torch.arange(x.shape[1]) < known[:, None]
    if isinstance(space, Image):
        return back(space, torch.where(there, x.double(), torch.nan))
    return torch.where(there, x, PAD)[:, : max(int(known.max()), 0)]


def completed(model: Model, rows: Tensor, more: int, seed: int, warp: Warp | None = None) -> Tensor:
    """Completions in order, `[n, places]`; `more` values beyond the longest beginning where outcomes do not end."""
    space = model.space
    length = rows.shape[1] + more if isinstance(space, Sequence) and closing(space) is None else None
    options: dict[str, Any] = {} if warp is None else {"warp": warp}
    return in_order(space, space.read(model.complete(rows, seed=seed, length=length, **options)))


def keeps_what_is_given(subject: Subject) -> Outcome | None:
    """Law 26."""
    model, space = subject.model, subject.model.space
    if "complete" not in model.capabilities:
        return None
    x = in_order(space, torch.cat([subject.all_rows[:20], subject.all_rows[-20:]]))
    known = torch.minimum(_content(space, x), torch.arange(len(x)) % 7)
    rows = begun(space, x, known)
    kept, state = rows.clone(), global_state()
    first, again = completed(model, rows, 3, 5), completed(model, rows, 3, 5)
    given = torch.arange(x.shape[1]) < known[:, None]
    width = min(first.shape[1], x.shape[1])
    checks = {
        "completions lie in the space": bool(space.contains(back(space, first)).all()),
        "there is one of each beginning": len(first) == len(x),
        "what is given stays": first.shape[1] >= int(known.max())
        and bool((first[:, :width] == x[:, :width])[given[:, :width]].all()),
        "the same seed gives the same": torch.equal(first, again),
        "another seed gives something else": not torch.equal(first, completed(model, rows, 3, 6)),
        "what was handed over is as it was": torch.equal(rows.nan_to_num(-1.0), kept.nan_to_num(-1.0)),
        "the global generators stay as they are": state == global_state(),
    }
    if isinstance(space, Sequence) and not isinstance(space, Text) and closing(space) is None:
        checks["completions are as long as was asked for"] = bool((filled_to(first) == rows.shape[1] + 3).all())
    wrong = [what for what, holds in checks.items() if not holds]
    return Outcome(not wrong, f"not so: {'; '.join(wrong)}" if wrong else "; ".join(checks))


def _content(space: Space, x: Tensor) -> Tensor:
    """Values of each row that can be given: all but the end mark."""
    return filled_to(x) - int(closing(space) is not None)


def follows(subject: Subject) -> Outcome | None:
    """Law 16: a chi-squared test of the next value, or the next two, behind beginnings of different lengths at once."""
    if "complete" not in subject.model.capabilities or "parts" not in subject.model.capabilities:
        return None
    model, x = some_rows(subject, 6)
    size = len(values(model.space))
    if size > LARGEST:
        return None
    steps = 2 if size <= FEW else 1
    most = _content(model.space, x) - (steps if closing(model.space) is None else 0)
    chosen = [(int((most >= k).nonzero()[-1, 0]), k) for k in BEGUN if bool((most >= k).any())]
    n = _affordable(model, x, len(chosen))
    row, known = torch.tensor(chosen).repeat(n, 1).T
    drawn = completed(model, begun(model.space, x[row], known), steps, 7)
    outcomes = [
        _test(model, x[at, :k][None], drawn[i :: len(chosen)], steps, f"behind {k} values")
        for i, (at, k) in enumerate(chosen)
    ]
    sampled = in_order(model.space, model.draw(n, seed=8))
    return first_failure(*outcomes, _test(model, x[:1, :0], sampled, steps, "samples"))


def _affordable(model: Model, x: Tensor, beginnings: int) -> int:
    space = model.space
    places = space.length if isinstance(space, Sequence) and closing(space) is None else x.shape[1]
    return max(30, min(DRAWS, VALUES // (beginnings * max(places, 1))))


def _test(model: Model, given: Tensor, drawn: Tensor, steps: int, what: str) -> Outcome:
    """Outcomes `[n, places]` that begin with `given` `[1, k]`: counts of what follows against its law."""
    known = values(model.space)
    k, base = given.shape[1], len(known) + 1
    ahead = drawn[:, k : k + steps]
    ahead = torch.nn.functional.pad(ahead, (0, steps - ahead.shape[1]), value=PAD)
    digits = torch.where((ahead < known[0]) | (ahead > known[-1]), base - 1, ahead - known[0]).long()
    share = _padded(next_law(model, given)[0].exp(), base)
    if steps == 2:
        two = next_law(model, torch.cat([given.repeat(len(known), 1), known.to(given.dtype)[:, None]], 1)).exp()
        ended = torch.zeros(1, base, dtype=share.dtype)
        ended[0, -1] = 1.0  # nothing follows an end
        second = torch.cat([torch.stack([_padded(row, base) for row in two]), ended])
        share = (share[:, None] * second).flatten()
    codes = (digits * base ** torch.arange(steps - 1, -1, -1)).sum(1)
    return follow(torch.bincount(codes, minlength=base**steps).double(), share, what)


def _padded(share: Tensor, size: int) -> Tensor:
    return torch.cat([share, share.new_zeros(size - len(share))])


def warps(subject: Subject) -> Outcome | None:
    """Law 27."""
    if not {"complete", "parts"} <= subject.model.capabilities:
        return None
    model, x = some_rows(subject, SAMPLES_AT_ZERO)
    known = torch.minimum(_content(model.space, x), torch.arange(len(x)) % 3)
    rows = begun(model.space, x, known)
    plain, same = completed(model, rows, 2, 9), completed(model, rows, 2, 9, Warp(temperature=1.0, top_p=1.0))
    if not torch.equal(plain, same):
        return Outcome(False, "a warp that keeps the law changes what is drawn")
    if len(values(model.space)) > LARGEST:
        return Outcome(True, "a warp that keeps the law changes nothing")
    try:
        return _bent(model, x, known)
    except LikelihoodError as refused:
        return Outcome(True, f"a warp that keeps the law changes nothing, others are refused: {refused}")


def _bent(model: Model, x: Tensor, known: Tensor) -> Outcome:
    """Warps that leave the law."""
    if closing(model.space) is not None:
        return _to_the_end(model, x[:4])
    if isinstance(model.space, Image):
        known = known.clamp(max=model.space.dims - 1)
    rows = begun(model.space, x, known)
    return first_failure(
        _likeliest(model, x, known, completed(model, rows, 2, 9, Warp(temperature=0.0)), 1, "temperature 0"),
        _likeliest(model, x, known, completed(model, rows, 2, 9, Warp(top_k=2)), 2, "top_k=2"),
    )


def _to_the_end(model: Model, x: Tensor) -> Outcome:
    """Temperature 0 where outcomes end: from beginnings whose likeliest continuation does, as others never may."""
    known = (_content(model.space, x) - 2).clamp(min=0)
    likeliest = [_likeliest_rest(model, row[:k][None]) for row, k in zip(x, known.tolist(), strict=True)]
    kept = [place for place, row in enumerate(likeliest) if row is not None]
    if not kept:
        return Outcome(True, "a warp that keeps the law changes nothing; no likeliest continuation ends")
    drawn = completed(model, begun(model.space, x[kept], known[kept]), 0, 9, Warp(temperature=0.0))
    wanted = filled([row for row in likeliest if row is not None])
    drawn = torch.nn.functional.pad(drawn, (0, max(wanted.shape[1] - drawn.shape[1], 0)), value=PAD)
    right = bool((drawn[:, : wanted.shape[1]] == wanted).all())
    return Outcome(right, f"temperature 0 {'takes' if right else 'does not take'} the likeliest to the end")


def _likeliest_rest(model: Model, row: Tensor) -> Tensor | None:
    """The beginning `[1, k]` and the likeliest value each time, `[places]`; None where ties or no end are in sight."""
    known, end = values(model.space), closing(model.space)
    for _ in range(LOOKED):
        best = next_law(model, row)[0].topk(2)
        if float(best.values[0] - best.values[1]) < NEARLY:
            return None
        place = int(best.indices[0])
        value = end if place == len(known) else int(known[place])
        row = torch.cat([row, row.new_full((1, 1), value)], 1)  # type: ignore[arg-type]
        if value == end:
            return row[0]
    return None


def _likeliest(model: Model, x: Tensor, known: Tensor, drawn: Tensor, rank: int, what: str) -> Outcome:
    """Whether the first value that is drawn is one of the `rank` likeliest."""
    low, size = int(values(model.space)[0]), len(values(model.space))
    for row, k in enumerate(known.tolist()):
        law = next_law(model, x[row : row + 1, :k])[0]
        value = int(drawn[row, k]) - low
        value = value if 0 <= value < size else len(law) - 1
        least = float(law.topk(min(rank, len(law))).values[-1])
        if float(law[value]) < least - NEARLY:
            return Outcome(
                False, f"{what} took a value of log p {float(law[value]):.4g} where {least:.4g} is the least"
            )
    return Outcome(True, f"{what} takes the likeliest")


DRAWING = (
    Law(16, "cached", "what is drawn behind a beginning, and behind nothing, follows the scores", follows, alone=True,
        space=has_order, capability="complete"),
    Law(26, "complete", "completions keep what is given, lie in the space, and obey their seed", keeps_what_is_given,
        alone=True, space=has_order, capability="complete"),
    Law(27, "warp", "temperature 1 changes nothing, temperature 0 takes the likeliest", warps, alone=True,
        space=has_order, capability="complete"),
)  # fmt: skip
