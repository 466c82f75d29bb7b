"""Records of a run on pictures that never was: digits of 28 x 28 levels, with PNG sheets drawn by Pillow."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pofx.runs.evidence import Curve, Evidence, TwoSample
from pofx.runs.pictures import Bound, LatentMap, Memory, PictureEvidence, Sheet
from pofx.runs.records import ModelRow, Recipe, Rows, Run, Source

SIDE = 28
DIMS = SIDE * SIDE


def make_picture_records(folder: Path, seed: int = 0, **changes: Any) -> tuple[Run, Evidence]:
    """A run and its evidence, its sheets in `folder / "pictures"`; `changes` replace fields of either."""
    random = np.random.default_rng(seed)
    run, evidence = _run(), _evidence(folder, random)
    ours = {f.name for f in dataclasses.fields(Run)}
    return (
        dataclasses.replace(run, **{k: v for k, v in changes.items() if k in ours}),
        dataclasses.replace(evidence, **{k: v for k, v in changes.items() if k not in ours}),
    )


def picture_row(name: str, log_prob: float | None, delta: float | None = None, **more: Any) -> ModelRow:
    known: dict[str, Any] = {"likelihood": "exact", "std_error": None if log_prob is None else 2.1, "seconds": 61.0}
    return ModelRow(
        **{
            **known,
            "name": name,
            "log_prob": log_prob,
            "delta": delta,
            "delta_std_error": None if delta is None else 0.01 * abs(delta),
            "parameters": 412_345,
            "validation": None if log_prob is None else log_prob - 3,
            **more,
        }
    )


def curve(
    model: str, start: float, end: float, *, parts: bool = False, points: int = 40, seconds: float = 60.0
) -> Curve:
    """A training whose first losses are huge, and whose validation loss stops falling before the training loss does."""
    time = np.linspace(seconds / points, seconds, points)
    falling = end + (start - end) * np.exp(-9 * time / seconds)
    validation = falling + 0.02 * end * (time / seconds) ** 2
    prior = 24.0 * (1 - np.exp(-7 * time / seconds))
    terms = {"reconstruction": tuple(validation - prior), "prior": tuple(prior)} if parts else {}
    return Curve(
        model,
        steps=tuple(range(100, 100 * points + 1, 100)),
        seconds=tuple(time.tolist()),
        training=tuple((0.985 * falling).tolist()),
        validation=tuple(validation.tolist()),
        parts={name: tuple(float(v) for v in values) for name, values in terms.items()},
    )


def sheet(folder: Path, name: str, rows: int, columns: int, seed: int = 0, **more: Any) -> Sheet:
    """A sheet of digits with some noise, written as PNG."""
    random = np.random.default_rng(seed)
    width, height = columns * (SIDE + 1) + 1, rows * (SIDE + 1) + 1  # a line of one pixel around each picture
    image = Image.new("L", (width, height))
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(22)
    for row in range(rows):
        for column in range(columns):
            left, top = column * (SIDE + 1) + random.integers(5, 10), row * (SIDE + 1) + random.integers(-1, 4)
            draw.text((left, top), str(random.integers(10)), fill=int(random.integers(150, 256)), font=font)
    noisy = np.clip(np.asarray(image) + random.normal(0, more.pop("noise", 6.0), (height, width)), 0, 255)
    noisy[:: SIDE + 1], noisy[:, :: SIDE + 1] = 128, 128
    file = f"pictures/{name}.png"
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    Image.fromarray(noisy.astype(np.uint8)).save(folder / file)
    return Sheet(file, rows, columns, width, height, **more)


def latent_map(random: np.random.Generator, classes: int = 10, points: int = 600) -> LatentMap:
    """Clouds on a ring, one a class."""
    which = random.integers(classes, size=points)
    angle = 2 * np.pi * which / classes
    around = np.stack([2.2 * np.cos(angle), 1.7 * np.sin(angle)], axis=1) + random.normal(0, 0.33, (points, 2))
    return LatentMap(
        tuple((float(x), float(y)) for x, y in around),
        tuple(str(k) for k in which),
        ("direction 1 of 40", "direction 2 of 40"),
        share=0.234,
    )


def _run() -> Run:
    models = (
        picture_row("independent", -1210.4, 0.0 - 537.2),
        picture_row("vae", -673.2, 0.0, likelihood="bound", draws=64),
        picture_row("flow", -701.9, -28.7, seconds=312.0),
        picture_row("autoencoder", None, likelihood="none"),
    )
    return Run(
        run="runs/digits",
        chosen="vae",
        units="nats per picture",
        rows=Rows(train=8_000, validation=1_000, test=1_000),
        models=(models[1], models[2], models[0], models[3]),
        columns=(),
        failed=(),
        source=Source("data/digits.npz", 10_000, "3f9ac1" * 10 + "07aa"),
        recipe=Recipe(
            command="pofx fit data/digits.npz --seed 7 --time 600",
            models=tuple(model.name for model in models),
            seed=7,
            seconds=600.0,
            split="random",
            columns={},
        ),
        created="2025-01-31T09:15:02Z",
        versions={"pofx": "0.1.0", "torch": "2.11.0"},
        dims=DIMS,
        outcome="picture",
    )


def _evidence(folder: Path, random: np.random.Generator) -> Evidence:
    edges = np.linspace(-900, -500, 41)
    shares = [tuple((np.histogram(random.normal(-675, 60, 1_000), edges)[0] / 1_000).tolist()) for _ in range(2)]
    return Evidence(
        model="vae",
        columns=(),
        pairs=(),
        surprise=tuple((np.histogram(random.random(1_000), 20, (0, 1))[0] / 1_000).tolist()),
        score_edges=tuple(edges.tolist()),
        score_test=shares[0],
        score_samples=shares[1],
        odd=(),
        two_sample=TwoSample(0.612, std_error=0.011, auc=0.639, rows=1_000, classifier="nearest neighbours"),
        curves=(
            curve("vae", 9_000.0, 676.2, parts=True),
            curve("flow", 4_000.0, 704.9, seconds=312.0),
            curve("autoencoder", 3_000.0, 690.0),
        ),
        pictures=(_vae(folder, random), _autoencoder(folder), PictureEvidence("flow", sheet(folder, "flow", 8, 8, 9))),
        truth=sheet(folder, "truth", 8, 8, 1, noise=0.0),
    )


def _vae(folder: Path, random: np.random.Generator) -> PictureEvidence:
    use = np.sort(random.gamma(1.2, 0.6, 40))[::-1].copy()
    use[31:] = 0.002
    return PictureEvidence(
        "vae",
        sheet(folder, "vae-samples", 8, 8, 2),
        neighbours=sheet(folder, "vae-neighbours", 2, 16, 3),
        memory=Memory(0.504, 0.02, samples=500, training=8_000),
        reconstructions=sheet(folder, "vae-reconstructions", 2, 16, 4),
        error=21.4,
        walk=sheet(folder, "vae-walk", 10, 10, 5),
        latent=latent_map(random),
        use=tuple(use.tolist()),
        bounds=(
            Bound(1, 1_000, -677.9, 2.2),
            Bound(64, 1_000, -673.2, 2.1),
            Bound(1_000, 200, -672.0, 4.7),
        ),
        odd=sheet(folder, "vae-odd", 2, 6, 6, captions=tuple(f"{2.9 - 0.1 * k:.2f} bits/dim" for k in range(12))),
    )


def _autoencoder(folder: Path) -> PictureEvidence:
    return PictureEvidence(
        "autoencoder",
        sheet(folder, "autoencoder-samples", 8, 8, 7, noise=60.0),
        memory=Memory(0.62, 0.02, samples=500, training=8_000),
        reconstructions=sheet(folder, "autoencoder-reconstructions", 2, 16, 8),
        error=17.9,
    )
