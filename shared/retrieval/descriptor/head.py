"""From a network's feature maps to one descriptor: the steps in their order, and the whitening among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from shared.networks.hub_mixin import HubMixin
from shared.retrieval.descriptor.levels import CHANNELS, Maps
from shared.retrieval.descriptor.pooling import POOLINGS, combine_scales, gem, l2_normalise, power_normalise
from shared.retrieval.descriptor.whitening import Whitening


class DescriptorHead(
    nn.Module,
    HubMixin,
    pipeline_tag="image-feature-extraction",
    tags=["image-retrieval"],
):
    """Pools maps of several levels and sizes into one descriptor of length 1.

    At each level the vectors of all sizes are added up; the levels' sums, each of length 1, stand side by
    side; then the whitening, where there is one.

    Args:
        levels: Which levels, of `shared.retrieval.descriptor.levels.CHANNELS`.
        pooling: One of `shared.retrieval.descriptor.pooling.POOLINGS`.
        power: Of GeM; the other poolings have none.
        root: Exponent of the power normalisation after pooling; 1 for none.
        sizes: Longer sides in pixels at which the network sees a picture.
        dims: Length of the whitened descriptor; 0 for none of it.

    Attributes:
        length: What is pooled before the whitening, in numbers per picture.
        mean: `[length]`, see `Whitening`; until `whiten` is called or weights are loaded, the whitening
            keeps the first `dims` numbers as they are.
        projection: `[dims, length]`.

    Raises:
        ValueError: a level or the pooling is unknown, or there are no levels or sizes.
    """

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
            known = ", ".join(POOLINGS)
            raise ValueError(f"the pooling must be one of {known}, received {pooling!r}")
        if not sizes:
            raise ValueError("sizes must name at least one longer side in pixels")
        self.levels, self.sizes = tuple(levels), tuple(sizes)
        self.pooling, self.power, self.root = pooling, power, root
        self.length = sum(CHANNELS[level] for level in self.levels)
        self.register_buffer("mean", torch.zeros(self.length if dims else 0))
        self.register_buffer("projection", torch.eye(dims, self.length if dims else 0))

    @property
    def dims(self) -> int:
        """The descriptor's length."""
        return len(self.projection) or self.length

    def forward(self, maps: Mapping[int, Maps]) -> Tensor:
        """Descriptors `[B, dims]` of length 1, from the maps of each of `sizes`."""
        pooled = [
            combine_scales([self._pool(maps[size][level]) for size in self.sizes]) for level in self.levels
        ]
        x = l2_normalise(torch.cat(pooled, 1))
        if not len(self.projection):
            return x
        return l2_normalise((x - self.mean) @ self.projection.T)

    def whiten(self, whitening: Whitening) -> None:
        """Takes over a whitening that was learned on descriptors of this head without one.

        Raises:
            RuntimeError: It is of another size.
        """
        self.load_state_dict(
            {"mean": torch.from_numpy(whitening.mean), "projection": torch.from_numpy(whitening.projection)}
        )

    def _pool(self, x: Tensor) -> Tensor:
        x = gem(x, self.power) if self.pooling == "gem" else POOLINGS[self.pooling](x)
        return x if self.root == 1 else power_normalise(x, self.root)
