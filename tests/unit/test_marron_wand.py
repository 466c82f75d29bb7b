"""The Marron-Wand densities against constants computed independently of this package."""

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from pofx.data.marron_wand import NormalMixture, marron_wand
from pofx.errors import SpaceError

# k: mean, variance, entropy, R(f), R(f'), R(f''), best bandwidth at n = 1000, its exact MISE x 1000
TABLE = {
    1: (0, 1, 1.41894, 0.28209, 0.141047, 0.211571, 0.27234, 1.0295),
    2: (0.75, 0.665741, 1.17350, 0.37683, 0.40304, 1.56249, 0.18414, 1.5674),
    3: (-1.918896, 1.077788, 1.00144, 0.55694, 15.4191, 4595.2, 0.04143, 8.3833),
    4: (0, 0.67, 1.02455, 0.61524, 15.9093, 2351.4, 0.04411, 7.5819),
    5: (0, 0.109, -0.42980, 2.35924, 114.321, 17137.5, 0.02848, 10.188),
    6: (0, 1.444444, 1.54025, 0.23387, 0.150213, 0.697474, 0.22085, 1.3966),
    7: (0, 2.5, 1.41509, 0.28213, 0.563006, 3.41563, 0.15750, 1.9897),
    8: (0.375, 1.199653, 1.45161, 0.26313, 0.26979, 3.12135, 0.16971, 1.8845),
    9: (0, 1.62625, 1.56958, 0.22528, 0.206263, 2.73945, 0.18292, 1.8000),
    10: (0, 0.755, 1.19276, 0.37025, 6.92917, 1149.8, 0.05157, 6.6685),
    11: (0, 1.435558, 1.53459, 0.23603, 8.21038, 120898, 0.21761, 2.8812),
    12: (-0.330645, 1.240281, 1.42376, 0.27450, 4.50062, 6440.89, 0.06777, 6.3527),
    13: (0.06, 1.418966, 1.51521, 0.24357, 5.54066, 70730.3, 0.10304, 4.5194),
    14: (0, 2.700464, 1.41270, 0.28220, 17.4139, 60876.6, 0.04303, 10.298),
    15: (0, 2.859410, 1.41190, 0.28224, 10.3249, 5977.32, 0.04225, 8.7240),
}


@pytest.mark.parametrize("k", TABLE)
def test_moments_entropy_roughness_and_error_agree_with_the_table(k: int) -> None:
    mean, variance, entropy, rough, rough1, rough2, bandwidth, mise = TABLE[k]
    f = marron_wand(k)
    assert sum(f.weights) == pytest.approx(1, abs=1e-14)
    assert f.mean == pytest.approx(mean, abs=1e-6)
    assert f.variance == pytest.approx(variance, abs=1e-6)
    assert f.entropy() == pytest.approx(entropy, abs=1e-5)
    assert f.roughness() == pytest.approx(rough, abs=1e-5)
    assert f.roughness(1) == pytest.approx(rough1, rel=1e-5)
    assert f.roughness(2) == pytest.approx(rough2, rel=1e-5)
    assert 1000 * f.kernel_mise(bandwidth, 1000) == pytest.approx(mise, rel=1e-4)
    assert f.kernel_mise(bandwidth, 1000) < min(f.kernel_mise(c * bandwidth, 1000) for c in (0.98, 1.02))


@pytest.mark.parametrize("k", [1, 3, 10, 12, 15])
def test_density_cdf_and_quantiles_belong_together(k: int) -> None:
    f = marron_wand(k)
    cuts = sorted({m + c * s for m, s in zip(f.means, f.sds, strict=True) for c in (-5, 0, 5)})
    for x in (-1.7, 0.1, 1.3):
        inside = [c for c in cuts if -15 < c < x]
        area = quad(lambda t: float(f.pdf(t)), -15, x, points=inside, limit=500, epsabs=1e-12)[0]
        assert float(f.cdf(x)) == pytest.approx(area, abs=1e-9)
    u = np.array([1e-9, 0.01, 0.3, 0.5, 0.77, 0.999])
    assert np.abs(f.cdf(f.ppf(u)) - u).max() < 1e-15


def test_log_density_does_not_underflow_in_the_tail() -> None:
    assert float(marron_wand(1).log_prob(50.0)) == pytest.approx(float(stats.norm.logpdf(50.0)), rel=1e-14)
    assert np.isfinite(marron_wand(10).log_prob([-200.0, 1e6])).all()


@pytest.mark.parametrize("k", [3, 10, 15])
def test_samples_follow_the_cdf_and_repeat_with_the_seed(k: int) -> None:
    f = marron_wand(k)
    x = f.sample(4000, seed=k)
    assert stats.kstest(x, f.cdf).pvalue > 1e-4
    assert np.array_equal(x, f.sample(4000, seed=k))
    assert not np.array_equal(x, f.sample(4000, seed=k + 1))


def test_there_are_fifteen() -> None:
    assert len({marron_wand(k) for k in range(1, 16)}) == 15
    assert isinstance(marron_wand(1), NormalMixture)
    with pytest.raises(SpaceError, match="1 to 15"):
        marron_wand(16)
