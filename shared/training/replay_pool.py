"""Pool of generated images of earlier steps, for discriminators."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class ReplayPool:
    """Generated images of earlier steps, which keep discriminators from forgetting.

    Shrivastava et al., "Learning from Simulated and Unsupervised Images through Adversarial Training", CVPR
    2017. Half of the images that `exchange` returns are those of the pool.

    Args:
        size: Largest number of batches in the pool; 0 returns all images as they come.
    """

    size: int
    batches: list[Tensor] = field(default_factory=list)

    def exchange(self, fakes: Tensor, seed: int) -> Tensor:
        """Store generated images and return either them or stored ones of the same shape.

        Args:
            fakes: `[B, C, H, W]` without gradient.
            seed: Seed of the choice.
        """
        if self.batches and self.batches[0].shape != fakes.shape:
            self.batches.clear()  # crops have another size now
        if len(self.batches) < self.size:
            self.batches.append(fakes)
            return fakes
        generator = torch.Generator().manual_seed(seed)
        if not self.size or torch.rand((), generator=generator) < 0.5:
            return fakes
        index = int(torch.randint(self.size, (), generator=generator))
        stored, self.batches[index] = self.batches[index], fakes
        return stored
