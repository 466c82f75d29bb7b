"""`pofx demo`: the main job on real tables and a text that packages here bring along."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from pofx.cli.console import Console

SECONDS = 40.0  # that fitting to each table may take


@dataclass(frozen=True)
class Options:
    """Fit models to scikit-learn's wine and diabetes tables and to Python's help; write digits.npz and tones/ too."""

    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("demo")
    """The folder for data and runs."""
    json: bool = False
    """One JSON document on stdout."""


def run(options: Options, console: Console) -> dict[str, Any]:
    """runs: what `fit --json` gives for each table, and for the text."""
    from pofx.cli import fit
    from pofx.data import examples
    from pofx.errors import ReadError

    out = options.out
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReadError("the folder cannot be made", got=str(error), where=str(out)) from None
    files = examples.write_tables(out)
    examples.write_language(out / "language.txt")
    asked: list[tuple[Path, dict[str, Any]]] = [(file, {"time": SECONDS}) for file in files]
    asked.append((out / "language.txt", {"models": "independent,ngram"}))
    documents = []
    for file, more in asked:
        words = " ".join(
            f"--{name} {value:g}" if name == "time" else f"--{name} {value}" for name, value in more.items()
        )
        console.say(f"$ pofx fit {file} --out {out / 'runs' / file.stem} {words}\n")
        documents.append(fit.run(fit.Options(file=file, out=out / "runs" / file.stem, **more), console))
        console.say()
    examples.write_digits(out / "digits.npz")
    examples.write_tones(out / "tones")
    console.say(f"pictures too: pofx fit {out / 'digits.npz'} --models independent,vae,pixelcnn --time 60")
    console.say(f"sounds too:   pofx fit {out / 'tones'} --time 60")
    return {"runs": documents}
