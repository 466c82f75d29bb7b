"""What a model with codes shows: a map of held-out pictures, a walk through it, reconstructions, and codes in use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pofx.core.contract import Model
from pofx.errors import LikelihoodError
from pofx.evaluate.pictures.album import Album
from pofx.models.autoencoder.codes import Codes
from pofx.models.vae.inspect import units_used
from pofx.runs.pictures import LatentMap, Sheet

POINTS = 1_000  # of the map
WIDE, SIDE = 2.0, 8  # standard deviations that a walk goes from the middle, and pictures along a side


@dataclass(frozen=True)
class Plane:
    """A plane through the codes: `middle + u * first + v * second`, of `[k]` each, lengths one standard deviation."""

    middle: np.ndarray
    first: np.ndarray
    second: np.ndarray
    axes: tuple[str, str]
    share: float | None

    def place(self, codes: np.ndarray) -> np.ndarray:
        """Where codes `[n, k]` lie in the plane, in standard deviations, `[n, 2]`."""
        away = codes - self.middle
        return np.stack([away @ axis / max(float(axis @ axis), 1e-300) for axis in (self.first, self.second)], 1)


def codes_of(model: Model) -> Codes | None:
    """The model's codes, or None where it has none."""
    try:
        return Codes(model)
    except LikelihoodError:
        return None


def plane_of(codes: np.ndarray) -> Plane:
    """The plane of the two directions in which codes `[n, k]` vary most (principal components)."""
    middle, k = codes.mean(0), codes.shape[1]
    _, lengths, directions = np.linalg.svd(codes - middle, full_matrices=False)
    spread = lengths / np.sqrt(max(len(codes) - 1, 1))
    axes = [spread[j] * directions[j] if j < len(spread) else np.zeros(k) for j in (0, 1)]
    if k == 2:
        axes = [np.array([codes[:, 0].std(), 0.0]), np.array([0.0, codes[:, 1].std()])]
        return Plane(
            middle,
            axes[0],
            axes[1],
            ("latent number 1, standard deviations", "latent number 2, standard deviations"),
            None,
        )
    total = float((spread**2).sum())
    share = float((spread[:2] ** 2).sum()) / total if total > 0 else None
    return Plane(
        middle,
        axes[0],
        axes[1],
        (f"direction 1 of {k}, standard deviations", f"direction 2 of {k}, standard deviations"),
        share,
    )


def map_of(plane: Plane, codes: np.ndarray, labels: tuple[str, ...]) -> LatentMap:
    """Codes as points; labels of the same length, or none."""
    places = plane.place(codes[:POINTS])
    points = tuple((round(float(x), 4), round(float(y), 4)) for x, y in places)
    return LatentMap(points, labels[: len(points)], plane.axes, plane.share)


def walk(codes: Codes, plane: Plane, album: Album, name: str) -> Sheet:
    """Pictures decoded from a square of codes in the plane, the second direction upwards."""
    steps = np.linspace(-WIDE, WIDE, SIDE)
    grid = np.stack([plane.middle + u * plane.first + v * plane.second for v in steps[::-1] for u in steps])
    return album.add(name, _tensor(codes.decode(grid)), columns=SIDE)


def reconstructions(codes: Codes, pictures: Tensor, album: Album, name: str) -> tuple[Sheet, float]:
    """Pictures above, and what comes back from their codes below; root mean squared error in levels."""
    back = _tensor(codes.reconstruct(pictures))
    error = float((back - pictures.double()).square().mean().sqrt())
    some = min(len(pictures), max(4, album.most // 4))
    return album.add(name, torch.cat([pictures[:some].double(), back[:some]]), columns=some), error


def use(model: Model, pictures: Tensor, seed: int) -> tuple[float, ...]:
    """Mean KL of each latent number of a VAE, nats; empty for other models."""
    try:
        return tuple(round(float(value), 6) for value in units_used(model, pictures, seed=seed))
    except LikelihoodError:
        return ()


def _tensor(shown: np.ndarray) -> Tensor:
    """Pictures as `Image.show` gives them, `[n, H, W]` or `[n, H, W, C]`, in tensor form."""
    array = shown[..., None] if shown.ndim == 3 else shown
    return torch.from_numpy(array.astype(np.float64).transpose(0, 3, 1, 2).copy())
