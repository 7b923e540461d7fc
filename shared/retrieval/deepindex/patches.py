"""Bag of deep features: one vector per patch of an image, from one pass of the network.

Liu, Guo, Wu and Lew, "DeepIndex for accurate and efficient image retrieval", ICMR 2015, describe an image by
patches at three levels, each of which passes through the network. Here patches are pooled from the feature
map by one matrix product, so that their number costs next to nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

#: Patches along each side, level by level: 1 + 4 + 9.
GRID = (1, 2, 3)
WHOLE_IMAGE = np.array([[0, 0, 1, 1]], np.float32)
EPSILON = 1e-6


@dataclass(frozen=True, eq=False)
class Bag:
    """Bag of deep features of an image.

    Attributes:
        boxes: Patches as left, top, right, bottom in fractions of the image's sides, float32 `[P, 4]`.
        features: Non-negative features of the patches by level of the network, float32 `[P, K]`.
        whole: Features of the whole image at all levels, each of unit length, float32 `[sum of all K]`.
    """

    boxes: np.ndarray
    features: Mapping[str, np.ndarray]
    whole: np.ndarray


@dataclass(frozen=True, eq=False)
class PatchHead:
    """Head that pools the patches of one level: `[B, P, K]`.

    Attributes:
        level: Level of the feature maps.
        boxes: Patches, see `Bag`.
        power: Power of the generalised mean, see `pool_patches`.
        size: Longer side in pixels at which the network sees the image.
    """

    level: str
    boxes: np.ndarray
    power: float
    size: int

    @property
    def levels(self) -> tuple[str, ...]:
        """Levels of the maps that it needs."""
        return (self.level,)

    def __call__(self, maps: Mapping[int, Mapping[str, Tensor]]) -> Tensor:
        return pool_patches(maps[self.size][self.level].float(), self.boxes, self.power)


@dataclass(frozen=True, eq=False)
class WholeImageHead:
    """Head that pools the whole image at several levels: unit-length vectors, concatenated, `[B, sum of K]`.

    Attributes:
        levels: Levels of the feature maps.
        power: Power of the generalised mean, see `pool_patches`.
        size: Longer side in pixels at which the network sees the image.
    """

    levels: tuple[str, ...]
    power: float
    size: int

    def __call__(self, maps: Mapping[int, Mapping[str, Tensor]]) -> Tensor:
        pooled = (
            pool_patches(maps[self.size][level].float(), WHOLE_IMAGE, self.power)[:, 0]
            for level in self.levels
        )
        return torch.cat([F.normalize(vectors, dim=1) for vectors in pooled], 1)


def patch_grid(levels: Sequence[int] = GRID, overlap: float = 0.5) -> np.ndarray:
    """Return patches that cover the image once at each level.

    Args:
        levels: Number of patches along each side, level by level.
        overlap: Fraction of its side that a patch shares with the next, at least 0 and below 1.

    Returns:
        float32 `[P, 4]`, left, top, right and bottom in fractions of the image's sides; level by level, and
        within a level row by row.

    Raises:
        ValueError: There is no level, a level is below 1, or the overlap is out of range.

    >>> patch_grid([2], overlap=0.0).tolist()[1]
    [0.5, 0.0, 1.0, 0.5]
    """
    if not levels or min(levels) < 1:
        raise ValueError(f"levels must be whole numbers of at least 1, received {list(levels)}")
    if not 0 <= overlap < 1:
        raise ValueError(f"the overlap must be at least 0 and below 1, received {overlap!r}")
    boxes: list[tuple[float, float, float, float]] = []
    for count in levels:
        side = 1 / (count - (count - 1) * overlap)
        starts = np.linspace(0, 1 - side, count).tolist()
        boxes += [(left, top, left + side, top + side) for top in starts for left in starts]
    return np.array(boxes, np.float32)


def pool_patches(x: Tensor, boxes: np.ndarray | Tensor, power: float = 1.0) -> Tensor:
    """Pool a feature map over patches by the generalised mean.

    A cell that a patch covers in part counts in part, so that a patch may lie anywhere.

    Args:
        x: Maps `[..., K, h, w]`; negative values count as 0.
        boxes: Patches `[P, 4]` inside the image and of positive area, see `Bag`.
        power: Power of the mean: the mean at 1, the maximum as the power grows; see
            `shared.retrieval.descriptor.pooling.gem`.

    Returns:
        float32 `[..., P, K]`.

    Raises:
        ValueError: A box has no area or exceeds the image.

    >>> x = torch.tensor([[[1.0, 2.5]]])
    >>> pool_patches(x, np.array([[0, 0, 1, 1], [0.25, 0, 1, 1]])).tolist()
    [[1.75], [2.0]]
    """
    boxes = np.asarray(torch.as_tensor(boxes).cpu(), np.float64).reshape(-1, 4)
    weights = _cell_weights(boxes.tobytes(), (x.shape[-2], x.shape[-1])).to(x.device)
    cells = (x.float().clamp(min=EPSILON) ** power if power != 1 else x.float().clamp(min=0)).flatten(-2)
    means = weights @ cells.transpose(-1, -2)
    return means if power == 1 else means ** (1 / power)


def compute_bag(
    maps: Mapping[str, np.ndarray | Tensor], boxes: np.ndarray | None = None, power: float = 3.0
) -> Bag:
    """Compute the bag of features of an image.

    Args:
        maps: Feature maps `[K, h, w]` by level, see
            `shared.retrieval.descriptor.extractor.Extractor.maps`.
        boxes: Patches; by default those of `patch_grid`.
        power: Power of the generalised mean, see `pool_patches`.
    """
    boxes = patch_grid() if boxes is None else np.asarray(boxes, np.float32)
    with_whole = np.concatenate([WHOLE_IMAGE, boxes])
    pooled = {level: pool_patches(torch.as_tensor(x), with_whole, power) for level, x in maps.items()}
    whole = torch.cat([F.normalize(x[0], dim=0) for x in pooled.values()])
    return Bag(boxes, {level: x[1:].numpy() for level, x in pooled.items()}, whole.numpy())


@functools.lru_cache(maxsize=32)
@torch.inference_mode(False)  # the weights must also serve calls with gradients
def _cell_weights(boxes: bytes, size: tuple[int, int]) -> Tensor:
    """Return the weight of each cell of a map of `size` (height, width) in each patch, `[P, h * w]` of sum 1.

    Args:
        boxes: float64 `[P, 4]`, see `pool_patches`.
        size: See above.
    """
    corners = torch.tensor(np.frombuffer(boxes).reshape(-1, 4))
    left, top, right, bottom = corners.unbind(1)
    tolerance = 1e-5  # float32 boxes that end at 1 may exceed it by as much
    inside = (corners > -tolerance).all(1) & (corners < 1 + tolerance).all(1)
    valid = (right > left) & (bottom > top) & inside
    if not valid.all():
        raise ValueError(f"boxes must lie in 0..1 and have area, received {corners[~valid][0].tolist()}")
    height, width = size
    rows = _coverage(top * height, bottom * height, height)
    columns = _coverage(left * width, right * width, width)
    weights = (rows[:, :, None] * columns[:, None]).flatten(1)
    return (weights / weights.sum(1, keepdim=True)).float()


def _coverage(starts: Tensor, ends: Tensor, cells: int) -> Tensor:
    """Return the covered part of each cell along an axis, 0..1, `[P, cells]`."""
    position = torch.arange(cells, device=starts.device)
    return (torch.minimum(ends[:, None], position + 1) - torch.maximum(starts[:, None], position)).clamp(
        min=0
    )
