"""Texts from the command line: fit, score token by token, sample from a prompt; odd and bad files."""

import json
import math

import polars as pl
import pytest

from pofx.cli.main import main
from pofx.core.store import load
from pofx.evaluate.sequences.pieces import pieces_of
from pofx.runs.layout import RunFolder

NOUNS = ("day", "night", "year", "war", "spring", "storm")
PROSE = "".join(f"In the {a} of the {b}, they sat and sang.\n" for a in ("heat", "cold", "rain") for b in NOUNS) * 6


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A text, a folder of documents, and a run on each."""
    folder = tmp_path_factory.mktemp("texts")
    (folder / "prose.txt").write_text(PROSE)
    (folder / "tales").mkdir()
    for k in range(40):
        (folder / "tales" / f"{k:02}.txt").write_text(f"Tale {k}: {PROSE[50 * k : 50 * k + 90]} The end.")
    assert main(["fit", str(folder / "prose.txt"), "--models", "independent,ngram", "-o", str(folder / "prose")]) == 0
    assert main(["fit", str(folder / "tales"), "--models", "independent,ngram", "-o", str(folder / "told")]) == 0
    return folder


def ask(capsys, *words):
    capsys.readouterr()
    assert main([*map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refuse(capsys, *words):
    capsys.readouterr()
    assert main(list(map(str, words))) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("pofx: ")]
    assert len(lines) == 1
    return lines[0]


def test_the_run_is_in_bits_per_byte(home):
    record = RunFolder(home / "prose").read()
    assert (record.outcome, record.dim, record.units) == ("passage", "byte", "nats per passage")
    best = record.models[0]
    assert best.name == record.chosen == "ngram"
    assert best.bits_per_dim == pytest.approx(-best.log_prob / record.dims / math.log(2))
    assert record.recipe.split == "in order"
    told = RunFolder(home / "told").read()
    assert (told.outcome, told.recipe.split) == ("document", "random")
    assert (home / "prose" / "report.html").stat().st_size > 10_000


def test_a_sentence_is_scored_from_its_first_letter_to_its_end(home, capsys):
    usual, odd = "In the cold of the night", "In the code of the knight"
    document = ask(capsys, "score", home / "prose", "--text", usual, "--text", odd)
    first, second = document["texts"]
    assert first["log_prob"] > second["log_prob"]
    assert "".join(piece for piece, _ in first["tokens"]) == usual
    assert sum(nats for _, nats in first["tokens"]) == pytest.approx(first["log_prob"])
    assert first["bits_per_byte"] == pytest.approx(-first["log_prob"] / len(usual) / math.log(2))
    alone = ask(capsys, "score", home / "prose", "--text", usual)
    assert alone["texts"][0]["log_prob"] == pytest.approx(first["log_prob"], abs=1e-9)
    ended = ask(capsys, "score", home / "told", "--text", usual)["texts"][0]
    assert ended["tokens"][-1][0] == ""  # the end mark is paid for as well


def test_it_says_what_is_surprising(home, capsys):
    capsys.readouterr()
    assert main(["score", str(home / "prose"), "--text", "In the cold of the zebra"]) == 0
    said = capsys.readouterr().out
    assert "read from any place on" in said
    assert "most surprising, in bits: 'z'" in said
    assert main(["score", str(home / "told"), "--text", "The end."]) == 0
    assert "to its end mark" in capsys.readouterr().out


def test_the_page_of_a_sentence(home, capsys):
    page = home / "page.html"
    assert main(["score", str(home / "prose"), "--text", "<b>&", "-o", str(page)]) == 0
    written = page.read_text()
    assert "&lt;" in written
    assert "<b>" not in written
    assert 'class="s7"' in written


def test_files_are_scored_passage_by_passage(home, capsys):
    out = home / "scored.csv"
    document = ask(capsys, "score", home / "prose", home / "prose.txt", "-o", out)
    frame = pl.read_csv(out)
    assert len(frame) == document["n"] == 51
    assert document["bits_per_byte"] == pytest.approx(-frame["log_prob"].sum() / len(PROSE) / math.log(2))
    told = ask(capsys, "score", home / "told", home / "tales", "-o", out)
    assert told["n"] == 40
    assert pl.read_csv(out)["text"][0] == "00.txt"


def test_samples_go_on_from_a_prompt(home, capsys):
    document = ask(capsys, "sample", home / "prose", "-n", 3, "--prompt", "In the ", "--length", 30)
    texts = [row["text"] for row in document["rows"]]
    assert all(text.startswith("In the ") and len(text.encode()) == 30 for text in texts)
    assert ask(capsys, "sample", home / "prose", "-n", 3, "--prompt", "In the ", "--length", 30) == document
    cold = ask(capsys, "sample", home / "prose", "-n", 2, "--temperature", 0, "--length", 20)["rows"]
    assert cold[0] == cold[1]


def test_samples_go_to_files(home, capsys):
    assert main(["sample", str(home / "told"), "-n", "3", "-o", str(home / "new")]) == 0
    assert len(list((home / "new").iterdir())) == 3
    assert "not empty" in refuse(capsys, "sample", home / "told", "-n", 3, "-o", home / "new")
    assert "one file holds one text" in refuse(capsys, "sample", home / "told", "-n", 3, "-o", home / "new.txt")


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "empty"), (b"a", "fewer passages than can be split"), (b"caf\xe9 " * 100, "0xe9 at offset 3")],
    ids=["empty", "one letter", "no UTF-8"],
)
def test_texts_that_cannot_be_fitted(tmp_path, capsys, content, said):
    (tmp_path / "t.txt").write_bytes(content)
    assert said in refuse(capsys, "fit", tmp_path / "t.txt", "-o", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_latin_texts_are_read_when_asked(tmp_path, capsys):
    (tmp_path / "t.txt").write_bytes("ein schöner Tag und eine schöne Nacht\n".encode("latin-1") * 30)
    words = ["fit", tmp_path / "t.txt", "--models", "ngram", "--encoding", "latin-1", "-o", tmp_path / "run"]
    command = ask(capsys, *words)["recipe"]["command"]
    assert "--encoding latin-1" in command


def test_wrong_options_are_refused(home, capsys):
    assert "there is nothing to score" in refuse(capsys, "score", home / "prose")
    assert "not both" in refuse(capsys, "score", home / "prose", home / "prose.txt", "--text", "a")
    assert "these are texts" in refuse(capsys, "fit", home / "prose.txt", "--resize", "8", "-o", home / "x")
    assert "texts have no columns" in refuse(capsys, "fit", home / "prose.txt", "--weights", "w", "-o", home / "x")
    assert "temperature" in refuse(capsys, "sample", home / "prose", "--temperature", -1)


def test_letters_read_byte_by_byte_are_shown_whole(home):
    model = load(RunFolder(home / "prose").model("ngram"))
    pieces = pieces_of(model, model.space.read(["é文a"]))[0]
    assert [piece.text for piece in pieces] == ["é", "文", "a"]
