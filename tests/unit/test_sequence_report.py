"""The report of a run on texts, sounds, or pictures read in an order: surprise, samples, words; of toy models."""

from __future__ import annotations

import dataclasses
import io
import json
import math
import re
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from tests.unit.html_outline import NASTY, outline
from tests.unit.picture_records import sheet
from tests.unit.report_records import make_records, model_row
from torch import Tensor

from pofx.codecs.tokens.characters import Characters
from pofx.core.coded import coded
from pofx.core.contract import Density
from pofx.core.warp import Warp
from pofx.data.dataset import Data
from pofx.data.texts.cut import documents, stream
from pofx.errors import MissingExtra
from pofx.evaluate.contest import Contender
from pofx.evaluate.experiment import Experiment
from pofx.evaluate.folder import fit_to_folder
from pofx.evaluate.leaderboard import Scored
from pofx.evaluate.pictures import bits_map as maps
from pofx.evaluate.pictures.album import Album
from pofx.evaluate.prepare_sequences import prepare_sounds, prepare_texts
from pofx.evaluate.scores import row_scores
from pofx.evaluate.sequences import sounds as sounds_module
from pofx.evaluate.sequences import spectrogram as spectrogram_module
from pofx.evaluate.sequences.evidence import look_at_sequences
from pofx.evaluate.sequences.picked import picked
from pofx.evaluate.sequences.spectrogram import spectrogram
from pofx.evaluate.settings import Settings
from pofx.models.independent import Independent
from pofx.report import bits, words
from pofx.report.document import render, write_report
from pofx.report.passages import STEPS, marked, shade, shades, visible
from pofx.report.sheets import inside
from pofx.runs.evidence import Evidence
from pofx.runs.layout import RunFolder
from pofx.runs.pictures import PictureEvidence
from pofx.runs.plain import from_json, to_json
from pofx.runs.records import Run
from pofx.runs.sequences import Passage, Place, Sound, SoundEvidence, TextEvidence, Written
from pofx.spaces.image import Image
from pofx.spaces.sequence import PAD, filled
from pofx.spaces.symbols import Symbols
from pofx.spaces.text import Text
from pofx.spaces.waveform import Waveform
from pofx.training.recorder import SILENT

# ------------------------------------------------------------------------------------------------------- toy models


class Chain(Density):
    """Symbols that each depend on the one before: `[size + 1, size + 1]` shares, the last row of the start."""

    capabilities = frozenset({"parts", "discrete"})

    def __init__(self, space: Symbols | Text | Waveform, shares: Tensor) -> None:
        super().__init__(space)
        self.register_buffer("shares", shares)
        self.shares: Tensor
        self.low = space.low if isinstance(space, Waveform) else 0

    @property
    def free_parameters(self) -> int:
        return self.shares.numel()

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        return self._log_prob_parts(x, given).sum(1)

    def _log_prob_parts(self, x: Tensor, given: Tensor | None) -> Tensor:
        there, codes = x != PAD, (x.long() - self.low).clamp(0, self.shares.shape[1] - 1)
        before = torch.cat([codes.new_full((len(x), 1), len(self.shares) - 1), codes[:, :-1]], 1)
        return torch.where(there, self.shares[before, codes].log(), torch.zeros(x.shape, dtype=torch.float64))

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        closing, length = self.space.closing, self.space.length  # type: ignore[attr-defined]
        codes = torch.full((n, 1), len(self.shares) - 1)
        for _ in range(length if n else 0):
            codes = torch.cat([codes, torch.multinomial(self.shares[codes[:, -1]], 1, generator=generator)], 1)
        rows = [row[1:] + self.low for row in codes]
        return filled(rows if closing is None else [_closed(row, closing) for row in rows])


def _closed(row: Tensor, closing: int) -> Tensor:
    """Up to its first end mark, or with its last symbol made one."""
    ends = (row == closing).nonzero()
    return row[: int(ends[0, 0]) + 1] if len(ends) else torch.cat([row[:-1], row.new_full((1,), closing)])


class Pixels(Density):
    """Pixels by themselves, with the law of all of them."""

    capabilities = frozenset({"parts", "complete", "discrete"})

    def __init__(self, space: Image, shares: Tensor) -> None:
        super().__init__(space)
        self.register_buffer("shares", shares)
        self.shares: Tensor

    @property
    def free_parameters(self) -> int:
        return len(self.shares)

    def _log_prob(self, x: Tensor, given: Tensor | None) -> Tensor:
        return self._log_prob_parts(x, given).flatten(1).sum(1)

    def _log_prob_parts(self, x: Tensor, given: Tensor | None) -> Tensor:
        return self.shares.log()[x.long()]

    def _sample(self, n: int, generator: torch.Generator, given: Tensor | None) -> Tensor:
        drawn = torch.multinomial(self.shares, n * self.space.dims, True, generator=generator)  # type: ignore[attr-defined]
        return drawn.double().reshape(n, *self.space.event_shape)

    def _complete(
        self, begun: Tensor, length: int | None, generator: torch.Generator, given: Tensor | None, warp: Warp
    ) -> Tensor:
        return torch.where(torch.isnan(begun), self._sample(len(begun), generator, given), begun)


def chain(space: Symbols | Text | Waveform, data: Data, *, low: int = 0, size: int = 257) -> Chain:
    """The chain of a text's counts, drawn to equal shares."""
    counts = torch.full((size, size), 0.02, dtype=torch.float64)
    codes = data.values.long() - low
    counts.index_put_((codes[:-1], codes[1:]), torch.ones(len(codes) - 1, dtype=torch.float64), accumulate=True)
    counts[-1] += torch.bincount(codes, minlength=size).double() / 10
    if space.closing is None and size == 257:
        counts[:, 256] = 0.0
    return Chain(space, counts / counts.sum(1, keepdim=True))


def experiment_of(data: Data, models: dict[str, Density], *, texts: bool) -> tuple[Experiment, list[Scored]]:
    prepared = (prepare_texts if texts else prepare_sounds)(data, Settings())
    contenders = [Contender(name, Independent(), model, torch.zeros(3), 1.0) for name, model in models.items()]
    experiment = Experiment(prepared, contenders, [], contenders[0])
    return experiment, [Scored(c, row_scores(c.model, experiment.test, draws=1, seed=0), None) for c in contenders]


WORDS = "The quick brown fox\njumps over the lazy dog; über\tallem Äther. "


@pytest.fixture(scope="module")
def texts() -> tuple[Experiment, list[Scored]]:
    data = stream((WORDS * 200).encode(), 200)
    even = torch.full((257, 257), 1 / 256, dtype=torch.float64)
    even[:, 256] = 0
    return experiment_of(data, {"chain": chain(data.space, data), "even": Chain(data.space, even)}, texts=True)


@pytest.fixture(scope="module")
def waves() -> tuple[Data, Density]:
    random, space = np.random.default_rng(0), Waveform(8_000, 8, 1, 900)
    tones = [
        np.round(60 * np.sin(np.arange(700 + 30 * k) * (0.1 + 0.01 * k)) + random.normal(0, 3, 700 + 30 * k))
        for k in range(30)
    ]
    rows = [tone.clip(-128, 127).astype(np.int32) for tone in tones]
    data = Data(space, torch.from_numpy(np.concatenate(rows)), ends=torch.tensor([len(r) for r in rows]).cumsum(0))
    return data, chain(space, data, low=-128, size=257)


@pytest.fixture(scope="module")
def seen_texts(texts: tuple[Experiment, list[Scored]]) -> tuple[TextEvidence, ...]:
    return look_at_sequences(*texts, seed=3).evidence.texts


# --------------------------------------------------------------------------------------------------- evidence: texts


def test_pieces_add_up_to_the_score_and_the_text(
    texts: tuple[Experiment, list[Scored]], seen_texts: tuple[TextEvidence, ...]
) -> None:
    experiment, scored = texts
    data = experiment.prepared.data
    assert [each.model for each in seen_texts] == ["chain", "even"]
    for each, of in zip(seen_texts, scored, strict=True):
        assert [p.what for p in each.passages] == ["typical", "least probable", "most probable"]
        for passage in each.passages:
            place = experiment.prepared.split.test.tolist().index(passage.row - 1)
            assert passage.log_prob == pytest.approx(of.scores[place], abs=1e-5)
            assert passage.left_out == 0
            assert math.fsum(nats or 0.0 for _, nats in passage.pieces) == pytest.approx(of.scores[place], abs=1e-3)
            raw = bytes(data.block(passage.row - 1, passage.row)[0].tolist())
            assert "".join(text for text, _ in passage.pieces) == raw.decode("utf-8", "replace")
            assert passage.size == len(raw)
    assert seen_texts[0].passages[0].row == seen_texts[1].passages[0].row
    assert any(text == "ü" for passage in seen_texts[0].passages for text, _ in passage.pieces)  # a letter stays whole


def test_places_are_means_of_the_parts(
    texts: tuple[Experiment, list[Scored]], seen_texts: tuple[TextEvidence, ...]
) -> None:
    experiment = texts[0]
    parts = experiment.model.log_prob_parts(experiment.test.block(0, len(experiment.test)))
    first = seen_texts[0].places
    assert [(p.start, p.stop) for p in first[:4]] == [(0, 1), (1, 2), (2, 4), (4, 8)]
    assert first[-1].stop == int(experiment.test.lengths.max())
    assert first[2].log_prob == pytest.approx(float(parts[:, 2:4].mean()), abs=1e-5)
    even = seen_texts[1].places
    assert all(p.log_prob == pytest.approx(-math.log(256), abs=1e-5) for p in even)
    assert all(p.std_error == pytest.approx(0.0, abs=1e-5) for p in even)


def test_tokens_of_several_bytes_are_pieces_and_are_spread_over_their_bytes() -> None:
    text = "ab€ü" * 100
    data = stream(text.encode(), 70)
    assert isinstance(data.space, Text)
    codec = Characters(data.space, "".join(sorted(set(text))))
    model = coded(codec, Chain(codec.target, torch.full((codec.size + 1,) * 2, 1 / codec.size, dtype=torch.float64)))
    assert isinstance(model, Density)
    found = look_at_sequences(*experiment_of(data, {"letters": model}, texts=True), seed=0).evidence.texts[0]
    pieces = {text: nats for passage in found.passages for text, nats in passage.pieces}
    assert {"a", "b", "€", "ü"} <= set(pieces)
    rounded = {round(p.log_prob * (p.stop - p.start), 3) for p in found.places[:3]}
    assert len(rounded) > 1 and all(p.log_prob > pieces["a"] - 1e-9 for p in found.places)  # type: ignore[operator]


def test_documents_end_and_the_end_has_its_bits() -> None:
    data = documents([b"anna", b"bob", b"carla", b"\xff\xfe", b"", b"dan"] * 8)
    model = chain(data.space, data)
    looked = look_at_sequences(*experiment_of(data, {"chain": model}, texts=True), seed=0)
    for passage in looked.evidence.texts[0].passages:
        assert passage.pieces[-1][0] == ""
        assert passage.size == len("".join(text for text, _ in passage.pieces))
    json.dumps(to_json(looked.evidence), ensure_ascii=False).encode()  # nothing that UTF-8 has no room for


def test_the_impossible_is_said_and_is_no_number() -> None:
    data = stream(b"abcabc" * 200, 60)
    shares = torch.full((257, 257), 1 / 256, dtype=torch.float64)
    shares[:, ord("b")] = 0.0
    looked = look_at_sequences(*experiment_of(data, {"never b": Chain(data.space, shares)}, texts=True), seed=0)
    passage = looked.evidence.texts[0].passages[0]
    assert passage.log_prob is None
    assert ("b", None) in passage.pieces
    page = render(*records_of(texts=looked.evidence.texts))
    assert 'class="s7" title="impossible">b<' in page
    assert "60 bytes, impossible" in outline(page).text


def test_what_is_shown_is_typical_least_and_most() -> None:
    scores = np.array([-30.0, -4.0, -5.0, -np.inf, -8.0])
    assert picked(scores, np.array([10, 1, 5, 1, 4])) == {"typical": 0, "least probable": 3, "most probable": 2}
    assert picked(np.array([-1.0]), np.ones(1)) == {"typical": 0}
    assert picked(np.zeros(0), np.zeros(0)) == {}


def test_same_seed_same_evidence(texts: tuple[Experiment, list[Scored]], seen_texts: tuple[TextEvidence, ...]) -> None:
    assert look_at_sequences(*texts, seed=3).evidence.texts == seen_texts
    assert look_at_sequences(*texts, seed=4).evidence.texts[0].samples != seen_texts[0].samples


# -------------------------------------------------------------------------------------------------- evidence: sounds


def test_sounds_have_waves_surprise_and_files(waves: tuple[Data, Density]) -> None:
    data, model = waves
    looked = look_at_sequences(*experiment_of(data, {"chain": model}, texts=False), seed=1)
    found = looked.evidence.sounds[0]
    assert [s.what for s in found.recordings] == ["typical", "least probable", "most probable"]
    assert [s.what for s in found.samples] == ["sample"] * 3
    for sound in found.recordings:
        assert sound.row is not None
        wanted = data.block(sound.row - 1, sound.row)
        assert (sound.moments, sound.shown) == (wanted.shape[1],) * 2
        assert len(sound.low) == len(sound.high) == len(sound.surprise) == 600
        assert max(sound.high) == pytest.approx(int(wanted.max()) / 128, abs=1e-4)
        assert sound.log_prob == pytest.approx(float(model.log_prob(wanted)[0]), abs=1e-4)
        assert sound.file is not None and sound.spectrogram is not None
        with wave.open(io.BytesIO(looked.files[sound.file])) as read:
            assert (read.getframerate(), read.getsampwidth(), read.getnchannels()) == (8_000, 2, 1)
            heard = np.frombuffer(read.readframes(read.getnframes()), "<i2")
        assert (heard == wanted[0].numpy() * 256).all()
        picture = Pillow.open(io.BytesIO(looked.files[sound.spectrogram]))
        assert picture.mode == "P" and picture.size[0] <= 600 and picture.size[1] <= 129
    assert looked.files.keys() == {f for s in (*found.recordings, *found.samples) for f in (s.file, s.spectrogram)}


def test_long_sounds_are_looked_at_from_their_start(
    waves: tuple[Data, Density], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, model = waves
    monkeypatch.setattr(sounds_module, "LONGEST", 500)
    found = look_at_sequences(*experiment_of(data, {"chain": model}, texts=False), seed=1).evidence.sounds[0]
    first = found.recordings[0]
    assert first.row is not None and first.shown == 500 < first.moments
    parts = model.log_prob_parts(data.block(first.row - 1, first.row))[0, :500]
    assert first.log_prob == pytest.approx(float(parts.sum()), abs=1e-4)
    assert first.surprise == pytest.approx(parts.numpy(), abs=1e-5)


def test_a_tone_is_a_bright_line_at_its_frequency() -> None:
    rate, tone = 8_000, 1_000
    png = spectrogram(np.round(3_000 * np.sin(2 * np.pi * tone * np.arange(rate) / rate)), rate)
    assert png is not None
    levels = np.asarray(Pillow.open(io.BytesIO(png)))
    brightest = levels.shape[0] - 1 - levels[:, levels.shape[1] // 2].argmax()
    assert brightest / levels.shape[0] == pytest.approx(tone / (rate / 2), abs=0.02)


@pytest.mark.parametrize("values", [np.zeros(500), np.ones(16), np.zeros(3), np.zeros(0)])
def test_silence_and_short_sounds(values: np.ndarray) -> None:
    assert (spectrogram(values, 8_000) is None) == (len(values) < 16)


def test_without_pillow_there_is_no_spectrogram(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Any:
        raise MissingExtra("images", "Pillow")

    monkeypatch.setattr(spectrogram_module, "load_pillow", missing)
    assert spectrogram(np.arange(100.0), 8_000) is None


@pytest.mark.parametrize(("bits_each", "value", "heard"), [(8, -128, -32768), (16, 1234, 1234), (24, -8388608, -32768)])
def test_files_to_hear_have_sixteen_bits(bits_each: int, value: int, heard: int) -> None:
    space = Waveform(8_000, bits_each, 2, 8)
    content = sounds_module._wav(np.full((5, 2), value), space)
    with wave.open(io.BytesIO(content)) as read:
        assert (read.getnchannels(), read.getnframes()) == (2, 5)
        assert set(np.frombuffer(read.readframes(5), "<i2").tolist()) == {heard}


# ------------------------------------------------------------------------------------------------ evidence: pictures


def test_maps_show_the_bits_of_each_pixel() -> None:
    space = Image(3, 6, 5, 8)
    shares = torch.full((256,), 0.5 / 255, dtype=torch.float64)
    shares[0] = 0.5
    model, pictures = Pixels(space, shares), torch.zeros(4, 3, 6, 5)
    pictures[:, :, 2, 3] = 200.0
    album = Album(space)
    found, most = maps.bits_map(model, pictures, album, "m")
    assert found is not None and (found.rows, found.columns) == (2, 4)
    assert most == pytest.approx(-3 * math.log2(0.5 / 255), abs=1e-3)
    board = np.asarray(Pillow.open(io.BytesIO(album.files[found.file])))
    below = board[1 + 7 : 1 + 7 + 6, 1 : 1 + 5]  # the map of the first picture
    assert (below[2, 3] == 255).all()
    assert (below[0, 0] == round(255 * 3 / most)).all()  # type: ignore[operator]


def test_halves_are_completed_below_what_was_seen() -> None:
    space = Image(1, 4, 5, 1)
    model = Pixels(space, torch.tensor([0.5, 0.5], dtype=torch.float64))
    pictures, album = torch.ones(3, 1, 4, 5), Album(space)
    found = maps.completions(model, pictures, album, "c", seed=0)
    assert found is not None and (found.rows, found.columns) == (5, 3)
    board = np.asarray(Pillow.open(io.BytesIO(album.files[found.file])))
    cells = [board[1 + 5 * row : 5 + 5 * row, 1:6] for row in range(5)]
    assert (cells[0] == 255).all()
    assert (cells[1][:2] == 255).all() and (cells[1][2:] == 128).all()
    for ending in cells[2:]:
        assert (ending[:2] == 255).all() and set(np.unique(ending)) <= {0, 255}
    assert len({ending.tobytes() for ending in cells[2:]}) == 3
    assert maps.completions(model, pictures, Album(space), "c", seed=0) == found


# ------------------------------------------------------------------------------------------------------------- pages


def records_of(outcome: str = "passage", **changes: Any) -> tuple[Run, Evidence]:
    """A run on sequences with nothing else to draw."""
    dim = "sample" if outcome == "recording" else "byte"
    models = (model_row("gpt", -1_200.0, 0.0, validation=-1_210.0), model_row("independent", -3_200.0, -2_000.0))
    run, evidence = make_records(
        outcome=outcome, dim=dim, dims=994.6, units=f"nats per {outcome}", chosen="gpt", columns=(), failed=(),
        models=models, pairs=(), odd=(), surprise=(), score_edges=(), two_sample=None,
    )  # fmt: skip
    recipe = dataclasses.replace(run.recipe, command="pofx fit it --seed 7", columns={}, split="in order")
    run = dataclasses.replace(run, recipe=recipe)
    ours = {f.name for f in dataclasses.fields(Run)}
    return (
        dataclasses.replace(run, **{k: v for k, v in changes.items() if k in ours}),
        dataclasses.replace(
            evidence, model="gpt", **{"columns": (), **{k: v for k, v in changes.items() if k not in ours}}
        ),
    )


def sound_of(what: str = "sample", **more: Any) -> Sound:
    known: dict[str, Any] = {
        "rate": 8_000, "moments": 4_000, "shown": 4_000, "low": (-0.5, 0.0, -0.2), "high": (0.5, 0.0, 0.3),
        "log_prob": -4_000 * 3 * math.log(2), "surprise": (-2.0, -3.0, None),
    }  # fmt: skip
    return Sound(what, **{**known, **more})


PASSAGE = Passage("typical", 1_234, 9, -9 * math.log(2), ((NASTY, -0.1), (" ", -0.5), ("\n", -4.0), ("", -9.0)), 3)
TEXTS = TextEvidence(
    "gpt",
    (PASSAGE,),
    (Place(0, 1, -3.0, 0.1), Place(1, 2, -2.0, None), Place(2, 900, -1.0, 0.01)),
    (Written(NASTY + "\n  x\x00", 40, -70.0, 12),),
)


def identifiers(page: str) -> list[str]:
    return [str(a["id"]) for tag, a in outline(page).tags if tag == "section"]


def test_words_are_of_passages_and_bytes() -> None:
    run, evidence = records_of(texts=(TEXTS,))
    page = render(run, evidence)
    said = outline(page).text
    assert "1,461 passages of about 995 bytes each." in said
    assert f"needs {1_200 / 994.6 / math.log(2):.4f} ± 0.0001 bits per byte" in said
    assert "better than taking the bytes as independent" in said
    assert "held-out bits per byte" in said and "gain over independent bytes" in said
    assert "Bits per byte are what an ideal coder would need for each of the 995 bytes of a passage" in said
    assert "whatever pieces a model reads" in said
    assert "bits per byte (−1,200.00 ± 0.07 nats per passage) on 292 held-out passages" in said
    assert not re.search(r"\b(columns?|pictures?|pixels?|dimensions?|classifier)\b", said.replace("bits/dim", ""))
    assert identifiers(page) == ["models", "samples", "surprise", "recipe"]
    links = [a["href"] for tag, a in outline(page).tags if tag == "a"]
    assert [link for link in links if link in ("#samples", "#surprise")] == ["#samples", "#surprise"]


def test_words_are_of_recordings_and_samples() -> None:
    run, evidence = records_of(
        "recording", sounds=(SoundEvidence("gpt", (sound_of("typical", row=7),), (sound_of(),)),)
    )
    said = outline(render(run, evidence)).text
    assert "1,461 recordings of about 995 samples each." in said
    assert "bits per sample" in said and "bits per byte" not in said
    assert "A typical recording: recording 7 0.50 seconds at 8,000 Hz, 3.00 bits per sample" in said
    assert "They belong to this rate and this depth" in said
    assert not re.search(r"\b(columns?|pictures?|pixels?|dimensions?|passages?)\b", said)


def test_words_of_other_outcomes() -> None:
    rows, _ = make_records()
    assert (bits.per(records_of()[0]), bits.per(records_of("recording")[0])) == ("bits per byte", "bits per sample")
    assert words.parts(rows) == "columns"
    assert words.parts(dataclasses.replace(rows, outcome="picture", dim="dimension")) == "pixels"
    assert words.parts(dataclasses.replace(rows, outcome="sequence", dim="symbol")) == "symbols"
    assert "The end of each document is paid for" in words.belongs(records_of("document")[0])
    in_order = dataclasses.replace(rows, recipe=dataclasses.replace(rows.recipe, split="in order"))
    assert words.split_of(in_order) == "split in the order of the text"


def test_pieces_are_shaded_and_titled() -> None:
    page = render(*records_of(texts=(TEXTS,)))
    assert f'<i class="s0" title="{0.1 / math.log(2):.2f} bits">&lt;script&gt;' in page
    assert '<i class="s1" title="0.72 bits"><span class="space"> </span></i>' in page
    assert '<i class="s4" title="5.77 bits"><span class="line">\n</span></i>' in page
    assert '<i class="s7 end" title="12.98 bits">end</i>' in page
    assert "… and 3 more pieces" in page
    assert "A typical passage: passage 1,234" in outline(page).text
    assert "9 bytes, 1.00 bits per byte" in outline(page).text
    assert all(f'class="{each.name}"' in page for each in shades())
    assert len(shades()) == len(STEPS) + 1


@pytest.mark.parametrize(
    ("nats", "found"), [(0.0, "s0"), (-0.34, "s0"), (-0.35, "s1"), (-8.32, "s7"), (None, "s7"), (0.5, "s0")]
)
def test_the_scale(nats: float | None, found: str) -> None:
    assert shade(nats) == found


def test_everything_in_a_text_can_be_seen_and_nothing_is_markup() -> None:
    assert visible("a<b>&\"'") == "a&lt;b&gt;&amp;&#34;&#39;"
    for letter, name in (("\0", "␀"), ("\r", "␍"), ("\x7f", "␡"), ("\u202e", "U+202E"), ("\u200b", "U+200B")):
        assert visible(letter) == f'<span class="odd-letter">{name}</span>'
    assert visible("\ud800") == '<span class="odd-letter">U+D800</span>'
    assert visible("温\u200d度é\u0301\ufffd") == "温\u200d度é\u0301\ufffd"
    assert visible(" \t\n", spaces=False) == " \t\n"
    found = outline(f"<p>{marked([('a b', -1.0), (chr(9), None)], 'more')}</p>")
    assert "".join(found.words) == "a b\tmore"  # what is copied is the text


def test_users_text_is_escaped(tmp_path: Path) -> None:
    texts = (dataclasses.replace(TEXTS, model=NASTY), dataclasses.replace(TEXTS, model=NASTY + "2"))
    page = render(*records_of(texts=texts, models=(model_row(NASTY, -1.0, 0.0),), chosen=NASTY))
    assert "<script" not in page and "\x00" not in page
    assert "温度 $" in outline(page).text
    sounds = (SoundEvidence(NASTY, (sound_of(NASTY, file=NASTY, spectrogram=NASTY),), ()),)
    page = render(*records_of("recording", sounds=sounds), inside(tmp_path))
    assert "<script" not in page
    assert "To hear it" in outline(page).text


def test_sounds_are_heard_as_long_as_there_is_room(tmp_path: Path, waves: tuple[Data, Density]) -> None:
    data, model = waves
    looked = look_at_sequences(*experiment_of(data, {"gpt": model}, texts=False), seed=1)
    (tmp_path / "sounds").mkdir()
    for file, content in looked.files.items():
        (tmp_path / file).write_bytes(content)
    records = records_of("recording", sounds=looked.evidence.sounds)
    page = render(*records, inside(tmp_path))
    tags = outline(page).tags
    heard = [a for tag, a in tags if tag == "audio"]
    assert len(heard) == 6 and all(str(a["src"]).startswith("data:audio/wav;base64,") for a in heard)
    assert sum(len(str(a["src"])) for a in heard) < 310_000
    images = [a for tag, a in tags if tag == "img"]
    assert len(images) == 6 and all(a["alt"] == "Spectrogram, from 0 to 4,000 Hz" for a in images)
    assert not re.search(r"https?://|nan", page.split("</style>")[1].replace("data:audio/wav;base64,", "")[:20_000])
    assert render(*records, inside(tmp_path)) == page
    (tmp_path / "sounds/gpt-sample1.wav").write_bytes(b"RIFF" + bytes(1_000_000))
    assert "sounds/gpt-sample1.wav in the run folder" in outline(render(*records, inside(tmp_path))).text


def test_no_image_no_colour_no_request_but_variables() -> None:
    page = render(*records_of(texts=(TEXTS, dataclasses.replace(TEXTS, model="ngram"))))
    svgs = "".join(re.findall(r"<svg.*?</svg>", page, re.S))
    assert svgs and not re.search(r"#[0-9a-fA-F]{6}\b|font-family|nan", svgs, re.I)
    assert set(re.findall(r"var\((--[\w-]+)\)", page)) <= set(re.findall(r"(--[\w-]+):", page))
    assert "Mean bits of a byte by its place: gpt from 4.33 to 1.44" in page
    assert render(*records_of(texts=(TEXTS, dataclasses.replace(TEXTS, model="ngram")))) == page


ODD = {
    "nothing": {},
    "no parts": {"texts": (TextEvidence("gpt", samples=TEXTS.samples),)},
    "one place": {"texts": (dataclasses.replace(TEXTS, places=TEXTS.places[:1]),)},
    "empty text": {"texts": (TextEvidence("gpt", (Passage("typical", 1, 0, -2.0, (("", -2.0),)),), (), ()),)},
    "same places": {"texts": (dataclasses.replace(TEXTS, places=(Place(0, 1, -1.0, 0.0), Place(1, 2, -1.0, 0.0))),)},
    "no likelihood": {"texts": (TextEvidence("gpt", samples=(Written("x", 1, None),)),)},
}
SILENT_ONES = {
    "silent": sound_of(low=(0.0,) * 5, high=(0.0,) * 5, surprise=(0.0,) * 5, log_prob=0.0),
    "empty": sound_of(low=(), high=(), surprise=(), moments=0, shown=0, log_prob=None),
    "no parts": sound_of(surprise=(), log_prob=None),
    "impossible": sound_of(surprise=(None,) * 3, log_prob=None),
    "cut": sound_of(shown=100),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_texts_draw(kind: str) -> None:
    page = render(*records_of(**ODD[kind]))
    assert "nan" not in outline(page).text.lower()
    assert ("samples" in identifiers(page)) == any(each.samples for each in ODD[kind].get("texts", ()))


@pytest.mark.parametrize("kind", SILENT_ONES)
def test_odd_sounds_draw(kind: str) -> None:
    page = render(*records_of("recording", sounds=(SoundEvidence("gpt", (), (SILENT_ONES[kind],)),)))
    assert "nan" not in "".join(re.findall(r"<svg.*?</svg>", page, re.S)).lower()
    assert identifiers(page) == ["models", "samples", "recipe"]
    assert ("the first 0.01 seconds" in outline(page).text or "the first 0.01 shown" in outline(page).text) == (
        kind == "cut"
    )


def test_maps_and_completions_are_on_the_page(tmp_path: Path) -> None:
    one = sheet(tmp_path, "a", 2, 8)
    picture = PictureEvidence("pixelcnn", one, bits_map=one, bits_most=7.25, completions=sheet(tmp_path, "b", 5, 8))
    run, evidence = records_of("picture", dim="dimension", pictures=(picture,))
    page = render(run, evidence, inside(tmp_path))
    assert "maps" in identifiers(page)
    said = outline(page).text
    assert "white 7.2 bits or more" in said or "white 7.3 bits or more" in said
    assert "three endings that it drew" in said
    without = dataclasses.replace(picture, bits_map=None, completions=None)
    assert "maps" not in identifiers(render(run, dataclasses.replace(evidence, pictures=(without,))))


def test_bits_of_a_bound_are_at_most_so_many() -> None:
    said = outline(render(*records_of(texts=(TEXTS,), models=(model_row("gpt", -1.0, 0.0, likelihood="bound"),)))).text
    assert "9 bytes, ≤ 1.00 bits per byte" in said and "40 bytes, ≤ 2.52 bits per byte" in said


def test_records_survive_json() -> None:
    evidence = records_of(texts=(TEXTS,), sounds=(SoundEvidence("a", (sound_of(),), ()),))[1]
    assert from_json(Evidence, json.loads(json.dumps(to_json(evidence))), "here") == evidence


def test_a_whole_run_on_a_text(tmp_path: Path) -> None:
    settings = Settings(models=("independent",))
    prepared = prepare_texts(stream((WORDS * 20).encode(), 100), settings)
    run = fit_to_folder(tmp_path / "words.txt", prepared, (), tmp_path / "run", settings, SILENT)
    folder = RunFolder(tmp_path / "run")
    page = write_report(folder).read_text("utf-8")
    assert folder.read_evidence().texts[0].model == run.chosen == "independent"
    assert {"samples", "surprise", "calibration", "scores"} <= set(identifiers(page))
    assert "No model that links the bytes did better" in outline(page).text
