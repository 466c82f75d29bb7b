"""Under pytest the contract checks its callers' types: jaxtyping and beartype read the annotations of `pofx.core`."""

from __future__ import annotations

from jaxtyping import install_import_hook

install_import_hook(["pofx.core", "pofx.nets"], "beartype.beartype")
