"""`pofx VERB ...`: finds the verb, reads its options, prints its answer or one line of error.

Exit codes: 0 done; 2 a mistake that the line says how to mend; 130 interrupted.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import re
import sys
from collections.abc import Sequence
from typing import Any

from pofx.errors import PofxError

VERBS = {
    "fit": "fit models to a data file, choose the best, write a run folder and its report",
    "score": "log-probability and surprise of each row of a file under a run's model",
    "sample": "new rows from a run's model",
    "compare": "how far apart two files, or a run and a file, are: drift with p-values, and a report",
    "watch": "rows in the order they came: at which one is a drift certain, with a lifelong false-alarm rate",
    "report": "write a run's report again, as one HTML file",
    "models": "what models there are, what they accept and what they can do",
    "doctor": "run the laws on a model: Check / Passed / Why",
    "demo": "fit models to real data that came with pofx's dependencies, and write a report",
}


# Idle threads of torch sleep instead of spinning; with many small operations on a busy machine that is tenfold faster.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help())
        return 0
    if words[0] in ("-V", "--version"):
        from importlib.metadata import version

        print(f"pofx {version('pofx')}")
        return 0
    as_json = "--json" in words
    try:
        return _run(words[0], words[1:], as_json)
    except PofxError as error:
        return _fail(error, as_json)
    except KeyboardInterrupt:
        print("interrupted; nothing finished is lost: the same command goes on where it stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left; say no more
        return 0
    except MemoryError:
        return _fail(PofxError("out of memory", remedy="give fewer rows, or fewer --models"), as_json)


def _run(verb: str, words: list[str], as_json: bool) -> int:
    if verb not in VERBS:
        raise _unknown(verb)
    from pofx.cli.console import Console

    module = importlib.import_module(f"pofx.cli.{verb}")
    options = _options(verb, module.Options, words)
    document = module.run(options, Console(quiet=as_json))
    if as_json:
        print(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False))
    return 0


def _options(verb: str, kind: type, words: list[str]) -> Any:
    import tyro

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            config = (tyro.conf.FlagCreatePairsOff,)
            return tyro.cli(kind, args=words, prog=f"pofx {verb}", config=config)
    except SystemExit as exit_:
        if not exit_.code:
            raise
        raise PofxError(_plain(said.getvalue()), remedy=f"see pofx {verb} --help") from None


UNTOLD = ("For full helptext", "Perhaps", "Parsing error", "Value error", "Argument helptext")


def _plain(boxed: str) -> str:
    """The first words of a boxed message, on one line."""
    lines = [re.sub(r"[─━│╭╮╰╯]+|-{4,}", " ", line).strip() for line in boxed.splitlines()]
    kept = [line for line in lines if line and not line.startswith(UNTOLD)]
    return " ".join(" ".join(kept[:3]).split()) or "the command line is not understood"


def _unknown(verb: str) -> PofxError:
    from difflib import get_close_matches

    near = get_close_matches(verb, VERBS, 1)
    return PofxError(
        f"there is no command '{verb}'",
        expected=", ".join(VERBS),
        remedy=f"did you mean 'pofx {near[0]}'?" if near else "see pofx --help",
    )


def _fail(error: PofxError, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"error": error.record()}, indent=1, ensure_ascii=False))
    print(f"pofx: {error}", file=sys.stderr)
    return 2


def _help() -> str:
    verbs = "\n".join(f"  {verb:<8} {what}" for verb, what in VERBS.items())
    return f"""pofx: any data, one question: p(x)?

  pofx fit weather.csv                          -> a leaderboard and the folder runs/weather
  pofx score runs/weather new.csv -o scored.csv
  pofx sample runs/weather -n 1000 -o more.parquet

{verbs}

pofx VERB --help tells each verb's options. Every verb takes --json. Exit code 2 is a mistake, told in one line."""
