"""Saliency maps of class scores: Grad-CAM, occlusion, and their place in an image."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from shared.core.images import Box

CELLS = 7  # patches per side: 49 passes of the network, about a second on two cores
BATCH = 16
# Part of a box's side over which heat fades out where the box ends inside of the image: a hard end would look
# like the end of an object.
FADE = 0.08


def grad_cam(maps: Sequence[Tensor], gradients: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
    """Compute the Grad-CAM map of a class over one or several branches.

    Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV
    2017, equations 1 and 2: `relu(sum_k alpha_k A_k)`, where `alpha_k` is the mean gradient of channel k.
    Branches are added before the ReLU, so that negative evidence of one branch counts against another. A cell
    of a branch with more cells covers less of the image, so each branch is multiplied by its number of cells.
    If, as in CFN, the maps are averaged and everything after them is linear, the mean over all positions
    before the ReLU is the logit without its bias.

    Args:
        maps: `[1, K, h, w]` of each branch; h and w may differ.
        gradients: Gradients of the class's logit by the maps, of the same shapes.
        size: Height and width of the result, to which all branches are upsampled.

    Returns:
        `[height, width]`, 0 and above.

    >>> branch_map = torch.tensor([[[[1.0, 0.0]], [[0.0, 3.0]]]])
    >>> gradient = torch.tensor([2.0, -1.0]).view(1, 2, 1, 1).expand(1, 2, 1, 2) / 2
    >>> grad_cam([branch_map], [gradient], (1, 2))
    tensor([[2., 0.]])
    """
    total = maps[0].new_zeros(1, 1, *size)
    for branch_map, gradient in zip(maps, gradients, strict=True):
        weighted = (branch_map * gradient.sum((-2, -1), keepdim=True)).sum(1, keepdim=True)
        total = total + F.interpolate(weighted, size, mode="bilinear", align_corners=False)
    return F.relu(total[0, 0])


def occlusion(
    score: Callable[[Tensor], Tensor], image: Tensor, *, cells: int = CELLS, batch_size: int = BATCH
) -> Tensor:
    """Measure the drop of a score when a patch of the image's mean color covers each part of it.

    Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.2. The
    patch is two cells wide and high; it is centered on each cell in turn and cropped at the border.

    Args:
        score: Maps a batch `[B, 3, H, W]` to scores `[B]`.
        image: `[3, H, W]`.
        cells: Patches per side.
        batch_size: Images per call of `score`.

    Returns:
        Drops `[cells, cells]`, 0 and above; drops of less than a thousandth of the score may be rounding
        errors and count as 0.
    """
    height, width = image.shape[-2:]
    mean_color = image.mean((-2, -1))[:, None, None]
    rows, columns = _patch_spans(height, cells), _patch_spans(width, cells)
    masks = torch.zeros(cells, cells, height, width, dtype=torch.bool, device=image.device)
    for i, (top, bottom) in enumerate(rows):
        for j, (left, right) in enumerate(columns):
            masks[i, j, top:bottom, left:right] = True
    reference = score(image[None])
    scores = [
        score(torch.where(mask[:, None], mean_color, image)) for mask in masks.flatten(0, 1).split(batch_size)
    ]
    drops = reference - torch.cat(scores)
    return drops.where(drops > reference.abs() / 1000, 0).view(cells, cells)


def place_in_image(saliency: Tensor, box: Box, size: tuple[int, int]) -> np.ndarray:
    """Upsample a saliency map to its box in an image and scale its maximum to 1.

    The values fade out over `FADE` of the box's side towards its edges that lie inside of the image.

    Args:
        saliency: `[h, w]`, 0 and above.
        box: Part of the image that the map covers; fractions of pixels are cut off.
        size: Width and height of the image.

    Returns:
        float32 `[height, width]`, 0..1, 0 outside of the box; all 0 if the map is.
    """
    left, top = int(box[0]), int(box[1])
    width, height = round(box[2] - box[0]), round(box[3] - box[1])
    saliency = saliency[None, None].float().cpu()
    part = F.interpolate(saliency, (height, width), mode="bilinear", align_corners=False)[0, 0].numpy()
    part = part * _fade(height, top > 0, top + height < size[1])[:, None]
    part = part * _fade(width, left > 0, left + width < size[0])
    heatmap = np.zeros(size[::-1], np.float32)
    heatmap[top : top + height, left : left + width] = part
    maximum = heatmap.max()
    if maximum > 0:
        heatmap /= maximum
    return heatmap


def _fade(length: int, at_start: bool, at_end: bool) -> np.ndarray:
    """Return factors 0..1, float32 `[length]`, that rise at the start and fall at the end if asked to."""
    distance = np.arange(length, dtype=np.float32) + 0.5
    ramp = np.clip(distance / max(1.0, FADE * length), 0, 1)
    ramp = ramp * ramp * (3 - 2 * ramp)  # a smooth step, without visible lines where it begins
    factors = np.ones(length, np.float32)
    if at_start:
        factors *= ramp
    if at_end:
        factors *= ramp[::-1]
    return factors


def _patch_spans(length: int, cells: int) -> list[tuple[int, int]]:
    """Return start and end of patches of two cells, one centered on each cell."""
    edges = [min(max(round(length * (k - 0.5) / cells), 0), length) for k in range(cells + 2)]
    return list(zip(edges, edges[2:], strict=False))
