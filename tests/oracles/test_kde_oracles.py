"""The kernel density estimate against numbers that R, Stata, statsmodels and SciPy printed."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from pofx.models.kde.bandwidth import RULES
from pofx.models.kde.estimator import KDE
from pofx.models.kde.kernels import KERNELS, KernelName

SHARED = Path(__file__).parents[2].parent / "shared"
ORACLES, TABLES = SHARED / "reference" / "oracles", SHARED / "data" / "tables"

pytestmark = pytest.mark.skipif(not ORACLES.exists(), reason="the reference numbers are not on this machine")


def rule(name: str, x: np.ndarray) -> float:
    return RULES[name](torch.tensor(x, dtype=torch.float64), torch.ones(len(x), dtype=torch.float64))


def mixture() -> tuple[np.ndarray, np.ndarray, float]:
    """statsmodels' test data, where it evaluates, and its bandwidth: R's nrd0."""
    data = np.loadtxt(ORACLES / "statsmodels_kde" / "Xi_test_data.csv", delimiter=",")
    return data[:, 0], data[:, 1], rule("silverman", data[:, 0])


def column(path: str, name: str) -> np.ndarray:
    return pl.read_csv(TABLES / path)[name].to_numpy()


def read(name: str) -> np.ndarray:
    return np.genfromtxt(ORACLES / "statsmodels_kde" / name, delimiter=",", names=True)


@pytest.mark.parametrize(
    ("kernel", "name"),
    [("gaussian", "gau_d"), ("biweight", "biw_d"), ("triangular", "tri_d"), ("epanechnikov", "epa2_d")],
)
def test_statsmodels_densities(kernel: KernelName, name: str) -> None:
    x, query, h = mixture()
    mine = np.exp(KDE(bandwidth=h * KERNELS[kernel].deviation, kernel=kernel).fit(x).log_prob(query))
    np.testing.assert_allclose(mine, read("results_kde.csv")[name], atol=2e-8)


def test_statsmodels_cumulative_distribution() -> None:
    x, _, h = mixture()
    wanted = read("results_kcde.csv")
    model = KDE(bandwidth=h).fit(x)
    np.testing.assert_allclose(model.cdf(wanted["gau_support"]), wanted["gau_cdf"], atol=1e-11)


def test_statsmodels_weighted_density() -> None:
    x, _, h = mixture()
    query = np.linspace(x.min() - 3 * h, x.max() + 3 * h, 50)
    mine = np.exp(KDE(bandwidth=h).fit(x, weights=np.linspace(1, 100, 200)).log_prob(query))
    np.testing.assert_allclose(mine, read("results_kde_weights.csv")["gau_weights"], atol=1e-12)


@pytest.mark.parametrize(
    ("kernel", "name", "half_support"),
    [
        ("gaussian", "x_gau_wd", True),
        ("epanechnikov", "x_epan2_wd", True),
        ("epanechnikov", "x_epa_wd", False),
        ("biweight", "x_bi_wd", True),
        ("triangular", "x_tri_wd", True),
        ("box", "x_rec_wd", True),
    ],
)
def test_stata_weighted_densities(kernel: KernelName, name: str, half_support: bool) -> None:
    wanted = read("results_kde_univ_weights.csv")
    x = wanted["x"]
    h = rule("scott", x) * 1.059 / 1.06
    deviation = KERNELS[kernel].deviation if half_support else 1.0
    model = KDE(bandwidth=h * deviation, kernel=kernel).fit(x, weights=wanted["weights"])
    np.testing.assert_allclose(np.exp(model.log_prob(x)), wanted[name], atol=3e-8)


R_NAMES: dict[str, KernelName] = {"box": "box", "tri": "triangular", "epa": "epanechnikov", "biw": "biweight"}


def test_r_densities() -> None:
    """R bins the rows: good to 3e-3, and at the jumps of the box kernel either side."""
    oracle = json.loads((ORACLES / "kdepy_r_density" / "r_density_expected.json").read_text())
    x = np.array(oracle["data"])
    for case in oracle["R_cases"]:
        kernel, query = R_NAMES[case["kernel"][:3]], np.linspace(-1, 1, case["n"])
        off = np.abs(np.exp(KDE(bandwidth=float(case["bw"]), kernel=kernel).fit(x).log_prob(query)) - case["y"])
        to_jump = np.abs(np.abs(query[:, None] - x) - case["bw"] * math.sqrt(3)).min(1)
        assert off[(kernel != "box") | (to_jump > 0.02)].max() < 3e-3
    for case in oracle["scipy_gaussian_cases"]:
        mine = np.exp(KDE(bandwidth=float(case["bw"])).fit(x).log_prob(np.linspace(-1, 1, case["n"])))
        np.testing.assert_allclose(mine, case["y"], rtol=1e-7, atol=1e-20)


def test_sheather_jones_of_r() -> None:
    """MASS stops its root finder at a tenth of its lower bound: its third digit is its own."""
    geyser = column("kde_classics/geyser.csv", "duration")
    galaxies = column("kde_classics/galaxies.csv", "galaxies")
    faithful = column("seaborn/geyser.csv", "duration")
    cases = json.loads((ORACLES / "r_mass" / "r_bandwidth_reference.json").read_text())["cases"]
    widths = {case["data"].split("/")[2].split(".")[0]: case["width"] for case in cases if "solve" in case["selector"]}
    assert rule("sheather_jones", geyser) == pytest.approx(widths["geyser"] / 4, rel=2e-3)
    assert rule("sheather_jones", galaxies) == pytest.approx(widths["galaxies"] / 4, rel=6e-3)
    assert round(rule("sheather_jones", faithful), 2) == 0.14


def test_density_of_the_geyser_in_r() -> None:
    oracle = json.loads((ORACLES / "r_mass" / "r_bandwidth_reference.json").read_text())["faithful_density"]
    x = column("seaborn/geyser.csv", "duration")
    grid = np.linspace(oracle["x_min"], oracle["x_max"], oracle["n_grid"])
    y = np.exp(KDE(bandwidth=rule("sheather_jones", x)).fit(x).log_prob(grid))
    assert y.max() == pytest.approx(oracle["y_max"], rel=2e-3)
    for level, name in ((0.25, "y_q1"), (0.5, "y_median"), (0.75, "y_q3")):
        assert np.quantile(y, level) == pytest.approx(oracle[name], rel=5e-3)
    assert y.mean() == pytest.approx(oracle["y_mean"], rel=2e-3)
