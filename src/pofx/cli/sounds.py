"""The options by which verbs that read sounds bring them to one form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pofx.data.sounds.form import SoundForm


@dataclass(frozen=True)
class SoundOptions:
    """How recordings of different kinds are brought to one form."""

    rate: int | None = None
    """Sounds: resample all to so many samples a second; probabilities are then of the resampled wave."""
    mono: bool = False
    """Sounds: mix the channels into one."""
    skip_broken: bool = False
    """Sounds: leave out files that cannot be read or are empty, and count them."""

    def form(self) -> SoundForm:
        """As the reader takes it."""
        from pofx.data.sounds.form import SoundForm

        return SoundForm(self.rate, self.mono, self.skip_broken)
