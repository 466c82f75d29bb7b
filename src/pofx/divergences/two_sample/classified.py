"""Lower bounds for two samples of a table, from one cross-fitted classifier."""

from __future__ import annotations

from torch import Tensor

from pofx.divergences.estimate import Estimate
from pofx.divergences.two_sample import classifier
from pofx.divergences.two_sample.classifier import ClassifierTest, classifier_test
from pofx.spaces.symbolic import Category, inner_space
from pofx.spaces.table import Table


def judged(table: Table, p: Tensor, q: Tensor, seed: int) -> ClassifierTest:
    """The classifier's held-out verdict on rows of one table, `[n, d]` and `[m, d]`."""
    labels = [isinstance(inner_space(space), Category) for space in table.spaces]
    return classifier_test(p.numpy(), q.numpy(), categorical=labels, seed=seed)


def kl(table: Table, p: Tensor, q: Tensor, seed: int) -> Estimate:
    """No more than KL(P || Q)."""
    return classifier.kl_lower_bound(judged(table, p, q, seed))


def js(table: Table, p: Tensor, q: Tensor, seed: int) -> Estimate:
    """No more than the Jensen-Shannon divergence."""
    return classifier.js_lower_bound(judged(table, p, q, seed))


def total_variation(table: Table, p: Tensor, q: Tensor, seed: int) -> Estimate:
    """No more than the total variation."""
    return classifier.tv_lower_bound(judged(table, p, q, seed))
