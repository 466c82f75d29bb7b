"""Under pytest the contract checks its callers' types: jaxtyping and beartype read the annotations of `pofx.core`."""

from __future__ import annotations

import random

from beartype._check.code import codemain
from jaxtyping import install_import_hook

# beartype looks at one item of a list, by chance: that must not move the global generator, which laws watch
codemain.getrandbits = random.Random(0).getrandbits
install_import_hook(["pofx.core", "pofx.nets"], "beartype.beartype")
