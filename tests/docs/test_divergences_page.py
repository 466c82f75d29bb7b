"""Every command and Python block of docs/divergences.md runs, on two small files called old.csv and new.csv."""

import numpy as np
import polars as pl
from tests.docs.test_pages import blocks, commands

from pofx.cli.main import main

PAGE = "docs/divergences.md"


def test_the_page_does_what_it_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for name, shift in (("old", 0.0), ("new", 0.5)):
        size = random.lognormal(shift, 0.4, 300)
        frame = pl.DataFrame({"size": size, "weight": 3 * size + random.normal(0, 0.3, 300)})
        frame.with_columns(kind=pl.Series(random.choice(["a", "b"], 300))).write_csv(f"{name}.csv")
    for words in commands(PAGE):
        if words[0] == "pofx":
            assert main(words[1:]) == 0, " ".join(words)
    namespace = {"__name__": "page"}
    capsys.readouterr()
    for block in blocks(PAGE, "python"):
        exec(compile(block, PAGE, "exec"), namespace)
    said = capsys.readouterr().out
    for line in ("KL(P || Q) = 0.5 nats  [closed form, normal]", "inf in the lower tail", "keeps growing", "0.64546"):
        assert line in said, (line, said)
