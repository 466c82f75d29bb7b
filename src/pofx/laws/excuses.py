"""The only exceptions to the laws, each with its reason. A test fails when an excuse is no longer needed."""

from __future__ import annotations

EXCUSES: dict[tuple[str, str], str] = {}
"""(name of the law, name of the estimator) to why that estimator cannot keep it."""
