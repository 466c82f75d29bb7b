"""What the report of a run on pictures shows of each model, as plain records; the pictures lie beside them as PNG."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bound:
    """A lower bound of the mean log-probability with so many importance samples, nats."""

    draws: int
    rows: int
    """Held-out rows it is a mean of: the first ones."""
    log_prob: float
    std_error: float | None


@dataclass(frozen=True)
class Sheet:
    """Pictures in rows and columns, as a PNG file of the run folder."""

    file: str
    """Path inside the run folder: `pictures/vae-samples.png`."""
    rows: int
    columns: int
    width: int
    """Of the whole sheet, in its own pixels."""
    height: int
    captions: tuple[str, ...] = ()
    """One a picture, row by row; or none."""


@dataclass(frozen=True)
class LatentMap:
    """Codes of held-out pictures in the plane of the two directions that carry most."""

    points: tuple[tuple[float, float], ...]
    labels: tuple[str, ...]
    """The class of each point; empty where there are no classes."""
    axes: tuple[str, str]
    """What the two directions are: `latent number 7`, or `direction 1 of 40`."""
    share: float | None = None
    """Share of the codes' variance that lies in this plane."""


@dataclass(frozen=True)
class Memory:
    """Whether samples are copies: squared distances to the nearest training picture, of samples and held-out ones."""

    nearer: float
    """Share of pairs in which the sample lies nearer to training than the held-out picture does: 1/2 if no copies."""
    std_error: float
    samples: int
    training: int
    """Training pictures looked through."""


@dataclass(frozen=True)
class PictureEvidence:
    """What one model makes of pictures."""

    model: str
    samples: Sheet
    neighbours: Sheet | None = None
    """Two rows: samples, and under each the nearest training picture."""
    memory: Memory | None = None
    reconstructions: Sheet | None = None
    """Two rows: held-out pictures, and under each what comes back from its code."""
    error: float | None = None
    """Root mean squared error of the reconstructions, in the pictures' own levels."""
    walk: Sheet | None = None
    """Pictures decoded from a grid of codes in the plane of the map; or from lines between two codes."""
    latent: LatentMap | None = None
    use: tuple[float, ...] = ()
    """Mean KL of each latent number, nats: near 0 it carries nothing."""
    bounds: tuple[Bound, ...] = ()
    odd: Sheet | None = None
    """The least probable held-out pictures, captions saying bits per dimension."""
    bits_map: Sheet | None = None
    """Two rows: held-out pictures, and under each how many bits each pixel of it cost: none black, most white."""
    bits_most: float | None = None
    """Bits of a pixel that is white on these maps; what cost more is white, too."""
    completions: Sheet | None = None
    """Five rows: held-out pictures, the half of each that the model was shown, and three endings it made up."""
