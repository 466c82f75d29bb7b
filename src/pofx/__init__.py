"""pofx: any data, one question: p(x)?

    model = pofx.fit(frame)                     # the best of several models, chosen on held-out rows
    model.log_prob(frame)                       # nats per row, in the frame's own units
    model.sample(10, seed=0)                    # new rows

Everything heavy is imported when it is first used, so that `import pofx` and `pofx --help` are instant.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pofx.core.store import load as load
    from pofx.core.store import save as save
    from pofx.evaluate.python import fit as fit

_HOMES = {
    "fit": "pofx.evaluate.python",
    "load": "pofx.core.store",
    "save": "pofx.core.store",
    "infer": "pofx.data.infer",
    "read_table": "pofx.data.tables",
    "read_images": "pofx.data.images.read",
    "read_texts": "pofx.data.texts.read",
    "read_gpt2": "pofx.models.gpt.checkpoint",
    "read_sounds": "pofx.data.sounds.read",
    "marron_wand": "pofx.data.marron_wand",
    "inverse_cdf": "pofx.models.inverse_cdf",
    "from_scipy": "pofx.neighbours.scipy_stats",
    "to_scipy": "pofx.neighbours.scipy_stats",
    "from_torch": "pofx.neighbours.torch_distributions",
    "to_torch": "pofx.neighbours.torch_distributions",
    "fit_censored": "pofx.models.parametric.censored",
    "compare": "pofx.evaluate.comparison",
    "divergence": "pofx.divergences.by_name",
    **dict.fromkeys(
        ("kl", "js", "total_variation", "hellinger", "chi2", "renyi", "alpha_divergence", "probabilities", "counts"),
        "pofx.divergences.information",
    ),
    **dict.fromkeys(("entropy", "cross_entropy"), "pofx.divergences.entropies"),
    **dict.fromkeys(
        (
            "wasserstein",
            "sliced_wasserstein",
            "sinkhorn",
            "transport_plan",
            "energy_distance",
            "mmd_squared",
            "classifier_test",
        ),
        "pofx.divergences.distances",
    ),
    "mutual_information": "pofx.divergences.dependence",
    "Watch": "pofx.divergences.two_sample.watch",
    "barycentre_line": "pofx.divergences.transport.barycentre",
    "barycentre_grid": "pofx.divergences.transport.barycentre",
    "Estimate": "pofx.divergences.estimate",
    "Data": "pofx.data.dataset",
    "Plan": "pofx.training.plan",
    "Warp": "pofx.core.warp",
    "Image": "pofx.spaces.image",
    "Text": "pofx.spaces.text",
    "Symbols": "pofx.spaces.symbols",
    "Waveform": "pofx.spaces.waveform",
    "Table": "pofx.spaces.table",
    "Real": "pofx.spaces.numeric",
    "Positive": "pofx.spaces.numeric",
    "Interval": "pofx.spaces.numeric",
    "Circle": "pofx.spaces.numeric",
    "Integer": "pofx.spaces.numeric",
    "Grid": "pofx.spaces.numeric",
    "Category": "pofx.spaces.symbolic",
    "Date": "pofx.spaces.symbolic",
    "Maybe": "pofx.spaces.symbolic",
    "Model": "pofx.core.contract",
    "Density": "pofx.core.contract",
    "BoundedDensity": "pofx.core.contract",
    "Sampler": "pofx.core.contract",
    "Estimator": "pofx.core.estimator",
    "register": "pofx.core.registry",
    "PofxError": "pofx.errors",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name == "__version__":
        from importlib.metadata import version

        return version("pofx")
    if name[:1].isupper():
        from pofx.core.registry import estimators

        for estimator in estimators().values():
            if estimator.__name__ == name:
                return estimator
    raise AttributeError(f"module 'pofx' has no attribute '{name}'")


def __dir__() -> list[str]:
    from pofx.core.registry import estimators

    return sorted([*_HOMES, *(each.__name__ for each in estimators().values()), "__version__"])
