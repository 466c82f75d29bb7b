"""GPTs: causal, exact, the same law by cache and in windows, and GPT-2's numbers to the digit."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from pofx.codecs.tokens.learn import learn
from pofx.codecs.tokens.pairs import BytePairs
from pofx.core.store import load, save
from pofx.core.warp import Warp
from pofx.data.dataset import Data
from pofx.data.texts.cut import documents
from pofx.errors import FitError, PofxError, SpaceError, StoreError
from pofx.models.gpt.checkpoint import load_gpt2, read_gpt2
from pofx.models.gpt.drawing import Drawing
from pofx.models.gpt.estimator import GPT
from pofx.models.gpt.model import GPTModel
from pofx.models.gpt.training import Objective, chunks, parts_of
from pofx.models.gpt.windows import Windows
from pofx.nets.cached import cache
from pofx.nets.ngram_embedding import before
from pofx.rng import generator
from pofx.spaces.sequence import PAD, filled
from pofx.spaces.symbols import Symbols
from pofx.training.plan import Plan

KINDS = ["modern", "gpt2"]
STREAM = Symbols(3, ends=False, length=11)


def shaken(kind: str, space: Symbols, context: int = 8, stride: int = 4, seed: int = 1) -> GPTModel:
    """A network of random weights, none of which is zero."""
    recipe = GPT(kind=kind, context=context, stride=stride, width=8, layers=2, heads=2, orders=3, rows=16, dropout=0.0)  # type: ignore[arg-type]
    model = GPTModel(space, recipe, seed=seed)
    random = generator(seed)
    with torch.no_grad():
        for p in model.net.parameters():
            p += 0.4 * torch.randn(p.shape, generator=random)
    return model.eval()


def codes(n: int, length: int, size: int, seed: int = 0) -> Tensor:
    return torch.randint(size, (n, length), generator=generator(seed), dtype=torch.int32)


# Causality ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_place_depends_on_all_places_before_it_and_on_none_after(kind: str) -> None:
    net = shaken(kind, Symbols(5)).net.double()
    x = net.embedded(codes(1, 8, 5).long()).detach().requires_grad_()
    logits = net.head(net.body(x))
    for place in range(8):
        slope = torch.autograd.grad(logits[0, place].square().sum(), x, retain_graph=True)[0][0].abs().sum(1)
        assert bool((slope[: place + 1] > 0).all())
        assert bool((slope[place + 1 :] == 0).all())


@pytest.mark.parametrize("kind", KINDS)
def test_sequences_packed_into_one_row_are_as_by_themselves(kind: str) -> None:
    net = shaken(kind, Symbols(5)).net.double()
    first, second = torch.tensor([[5, 1, 2]]), torch.tensor([[5, 0, 4, 3]])
    packed = net(torch.cat([first, second], 1), packed=True)
    torch.testing.assert_close(packed, torch.cat([net(first), net(second)], 1), rtol=0, atol=1e-12)


def test_before_a_start_mark_there_are_only_start_marks() -> None:
    one, two = before(torch.tensor([[1, 2, 9, 3, 4]]), 3, 9)
    assert one.tolist() == [[9, 1, 9, 9, 3]]
    assert two.tolist() == [[9, 9, 9, 9, 9]]


# One law ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("taken", [1, 5], ids=["from the start", "from a prompt"])
def test_the_cached_step_is_the_network(kind: str, taken: int) -> None:
    net, x = shaken(kind, Symbols(5)).net, codes(3, 8, 5).long()
    x[:2, 0] = 5  # a window that begins with the start mark, and one that does not
    with torch.no_grad():
        full, held = net(x), cache(net, 3)
        steps = [held(x[:, :taken])] + [held(x[:, k : k + 1]) for k in range(taken, 8)]
    torch.testing.assert_close(torch.stack(steps, 1), full[:, taken - 1 :], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("context", "stride"), [(4, 2), (4, 4), (5, 1), (16, 8), (1, 1)], ids=str)
def test_scores_are_those_of_each_symbol_in_its_window(kind: str, context: int, stride: int) -> None:
    model, x = shaken(kind, STREAM, context, stride), codes(1, 14, 3)
    net, line = model.net.double(), [3, *x[0].tolist()]
    slow = []
    for index in range(14):
        window = model.windows.of(index) * stride
        inputs = torch.tensor([line[window : index + 1]])
        assert index < context or context - stride < inputs.shape[1] <= context
        slow.append(torch.log_softmax(net(inputs)[0, -1, :3], -1)[line[index + 1]])
    parts = model.log_prob_parts(x)
    torch.testing.assert_close(parts[0], torch.stack(slow).detach(), rtol=0, atol=1e-10)
    torch.testing.assert_close(model.log_prob(x), parts.sum(1), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_drawn_is_what_the_scores_say(kind: str) -> None:
    """Always the likeliest symbol, from windows and from scores of every way to go on."""
    model = shaken(kind, STREAM, 4, 2)
    greedy = model.complete([[1]], seed=0, warp=Warp(temperature=0.0))[0]
    assert len(greedy) == 11
    for index in range(1, 11):
        ways = torch.tensor([[*greedy[:index], symbol] for symbol in range(3)])
        assert int(model.log_prob_parts(ways)[:, index].argmax()) == greedy[index]


def test_samples_have_the_shares_of_the_law() -> None:
    model = shaken("modern", Symbols(2, ends=False, length=3), 2, 1)
    drawn = torch.as_tensor(np.stack(model.sample(4000, seed=0)))
    every = torch.tensor(list(product(range(2), repeat=3)))
    share = (drawn[:, None] == every).all(2).double().mean(0)
    assert float((share - model.log_prob(every).exp()).abs().max()) < 0.025


@pytest.mark.parametrize("kind", KINDS)
def test_total_mass_is_one(kind: str) -> None:
    for length in (1, 3, 6):  # of a stream, within the context and beyond
        every = torch.tensor(list(product(range(3), repeat=length)))
        assert float(shaken(kind, STREAM, 4, 2).log_prob(every).exp().sum()) == pytest.approx(1.0, abs=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_total_mass_with_ends_leaves_what_is_longer(kind: str) -> None:
    model = shaken(kind, Symbols(2), 3, 2)
    ended = [list(row) for length in range(7) for row in product(range(2), repeat=length)]
    longer = torch.tensor(list(product(range(2), repeat=6)))
    begun = torch.cat([longer, torch.full((len(longer), 1), 2)], 1)
    mass = float(np.exp(model.log_prob(ended)).sum())
    left = model.log_prob_parts(begun)
    more = float((left[:, :-1].sum(1).exp() * (1 - left[:, -1].exp())).sum())
    assert mass + more == pytest.approx(1.0, abs=1e-10)
    assert 0.01 < mass < 0.999


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("space", [STREAM, Symbols(3)], ids=["stream", "ends"])
def test_scores_do_not_depend_on_batch_order_and_filling(kind: str, space: Symbols) -> None:
    model = shaken(kind, space, 4, 2)
    rows = [[0], [2, 1, 0, 0, 1, 2, 2, 1], [1, 1], [0, 1, 2, 0], [2] * 13]
    if space.ends:
        rows.append([])
    x = space.read(rows)
    together = model.log_prob(x)
    alone = torch.cat([model.log_prob(space.read([row])) for row in rows])
    wide = torch.nn.functional.pad(x, (0, 5), value=PAD)
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=1e-10)
    torch.testing.assert_close(together, model.log_prob(wide), rtol=1e-12, atol=1e-10)
    torch.testing.assert_close(together.flip(0), model.log_prob(x.flip(0)), rtol=1e-12, atol=1e-10)


def test_an_unheard_of_symbol_is_outside() -> None:
    model = shaken("modern", STREAM)
    assert float(model.log_prob(torch.tensor([[0, 3, 1]]))[0]) == -torch.inf
    assert float(model.log_prob(torch.zeros(1, 0, dtype=torch.int32))[0]) == 0.0


@pytest.mark.parametrize("context", [1, 3, 8])
def test_windows_say_each_symbol_once(context: int) -> None:
    for stride in range(1, context + 1):
        rule = Windows(context, stride)
        for length in (1, context, context + 1, 3 * context + 1):
            count = int(rule.count(torch.tensor([length])))
            assert count == rule.of(length - 1) + 1
            place = torch.arange(count)[:, None] * stride + torch.arange(context)
            said = place[rule.fresh(torch.arange(count))]
            assert sorted(said[said < length].tolist()) == list(range(length))


# Completion ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_completion_keeps_beginnings_longer_than_the_context_and_of_any_length(kind: str) -> None:
    model = shaken(kind, STREAM, 4, 2)
    begun = [[], [1], [0, 1, 2, 2, 1, 0, 1], [2, 2], [1] * 15]
    found = model.complete(begun, seed=3, length=12)
    assert [len(row) for row in found] == [12, 12, 12, 12, 15]
    assert all(list(row[: len(start)]) == start for row, start in zip(found, begun, strict=True))
    assert all((a == b).all() for a, b in zip(found, model.complete(begun, seed=3, length=12), strict=True))


def test_completion_with_ends_stops_at_them() -> None:
    model = shaken("modern", Symbols(3), 4, 2)
    found = model.complete([[0, 1], []] * 20, seed=0)
    assert len({len(row) for row in found}) > 3
    assert bool((model.log_prob(model.space.read(found)) > -torch.inf).all())
    endless = model.complete([[0]], seed=0, length=6, warp=Warp(temperature=0.0))[0]
    assert 1 <= len(endless) <= 6


def test_rows_that_end_leave_the_others_as_they_would_be() -> None:
    """With the likeliest symbol always taken, a batch is its rows."""
    model = shaken("gpt2", Symbols(3), 4, 2)
    drawing = Drawing(model.net, model.windows, 4, 3, Warp(temperature=0.0), generator(0))
    begun = codes(12, 3, 3, seed=5).long()
    together = drawing.go_on(begun, 30)
    for row, found in zip(begun, together, strict=True):
        assert torch.equal(drawing.go_on(row[None], 30)[0], found)


# Training -----------------------------------------------------------------------------------------------------------

TINY = {"width": 8, "layers": 1, "context": 8}


def stream(n: int = 600) -> Data:
    return Data(Symbols(3, ends=False, length=12), torch.tensor([[0, 1, 2, 1] * (n // 4)]))


def words() -> Data:
    rows = [torch.tensor([*row, 4]) for row in ([0, 1], [2, 3, 2, 3], [1], [])] * 12
    return Data(Symbols(4), torch.cat(rows), ends=torch.tensor([len(row) for row in rows]).cumsum(0))


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_is_learnt(kind: str) -> None:
    model = GPT(
        kind=kind, width=16, layers=2, context=8, steps=120, dropout=0.0, ngram_dropout=0.0, learning_rate=2e-2
    ).fit(stream())  # type: ignore[arg-type]
    x = torch.tensor([[0, 1, 2, 1] * 10])
    parts = model.log_prob_parts(x)[0]
    assert float(parts[2:].mean()) > -0.05
    assert -3 < float(parts[0]) < -0.4


@pytest.mark.parametrize("kind", KINDS)
def test_words_are_learnt_with_their_ends(kind: str) -> None:
    model = GPT(kind=kind, **TINY, steps=120, dropout=0.0, ngram_dropout=0.0, learning_rate=2e-2).fit(words())  # type: ignore[arg-type]
    score = model.log_prob([[0, 1], [2, 3, 2, 3], [1], []])
    assert float(np.exp(score).sum()) > 0.9
    assert score == pytest.approx(np.log(0.25), abs=0.4)


def test_rows_filled_up_and_rows_in_one_line_are_the_same_data() -> None:
    data = words()
    other = Data(data.space, filled([data.values[e - n : e] for e, n in zip(data.ends, data.lengths, strict=True)]))  # type: ignore[arg-type]
    one, two = (parts_of(d, None, 0).stream.long() for d in (data, other))
    assert torch.equal(one, two)


def test_chunks_hold_the_stream_and_the_loss_is_the_score() -> None:
    line = codes(1, 6, 3)[0]
    pieces = chunks(line, 3, 8)
    assert pieces[0].tolist() == [3, *line.tolist(), *[-1] * 10]
    model = shaken("modern", STREAM)
    model.recipe = replace(model.recipe, marked=0.0)
    lost = Objective(model)(pieces, generator(0)).detach()
    assert float(lost) == pytest.approx(-float(model.log_prob(line[None])[0]) / 6, abs=1e-5)


@pytest.mark.parametrize(
    "data",
    [
        Data(Symbols(3, ends=False), torch.tensor([[1]])),
        Data(Symbols(1, ends=False), torch.zeros(1, 5, dtype=torch.int64)),
        Data(Symbols(3), torch.tensor([[3]])),
        Data(Symbols(3), torch.tensor([3, 3, 0, 3]), ends=torch.tensor([1, 2, 4])),
        Data(Symbols(3, ends=False), torch.tensor([0, 1]), ends=torch.tensor([0, 0, 2])),
    ],
    ids=["one symbol", "an alphabet of one", "one empty sequence", "empty sequences", "empty rows"],
)
def test_the_smallest_data_are_learnt(data: Data) -> None:
    model = GPT(steps=3).fit(data)
    assert bool(torch.isfinite(torch.as_tensor(model.log_prob(data.block(0, len(data))))).all())
    assert len(model.draw(2, seed=0)) == 2
    assert len(model.draw(0, seed=0)) == 0


def test_no_symbol_at_all_is_refused() -> None:
    with pytest.raises(FitError, match="not one symbol"):
        GPT().fit(Data(Symbols(3, ends=False), torch.zeros(1, 0, dtype=torch.int32)))


def test_the_same_seed_gives_the_same_model_and_validation_rows_are_taken() -> None:
    recipe = GPT(**TINY, steps=12, dropout=0.1)
    one, two, other = (recipe.fit(stream(), seed=s, validation=stream(80)) for s in (0, 0, 1))
    x = torch.tensor([[0, 1, 2, 0, 1]])
    assert torch.equal(one.log_prob(x), two.log_prob(x))
    assert not torch.equal(one.log_prob(x), other.log_prob(x))
    assert recipe.settled(one).steps <= 12  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_is_stored_whole(kind: str, tmp_path: Path) -> None:
    model = shaken(kind, Symbols(3), 4, 2)
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    x = Symbols(3).read([[0, 1, 2, 1, 1, 0], []])
    assert torch.equal(model.log_prob(x), again.log_prob(x))


def test_a_fit_that_was_killed_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pofx.training.report.SHORTEST", 0.0)
    monkeypatch.setattr("pofx.training.report.PART", 0.0)
    recipe, x = GPT(**TINY, steps=30), torch.tensor([[0, 1, 2, 0, 1]])
    whole = recipe.fit(stream(), seed=3).log_prob(x)

    class Breaks:
        """A recorder that stops the fit at a step."""

        def start(self, what: str, total: int | None) -> None: ...

        def step(self, done: int, note: str = "") -> None:
            if done >= 17:
                raise KeyboardInterrupt

        def finish(self) -> None: ...

    with pytest.raises(KeyboardInterrupt):
        recipe.fit(stream(), seed=3, plan=Plan(folder=tmp_path), recorder=Breaks())
    again = recipe.fit(stream(), seed=3, plan=Plan(folder=tmp_path))
    assert torch.equal(again.log_prob(x), whole)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"context": 0}, "context is too small"),
        ({"dropout": 1.0}, "dropout is a share"),
        ({"context": 4, "stride": 5}, "leave symbols out"),
        ({"width": 10, "heads": 2}, "heads do not divide"),
    ],
    ids=str,
)
def test_options_that_cannot_be_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(FitError, match=message):
        GPT(**options)  # type: ignore[arg-type]


def test_it_takes_symbols_only() -> None:
    with pytest.raises(SpaceError):
        GPT().fit(Data(Symbols(2), torch.tensor([[0, 1]])))  # a row without its end


# GPT-2 --------------------------------------------------------------------------------------------------------------

SIZES = {"codes": 11, "places": 7, "width": 12, "layers": 2, "heads": 3}
INPUTS = [[10, 3, 0, 7, 7, 1, 9], [10, 10, 4, 2, 8, 5, 6]]


def closed_form(codes: int = SIZES["codes"]) -> dict[str, Tensor]:
    """Weights that anyone can write down, under the published names."""
    width, found = SIZES["width"], {}
    shapes = {"wte.weight": (codes, width), "wpe.weight": (SIZES["places"], width)}
    for layer in range(SIZES["layers"]):
        for name, *shape in (
            ("ln_1.weight", width), ("ln_1.bias", width), ("attn.c_attn.weight", width, 3 * width),
            ("attn.c_attn.bias", 3 * width), ("attn.c_proj.weight", width, width), ("attn.c_proj.bias", width),
            ("ln_2.weight", width), ("ln_2.bias", width), ("mlp.c_fc.weight", width, 4 * width),
            ("mlp.c_fc.bias", 4 * width), ("mlp.c_proj.weight", 4 * width, width), ("mlp.c_proj.bias", width),
        ):  # fmt: skip
            shapes[f"h.{layer}.{name}"] = tuple(shape)
    shapes.update({"ln_f.weight": (width,), "ln_f.bias": (width,)})
    for number, (name, shape) in enumerate(shapes.items()):
        index = torch.arange(int(np.prod(shape)), dtype=torch.float64)
        values = torch.sin(0.7 * index + 0.013 * index**2 + number)
        found[name] = (1 + 0.2 * values if "ln_" in name and name.endswith("weight") else 0.5 * values).view(shape)
    return found


def write(folder: Path, prefix: str = "", **changes: object) -> Path:
    tensors = {f"{prefix}{name}": tensor.float().contiguous() for name, tensor in closed_form().items()}
    save_file(tensors, folder / "model.safetensors")
    config = {"n_head": SIZES["heads"], "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5, **changes}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def slow_twin(inputs: list[int]) -> np.ndarray:
    """GPT-2 written out, one place after another."""
    w = {name: tensor.numpy() for name, tensor in closed_form().items()}
    width, heads = SIZES["width"], SIZES["heads"]
    each = width // heads

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        y = (x - x.mean()) / np.sqrt(x.var() + 1e-5)
        return np.asarray(y * w[f"{name}.weight"] + w[f"{name}.bias"])

    def affine(x: np.ndarray, name: str) -> np.ndarray:
        return np.asarray(x @ w[f"{name}.weight"] + w[f"{name}.bias"])

    kept: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in range(SIZES["layers"])]
    logits = []
    for place, code in enumerate(inputs):
        x = w["wte.weight"][code] + w["wpe.weight"][place]
        for layer in range(SIZES["layers"]):
            at = f"h.{layer}"
            query, key, value = np.split(affine(norm(x, f"{at}.ln_1"), f"{at}.attn.c_attn"), 3)
            kept[layer].append((key, value))
            seen = []
            for head in range(heads):
                part = slice(head * each, (head + 1) * each)
                score = np.array([query[part] @ k[part] / np.sqrt(each) for k, _ in kept[layer]])
                share = np.exp(score - score.max())
                share /= share.sum()
                seen.append(sum(s * v[part] for s, (_, v) in zip(share, kept[layer], strict=True)))
            x = x + affine(np.concatenate(seen), f"{at}.attn.c_proj")
            h = affine(norm(x, f"{at}.ln_2"), f"{at}.mlp.c_fc")
            h = 0.5 * h * (1 + np.tanh(np.sqrt(2 / np.pi) * (h + 0.044715 * h**3)))
            x = x + affine(h, f"{at}.mlp.c_proj")
        logits.append(w["wte.weight"] @ norm(x, "ln_f"))
    return np.stack(logits)


@pytest.mark.parametrize("prefix", ["", "transformer."], ids=["plain", "prefixed"])
def test_a_checkpoint_gives_the_logits_of_a_slow_twin(prefix: str, tmp_path: Path) -> None:
    model = load_gpt2(write(tmp_path, prefix), vocabulary=11)
    assert model.space == Symbols(10)
    for row in INPUTS:
        ours = model.logits(torch.tensor([row]))[0].detach().double().numpy()
        np.testing.assert_allclose(ours, slow_twin(row), rtol=0, atol=2e-5)


def test_a_checkpoint_gives_the_logits_that_transformers_gives(tmp_path: Path) -> None:
    model = load_gpt2(write(tmp_path))
    logits = model.logits(torch.tensor(INPUTS)).detach()
    np.testing.assert_allclose(logits[0, -1, :6].numpy(), ORACLE_FIRST, rtol=0, atol=1e-4)
    np.testing.assert_allclose(logits[1, 3, :6].numpy(), ORACLE_SECOND, rtol=0, atol=1e-4)


ORACLE_FIRST = [0.732771, -0.109636, 1.258356, -0.932914, 0.334886, -0.744702]  # of transformers 5.23, single precision
ORACLE_SECOND = [2.09871, 0.390087, 0.387836, 0.417338, 1.153545, 0.587925]


def test_a_checkpoint_scores_and_draws(tmp_path: Path) -> None:
    model = load_gpt2(write(tmp_path))
    x = [[3, 0, 7], [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]]
    parts = model.log_prob_parts(x)
    twin = slow_twin([10, 3, 0, 7])
    right = [twin[k] - np.log(np.exp(twin[k]).sum()) for k in range(4)]
    assert parts[0, :4] == pytest.approx([right[k][code] for k, code in enumerate([3, 0, 7, 10])], abs=1e-6)
    assert len(model.sample(2, seed=0)) == 2


@pytest.mark.parametrize(
    ("vocabulary", "changes", "message"),
    [
        (50257, {}, "tokeniser does not fit the checkpoint; got a vocabulary of 50257; expected 11"),
        (None, {"activation_function": "relu"}, "another architecture"),
        (None, {"n_head": 5}, "heads do not divide"),
    ],
    ids=["tokeniser", "activation", "heads"],
)
def test_a_checkpoint_that_does_not_fit_is_refused(
    vocabulary: int | None, changes: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises((StoreError, FitError), match=message):
        load_gpt2(write(tmp_path, **changes), vocabulary=vocabulary)


def test_files_that_are_no_checkpoint_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such checkpoint"):
        load_gpt2(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(StoreError, match="damaged"):
        load_gpt2(tmp_path)
    tensors = {name: tensor.float().contiguous() for name, tensor in closed_form().items()}
    del tensors["h.1.mlp.c_fc.bias"]
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(StoreError, match=r"nothing for blocks.1.wide.bias"):
        load_gpt2(tmp_path)
    save_file({"a": torch.zeros(2)}, tmp_path / "model.safetensors")
    with pytest.raises(StoreError, match=r"no table wte\.weight"):
        load_gpt2(tmp_path)


def test_sizes_that_were_chosen_are_written_in() -> None:
    model = GPT(steps=1).fit(stream())
    recipe = GPT().settled(model)
    assert isinstance(recipe, GPT)
    assert replace(recipe, steps=None).width == 32
    assert recipe.stride == (recipe.context or 0) // 4


def test_a_checkpoint_reads_texts_with_its_tokeniser(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    codec = learn("bpe:270", documents([b"the cat and the dog", b"the dog and the cat"]))
    assert isinstance(codec, BytePairs)
    (tmp_path / "tokenizer.json").write_text(codec.tokeniser)
    tensors = {name: tensor.float().contiguous() for name, tensor in closed_form(codec.size + 1).items()}
    save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"n_head": SIZES["heads"]}))
    model = read_gpt2(tmp_path, tokeniser=tmp_path / "tokenizer.json")
    with pytest.raises(PofxError, match="no exact probability"):
        model.log_prob(["the cat"])
    bound = model.log_prob_bound(["the cat", ""], seed=0)
    assert np.isfinite(bound).all()
    parts = model.log_prob_parts(["the cat", ""])
    assert parts.sum(1) == pytest.approx(bound)
    other = learn("bpe:260", documents([b"ab ab"]))
    assert isinstance(other, BytePairs)
    (tmp_path / "other.json").write_text(other.tokeniser)
    with pytest.raises(PofxError, match="does not fit the checkpoint"):
        read_gpt2(tmp_path, tokeniser=tmp_path / "other.json")
