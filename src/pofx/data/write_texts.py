"""Texts to files: one .txt, JSON lines, or a new folder of .txt; whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pofx.errors import ReadError
from pofx.runs.files import new_folder, write_bytes


def write_texts(texts: Sequence[str], out: Path) -> None:
    """Write strings, byte for byte where they are one file each; JSON lines show bytes that are no UTF-8 as U+FFFD.

    Raises:
        ReadError: several texts for one .txt, a folder that is there, or a place that cannot be written.
    """
    suffix = out.suffix.lower()
    contents = [text.encode("utf-8", "surrogateescape") for text in texts]
    if suffix == ".jsonl":
        lines = [json.dumps({"text": content.decode("utf-8", "replace")}, ensure_ascii=False) for content in contents]
        write_bytes(out, "".join(line + "\n" for line in lines).encode())
    elif suffix:
        if len(contents) != 1:
            raise ReadError(
                "one file holds one text",
                got=f"{len(contents)} texts",
                remedy="-n 1, NAME.jsonl, or a new folder",
                where=str(out),
            )
        write_bytes(out, contents[0])
    else:
        _folder(contents, out)


def _folder(contents: Sequence[bytes], out: Path) -> None:
    digits = len(str(max(len(contents), 1)))
    with new_folder(out) as aside:
        for place, content in enumerate(contents):
            (aside / f"{place + 1:0{digits}d}.txt").write_bytes(content)
