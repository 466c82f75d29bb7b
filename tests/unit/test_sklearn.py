"""pofx estimators inside scikit-learn."""

from __future__ import annotations

import copy
import inspect
import math
import pickle
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
import pytest
import scipy.stats
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import pofx.sklearn
from pofx.core.contract import Density
from pofx.core.estimator import Estimator
from pofx.core.registry import estimators
from pofx.errors import FitError, LikelihoodError
from pofx.likelihood import Likelihood
from pofx.sklearn import wrap
from pofx.spaces.numeric import Real
from pofx.spaces.symbolic import Category
from pofx.spaces.table import Table

QUICK = {  # settings with which a fit takes milliseconds; the checks fit hundreds of times
    "histogram": {"bins": "scott", "smoothing": 0.5},
    "independent": {"candidates": ("kde",), "folds": 2},
    "kde": {"bandwidth": "scott"},
    "mixture": {"k": 2, "covariance": "full", "shrinkage": 0.1, "outliers": False, "members": 1, "restarts": 1},
    "stacking": {"parts": ("gaussian", "student_t")},
}


DENSITIES = [
    name for name, kind in estimators().items() if kind.likelihood is Likelihood.EXACT
]  # the others score no row


def adapted(name: str, **settings: object) -> BaseEstimator:
    kind = getattr(pofx.sklearn, estimators()[name].__name__)
    return kind(**{**QUICK.get(name, {}), **settings})


def in_general() -> list[str]:
    """Estimators of any number of real columns; those of one column are tested apart, as the checks give several."""
    return [name for name in DENSITIES if Real in estimators()[name].accepts and estimators()[name].columns is None]


@parametrize_with_checks([adapted(name) for name in in_general()])
def test_scikit_learn_s_own_checks(estimator, check):
    check(estimator)


@pytest.fixture
def rows() -> np.ndarray:
    return load_iris().data[:, :2] + np.random.default_rng(0).normal(0, 0.01, (150, 2))


@pytest.mark.parametrize("name", DENSITIES)
def test_the_parameters_are_the_fields(name):
    kind = estimators()[name]
    adapter = getattr(pofx.sklearn, kind.__name__)
    assert set(adapter().get_params()) == {field.name for field in fields(kind)} | {"random_state"}
    assert adapter().estimator() == kind()
    assert clone(adapted(name)).get_params() == adapted(name).get_params()
    assert set(inspect.signature(adapter).parameters) == set(adapter().get_params())


def test_a_setting_reaches_the_pofx_estimator():
    assert adapted("mixture").set_params(k=5).estimator().k == 5
    with pytest.raises(TypeError, match="bandwith"):
        pofx.sklearn.KDE(bandwith=1.0)


def test_scores_are_log_densities_in_the_units_of_the_rows(rows):
    model = pofx.sklearn.Gaussian().fit(rows)
    expected = scipy.stats.multivariate_normal(rows.mean(0), np.cov(rows.T, bias=True)).logpdf(rows)
    np.testing.assert_allclose(model.score_samples(rows), expected, atol=0.02)  # a touch of shrinkage
    scaled = pofx.sklearn.Gaussian().fit(rows * [1000, 1])
    shift = scaled.score_samples(rows * [1000, 1]) - model.score_samples(rows)
    np.testing.assert_allclose(shift, -math.log(1000), atol=1e-9)
    assert model.score(rows) == pytest.approx(model.score_samples(rows).mean(), rel=1e-15)


@pytest.mark.parametrize("name", in_general())
def test_the_same_numbers_as_pofx_itself(name, rows):
    ours = adapted(name, random_state=3).fit(rows)
    space = Table(("x1", "x2"), (Real(), Real()), "numpy")
    model = ours.estimator().fit(rows, space=space, seed=3)
    np.testing.assert_array_equal(ours.score_samples(rows[:9]), model.log_prob(rows[:9]))
    np.testing.assert_array_equal(ours.sample(4, random_state=5), model.sample(4, seed=5))


def test_whole_numbers_are_measurements_rounded_to_one():
    x = np.random.default_rng(0).integers(0, 50, (200, 2))
    model = pofx.sklearn.KDE(bandwidth="scott").fit(x)
    assert model.model_.space.spaces == (Real(1.0), Real(1.0))
    np.testing.assert_array_equal(model.score_samples(x), model.score_samples(x.astype(np.float32)))


def test_a_constant_column_keeps_scores_finite():
    x = np.column_stack([np.full(50, 3.0), np.random.default_rng(0).normal(size=50)])
    assert np.isfinite(pofx.sklearn.KDE(bandwidth="scott").fit(x).score_samples(x)).all()


def test_sampling_follows_scikit_learn_s_conventions(rows):
    before = np.random.get_state()[1].copy()  # noqa: NPY002  # the global generator is what this is about
    model = pofx.sklearn.Gaussian(random_state=1).fit(rows)
    assert model.sample().shape == (1, 2)
    np.testing.assert_array_equal(model.sample(5), model.sample(5, random_state=1))
    assert not np.array_equal(model.sample(5), model.sample(5, random_state=2))
    state = np.random.RandomState(0)
    assert not np.array_equal(model.sample(5, random_state=state), model.sample(5, random_state=state))
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    far = model.sample(20_000)
    np.testing.assert_allclose(np.cov(far.T), np.cov(rows.T), atol=0.03)


def test_a_grid_search_finds_the_bandwidth(rows):
    search = GridSearchCV(pofx.sklearn.KDE(), {"bandwidth": [0.001, 0.3, 30.0]}, cv=3).fit(rows)
    assert search.best_params_ == {"bandwidth": 0.3}
    assert search.best_score_ == pytest.approx(search.cv_results_["mean_test_score"].max())
    assert search.best_estimator_.sample(3).shape == (3, 2)
    assert search.score(rows) == pytest.approx(search.best_estimator_.score(rows))


def test_a_class_is_found_by_its_name_in_another_process(rows, monkeypatch):
    model = pofx.sklearn.KDE(bandwidth="scott").fit(rows)
    sent = pickle.dumps(model)
    monkeypatch.delitem(vars(pofx.sklearn), "KDE")  # as in a process that has not used it yet
    np.testing.assert_array_equal(pickle.loads(sent).score_samples(rows), model.score_samples(rows))


def test_the_last_step_of_a_pipeline(rows):
    pipeline = make_pipeline(StandardScaler(), pofx.sklearn.Gaussian()).fit(rows)
    plain = pofx.sklearn.Gaussian().fit(rows)
    shift = pipeline.score_samples(rows) - plain.score_samples(rows)
    np.testing.assert_allclose(shift, np.log(rows.std(0)).sum(), atol=1e-9)
    assert np.isfinite(cross_val_score(pipeline, rows, cv=3)).all()


def test_integer_weights_are_repetitions(rows):
    weights = np.arange(len(rows)) % 3
    weighted = pofx.sklearn.Gaussian().fit(rows, sample_weight=weights)
    repeated = pofx.sklearn.Gaussian().fit(np.repeat(rows, weights, axis=0))
    np.testing.assert_allclose(weighted.score_samples(rows), repeated.score_samples(rows), rtol=1e-9)


def test_weights_are_offered_only_where_they_count():
    for name in DENSITIES:
        has = "sample_weight" in inspect.signature(adapted(name).fit).parameters
        assert has == ("weights" in estimators()[name].capabilities), name


def test_a_frame_of_numbers_keeps_its_names(rows):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(rows, columns=["length", "width"])
    model = pofx.sklearn.Gaussian().fit(frame)
    assert list(model.feature_names_in_) == ["length", "width"] == list(model.model_.space.names)
    np.testing.assert_array_equal(model.score_samples(frame), model.model_.log_prob(rows))
    width = model.model_.marginal(["width"]).log_prob([3.0])
    np.testing.assert_allclose(width, scipy.stats.norm(rows[:, 1].mean(), rows[:, 1].std()).logpdf([3.0]), atol=0.02)
    with pytest.raises(ValueError, match="feature names"):
        model.score_samples(frame[["width", "length"]])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_frame_of_mixed_columns_keeps_its_kinds(library):
    maker = pytest.importorskip(library)
    random = np.random.default_rng(0)
    kind = random.choice(["a", "b"], 300)
    frame = maker.DataFrame({"kind": kind, "size": random.normal(0, 1, 300) + 5 * (kind == "b")})
    model = adapted("mixture").fit(frame)
    assert isinstance(model.model_.space.spaces[0], Category)
    drawn = model.sample(200)
    assert type(drawn).__module__.startswith(library)
    assert list(drawn.columns) == ["kind", "size"]
    assert np.isfinite(model.score_samples(frame)).all()
    wrong = maker.DataFrame({"kind": ["a"], "size": [5.0]})
    right = maker.DataFrame({"kind": ["b"], "size": [5.0]})
    assert model.score_samples(right)[0] > model.score_samples(wrong)[0] + 3
    assert model.n_features_in_ == 2
    assert np.isfinite(GridSearchCV(adapted("mixture"), {"k": [1, 2]}, cv=2).fit(frame).best_score_)


def test_one_column_for_parametric_families(rows):
    model = pofx.sklearn.Parametric(family="normal").fit(rows[:, :1])
    expected = scipy.stats.norm(*scipy.stats.norm.fit(rows[:, 0])).logpdf(rows[:, 0])
    np.testing.assert_allclose(model.score_samples(rows[:, :1]), expected, rtol=1e-6)
    assert model.sample(3).shape == (3, 1)
    with pytest.raises(FitError, match="takes 1 column; got 2"):
        pofx.sklearn.Parametric().fit(rows)
    with pytest.raises(ValueError, match="1 sample"):
        pofx.sklearn.Parametric().fit(rows[:1, :1])


def test_copies_hold_the_same_model(rows):
    for model in (adapted("kde").fit(rows), pofx.sklearn.Parametric(family="normal").fit(rows[:, :1])):
        x = rows[:, : model.n_features_in_]
        model.model_.log_prob(x)
        for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
            assert other.model_ is not model.model_
            np.testing.assert_array_equal(other.score_samples(x), model.score_samples(x))
            np.testing.assert_array_equal(other.sample(5), model.sample(5))


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(AttributeError, match="KDE"):
        pofx.sklearn.KernelDensity  # noqa: B018
    assert "KDE" in dir(pofx.sklearn)
    assert pofx.sklearn.KDE is pofx.sklearn.KDE


class Ball(Density):
    """A normal law around a centre."""

    def __init__(self, space: Table, centre: torch.Tensor) -> None:
        super().__init__(space)
        self.register_buffer("centre", centre)

    @property
    def free_parameters(self) -> int:
        return len(self.centre)

    def _log_prob(self, x, given):
        return (-0.5 * (x - self.centre).square() - 0.5 * math.log(2 * math.pi)).sum(1)

    def _sample(self, n, generator, given):
        return self.centre + torch.randn(n, len(self.centre), generator=generator, dtype=torch.float64)


@dataclass(frozen=True, kw_only=True)
class Balls(Estimator):
    name: ClassVar[str] = "balls"
    accepts: ClassVar[tuple[type, ...]] = (Real,)
    standardise: ClassVar[bool] = False

    pull: float
    """How far the centre is pulled towards zero."""

    def _fit(self, data, *, validation, plan, seed, start, recorder):
        return Ball(data.space, data.values.mean(0) * (1 - self.pull))


def test_an_estimator_of_one_s_own(rows):
    kind = wrap(Balls, __name__)
    with pytest.raises(TypeError, match="pull"):
        kind()
    model = kind(pull=0.5).fit(rows)
    expected = scipy.stats.norm(rows.mean(0) / 2).logpdf(rows).sum(1)
    np.testing.assert_allclose(model.score_samples(rows), expected, rtol=1e-12)
    assert kind.__module__ == __name__


def test_a_model_without_a_likelihood_says_so(rows):
    from pofx.core.contract import Sampler

    class Echo(Sampler):
        free_parameters = 0

        def _sample(self, n, generator, given):
            return torch.zeros(n, 2, dtype=torch.float64)

    class Echoes(Balls):
        def _fit(self, data, *, validation, plan, seed, start, recorder):
            return Echo(data.space)

    model = wrap(Echoes)(pull=0.0).fit(rows)
    with pytest.raises(LikelihoodError, match="no exact probability"):
        model.score_samples(rows)
    assert model.sample(2).shape == (2, 2)
