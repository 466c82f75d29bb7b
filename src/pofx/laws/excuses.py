"""The only exceptions to the laws, each with its reason. Tests fail when one of them is no longer needed."""

from __future__ import annotations

ON_SCORES: dict[str, tuple[str, ...]] = {
    "finite": ("correlated", "category", "mixed", "few"),
    "mass": ("correlated", "category", "few"),
    "samples": ("correlated", "category", "mixed", "few"),
    "units": ("correlated", "mixed"),
    "columns": ("correlated",),
    "rows": ("correlated",),
    "batch": ("correlated", "category", "mixed", "few"),
    "weights": ("correlated",),
    "gradient": ("correlated", "few"),
}
"""Laws about exact scores, on the cases of `COSTLY` networks; models that have none keep the other laws."""

NO_SCORE = {
    "vae": "a VAE has a bound and no exact log p: tests/unit/test_vae.py has mass, samples and units of the bound",
    "autoencoder": "an autoencoder has no probability at all, and the law asks for log p",
}
"""(name of the estimator) to why it has no exact score."""

EXCUSES: dict[tuple[str, str, str], str] = {
    ("gain", "gaussian", "groups"): "a normal law knows no labels: they are modelled apart from the numbers",
    ("gain", "student_t", "groups"): "a t law knows no labels: they are modelled apart from the numbers",
    ("gain", "independent", "correlated"): "it is itself the baseline",
    ("gain", "independent", "categories"): "it is itself the baseline",
    ("gain", "independent", "groups"): "it is itself the baseline",
    ("gain", "independent", "mixed"): "it is itself the baseline",
    (
        "leftout",
        "kde",
        "maybe",
    ): "a row without a value lends the column's overall law, which is not refitted for each row",
    (
        "leftout",
        "kde",
        "mixed",
    ): "a row without a value lends the column's overall law, which is not refitted for each row",
}
EXCUSES |= {
    (law, who, case): why for who, why in NO_SCORE.items() for law, cases in ON_SCORES.items() for case in cases
}
"""(name of the law, name of the estimator, name of the case) to why the estimator cannot keep the law there."""

COSTLY: dict[str, tuple[str, ...]] = {
    "stacking": ("category", "groups", "few", "tiny"),
    "vae": ("correlated", "category", "mixed", "few"),
    "autoencoder": ("correlated", "category", "mixed", "few"),
}
"""Estimators that fit many others, or train networks, which are tried on these cases only; parts are tried on all."""

REFUSED: dict[tuple[str, str], str] = {
    ("stacking", "few"): "the parts' weights are found on rows held out, and five rows cannot be split",
    ("stacking", "tiny"): "the parts' weights are found on rows held out, and five rows cannot be split",
    ("gaussian", "category"): "labels alone have no covariance: the error sends the user to 'independent'",
    ("gaussian", "categories"): "labels alone have no covariance: the error sends the user to 'independent'",
    ("student_t", "category"): "labels alone have no covariance: the error sends the user to 'independent'",
    ("student_t", "categories"): "labels alone have no covariance: the error sends the user to 'independent'",
    ("flow", "circle"): "there is no real column to map: the error sends the user to 'mixture'",
    ("flow", "counts"): "there is no real column to map: the error sends the user to 'mixture'",
    ("flow", "category"): "there is no real column to map: the error sends the user to 'mixture'",
    ("flow", "categories"): "there is no real column to map: the error sends the user to 'mixture'",
    ("flow", "grid"): "there is no real column to map: the error sends the user to 'mixture'",
}
"""(name of the estimator, name of the case) to why it raises `FitError` there although it accepts each column."""
