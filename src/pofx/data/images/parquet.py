"""Pictures in Parquet, as Hugging Face writes them: a column of bytes, or of {bytes, path}, and a column of labels.

The encoded bytes are read at once, the size of the file; pictures are decoded one by one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from pofx.data.images.form import Form
from pofx.data.images.gather import gather
from pofx.data.images.parts import Notes, of_part
from pofx.data.images.picture import Entry
from pofx.data.images.pillow import is_picture
from pofx.data.images.pixels import Pixels
from pofx.errors import ReadError
from pofx.spaces.symbolic import Label
from pofx.training.recorder import Recorder

IMAGES = ("image", "img", "picture", "png", "jpg", "bytes")
LABELS = ("label", "labels", "class", "target", "y", "fine_label", "coarse_label", "character")


def columns_of_pictures(path: Path) -> list[str]:
    """The columns whose first value begins as a picture file does; none where the file cannot be read."""
    try:
        schema = pl.read_parquet_schema(path)
        candidates = [name for name, kind in schema.items() if _holds_bytes(kind)]
        if not candidates:
            return []
        first = pl.scan_parquet(path, hive_partitioning=False).select(candidates).head(1).collect()
    except (pl.exceptions.PolarsError, OSError):
        return []
    heads = {name: _bytes(first[name]).to_list() for name in candidates}
    return [name for name, head in heads.items() if head and head[0] is not None and is_picture(head[0][:16])]


def read_parquet(files: list[Path], form: Form, notes: Notes, where: str, recorder: Recorder) -> Pixels:
    """The pictures of one file or of the shards of one data set, in the order of their names."""
    by_name = {path.name: path for path in sorted(files)}
    shards = [by_name[name] for name in of_part(list(by_name), form.part, notes, where)]
    found = columns_of_pictures(shards[0])
    if not found:
        raise ReadError("there is no column of pictures here", expected="bytes, or {bytes, path}", where=where)
    column = next((name for name in IMAGES if name in found), found[0])
    if len(found) > 1:
        notes.append(f"several columns hold pictures: '{column}' is read, not {', '.join(set(found) - {column})}")
    label = _label_column(shards[0], column)
    frame = _frame(shards, [column, label] if label else [column], where)
    entries = _entries(_bytes(frame[column]), where)
    pixels, bits = gather(entries, form, notes, where, recorder)
    return Pixels(pixels, bits, _labels(frame[label], _names(shards[0], label)) if label else None)


def _frame(shards: list[Path], columns: list[str], where: str) -> pl.DataFrame:
    try:
        return pl.concat([pl.read_parquet(shard, columns=columns, hive_partitioning=False) for shard in shards])
    except (pl.exceptions.PolarsError, OSError) as error:
        first = str(error).partition("\n")[0]
        raise ReadError("this Parquet file is damaged, or its shards differ", got=first, where=where) from error


def _entries(column: pl.Series, where: str) -> list[Entry]:
    if column.null_count():
        row = int(column.is_null().arg_true()[0]) + 1
        raise ReadError(
            "a picture is missing",
            got=f"{column.null_count():,} of {len(column):,} without bytes",
            remedy="drop these rows, or embed the pictures in the file",
            where=f"{where}, row {row}",
        )
    return [Entry(f"row {row + 1}", partial(column.__getitem__, row)) for row in range(len(column))]


def _holds_bytes(kind: Any) -> bool:
    if isinstance(kind, pl.Struct):
        return any(field.name == "bytes" and field.dtype == pl.Binary for field in kind.fields)
    return bool(kind == pl.Binary)


def _bytes(column: pl.Series) -> pl.Series:
    return column.struct.field("bytes") if isinstance(column.dtype, pl.Struct) else column


def _label_column(path: Path, pictures: str) -> str | None:
    """By name, whole numbers or words."""
    schema = pl.read_parquet_schema(path)
    simple = [n for n, k in schema.items() if n != pictures and (k.is_integer() or k in (pl.String, pl.Boolean))]
    return next((name for name in LABELS if name in simple), None)


def _labels(column: pl.Series, names: list[str] | None) -> list[Label] | None:
    if column.null_count():
        return None
    values: list[Label] = column.cast(pl.String).to_list()
    if names and all(str(value).isdigit() and int(value) < len(names) for value in values):
        return [names[int(value)] for value in values]
    return values


def _names(path: Path, label: str | None) -> list[str] | None:
    """The words for the codes of a label, from the description that Hugging Face leaves in the file."""
    try:
        described: Any = json.loads(pl.read_parquet_metadata(path).get("huggingface", "null"))
        feature = described["info"]["features"][label]
        names = feature.get("names") if isinstance(feature, Mapping) else None
    except (KeyError, TypeError, ValueError, pl.exceptions.PolarsError):
        return None
    return [str(name) for name in names] if isinstance(names, list) else None
