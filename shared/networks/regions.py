"""Pictures for a joint space with words: a whole picture and its regions, each a vector.

The maps of a network are averaged over the whole picture and over the cells of a grid. All go through the
same layers, so that a word that is near the picture can be shown where in the picture it is near.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.backbones.efficientnet_lite import EfficientNetLiteBackbone
from shared.networks.backbones.mobilenet_v2 import MobileNetV2Backbone
from shared.networks.cfn import CFN

#: What a `RegionBackbone` may be made of.
BACKBONES = {"mobilenet_v2": MobileNetV2Backbone, "efficientnet_lite0": EfficientNetLiteBackbone}


def pool_grid(maps: Tensor, cells: int = 3) -> Tensor:
    """Averages of a map over the whole and over the cells of a grid.

    Args:
        maps: `[B, K, h, w]`.
        cells: along each side of the grid; where a side has fewer positions, cells repeat them.

    Returns:
        `[B, 1 + cells * cells, K]`: the whole, then the cells row by row.

    >>> pool_grid(torch.tensor([[[[1.0, 2.0], [3.0, 6.0]]]]), cells=2)[0, :, 0].tolist()
    [3.0, 1.0, 2.0, 3.0, 6.0]
    """
    whole = maps.mean((-2, -1))[:, None]
    return torch.cat([whole, F.adaptive_avg_pool2d(maps, cells).flatten(2).mT], 1)


def pool_windows(maps: Tensor, window: int = 3) -> Tensor:
    """Averages of a map around each of its positions; windows end where the map does.

    Args:
        maps: `[B, K, h, w]`.
        window: positions along each side of a window, an odd number. Three are as large as the cells of
            `pool_grid` on the 7 x 7 positions of a picture of 224 pixels, but lie closer.

    Returns:
        `[B, h * w, K]`, row by row.

    >>> pool_windows(torch.tensor([[[[1.0, 2.0, 6.0]]]]))[0, :, 0].tolist()
    [1.5, 3.0, 4.0]
    """
    around = F.avg_pool2d(maps, window, 1, window // 2, count_include_pad=False)
    return around.flatten(2).mT


class RegionBackbone(nn.Module):
    """A small network with its last layer of 1280 channels, read on a grid.

    Args:
        cells: along each side of the grid.
        backbone: one of `BACKBONES`; MobileNetV2 is what the recognition network has.

    Shape:
        input `[B, 3, H, W]`, RGB in 0..1; output rows `[B, 1 + cells^2, 1280]`, see `pool_grid`.

    Raises:
        ValueError: there is no such backbone.
    """

    CHANNELS = CFN.FEATURE_CHANNELS

    def __init__(self, cells: int = 3, backbone: str = "mobilenet_v2") -> None:
        super().__init__()
        if backbone not in BACKBONES:
            raise ValueError(f"the backbone must be one of {', '.join(BACKBONES)}, got {backbone!r}")
        self.base = BACKBONES[backbone]()
        self.head = nn.Conv2d(self.base.widths[-1], self.CHANNELS, 1)
        self.cells = cells

    def forward(self, x: Tensor) -> Tensor:
        return pool_grid(self.feature_map(x), self.cells)

    def feature_map(self, x: Tensor) -> Tensor:
        """What the rows are averages of, `[B, 1280, ceil(H / 32), ceil(W / 32)]`."""
        return F.relu6(self.head(self.base(x * 2 - 1)[-1]))

    def load_cfn(self, network: CFN) -> RegionBackbone:
        """Takes the weights of the recognition network's main branch; gives itself."""
        self.base.load_state_dict(network.base.state_dict())
        self.head.load_state_dict(network.head.state_dict())
        return self

    def freeze(self, blocks: int) -> RegionBackbone:
        """Keeps the stem and the first blocks from learning; gives itself.

        What they see, edges and textures, is common to all pictures, and their large maps are what training
        spends most of its time on.
        """
        for part in (self.base.stem, *self.base.blocks[:blocks]):
            part.requires_grad_(False)
        return self


class RegionEmbedding(nn.Module):
    """One vector for a picture, from the vectors of its whole and its regions.

    A picture is its whole plus the mean of its regions, weighted by how much each has to say (a softmax over
    a learned score, as in Lee et al., "Stacked Cross Attention", ECCV 2018, but without a sentence).

    Args:
        channels: K, of the maps.
        features: of the result.

    Shape:
        input `[B, 1 + R, K]` from `pool_grid`; output `[B, features]`. `embed_regions` makes `[B, R, features]` of
        rows `[B, R, K]`: each region as if it were a picture of its own.
    """

    def __init__(self, channels: int = 1280, features: int = 512, *, dropout: float = 0.1) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LayerNorm(channels), nn.Dropout(dropout), nn.Linear(channels, features)
        )
        self.score = nn.Linear(features, 1)
        nn.init.zeros_(self.score.weight)

    def forward(self, rows: Tensor) -> Tensor:
        x = self.layers(rows)
        whole, regions = x[:, 0], x[:, 1:]
        return whole + (self.attention(regions)[..., None] * regions).sum(1)

    def attention(self, regions: Tensor) -> Tensor:
        """The weight of each region, `[B, R]`, of sum 1; `regions` from the first layers."""
        return self.score(torch.tanh(regions))[..., 0].softmax(1)

    def embed_regions(self, rows: Tensor) -> Tensor:
        # Whole and attended region are the same thing where the picture is one region.
        return 2 * self.layers(rows)


def similarity_map(regions: Tensor, text: Tensor) -> Tensor:
    """How near each region of a picture is to a text, by the scores of their joint space.

    Args:
        regions: `[R, D]` of a square grid, row by row, of length 1.
        text: `[D]` of length 1.

    Returns:
        Cosines `[cells, cells]`.

    Raises:
        ValueError: the regions are no square grid.

    >>> similarity_map(torch.eye(4), torch.tensor([0.0, 1.0, 0.0, 0.0])).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    cells = round(len(regions) ** 0.5)
    if cells * cells != len(regions):
        raise ValueError(f"expected the regions of a square grid, got {len(regions)}")
    return (regions @ text).view(cells, cells)
