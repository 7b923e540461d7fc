"""Head of the descriptor: pooling of feature maps over levels and sizes, and whitening."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.hub_mixin import HubMixin
from shared.retrieval.descriptor.backbones import CHANNELS, Maps
from shared.retrieval.descriptor.pooling import POOLINGS, combine_scales, gem, power_normalize
from shared.retrieval.descriptor.whitening import Whitening


class DescriptorHead(
    nn.Module,
    HubMixin,
    pipeline_tag="image-feature-extraction",
    tags=["image-retrieval"],
):
    """Pooling of maps of several levels and sizes into one unit-length descriptor.

    At each level the pooled vectors of all sizes are summed; the unit-length sums of the levels are
    concatenated, and whitened where a whitening has been learned.

    Args:
        levels: Levels, keys of `shared.retrieval.descriptor.backbones.CHANNELS`.
        pooling: One of `shared.retrieval.descriptor.pooling.POOLINGS`.
        power: Power of GeM; the other poolings have none.
        root: Exponent of the power normalisation after pooling; 1 for none.
        sizes: Longer sides in pixels at which the network sees an image.
        dims: Length of the whitened descriptor; 0 for no whitening.

    Attributes:
        length: Length of the concatenated vector before the whitening.
        mean: `[length]`, see `Whitening`. Until `whiten` is called or weights are loaded, the whitening keeps
            the first `dims` numbers unchanged.
        projection: `[dims, length]`.

    Raises:
        ValueError: A level or the pooling is unknown, or there are no levels or sizes.
    """

    mean: Tensor
    projection: Tensor

    def __init__(
        self,
        levels: Sequence[str] = ("mid", "high"),
        pooling: str = "gem",
        power: float = 3.0,
        root: float = 1.0,
        sizes: Sequence[int] = (320,),
        dims: int = 0,
    ) -> None:
        super().__init__()
        if not levels or not set(levels) <= set(CHANNELS):
            raise ValueError(f"levels must be some of {', '.join(CHANNELS)}, received {list(levels)}")
        if pooling not in POOLINGS:
            raise ValueError(f"the pooling must be one of {', '.join(POOLINGS)}, received {pooling!r}")
        if not sizes:
            raise ValueError("sizes must name at least one longer side in pixels")
        self.levels, self.sizes = tuple(levels), tuple(sizes)
        self.pooling, self.power, self.root = pooling, power, root
        self.length = sum(CHANNELS[level] for level in self.levels)
        self.register_buffer("mean", torch.zeros(self.length if dims else 0))
        self.register_buffer("projection", torch.eye(dims, self.length if dims else 0))

    @property
    def dims(self) -> int:
        """Length of the descriptor."""
        return len(self.projection) or self.length

    def forward(self, maps: Mapping[int, Maps]) -> Tensor:
        """Compute unit-length descriptors `[B, dims]` from the maps of each of `sizes`."""
        pooled = [
            combine_scales([self._pool(maps[size][level]) for size in self.sizes]) for level in self.levels
        ]
        return self.project(F.normalize(torch.cat(pooled, 1), dim=-1))

    def project(self, x: Tensor) -> Tensor:
        """Whiten unit-length vectors `[N, length]` to `[N, dims]`; without whitening they stay unchanged."""
        if not len(self.projection):
            return x
        return F.normalize((x - self.mean) @ self.projection.T, dim=-1)

    def whiten(self, whitening: Whitening) -> None:
        """Adopt a whitening that was learned on descriptors of the same head without one.

        Raises:
            RuntimeError: It has another size.
        """
        self.load_state_dict(
            {"mean": torch.from_numpy(whitening.mean), "projection": torch.from_numpy(whitening.projection)}
        )

    def whitening(self) -> Whitening | None:
        """Return the whitening; None without one."""
        if not len(self.projection):
            return None
        return Whitening(self.mean.cpu().numpy(), self.projection.cpu().numpy())

    def _pool(self, x: Tensor) -> Tensor:
        x = gem(x, self.power) if self.pooling == "gem" else POOLINGS[self.pooling](x)
        return x if self.root == 1 else power_normalize(x, self.root)
