"""What a model may be able to do beside sampling and scoring, in words that callers and errors share."""

from __future__ import annotations

Capability = str
CAPABILITIES: dict[Capability, str] = {
    "weights": "rows may have weights when fitting",
    "missing": "values may be missing",
    "bounds": "bounded columns are taken as they are",
    "periodic": "columns may wrap round a circle",
    "discrete": "counts and categories are taken as they are",
    "given": "conditions, log p(x | given)",
    "marginal": "the exact distribution of some columns",
    "condition": "the exact distribution given values of some columns",
    "cdf": "a closed form of the cumulative distribution in one dimension",
    "merge": "two fits of parts of the data make the fit of the whole",
    "streaming": "rows may come in batches",
    "left_out": "stores training rows, and scores each without itself",
    "parts": "log p of each value given those before it, in the model's order",
    "complete": "draws the rest of an outcome given its beginning",
}
