"""Records as plain JSON values and back, without torch: dataclasses of numbers, words, tuples and dicts."""

from __future__ import annotations

import types
from dataclasses import asdict, fields, is_dataclass
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pofx.errors import StoreError

FORMAT = 1

T = TypeVar("T")


def to_json(record: Any) -> dict[str, Any]:
    """A record as plain JSON values."""
    document: dict[str, Any] = asdict(record)
    return document


def from_json(kind: type[T], document: Any, where: str, *, again: str = "fit again") -> T:
    """A record from plain JSON values; a document of another shape raises `StoreError`, with `again` as its remedy."""
    try:
        newer = int(document.get("format", FORMAT)) > FORMAT
        if not newer:
            return _build(kind, document)  # type: ignore[no-any-return]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError("the record is damaged", got=str(error)[:120], remedy=again, where=where) from None
    raise StoreError(
        "the run was written by a newer version",
        got=f"format {document['format']}",
        expected=f"format {FORMAT} or older",
        remedy="pip install --upgrade pofx",
        where=where,
    )


def _build(kind: Any, value: Any) -> Any:
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        known = {f.name for f in fields(kind)}
        return kind(**{key: _build(hints[key], item) for key, item in value.items() if key in known})  # type: ignore[operator]
    origin, inner = get_origin(kind), get_args(kind)
    if origin is tuple:
        if len(inner) == 2 and inner[1] is Ellipsis:
            return tuple(_build(inner[0], item) for item in value)
        return tuple(_build(each, item) for each, item in zip(inner, value, strict=True))
    if origin is dict:
        return {key: _build(inner[1], item) for key, item in value.items()}
    if origin in (Union, types.UnionType):
        chosen = [each for each in inner if each is not type(None)]
        return None if value is None else _build(chosen[0], value)
    return value
