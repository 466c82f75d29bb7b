"""The templates of the reports and what all of them share: one environment, its filters, the style sheet."""

from __future__ import annotations

import functools
from importlib.resources import files as resources

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup

from pofx.report import text
from pofx.report.hues import declarations


def template(name: str) -> Template:
    """A template of this package, which may import from the others; whatever it is given is escaped."""
    return _environment().get_template(name)


def style() -> Markup:
    """The style sheet."""
    return declarations() + Markup(_resource("style.css"))


@functools.cache
def _environment() -> Environment:
    found = Environment(
        loader=FunctionLoader(_resource),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(count=text.count, number=text.number, short=text.short, cell=text.value)
    return found


def _resource(name: str) -> str:
    return (resources("pofx.report") / name).read_text(encoding="utf-8")
