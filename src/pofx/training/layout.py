"""Where the numbers of a network's tensors lie: whole in each process, or a part of each in each."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


class Layout:
    """Every process holds every tensor whole."""

    def here(self, tensor: Tensor) -> Tensor:
        """What this process holds of a tensor of the network, sharing its memory."""
        return tensor.detach()

    def gather(self, part: Tensor, of: Tensor) -> Tensor:
        """The whole tensor, of which each process has a part that lies as `of` does."""
        return part

    def spread(self, whole: Tensor, of: Tensor) -> Tensor:
        """A tensor with these numbers that lies as `of` does."""
        return whole

    def norm(self, gradients: Sequence[Tensor]) -> float:
        """The length of all of them as one."""
        total = nn.utils.get_total_norm(gradients)
        return float(self.gather(self.here(total), total))
