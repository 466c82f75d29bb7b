"""What the models of a run on pictures look like against held-out pictures: sheets and numbers for the report."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pofx.core.contract import Model
from pofx.data.dataset import Data
from pofx.evaluate.experiment import Experiment
from pofx.evaluate.leaderboard import Scored
from pofx.evaluate.looked import Looked, seen
from pofx.evaluate.pictures.album import Album
from pofx.evaluate.pictures.bits_map import bits_map, completions
from pofx.evaluate.pictures.latent import codes_of, map_of, plane_of, reconstructions, use, walk
from pofx.evaluate.pictures.neighbours import memory_of, nearest
from pofx.evaluate.scores import mean_score, row_scores
from pofx.evaluate.surprise import affordable
from pofx.evaluate.two_sample import c2st
from pofx.likelihood import Likelihood
from pofx.rng import generator, split
from pofx.runs.evidence import TwoSample
from pofx.runs.pictures import Bound, PictureEvidence, Sheet
from pofx.spaces.image import Image
from pofx.spaces.table import Table
from pofx.training.recorder import SILENT, Recorder

COMPARED = 500  # samples, and held-out pictures, whose nearest training pictures are looked for
SHOWN = 8  # pictures of a row of neighbours, at most
ODDEST = 24
BOUNDS = (1, 64, 1_000)  # draws
LEAST, MOST, SECONDS = 20, 200, 15.0  # pictures that these bounds are of, by the time that is to be spent on them
PATIENCE = 45.0  # seconds that one of them may take, or it is left out
DIRECTIONS = 30  # principal components by which a classifier tells pictures apart


def look(experiment: Experiment, scored: list[Scored], *, seed: int, recorder: Recorder = SILENT) -> Looked:
    """Look at every model; the chosen one's scores, and how well a classifier tells its samples, in addition."""
    prepared, space = experiment.prepared, experiment.prepared.data.space
    assert isinstance(space, Image)
    album, training = Album(space), _mixed(prepared.data.rows(prepared.split.train), seed).values
    test = _mixed(experiment.test, seed)
    found, drawn = [], {}
    for each in scored:
        name, model = each.contender.name, each.contender.model
        recorder.start(f"drawing from {name}", None)
        drawn[name] = model.draw(affordable(COMPARED, space.dims), seed=split(seed, "looked at"))
        recorder.start(f"looking at {name}", None)
        odd = _odd(each, experiment.test.values, album)
        found.append(replace(_look_at(each, drawn[name], test, training, album, seed), odd=odd))
    recorder.finish()
    chosen = next(each for each in scored if each.contender is experiment.chosen)
    own = drawn[experiment.chosen.name]
    reference = np.sort(
        row_scores(experiment.model, Data(space, own), draws=chosen.draws or 1, seed=seed, recorder=recorder)
    )
    evidence = replace(
        seen(experiment, chosen.scores, reference),
        two_sample=_told_apart(own, test.values, training, seed),
        pictures=tuple(found),
        truth=album.add("training", training[: album.most]),
    )
    return Looked(evidence, reference, album.files)


def _look_at(each: Scored, samples: Tensor, test: Data, training: Tensor, album: Album, seed: int) -> PictureEvidence:
    name, model, space = each.contender.name, each.contender.model, album.space
    row = samples[: min(SHOWN, album.most)]
    places, _ = nearest(row, training, space)
    found, most = bits_map(model, test.values, album, f"{name}-bits")
    shown = PictureEvidence(
        model=name,
        samples=album.add(f"{name}-samples", samples[: album.most]),
        neighbours=album.add(f"{name}-neighbours", torch.cat([row, training[places].double()]), columns=len(row)),
        memory=memory_of(samples, test.values[:COMPARED], training, space),
        bounds=_bounds(model, test, seed) if model.likelihood is Likelihood.LOWER_BOUND else (),
        bits_map=found,
        bits_most=most,
        completions=completions(model, test.values, album, f"{name}-completions", seed=seed),
    )
    return _with_codes(shown, model, test, album, seed)


def _with_codes(shown: PictureEvidence, model: Model, test: Data, album: Album, seed: int) -> PictureEvidence:
    """What there is to see of the codes, where the model has any."""
    codes = codes_of(model)
    if codes is None:
        return shown
    pictures = test.values[: affordable(1_000, album.space.dims)]
    found = codes.encode(pictures.double())
    plane = plane_of(found)
    sheet, error = reconstructions(codes, pictures.double(), album, f"{shown.model}-reconstructions")
    return replace(
        shown,
        reconstructions=sheet,
        error=error,
        walk=walk(codes, plane, album, f"{shown.model}-walk"),
        latent=map_of(plane, found, _labels(test)),
        use=use(model, pictures.double(), seed),
    )


def _bounds(model: Model, test: Data, seed: int) -> tuple[Bound, ...]:
    """The bound with few and many draws, on the same pictures: as many as there is time for."""
    began = time.perf_counter()
    row_scores(model, test.rows(torch.arange(min(20, len(test)))), draws=1, seed=seed)
    one = (time.perf_counter() - began) / max(min(len(test), 20), 1)
    found, rows = [], min(len(test), MOST, max(LEAST, int(SECONDS / (one * sum(BOUNDS)))))
    some = test.rows(torch.arange(rows))
    for draws in (draws for draws in BOUNDS if draws == 1 or draws * rows * one < PATIENCE):
        mean = mean_score(row_scores(model, some, draws=draws, seed=split(seed, "bound")))
        if mean.value is not None:
            found.append(Bound(draws, rows, mean.value, mean.std_error))
    return tuple(found)


def _odd(each: Scored, test: Tensor, album: Album) -> Sheet | None:
    if not len(each.scores):
        return None
    order = np.argsort(each.scores, kind="stable")[: min(ODDEST, album.most)]
    bits = -each.scores[order] / album.space.dims / math.log(2)
    captions = tuple("impossible" if math.isinf(value) else f"{value:.3g} bits/dim" for value in bits)
    return album.add(
        f"{each.contender.name}-odd",
        test[torch.from_numpy(order.copy())],
        columns=min(8, len(order)),
        captions=captions,
    )


def _told_apart(drawn: Tensor, test: Tensor, training: Tensor, seed: int) -> TwoSample | None:
    """A classifier on the directions in which training pictures vary most."""
    some = training[: affordable(2_000, math.prod(training.shape[1:]))].double().flatten(1)
    middle = some.mean(0)
    directions = torch.linalg.svd(some - middle, full_matrices=False)[2][:DIRECTIONS]  # [k, D]
    real, samples = ((x.double().flatten(1) - middle) @ directions.T for x in (test[: len(drawn)], drawn))
    return c2st(real.numpy(), samples.numpy(), seed=split(seed, "c2st"))


def _mixed(data: Data, seed: int) -> Data:
    """The same pictures in another order: files often come class by class."""
    return data.rows(torch.randperm(len(data), generator=generator(split(seed, "shown"))))


def _labels(test: Data) -> tuple[str, ...]:
    """The class of each picture, where there are classes."""
    if test.given is None or not isinstance(test.given_space, Table):
        return ()
    return tuple(str(label) for label in test.given_space.spaces[0].show_series(test.given[:, 0]).to_list())
