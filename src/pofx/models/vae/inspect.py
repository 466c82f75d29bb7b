"""Both terms of the bound and the use of latent numbers, for a fitted model as the user has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pofx.core.contract import Model
from pofx.errors import LikelihoodError
from pofx.models.autoencoder.codes import Codes
from pofx.models.vae.model import USED, VAEModel


@dataclass(frozen=True, eq=False)
class Terms:
    """Of each row, nats in the user's units, float64 `[n]`; `reconstruction - prior` is the bound with one draw."""

    reconstruction: np.ndarray
    """log p(x | z), z drawn once from the posterior."""
    prior: np.ndarray
    """KL(q(z | x) || p(z))."""

    @property
    def bound(self) -> np.ndarray:
        """The evidence lower bound."""
        bound: np.ndarray = self.reconstruction - self.prior
        return bound


def terms(model: Model, values: Any, *, seed: int) -> Terms:
    """Reconstruction and prior term apart."""
    codes = Codes(model)
    x, volume = codes.read(values)
    reconstruction, prior = _vae(codes).terms(x, seed)
    return Terms((reconstruction + volume).cpu().numpy(), prior.cpu().numpy())


def units_used(model: Model, values: Any, *, seed: int = 0) -> np.ndarray:
    """Mean KL of each latent number over the rows, nats."""
    codes = Codes(model)
    return _vae(codes).units_used(codes.read(values)[0], seed).cpu().numpy()


def use_in_words(model: Model, values: Any) -> str:
    """One line on posterior collapse: how many latent numbers carry anything."""
    use = units_used(model, values)
    dead = int((use < USED).sum())
    return f"{len(use) - dead} of {len(use)} latent numbers in use, {dead} carry nothing (KL under {USED} nats)"


def _vae(codes: Codes) -> VAEModel:
    if not isinstance(codes.inner, VAEModel):
        raise LikelihoodError(
            "only a VAE has these terms", got=type(codes.inner).__name__, remedy="fit the model 'vae'"
        )
    return codes.inner
