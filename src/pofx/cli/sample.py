"""`pofx sample RUN -n 1000`: new rows from a run's model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

from pofx.cli.console import Console


@dataclass(frozen=True)
class Options:
    """Draw new rows or pictures from a run's model; rows to stdout as CSV, or to a file."""

    run: Annotated[Path, tyro.conf.Positional]
    """The run folder."""
    n: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 10
    """How many."""
    prompt: str | None = None
    """Texts: what each begins with."""
    length: int | None = None
    """Texts and sounds that have no end of their own: bytes or samples of each."""
    temperature: float = 1.0
    """Texts, sounds: other than 1, or with --top-k or --top-p, samples leave the law that log p is of."""
    top_k: int | None = None
    """Texts, sounds: only so many of the likeliest values at each step."""
    top_p: float | None = None
    """Texts, sounds: only the likeliest values that together hold this share."""
    seed: int = 0
    """Same seed, same sample."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Rows: CSV, Parquet, Arrow, JSON lines, NumPy. Pictures: one .png sheet, an .npz, or a new folder of PNG. Texts: a
    .txt (one), .jsonl, or a new folder. Sounds: a .wav or .flac (one), or a new folder."""
    model: str | None = None
    """Another model of the run than the chosen one."""
    json: bool = False
    """One JSON document on stdout, with the rows in it where there is no --out."""


def run(options: Options, console: Console) -> dict[str, Any]:
    """n, seed, model, columns, out, and rows (a list of records) without --out."""
    from pofx.cli.loading import load_run
    from pofx.data.frames import to_frame
    from pofx.data.tables import write_table
    from pofx.spaces.image import Image
    from pofx.spaces.text import Text
    from pofx.spaces.waveform import Waveform

    _, model, name = load_run(options.run, options.model)
    console.start("sampling", None)
    drawn = _drawn(model, options, console)
    console.finish()
    if isinstance(model.space, Image):
        from pofx.data.write_images import write_images

        remedy = "-o samples.png, samples.npz or a new folder"
        return _files(drawn, model.space, write_images, "pictures", remedy, name, options, console)
    if isinstance(model.space, Text):
        return _texts(drawn, name, options, console)
    if isinstance(model.space, Waveform):
        from pofx.data.write_sounds import write_sounds

        remedy = "-o one.wav with -n 1, or -o and a new folder"
        return _files(drawn, model.space, write_sounds, "recordings", remedy, name, options, console)
    frame = to_frame(drawn)
    if options.out is not None:
        write_table(frame, options.out)
        console.say(f"{options.n} rows from {name} written to {options.out}")
    else:
        console.say(frame.write_csv().rstrip("\n"))
    return {
        "n": options.n,
        "seed": options.seed,
        "model": name,
        "columns": frame.columns,
        "out": None if options.out is None else str(options.out),
        "rows": _rows(frame) if options.out is None and options.json else None,
    }


def _drawn(model: Any, options: Options, console: Console) -> Any:
    """Outcomes of the law, or continuations of a beginning."""
    from pofx.core.warp import Warp
    from pofx.errors import SpaceError
    from pofx.spaces.sequence import Sequence
    from pofx.spaces.text import Text

    warp = Warp(temperature=options.temperature, top_k=options.top_k, top_p=options.top_p)
    if warp.keeps_the_law and options.prompt is None and options.length is None:
        return model.sample(options.n, seed=options.seed)
    if not isinstance(model.space, Sequence) or (options.prompt is not None and not isinstance(model.space, Text)):
        raise SpaceError(
            "this run has no sequences to prompt, bend or lengthen",
            got=model.space.describe(),
            expected="texts, or without --prompt sounds",
        )
    if not warp.keeps_the_law:
        console.note("note: with --temperature, --top-k or --top-p samples do not follow the model's own law")
    nothing: Any = options.prompt or "" if isinstance(model.space, Text) else np.zeros(0, dtype=np.int64)
    begun = [nothing] * options.n
    return model.complete(begun, seed=options.seed, length=options.length, warp=warp)


def _texts(drawn: list[str], name: str, options: Options, console: Console) -> dict[str, Any]:
    """The record of texts, which go to the terminal one after the other, or to files."""
    from pofx.data.write_texts import write_texts

    shown = [text.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for text in drawn]
    if options.out is not None:
        write_texts(drawn, options.out)
        console.say(f"{options.n} text{'s' * (options.n != 1)} from {name} written to {options.out}")
    else:
        for place, text in enumerate(shown):
            console.say(text if options.n == 1 else f"--- {place + 1} of {options.n} ---\n{text}")
    rows = [{"text": text} for text in shown] if options.out is None and options.json else None
    out = None if options.out is None else str(options.out)
    return {"n": options.n, "seed": options.seed, "model": name, "columns": ["text"], "out": out, "rows": rows}


def _files(
    drawn: Any, space: Any, write: Callable[[Any, Any, Path], None], what: str, remedy: str, name: str,
    options: Options, console: Console,
) -> dict[str, Any]:  # fmt: skip
    """The record of outcomes that go to files only: pictures and recordings."""
    from pofx.errors import PofxError

    if options.out is None:
        raise PofxError(f"{what} do not go to the terminal", expected="--out", remedy=remedy)
    write(drawn, space, options.out)
    console.say(f"{options.n} {what} from {name} written to {options.out}")
    return {"n": options.n, "seed": options.seed, "model": name, "columns": [], "out": str(options.out), "rows": None}


def _rows(frame: Any) -> list[dict[str, Any]]:
    import json

    records: list[dict[str, Any]] = json.loads(frame.write_json())
    return records
