"""Maximum likelihood with censored values: only a bound is known of some rows.

A row cut off from below contributes log F(value), from above log(1 - F(value)), an interval log(F(high) - F(low)); F are
SciPy's distribution functions, so this agrees with `scipy.stats.CensoredData` (Klein & Moeschberger 2003), but fits
shapes and scales on the log scale with the origin kept at zero. Standard errors from second differences.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from pofx.errors import FitError
from pofx.models.parametric.families import family_for
from pofx.models.parametric.family import Family, Frame, Role, Theta, placement, sample_of
from pofx.models.parametric.fitting import fit_family
from pofx.models.parametric.model import ParametricModel
from pofx.spaces.base import Scalar, numbers
from pofx.spaces.numeric import Positive, Real
from pofx.spaces.table import Table

Array = NDArray[np.float64]
