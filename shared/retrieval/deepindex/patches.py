"""Bag of deep features: one vector for each of a picture's patches, all from one pass of the network.

Liu, Guo, Wu and Lew, "DeepIndex for accurate and efficient image retrieval", ICMR 2015, describe a picture by
patches at three levels. There every patch goes through the network by itself; here the patches are cut out of
the feature map, by one product of matrices, so that their number costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

#: Patches along each side, level by level: 1 + 4 + 9.
LEVELS = (1, 2, 3)
EPSILON = 1e-6


@dataclass(frozen=True, eq=False)
class Bag:
    """A picture as the index takes it.

    Attributes:
        boxes: float32 `[P, 4]`, left, top, right and bottom of each patch as shares of the picture's sides.
        features: by level, float32 `[P, K]`: what the network says of each patch, none below 0.
        whole: float32 `[sum of all K]`: the whole picture at all levels, each brought to length 1.
    """

    boxes: np.ndarray
    features: Mapping[str, np.ndarray]
    whole: np.ndarray


def grid(levels: Sequence[int] = LEVELS, overlap: float = 0.5) -> np.ndarray:
    """Patches that cover the picture once at each level.

    Args:
        levels: how many patches stand along each side.
        overlap: share of its side that a patch has in common with the next, from 0 to less than 1.

    Returns:
        float32 `[P, 4]`, left, top, right and bottom as shares of the picture's sides; level by level, and
        within a level row by row.

    Raises:
        ValueError: no level, a level below 1, or an overlap out of range.

    >>> grid([2], overlap=0.0).tolist()[1]
    [0.5, 0.0, 1.0, 0.5]
    """
    if not levels or min(levels) < 1:
        raise ValueError(f"levels must be whole numbers of at least 1, received {list(levels)}")
    if not 0 <= overlap < 1:
        raise ValueError(f"the overlap must be at least 0 and below 1, received {overlap!r}")
    boxes = []
    for count in levels:
        side = 1 / (count - (count - 1) * overlap)
        starts = np.linspace(0, 1 - side, count)
        boxes += [(left, top, left + side, top + side) for top in starts for left in starts]
    return np.array(boxes, np.float32)


def coverage(starts: Tensor, ends: Tensor, cells: int) -> Tensor:
    """How much of each cell along an axis lies between two places: `[P, cells]`, in cells.

    >>> coverage(torch.tensor([0.5]), torch.tensor([2.0]), 3).tolist()
    [[0.5, 1.0, 0.0]]
    """
    at = torch.arange(cells, device=starts.device)
    return (torch.minimum(ends[:, None], at + 1) - torch.maximum(starts[:, None], at)).clamp(min=0)


def pool_patches(x: Tensor, boxes: np.ndarray | Tensor, power: float = 1.0) -> Tensor:
    """Generalised means of a map over patches: the mean at power 1, nearer to the maximum the higher.

    A cell that a patch covers in part counts in part, so that a patch may lie anywhere.

    Args:
        x: `[..., K, h, w]`; values below 0 count as 0.
        boxes: `[P, 4]`, see `grid`; each inside the picture and with some area.
        power: of the mean, see `shared.retrieval.descriptor.pooling.gem`.

    Returns:
        float32 `[..., P, K]`.

    Raises:
        ValueError: a box has no area or reaches beyond the picture.

    >>> x = torch.tensor([[[1.0, 2.5]]])
    >>> pool_patches(x, np.array([[0, 0, 1, 1], [0.25, 0, 1, 1]])).tolist()
    [[1.75], [2.0]]
    """
    boxes = torch.as_tensor(boxes, dtype=torch.float64, device=x.device).reshape(-1, 4)
    left, top, right, bottom = boxes.unbind(1)
    slack = 1e-5  # float32 boxes that end at 1 may exceed it by as much
    good = (right > left) & (bottom > top) & (boxes > -slack).all(1) & (boxes < 1 + slack).all(1)
    if not good.all():
        raise ValueError(f"boxes must lie in 0..1 and have area, received {boxes[~good][0].tolist()}")
    height, width = x.shape[-2:]
    rows, columns = (
        coverage(top * height, bottom * height, height),
        coverage(left * width, right * width, width),
    )
    shares = (rows[:, :, None] * columns[:, None]).flatten(1)
    shares = (shares / shares.sum(1, keepdim=True)).float()
    cells = (x.float().clamp(min=EPSILON) ** power if power != 1 else x.float().clamp(min=0)).flatten(-2)
    means = shares @ cells.transpose(-1, -2)
    return means if power == 1 else means ** (1 / power)


def bag(maps: Mapping[str, np.ndarray | Tensor], boxes: np.ndarray | None = None, power: float = 3.0) -> Bag:
    """The bag of features of one picture.

    Args:
        maps: `[K, h, w]` by level, such as `shared.retrieval.descriptor.extractor.Extractor.maps` gives.
        boxes: the patches; by default those of `grid`.
        power: see `pool_patches`.
    """
    boxes = grid() if boxes is None else np.asarray(boxes, np.float32)
    every = np.concatenate([[[0, 0, 1, 1]], boxes])
    pooled = {level: pool_patches(torch.as_tensor(x), every, power) for level, x in maps.items()}
    whole = torch.cat([F.normalize(x[0], dim=0) for x in pooled.values()])
    return Bag(boxes, {level: x[1:].numpy() for level, x in pooled.items()}, whole.numpy())


def in_pixels(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Boxes `[..., 4]` as shares of the picture's sides, in pixels of a picture of that width and height.

    >>> in_pixels(np.array([0.25, 0.0, 1.0, 0.5]), (200, 100)).tolist()
    [50.0, 0.0, 200.0, 50.0]
    """
    return np.asarray(boxes) * np.array([*size, *size])
