"""Image encoder of a joint space: the whole image and its regions, one vector each.

The feature map of a backbone is averaged over the whole image and over the cells of a grid. All averages pass
the same layers, so the regions of an image can be compared with a text as the image itself can.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.backbones.table import new_backbone
from shared.networks.cfn import CFN
from shared.networks.layers import global_average_pool

#: Factor of the concept channel, whose elements are far smaller than those of the features without it.
CONCEPT_SCALE = 30.0


def pool_grid(maps: Tensor, cells: int = 3) -> Tensor:
    """Average a map over the whole image and over the cells of a grid.

    Args:
        maps: `[B, K, h, w]`.
        cells: Cells per side of the grid; if a side has fewer positions, cells repeat them.

    Returns:
        `[B, 1 + cells * cells, K]`: the whole image, then the cells row by row.

    >>> pool_grid(torch.tensor([[[[1.0, 2.0], [3.0, 6.0]]]]), cells=2)[0, :, 0].tolist()
    [3.0, 1.0, 2.0, 3.0, 6.0]
    """
    whole = global_average_pool(maps)[:, None]
    return torch.cat([whole, F.adaptive_avg_pool2d(maps, cells).flatten(2).transpose(1, 2)], 1)


def pool_windows(maps: Tensor, window: int = 3) -> Tensor:
    """Average a map over a window around each position, cut off at the border.

    Args:
        maps: `[B, K, h, w]`.
        window: Positions per side of a window, an odd number. Three are as large as the cells of `pool_grid`
            on the 7 x 7 positions of an image of 224 pixels, but overlap.

    Returns:
        `[B, h * w, K]`, row by row.

    >>> pool_windows(torch.tensor([[[[1.0, 2.0, 6.0]]]]))[0, :, 0].tolist()
    [1.5, 3.0, 4.0]
    """
    averages = F.avg_pool2d(maps, window, 1, window // 2, count_include_pad=False)
    return averages.flatten(2).mT


def similarity_map(regions: Tensor, text: Tensor) -> Tensor:
    """Compute the cosine of each region of an image with a text.

    Args:
        regions: `[R, D]` of a square grid, row by row, of length 1.
        text: `[D]` of length 1.

    Returns:
        `[cells, cells]` in -1..1.

    Raises:
        ValueError: The number of regions is not a square.

    >>> similarity_map(torch.eye(4), torch.tensor([0.0, 1.0, 0.0, 0.0])).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    cells = round(len(regions) ** 0.5)
    if cells * cells != len(regions):
        raise ValueError(f"expected the regions of a square grid, got {len(regions)}")
    return (regions @ text).view(cells, cells)


class RegionBackbone(nn.Module):
    """Backbone with its last layer of 1280 channels, pooled on a grid.

    Args:
        cells: Cells per side of the grid.
        backbone: One of `shared.networks.backbones.table.BACKBONES`.
        classes: Classes of a classifier whose probabilities follow the features, see `rows`; 0 for none.

    Shape:
        Input `[B, 3, H, W]`, RGB in 0..1; output rows `[B, 1 + cells^2, 1280 + classes]`, see `pool_grid`.

    Raises:
        ValueError: The backbone is unknown.
    """

    CHANNELS = CFN.FEATURE_CHANNELS

    def __init__(self, cells: int = 3, backbone: str = "mobilenet_v2", classes: int = 0) -> None:
        super().__init__()
        self.base = new_backbone(backbone)
        self.head = nn.Conv2d(self.base.widths[-1], self.CHANNELS, 1)
        self.classifier = nn.Linear(self.CHANNELS, classes) if classes else None
        self.channels = self.CHANNELS + classes
        self.cells = cells

    def forward(self, x: Tensor) -> Tensor:
        return self.rows(pool_grid(self.feature_map(x), self.cells))

    def rows(self, averages: Tensor) -> Tensor:
        """Append the concept channel: what the classifier takes each region for.

        Probabilities of classes bring the knowledge of names to regions (as in Norouzi et al., "Zero-Shot
        Learning by Convex Combination of Semantic Embeddings", ICLR 2014). Their square roots have length 1
        and tell small ones apart.

        Args:
            averages: `[..., 1280]`, averages of the feature map.

        Returns:
            `[..., 1280 + classes]`.
        """
        if self.classifier is None:
            return averages
        return torch.cat([averages, self.classifier(averages).softmax(-1).sqrt() * CONCEPT_SCALE], -1)

    def feature_map(self, x: Tensor) -> Tensor:
        """Compute the map before pooling.

        Args:
            x: `[B, 3, H, W]`, RGB in 0..1.

        Returns:
            `[B, 1280, ceil(H / 32), ceil(W / 32)]` in 0..6.
        """
        return F.relu6(self.head(self.base(x * 2 - 1)[-1]))

    def load_cfn(self, network: CFN) -> RegionBackbone:
        """Copy the weights of a CFN's main branch and return the backbone itself."""
        self.base.load_state_dict(network.base.state_dict())
        self.head.load_state_dict(network.head.state_dict())
        if self.classifier is not None:
            self.classifier.load_state_dict(network.classifier.state_dict())
        return self

    def freeze(self, blocks: int) -> RegionBackbone:
        """Exclude the stem and the first blocks from training and return the backbone itself.

        Their features, edges and textures, are common to all images, and their large maps take most of the
        time of a training step.

        Args:
            blocks: Number of blocks to freeze.
        """
        for module in (self.base.stem, *self.base.blocks[:blocks]):
            module.requires_grad_(False)
        return self


class RegionEmbedding(nn.Module):
    """Embedding of an image from the rows of the whole and of its regions.

    An image is the whole plus the attention-weighted mean of its regions (a softmax over a learned score, as
    in Lee et al., "Stacked Cross Attention", ECCV 2018, but without a sentence).

    Args:
        channels: K, of the rows.
        features: D, width of the result.
        dropout: Dropout rate of the rows.

    Shape:
        Input `[B, 1 + R, K]` from `pool_grid`; output `[B, D]`.
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
        """Compute the weight of each region, `[B, R]` of sum 1, from `[B, R, D]`."""
        return self.score(torch.tanh(regions))[..., 0].softmax(1)

    def embed_regions(self, rows: Tensor) -> Tensor:
        """Embed each region as an image of its own.

        Args:
            rows: `[B, R, K]`.

        Returns:
            `[B, R, D]`.
        """
        # For an image of one region, the whole and the attended region are equal.
        return 2 * self.layers(rows)
