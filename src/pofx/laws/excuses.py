"""The only exceptions to the laws, each with its reason. Tests fail when one of them is no longer needed."""

from __future__ import annotations

EXCUSES: dict[tuple[str, str, str], str] = {
    ("gain", "gaussian", "groups"): "a normal law knows no labels: they are modelled apart from the numbers",
    ("gain", "student_t", "groups"): "a t law knows no labels: they are modelled apart from the numbers",
    ("gain", "independent", "correlated"): "it is itself the baseline",
    ("gain", "independent", "categories"): "it is itself the baseline",
    ("gain", "independent", "groups"): "it is itself the baseline",
    ("gain", "independent", "mixed"): "it is itself the baseline",
    ("gain", "independent", "symbols"): "it is itself the baseline",
    ("gain", "independent", "stream"): "it is itself the baseline",
    ("gain", "independent", "wave"): "it is itself the baseline",
    ("gain", "independent", "colours"): "it is itself the baseline",
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
"""(name of the law, name of the estimator, name of the case) to why the estimator cannot keep the law there."""

COSTLY: dict[str, tuple[str, ...]] = {
    "stacking": ("category", "groups", "few", "tiny"),
    "vae": ("correlated", "category", "mixed", "few", "pictures"),
    "autoencoder": ("correlated", "category", "mixed", "few", "pictures"),
    "made": ("correlated", "category", "mixed", "few"),
    "pixelcnn": ("pictures", "colours"),
    "pixelrnn": ("colours",),
    "gpt": ("symbols", "stream"),
    "ngram": ("symbols", "stream", "text"),
    "wavenet": ("wave",),
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
