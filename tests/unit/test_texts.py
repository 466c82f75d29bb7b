"""Texts: the spaces, the readers, the tokens, and what is odd or broken."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

import pofx
from pofx.codecs.tokens.learn import learn
from pofx.data.dataset import Data
from pofx.data.kind import Kind, kind_of
from pofx.data.texts.cut import documents, stream
from pofx.data.texts.form import TextForm
from pofx.data.texts.read import read
from pofx.data.write_texts import write_texts
from pofx.errors import CodecError, PofxError, ReadError, SpaceError
from pofx.spaces.sequence import PAD, lengths
from pofx.spaces.symbols import Symbols
from pofx.spaces.text import END, Text
from pofx.spaces.waveform import Waveform

SHARED = Path(__file__).parents[3] / "shared" / "data" / "text"
ODD = ["plain", "", "Ünï — 文字 🎈", b"\xff\xfe no UTF-8 \x80", "\x00\n\r\t"]


# Spaces ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", [Text(), Text(ends=False)], ids=["ends", "stream"])
def test_any_bytes_come_back(space: Text) -> None:
    x = space.read(ODD)
    back = [text.encode("utf-8", "surrogateescape") for text in space.show(x)]
    assert back == [text if isinstance(text, bytes) else text.encode() for text in ODD]
    assert bool(space.contains(x).all())


def test_end_marks_stand_at_the_end_only() -> None:
    space = Text()
    wrong = torch.tensor([[97, 98, PAD], [END, 97, END], [97, PAD, END], [97, END, 98], [PAD, PAD, PAD]])
    assert space.contains(wrong).tolist() == [False] * 5
    assert not bool(Text(ends=False).contains(torch.tensor([[97, END]])).any())


def test_rows_on_end_are_judged_like_filled_ones() -> None:
    space = Symbols(3)
    rows = [[0, 1, 3], [3], [0, 1], [3, 3], [2, 5, 3], [0, 3, 1]]
    values = torch.tensor([value for row in rows for value in row])
    ends = torch.tensor([len(row) for row in rows]).cumsum(0)
    data = Data(space, values, ends=ends)
    assert data.inside().tolist() == space.contains(data.block(0, len(rows))).tolist() == [True, True] + [False] * 4


def test_rows_keep_their_lengths() -> None:
    data = documents([b"one", b"", b"three"])
    assert data.lengths.tolist() == [4, 1, 6]
    some = data.rows(torch.tensor([2, 0]))
    assert Text().show(some.block(0, 2)) == ["three", "one"]
    assert len(data.rows(torch.tensor([], dtype=torch.long))) == 0
    assert torch.equal(data.rows(torch.arange(1, 3)).values, data.values[4:])


def test_waves_are_whole_numbers_in_range() -> None:
    space = Waveform(8000, bits=8, channels=2)
    wave = np.array([[1, -1], [127, -128]])
    assert np.array_equal(space.show(space.read([wave]))[0], wave)
    assert space.contains(space.read([wave, wave * 2])).tolist() == [True, False]
    with pytest.raises(SpaceError, match="whole numbers"):
        space.read([wave / 2])
    with pytest.raises(SpaceError, match="other channels"):
        space.read([np.zeros((4, 3), dtype=int)])
    with pytest.raises(SpaceError, match="no such recording"):
        Waveform(0)


def test_only_strings_are_texts() -> None:
    with pytest.raises(SpaceError, match="row 2"):
        Text().read(["a", 3])
    with pytest.raises(SpaceError, match="one column"):
        Text().read(pl.DataFrame({"a": ["x"], "b": ["y"]}))
    assert Text().show(Text().read("alone")) == ["alone"]


# Readers --------------------------------------------------------------------------------------------------------------


def test_a_stream_is_cut_at_characters() -> None:
    text = "aé文🎈" * 100
    data = stream(text.encode(), 7)
    assert b"".join(data.rows(torch.tensor([k])).values.numpy().astype(np.uint8).tobytes() for k in range(len(data)))
    for row in range(len(data)):
        data.rows(torch.tensor([row])).values.numpy().astype(np.uint8).tobytes().decode()  # raises where one is cut
    assert data.space == Text(False, 7)
    assert int(data.lengths.max()) <= 10


def test_short_texts_have_short_passages() -> None:
    assert len(stream(b"x" * 500)) == 50
    assert len(stream(b"x")) == 1
    assert len(stream(b"")) == 0


def test_a_file_is_a_stream_and_a_list_of_words_is_not(tmp_path: Path) -> None:
    (tmp_path / "prose.txt").write_text("To be, or not\nto be: that is\n" * 40)
    (tmp_path / "names.txt").write_text("".join(f"name{k}\n" for k in range(600)))
    prose, names = read(tmp_path / "prose.txt"), read(tmp_path / "names.txt")
    assert prose.data.space == Text(False, 23)
    assert len(names.data) == 600
    assert "each line is one word" in names.notes[0]
    assert read(tmp_path / "names.txt", documents="stream").data.space.closing is None  # type: ignore[attr-defined]
    assert len(read(tmp_path / "prose.txt", documents="lines").data) == 80
    assert len(read(tmp_path / "prose.txt", documents="file").data) == 1


def test_paragraphs(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_bytes(b"one\nstill one\r\n\r\n\r\ntwo\n \n\nthree\n\n")
    data = read(tmp_path / "p.txt", documents="paragraphs").data
    assert Text().show(data.block(0, 9)) == ["one\nstill one", "two", "three"]


def test_folders(tmp_path: Path) -> None:
    for k in range(31):
        (tmp_path / f"{k:02}.txt").write_text("" if k == 3 else f"document {k}")
    (tmp_path / "ignored.bin").write_bytes(b"\x00")
    found = read(tmp_path)
    assert len(found.data) == 31
    assert found.names[:2] == ("00.txt", "01.txt")
    assert "1 of 31 files are empty, such as 03.txt" in found.notes[0]
    for k in range(5, 31):
        (tmp_path / f"{k:02}.txt").unlink()
    few = read(tmp_path)
    assert few.data.space.closing is None  # type: ignore[attr-defined]
    assert "too few to be documents" in few.notes[-1]


def test_columns_of_tables(tmp_path: Path) -> None:
    frame = pl.DataFrame({"body": ["first", None, "third, with ü"], "stars": [1, 2, 3]})
    for name in ("r.parquet", "r.jsonl", "r.csv"):
        writers = {"r.parquet": frame.write_parquet, "r.jsonl": frame.write_ndjson, "r.csv": frame.write_csv}
        writers[name](tmp_path / name)
        found = read(tmp_path / name, column="body")
        assert Text().show(found.data.block(0, 9)) == ["first", "third, with ü"]
        assert "1 of 3 rows have no text" in found.notes[0]
        assert kind_of(tmp_path / name) is Kind.TABLE
        assert kind_of(tmp_path / name, TextForm(column="body")) is Kind.TEXTS
    with pytest.raises(PofxError, match="bodi"):
        read(tmp_path / "r.csv", column="bodi")


def test_wrong_bytes_are_named(tmp_path: Path) -> None:
    file = tmp_path / "latin.txt"
    file.write_bytes("first line\nna\xefve".encode("latin-1"))
    with pytest.raises(ReadError, match=r"0xef at offset 13, line 2.*--encoding latin-1"):
        read(file)
    assert Text(False).show(read(file, encoding="latin-1").data.block(0, 9))[0] == "first line\nnaïve"[:1]
    joined = read(file, encoding="bytes").data.values.numpy().astype(np.uint8).tobytes()
    assert joined == file.read_bytes()
    with pytest.raises(ReadError, match="nonsense"):
        read(file, encoding="nonsense")


def test_marks_of_byte_order(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfab")
    (tmp_path / "b.txt").write_bytes("ab".encode("utf-16"))
    for name in ("a.txt", "b.txt"):
        assert read(tmp_path / name).data.values.tolist() == [97, 98]


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "empty"), (None, "no such file")], ids=["nothing in it", "not there"]
)
def test_no_text(tmp_path: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / "t.txt").write_bytes(content)
    with pytest.raises(ReadError, match=said):
        read(tmp_path / "t.txt")


def test_tables_in_txt_are_tables(tmp_path: Path) -> None:
    contents = {
        "a,b\n1,2\n3,4\n": Kind.TABLE,
        "x\n1\n2.5\n3\n": Kind.TABLE,
        "word, word\nmore\nand, more, yet\n": Kind.TEXTS,
    }
    for content, kind in contents.items():
        (tmp_path / "t.txt").write_text(content)
        assert kind_of(tmp_path / "t.txt") is kind, content


def test_texts_are_written_whole(tmp_path: Path) -> None:
    texts = ["one\udcff", "zwei ü"]
    write_texts(texts, tmp_path / "out")
    assert sorted(file.read_bytes() for file in (tmp_path / "out").iterdir()) == [b"one\xff", "zwei ü".encode()]
    write_texts(texts, tmp_path / "out.jsonl")
    assert pl.read_ndjson(tmp_path / "out.jsonl")["text"].to_list() == ["one\ufffd", "zwei ü"]
    with pytest.raises(ReadError, match="one file holds one text"):
        write_texts(texts, tmp_path / "out.txt")
    with pytest.raises(ReadError, match="not empty"):
        write_texts(texts, tmp_path / "out")


# Tokens ---------------------------------------------------------------------------------------------------------------

TRAINING = ["the cat sat on the mat", "the dog sat on the log — ü", "a cat and a dog"] * 5


def _trained(tokens: str) -> Data:
    pytest.importorskip("tokenizers") if tokens.startswith("bpe") else None
    return documents([text.encode() for text in TRAINING])


@pytest.mark.parametrize("tokens", ["bytes", "characters", "bpe", "bpe:300"])
def test_tokens_join_to_the_text(tokens: str) -> None:
    data = _trained(tokens)
    codec = learn(tokens, data)
    assert codec.data(data).space == codec.target
    assert bool(codec.data(data).inside().all())
    x = Text().read([*TRAINING, "", "cat"])
    z, volume = codec.encode(x)
    assert torch.equal(codec.decode(z), x)
    assert volume.tolist() == [0.0] * len(x)
    whole = codec.data(data)
    assert torch.equal(whole.block(0, len(TRAINING))[:, :5], z[: len(TRAINING), :5].int())


@pytest.mark.parametrize("tokens", ["bytes", "characters", "bpe"])
def test_sizes_of_tokens_cover_the_text(tokens: str) -> None:
    codec = learn(tokens, _trained(tokens))
    x = Text().read(["the zoé 文", "", b"\xff\xfe"])
    for sizes, length in zip(codec.sizes(x), lengths(x).tolist(), strict=True):
        assert int(sizes.sum()) == length


def test_characters_never_met_share_one_symbol() -> None:
    codec = learn("characters", _trained("characters"))
    known = len({letter for text in TRAINING for letter in text})
    assert codec.target.size == known + 1
    _, volume = codec.encode(Text().read(["cat", "z", "文z", b"\xff"]))
    rest = math.log(0x110000 - 2048 - known)
    assert volume.tolist() == pytest.approx([0.0, -rest, -2 * rest, -math.inf])


def test_byte_pairs_are_a_bound_and_take_any_bytes() -> None:
    codec = learn("bpe", _trained("bpe"))
    assert codec.likelihood.word == "bound"
    x = Text().read(ODD)
    assert torch.equal(codec.decode(codec.encode(x)[0]), x)


def test_gpt2s_own_vocabulary() -> None:
    pytest.importorskip("tokenizers")
    if not SHARED.exists():
        pytest.skip("the shared data are not there")
    codec = learn(str(SHARED / "gpt2_bpe"), documents([b"x"]))
    x = Text().read(["Hello world", " the"])
    z, _ = codec.encode(x)
    assert z[0].tolist() == [15496, 995, 50256]  # as in GPT-2's paper's own encoder
    assert z[1, :2].tolist() == [262, 50256]
    assert codec.target == Symbols(50256, True, codec.target.length)


@pytest.mark.parametrize("tokens", ["bpe:3", "bpe:many", "syllables", "characters"])
def test_tokens_that_cannot_be(tokens: str) -> None:
    data = documents([b"\xff\xfe"]) if tokens == "characters" else _trained(tokens)
    with pytest.raises(CodecError):
        learn(tokens, data)


def test_a_tokeniser_that_is_none(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    (tmp_path / "t.json").write_text("{}")
    with pytest.raises(CodecError, match="no byte-level tokeniser"):
        learn(str(tmp_path / "t.json"), _trained("bpe"))
    with pytest.raises(CodecError, match=r"vocab\.bpe"):
        learn(str(tmp_path), _trained("bpe"))


# Models of texts ------------------------------------------------------------------------------------------------------


def test_log_prob_counts_the_characters_that_were_never_met() -> None:
    data = _trained("characters")
    model = pofx.NGram(tokens="characters", order=2).fit(data)
    parts = model.log_prob_parts(["cat", "文"])
    assert model.log_prob(["cat", "文"]) == pytest.approx(parts.sum(1))
    assert parts[1, 1:3].tolist() == [0.0, 0.0]  # a letter of three bytes is one part, at its first byte
    assert model.log_prob([b"\xff"])[0] == -math.inf


def test_byte_pairs_have_a_bound_only() -> None:
    model = pofx.NGram(tokens="bpe:300", order=2).fit(_trained("bpe"))
    with pytest.raises(pofx.PofxError, match="no exact probability"):
        model.log_prob(["cat"])
    bound = model.log_prob_bound(["cat", "the cat sat"], seed=0)
    assert np.isfinite(bound).all()
    assert model.log_prob_parts(["cat", "the cat sat"]).sum(1) == pytest.approx(bound)


def test_a_string_is_a_stream() -> None:
    text = "so it goes, and so it went, and so on. " * 30
    model = pofx.fit(text, models=["independent", "ngram"])
    assert model.space == Text(False, 23)
    assert model.log_prob(["so it goes"])[0] > model.log_prob(["xq zz vv!!"])[0]
    begun = model.complete(["so it"], seed=0, length=40)
    assert begun[0].startswith("so it")
    assert len(begun[0].encode()) == 40
