"""n-grams: mass one, the slow twin's numbers, causality, rows by themselves, drawn rows follow the law."""

import itertools
import math

import numpy as np
import pytest
import torch

from pofx.core.contract import Model
from pofx.core.store import load, save
from pofx.core.warp import Warp
from pofx.data.dataset import Data
from pofx.errors import FitError, PofxError, SpaceError
from pofx.models.ngram import kernels
from pofx.models.ngram.backoff import BackoffModel
from pofx.models.ngram.estimator import NGram
from pofx.models.ngram.mixing import MixingModel
from pofx.models.ngram.separators import separators
from pofx.models.ngram.smoothing import discounts
from pofx.models.ngram.tree import halved, paths
from pofx.models.ngram.unigram import fit_unigram
from pofx.spaces.sequence import PAD
from pofx.spaces.symbols import Symbols

try:
    kernels.compiled()
    FAST = True
except PofxError:
    FAST = False

fast = pytest.mark.skipif(not FAST, reason="mixing needs the extra 'fast'")
KINDS = [
    pytest.param(NGram(order=3), id="mixing", marks=fast),
    pytest.param(NGram(order=3, adapt=False), id="mixing-still", marks=fast),
    pytest.param(NGram(smoothing="kneser_ney", order=3), id="kneser_ney"),
    pytest.param(NGram(smoothing="witten_bell", order=3), id="witten_bell"),
    pytest.param(None, id="unigram"),
]
BACKOFFS = ["kneser_ney", "witten_bell"]


def fitted(estimator: NGram | None, data: Data) -> Model:
    return fit_unigram(data) if estimator is None else estimator.fit(data)


def fast_to_draw(model: Model) -> bool:
    return isinstance(model, MixingModel)


def stream(symbols: int = 3, n: int = 600, seed: int = 0, length: int = 6) -> Data:
    """A stream in which the last two symbols say much about the next, cut into passages."""
    random = np.random.default_rng(seed)
    x = [0, 1]
    for _ in range(n - 2):
        x.append((x[-1] + x[-2] + int(random.random() < 0.2)) % symbols)
    space = Symbols(symbols, ends=False, length=length)
    return Data(space, torch.tensor(x, dtype=torch.int16), ends=torch.tensor([n // 3, n]))


def texts(symbols: int = 2, n: int = 80, seed: int = 0) -> Data:
    """Short sequences, some empty, with their ends."""
    random = np.random.default_rng(seed)
    rows = [np.sort(random.integers(0, symbols, random.integers(0, 5))) for _ in range(n)]
    space = Symbols(symbols)
    x = space.read(rows)
    return Data(space, x[x != PAD].to(torch.int16), ends=(x != PAD).sum(1).cumsum(0))


def all_of(symbols: int, length: int) -> torch.Tensor:
    return torch.tensor(list(itertools.product(range(symbols), repeat=length)), dtype=torch.int32)


@pytest.mark.parametrize("estimator", KINDS)
def test_the_mass_of_all_passages_of_a_length_is_one(estimator):
    model = fitted(estimator, stream())
    for length in (1, 2, 7):
        assert float(model.log_prob(all_of(3, length)).exp().sum()) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("estimator", KINDS)
def test_the_mass_of_all_sequences_and_of_those_that_go_on_is_one(estimator):
    model, most = fitted(estimator, texts()), 8
    ended = 0.0
    for length in range(most):
        rows = all_of(2, length)
        ended += float(model.log_prob(torch.cat([rows, rows.new_full((len(rows), 1), 2)], 1)).exp().sum())
    rows = all_of(2, most)
    going_on = model.log_prob_parts(torch.cat([rows, rows.new_full((len(rows), 1), 2)], 1))[:, :-1]
    assert ended < 1
    assert ended + float(going_on.sum(1).exp().sum()) == pytest.approx(1, abs=1e-12)


def slow_law(history, rows, space, order, continuation):
    """P of each symbol by the textbook: dictionaries, one context after another."""
    symbols = space.size + int(space.ends)
    marks = [space.end] * order if space.ends else []
    times: list[dict] = [{} for _ in range(order + 1)]
    left: list[dict] = [{} for _ in range(order + 1)]
    for row in rows:
        row = [*marks, *row]
        for t in range(len(marks), len(row)):
            for k in range(min(order, t) + 1):
                run = tuple(row[t - k : t + 1])
                times[k][run] = times[k].get(run, 0) + 1
                if t > k:
                    left[k].setdefault(run, set()).add(row[t - k - 1])
    history = [*marks, *history]
    top = min(order, len(history))
    law = [1 / symbols] * symbols
    for k in range(top + 1):
        counts = times[k]
        if continuation and k < top:
            counts = {run: len(found) for run, found in left[k].items()}
        context = tuple(history[len(history) - k :])
        here = [counts.get((*context, s), 0) for s in range(symbols)]
        total, different = sum(here), sum(c > 0 for c in here)
        if not total:
            continue
        if not continuation:
            law = [(c + different * p) / (total + different) for c, p in zip(here, law, strict=True)]
            continue
        off = [0.0, *discounts(np.array(list(counts.values())))]
        held = sum(off[min(c, 3)] for c in here)
        law = [(c - off[min(c, 3)] + held * p) / total for c, p in zip(here, law, strict=True)]
    return law


@pytest.mark.parametrize("smoothing", BACKOFFS)
@pytest.mark.parametrize("order", [0, 1, 2, 4])
@pytest.mark.parametrize("ends", [True, False])
def test_it_agrees_with_the_slow_twin(smoothing, order, ends):
    random = np.random.default_rng(order)
    space = Symbols(4, ends=ends)
    rows = [random.choice(4, random.integers(3, 12), p=[0.6, 0.2, 0.15, 0.05]).tolist() for _ in range(12)]
    model = NGram(smoothing=smoothing, order=order).fit(Data(space, space.read(rows)))
    tagged = [[*row, 4] for row in rows] if ends else [list(itertools.chain(*rows))]
    asked = [[0, 0, 3, 1, 2, 0, 0], [3, 3, 3, 3], [1]]
    parts = model.log_prob_parts(space.read(asked))
    for row, found in zip(asked, parts, strict=True):
        row = [*row, 4] if ends else row
        slow = [
            math.log(slow_law(row[:t], tagged, space, order, smoothing == "kneser_ney")[s]) for t, s in enumerate(row)
        ]
        np.testing.assert_allclose(found[: len(row)], slow, rtol=1e-12)
        assert not np.any(np.asarray(found[len(row) :]))


def test_discounts_are_those_of_chen_and_goodman():
    counts = np.repeat([1, 2, 3, 4, 9], [40, 20, 10, 6, 3])
    y = 40 / (40 + 2 * 20)
    assert discounts(counts) == pytest.approx([1 - 2 * y * 20 / 40, 2 - 3 * y * 10 / 20, 3 - 4 * y * 6 / 10])
    assert discounts(np.array([5, 5, 7])) == pytest.approx([0.5, 1, 1.5])


@pytest.mark.parametrize("estimator", KINDS)
@pytest.mark.parametrize("make", [stream, texts], ids=["stream", "texts"])
def test_parts_add_up_and_rows_stand_alone(estimator, make):
    data = make()
    model = fitted(estimator, data)
    rows = data.space.read([[0, 1, 1, 0, 1, 0, 0, 1], [1], [0, 0, 0, 1], [1, 1]])
    parts, whole = model.log_prob_parts(rows), model.log_prob(rows)
    assert torch.allclose(parts.sum(1), whole, atol=1e-12)
    assert bool((parts[rows == PAD] == 0).all()) and bool((parts[rows != PAD] < 0).all())
    wide = torch.cat([rows, rows.new_full((4, 3), PAD)], 1)
    turned = model.log_prob(wide.flip(0)).flip(0)
    alone = torch.cat([model.log_prob(row[row != PAD][None]) for row in rows])
    assert torch.equal(turned, whole) and torch.equal(alone, whole)
    assert torch.equal(model.log_prob(rows), whole)  # nothing was left behind


@pytest.mark.parametrize("estimator", KINDS)
def test_a_part_depends_on_what_comes_before_only(estimator):
    model = fitted(estimator, stream(symbols=5))
    random = np.random.default_rng(1)
    row = random.integers(0, 5, 30)
    for place in (0, 1, 7, 20):
        other = row.copy()
        other[place] = (row[place] + 1) % 5
        one, two = model.log_prob_parts([row, other])
        assert np.array_equal(one[:place], two[:place])
        assert not np.array_equal(one[place:], two[place:])
        if estimator is not None:
            assert not np.array_equal(one[place + 1 :], two[place + 1 :])


@pytest.mark.parametrize("estimator", KINDS)
@pytest.mark.parametrize("make", [stream, texts], ids=["stream", "texts"])
def test_a_stored_model_scores_the_same(estimator, make, tmp_path):
    data = make()
    model = fitted(estimator, data)
    rows = data.space.read([[0, 1, 1, 0, 1], [1], [0, 0]])
    save(model, tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    assert torch.equal(again.log_prob(rows), model.log_prob(rows))
    assert all(np.array_equal(a, b) for a, b in zip(again.sample(3, seed=1), model.sample(3, seed=1), strict=True))
    assert again.free_parameters == model.free_parameters > 0


@pytest.mark.parametrize("estimator", KINDS)
def test_drawn_passages_follow_the_law(estimator):
    model = fitted(estimator, stream(length=3))
    n = 4000 if fast_to_draw(model) else 600
    drawn = model.draw(n, seed=3).long()
    assert drawn.shape == (n, 3)
    met = torch.bincount(drawn[:, 0] * 9 + drawn[:, 1] * 3 + drawn[:, 2], minlength=27)
    expected = n * model.log_prob(all_of(3, 3)).exp()
    assert float(((met - expected) ** 2 / expected).sum()) < 55  # 26 degrees of freedom, 99.9 %: 54


@pytest.mark.parametrize("estimator", KINDS)
def test_drawn_sequences_end_as_often_as_the_law_says(estimator):
    model = fitted(estimator, texts())
    n = 3000 if fast_to_draw(model) else 500
    drawn = model.draw(n, seed=5)
    assert bool(model.space.contains(drawn).all())
    for row in ([], [1], [0, 0], [0, 1]):
        share = float(np.exp(model.log_prob([row])[0]))
        met = sum(np.array_equal(found, row) for found in model.space.show(drawn)) / n
        assert abs(met - share) < 4 * math.sqrt(share * (1 - share) / n)


@pytest.mark.parametrize("estimator", KINDS)
def test_what_is_bent_is_the_law_that_is_scored(estimator):
    """With temperature 0 the likeliest symbol is taken, which the scores tell; as it goes on, too."""
    model = fitted(estimator, stream())
    begun = [[0, 1, 1], [2], []]
    whole = model.complete(begun, seed=0, length=8, warp=Warp(temperature=0.0))
    for start, row in zip(begun, whole, strict=True):
        assert row[: len(start)].tolist() == start and len(row) == 8
        for t in range(len(start), 8):
            tried = np.stack([np.append(row[:t], s) for s in range(3)])
            assert int(model.log_prob_parts(torch.from_numpy(tried))[:, t].argmax()) == row[t]


@pytest.mark.parametrize("estimator", KINDS)
def test_slow_and_fast_ways_of_drawing_agree_in_law(estimator):
    """A temperature a hair from 1 goes symbol by symbol through the whole law."""
    model = fitted(estimator, stream())
    n, begun = 400, [0, 1, 2]
    ways = [model.complete([begun] * n, seed=7, length=5, warp=Warp(temperature=t)) for t in (1.0, 1 + 1e-9)]
    tried = torch.tensor([[*begun, a, b] for a in range(3) for b in range(3)])
    law = model.log_prob_parts(tried)[:, 3:].sum(1).exp().numpy()
    assert law.sum() == pytest.approx(1, abs=1e-12)
    for rows in ways:
        met = np.bincount([3 * row[3] + row[4] for row in rows], minlength=9)
        assert float(((met - n * law) ** 2 / (n * law)).sum()) < 27  # 8 degrees of freedom, 99.9 %: 26


@pytest.mark.parametrize("estimator", KINDS[:4])
def test_it_beats_symbols_by_themselves(estimator):
    data, held = stream(n=2000), stream(n=1000, seed=9)
    alone, model = fit_unigram(data), fitted(estimator, data)
    assert float(model.log_prob(held.values[None].int())) > float(alone.log_prob(held.values[None].int())) + 300


@pytest.mark.parametrize("estimator", KINDS)
@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize(
    "rows", [[[]], [[0]], [[], []], [[2, 2, 2]], [[0, 1, 2] * 40]], ids=["empty", "one", "empties", "same", "row"]
)
def test_odd_texts(estimator, ends, rows):
    space = Symbols(4, ends=ends, length=5)
    model = fitted(estimator, Data(space, space.read(rows)))
    scores = model.log_prob([[3, 0, 3], [], [1]])
    assert np.isfinite(scores).all() and (scores[[0, 2]] < 0).all()
    assert (scores[1] == 0) is not ends or scores[1] == 0
    assert len(model.sample(2, seed=0)) == 2
    assert model.log_prob(space.read([])).shape == (0,)


@pytest.mark.parametrize("estimator", KINDS)
def test_an_alphabet_of_one_symbol(estimator):
    space = Symbols(1, ends=False, length=4)
    model = fitted(estimator, Data(space, torch.zeros(9, dtype=torch.uint8), ends=torch.tensor([9])))
    assert np.allclose(model.log_prob([[0, 0, 0]]), 0, atol=1e-12)
    assert model.sample(1, seed=0)[0].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("estimator", KINDS)
def test_an_alphabet_of_fifty_thousand_symbols(estimator):
    random = np.random.default_rng(0)
    space = Symbols(50_257, ends=False, length=3)
    x = torch.from_numpy(random.zipf(1.3, 4000) % 50_257).int()
    model = fitted(estimator, Data(space, x, ends=torch.tensor([4000])))
    begun = x[:2].expand(50_257, 2)
    last = model.log_prob_parts(torch.cat([begun, torch.arange(50_257).int()[:, None]], 1))[:, 2]
    assert float(last.exp().sum()) == pytest.approx(1, abs=1e-9)
    assert bool(torch.isfinite(last).all())
    assert len(model.complete([x[:2].numpy()], seed=0, length=20, warp=Warp(top_k=5))[0]) == 20


def test_passages_are_one_stream():
    data = stream()
    joined = Data(data.space, data.values, ends=torch.tensor([len(data.values)]))
    rows = torch.tensor([[0, 1, 2, 0, 1, 1]])
    for smoothing in ("kneser_ney", "mixing") if FAST else ("kneser_ney",):
        estimator = NGram(smoothing=smoothing, order=2)
        assert torch.equal(estimator.fit(data).log_prob(rows), estimator.fit(joined).log_prob(rows))


@pytest.mark.parametrize("smoothing", BACKOFFS)
def test_the_order_is_chosen_on_held_out_symbols(smoothing):
    model = NGram(smoothing=smoothing).fit(stream(n=3000))
    assert isinstance(model, BackoffModel)
    assert 2 <= model.order <= 3


@fast
def test_a_row_teaches_only_where_it_adapts():
    data = stream(symbols=5)
    news = torch.tensor([[4, 0, 3, 3, 1] * 40])
    still, adapting = (NGram(order=4, adapt=adapt).fit(data).log_prob_parts(news)[0] for adapt in (False, True))
    assert float(adapting[100:].mean()) > float(still[100:].mean()) + 0.3
    assert torch.allclose(still[100:105], still[150:155])


@fast
def test_a_row_that_changes_more_than_is_noted_is_forgotten_too(monkeypatch):
    from pofx.models.ngram import notes

    model = NGram(order=3).fit(stream())
    rows = torch.cat([stream(seed=4).values[None], stream(seed=5).values[None]]).int()
    expected = model.log_prob(rows)
    monkeypatch.setattr(notes, "MOST", 100)
    assert torch.equal(model.log_prob(rows), expected)


@fast
def test_a_long_stream_in_pieces_and_many_rows_in_groups_are_read_as_one(monkeypatch):
    from pofx.models.ngram import mixing

    for data in (stream(), texts(n=200)):
        rows = data.block(0, 2)
        expected = NGram(order=3).fit(data).log_prob(rows)
        with monkeypatch.context() as patch:
            patch.setattr(mixing, "AT_ONCE", 64)
            assert torch.equal(NGram(order=3).fit(data).log_prob(rows), expected)


def test_a_tree_asks_each_symbol_about_its_surprise():
    mass = np.random.default_rng(0).random(300) ** 6 + 1e-6
    children = halved(mass)
    starts, nodes, turns = paths(children)
    assert bool((children[children >= 0] > np.nonzero(children >= 0)[0]).all())
    share = mass / mass.sum()
    assert float((share * np.diff(starts)).sum()) < float(-(share * np.log2(share)).sum()) + 2
    symbol = 123
    at = 0
    for q in range(starts[symbol], starts[symbol + 1]):
        assert nodes[q] == at
        at = children[at, turns[q]]
    assert ~at == symbol


def test_separators_are_found():
    random = np.random.default_rng(0)
    words = [a + b for a in ("abc", "fgh", "klm", "pqr", "uvw") for b in ("", "de", "ij")]
    text = " ".join(random.choice(words, 3000)).replace("c f", "c, f")
    flat = np.frombuffer(text.encode(), np.uint8).astype(np.int32)
    found = {chr(code) for code in np.flatnonzero(separators(flat, 256))}
    assert {" ", ","} <= found and not found & set("abcdfghi")


@pytest.mark.parametrize("wrong", [{"order": -1}, {"order": 65}, {"smoothing": "laplace"}])
def test_a_wrong_option_is_one_line(wrong):
    with pytest.raises(FitError) as caught:
        NGram(**wrong)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("estimator", KINDS)
def test_a_beginning_with_an_unknown_symbol_is_refused(estimator):
    model = fitted(estimator, stream())
    with pytest.raises(SpaceError, match="alphabet"):
        model.complete([[0, 7]], seed=0)
