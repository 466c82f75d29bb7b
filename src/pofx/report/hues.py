"""Ten colours for classes and models that stay apart in light and dark, and for readers who see colours differently.

Found by a farthest-first search over sRGB: each has a contrast of at least 2.4 to white paper (3 to dark paper). The
least OKLab distance between two of them is 0.16 to normal eyes, 0.12 to protan and deutan and 0.1 to tritan ones, by
the model of Machado, Oliveira and Fernandes 2009 (doi:10.1109/TVCG.2009.113) at full severity. The first few lie
farthest apart.
Colour is never the only sign: lines and clouds carry their names as well.
"""

from __future__ import annotations

from markupsafe import Markup

LIGHT = (
    "#0078b4",
    "#e10f69",
    "#96a500",
    "#6900ff",
    "#003c00",
    "#f087a5",
    "#690069",
    "#4b6900",
    "#8796ff",
    "#0000b4",
)
DARK = (
    "#6996ff",
    "#f087a5",
    "#ffc30f",
    "#b400b4",
    "#87f0b4",
    "#a56978",
    "#87a500",
    "#005aff",
    "#c3c3ff",
    "#696900",
)
NAMES = tuple(f"--hue-{letter}" for letter in "abcdefghij")
HUES = LIGHT
"""As marks for a figure: `svg.inline` writes them out as the variables `NAMES`."""


def declarations() -> Markup:
    """The variables in CSS, for light and for dark pages."""
    light, dark = (
        "".join(f"{name}:{colour};" for name, colour in zip(NAMES, colours, strict=True)) for colours in (LIGHT, DARK)
    )
    return Markup(f":root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n")
