"""`pofx demo`: the main job on real tables that scikit-learn brings along."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from pofx.cli.console import Console

SECONDS = 40.0  # that fitting to each table may take


@dataclass(frozen=True)
class Options:
    """Fit models to scikit-learn's wine and diabetes tables; print leaderboards, write reports and digits.npz."""

    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("demo")
    """The folder for data and runs."""
    json: bool = False
    """One JSON document on stdout."""


def run(options: Options, console: Console) -> dict[str, Any]:
    """runs: what `fit --json` gives for each table."""
    import polars as pl
    from sklearn import datasets

    from pofx.cli import fit
    from pofx.data.tables import write_table
    from pofx.errors import ReadError

    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReadError("the folder cannot be made", got=str(error), where=str(options.out)) from None
    wine = datasets.load_wine()
    diabetes = datasets.load_diabetes(scaled=False)
    tables = {
        "wine": pl.DataFrame(wine.data, schema=list(wine.feature_names)).with_columns(
            cultivar=pl.Series([str(wine.target_names[k]) for k in wine.target])
        ),
        "diabetes": pl.DataFrame(diabetes.data, schema=list(diabetes.feature_names)).with_columns(
            progression=pl.Series(diabetes.target)
        ),
    }
    documents = []
    for name, frame in tables.items():
        file = options.out / f"{name}.csv"
        write_table(frame, file)
        console.say(f"$ pofx fit {file} --out {options.out / 'runs' / name} --time {SECONDS:.0f}\n")
        documents.append(fit.run(fit.Options(file=file, out=options.out / "runs" / name, time=SECONDS), console))
        console.say()
    _write_digits(options.out / "digits.npz")
    console.say(f"pictures too: pofx fit {options.out / 'digits.npz'} --models independent,vae,autoencoder --time 30")
    return {"runs": documents}


def _write_digits(path: Path) -> None:
    """1,797 handwritten digits of 8 x 8 pixels in 17 shades, with their classes."""
    import numpy as np
    from sklearn import datasets

    from pofx.runs.files import replacing

    digits = datasets.load_digits()
    grey = np.minimum(16 * digits.images, 255).astype(np.uint8)
    with replacing(path) as aside, aside.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, x=grey, y=digits.target)
