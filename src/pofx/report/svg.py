"""A matplotlib figure as an inline SVG that follows the page: its fonts, its light or dark colours, its width.

Colours are drawn as fixed hexadecimal marks and written out as CSS variables; text stays text, in the page's font; what
only a stand-alone file needs is left out; identifiers are salted with the figure's own key, so that two figures on a
page never share one. The same figure gives the same bytes.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal
from xml.etree import ElementTree

import matplotlib
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from pofx.report.hues import HUES, NAMES

DATA, MODEL, INK, QUIET, RULE, BAND = "#0072b2", "#d55e00", "#1f2328", "#6a737d", "#e1e4e8", "#eceff2"
CARD = "#fdfdfe"  # what lies under a figure
VARIABLES = {
    DATA: "--data",
    MODEL: "--model",
    INK: "--ink",
    QUIET: "--quiet",
    RULE: "--rule",
    BAND: "--band",
    CARD: "--card",
    **dict(zip(HUES, NAMES, strict=True)),
}
TEXT = 11.0  # size of text; one unit of a figure is one CSS pixel at its natural width

_STYLE = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a column may be called $x$
    "font.size": TEXT,
    "text.color": QUIET,
    "axes.facecolor": "none",
    "axes.edgecolor": RULE,
    "axes.labelcolor": QUIET,
    "axes.labelsize": TEXT,
    "axes.linewidth": 1.0,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "grid.color": RULE,
    "grid.linewidth": 1.0,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
    "xtick.major.size": 0.0,
    "ytick.major.size": 0.0,
    "xtick.minor.size": 0.0,
    "ytick.minor.size": 0.0,
    "path.simplify": False,
}
_NUMERIC = frozenset({"d", "x", "y", "width", "height", "transform", "points"})
_LONG = re.compile(r"-?\d+\.\d{3,}")
_FONT = re.compile(r"font-family:[^;]*;\s*")
_REFERENCE = re.compile(r"#([\w-]+)")


@contextmanager
def drawing(key: str) -> Iterator[None]:
    """Matplotlib's settings for the figure called `key`; those of the caller are restored."""
    settings: dict[Any, Any] = {**matplotlib.rcParamsDefault, **_STYLE, "svg.hashsalt": key}
    settings.pop("backend")
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # only measured here; the browser has the glyph
        yield


def canvas(width: float, height: float) -> Figure:
    """An empty figure of so many CSS pixels; no pyplot, so nothing is kept anywhere."""
    return Figure(figsize=(width / 72, height / 72), facecolor="none")


def panel(
    figure: Figure,
    *,
    left: float,
    right: float,
    top: float,
    bottom: float,
    grid: Literal["x", "y", "both"] | None = None,
) -> Axes:
    """Axes inside margins in pixels, without marks, with grid lines across one direction, both or none."""
    width, height = figure.get_size_inches() * 72
    box = (left / width, bottom / height, (width - left - right) / width, (height - top - bottom) / height)
    axes = figure.add_axes(box)
    if grid is not None:
        axes.grid(True, axis=grid)
    axes.set_yticks([])
    return axes


def inline(figure: Figure, label: str) -> Markup:
    """The figure as an `<svg>` element with `label` as its text alternative. Call it inside `drawing`."""
    buffer = io.StringIO()
    FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    root = ElementTree.fromstring(buffer.getvalue())
    _strip(root)
    used = {name for element in root.iter() for v in element.attrib.values() for name in _REFERENCE.findall(v)}
    for element in root.iter():
        _follow_page(element, used)
    root.attrib = {"viewBox": root.attrib["viewBox"], "role": "img", "aria-label": label}
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _strip(element: ElementTree.Element) -> None:
    """Drops namespaces, metadata and the style sheet that would apply to the whole page."""
    element.tag = element.tag.rpartition("}")[2]
    element.tail = None
    for child in list(element):
        if child.tag.endswith(("metadata", "style")):
            element.remove(child)
            continue
        _strip(child)
        if child.tag in ("defs", "g") and not len(child):
            element.remove(child)
    if element.tag != "text":
        element.text = None


def _follow_page(element: ElementTree.Element, used: set[str]) -> None:
    found = {name.rpartition("}")[2]: value for name, value in element.attrib.items()}
    if found.get("id") not in used:
        found.pop("id", None)
    for name, value in found.items():
        if name in _NUMERIC:
            found[name] = " ".join(_LONG.sub(_rounded, value).split())
    if "style" in found:
        found["style"] = _page_style(found["style"])
    element.attrib = found


def _rounded(match: re.Match[str]) -> str:
    return f"{float(match[0]):.2f}".rstrip("0").rstrip(".")


def _page_style(style: str) -> str:
    style = _FONT.sub("", style)
    for colour, variable in VARIABLES.items():
        style = style.replace(colour, f"var({variable})")
    return style
