"""Text in any encoding, as UTF-8 with line feeds."""

from __future__ import annotations

import codecs
from pathlib import Path

from pofx.data.reading.files import Source
from pofx.errors import ReadError


def as_utf8(source: Source, encoding: str) -> Path | bytes:
    """The content as UTF-8 with line feeds; the path itself where that is likely to be UTF-8 already.

    UTF-16 is recognised by its mark, whatever `encoding` says.

    Raises:
        ReadError: no such encoding, or text that is not in it.
    """
    if source.head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    if _codec(encoding, source.where) not in ("utf-8", "ascii"):
        return _with_line_feeds(decode(source.read(), source.where, encoding).encode())
    old_mac = b"\r" in source.head and b"\n" not in source.head
    return _with_line_feeds(source.read()) if old_mac else source.content


def decode(content: bytes, where: str, encoding: str = "UTF-8") -> str:
    """The text, without a byte order mark.

    Raises:
        ReadError: the first byte that does not belong there, with its line and offset.
    """
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ReadError(
            f"this text is not {encoding}",
            got=f"the byte 0x{content[error.start]:02x} at offset {error.start}",
            remedy="convert the file to UTF-8, or name its encoding: read_table(path, encoding='latin-1')",
            where=f"{where}, line {line}",
        ) from error
    except (UnicodeError, LookupError) as error:
        raise ReadError(f"this text is not {encoding}", got=str(error), where=where) from error


def _codec(encoding: str, where: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError as error:
        remedy = "try utf-8, latin-1, cp1252 or utf-16"
        raise ReadError("no such encoding", got=encoding, remedy=remedy, where=where) from error


def _with_line_feeds(content: bytes) -> bytes:
    return content if b"\n" in content else content.replace(b"\r", b"\n")
