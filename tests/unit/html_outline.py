"""A page as a test reads it: its tags, which must be nested, its text, and a name that no page may take for markup."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "col", "br", "link", "img", "input", "hr"}
NASTY = "<script>alert('$x$')</script> \"&\" 温度 $"


class Outline(HTMLParser):
    """Checks that tags are nested; gathers identifiers, attributes and text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def outline(page: str) -> Outline:
    found = Outline()
    found.feed(page)
    assert not found.open
    return found
