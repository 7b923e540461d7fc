"""Evidence behind the score of two images, for each way to compare them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from shared.core.images import Box, shrink
from shared.retrieval.deepindex.hits import PatchMatch
from shared.retrieval.deepindex.patches import patch_grid, pool_patches
from shared.retrieval.descriptor.extractor import Extractor
from shared.retrieval.histogram import color_bins

#: Windows that may match: a third and a half of an image's sides.
WINDOWS = patch_grid((3, 5))
#: Cells along each side of a heat map.
CELLS = 32
#: Longer side in pixels at which colors are compared.
COLOR_SIDE = 96
MAX_COLORS, MAX_WINDOW_PAIRS = 4, 400
#: Mean difference of levels, 0..255, up to which two images are the same but for their size and compression.
MAX_SAME_DIFFERENCE = 6.0
#: Area above which a pair of patches is the whole image rather than a region.
MAX_REGION_AREA = 0.9


@dataclass(frozen=True)
class RegionPair:
    """Two regions that match: left, top, right and bottom each.

    Attributes:
        query: Region of the query.
        match: Region of the matched image.
        weight: Contribution to the score.
    """

    query: Box
    match: Box
    weight: float


@dataclass(frozen=True, eq=False)
class Evidence:
    """Evidence for a match.

    Attributes:
        query_heat: Contribution of each place of the query to the score, float32 `[h, w]`, at least 0.
        match_heat: The same of the matched image.
        pairs: Regions that match, in fractions of the images' sides.
    """

    query_heat: np.ndarray
    match_heat: np.ndarray
    pairs: Sequence[RegionPair]


def descriptor_evidence(extractor: Extractor, query: Image.Image, match: Image.Image) -> Evidence:
    """Find the evidence for the cosine of two descriptors.

    The heat of a cell of the feature maps is the positive part of the sum of its values times the gradient of
    the cosine, as in Grad-CAM (Stylianou, Souvenir and Pless, "Visualizing deep similarity networks", WACV
    2019, for other poolings). A pair of windows weighs their own cosine, pooled and whitened like the whole
    image, times their heat.

    The cosine of an image and itself has no gradient: there a place is as hot as its windows are similar to
    the whole image.
    """
    if is_same_image(query, match):
        return _self_evidence(extractor, match)
    images = [_feature_maps(extractor, image) for image in (query, match)]
    leaves = [x for maps in images for levels in maps.values() for x in levels.values()]
    with torch.inference_mode(False), torch.enable_grad():
        for x in leaves:
            x.requires_grad_()
        cosine = (extractor.head(images[0]) * extractor.head(images[1])).sum()
        gradients = iter(torch.autograd.grad(cosine, leaves))
    heats, windows = [], []
    for maps in images:
        heat = torch.zeros(1, 1, CELLS, CELLS)
        for levels in maps.values():
            for x in levels.values():
                contribution = (x.detach() * next(gradients)).sum(1, keepdim=True).float().cpu()
                # a cell of a map with more cells covers less of the image
                cells = contribution.shape[-1] * contribution.shape[-2]
                heat += cells * F.interpolate(contribution, (CELLS, CELLS), mode="bilinear")
        heats.append(F.relu(heat[0]))
        windows.append(pool_windows(extractor, maps))
    inside = [pool_patches(heat, WINDOWS)[:, 0].numpy() for heat in heats]
    cosines = (windows[0] @ windows[1].T).cpu().numpy()
    weight = np.maximum(cosines, 0) * np.sqrt(inside[0][:, None] * inside[1])
    # the square root keeps cells visible next to the hottest, which exceed them by far
    return Evidence(heats[0][0].sqrt().numpy(), heats[1][0].sqrt().numpy(), _window_pairs(weight))


def _self_evidence(extractor: Extractor, image: Image.Image) -> Evidence:
    """Find the evidence for the match of an image with itself: each region is its own counterpart."""
    maps = _feature_maps(extractor, image)
    with torch.no_grad():
        similarity = F.relu(pool_windows(extractor, maps) @ extractor.head(maps)[0]).cpu().numpy()
    total, count = np.zeros((2, CELLS, CELLS), np.float32)
    pairs = []
    for (left, top, right, bottom), value in zip(WINDOWS.tolist(), similarity.tolist(), strict=True):
        rows = slice(round(CELLS * top), round(CELLS * bottom))
        columns = slice(round(CELLS * left), round(CELLS * right))
        total[rows, columns] += value
        count[rows, columns] += 1
        pairs.append(RegionPair((left, top, right, bottom), (left, top, right, bottom), value))
    heat = total / np.maximum(count, 1)
    return Evidence(heat, heat, pairs)


def is_same_image(query: Image.Image, match: Image.Image) -> bool:
    """Return True if two images are the same but for their size and compression."""
    ratio = query.width * match.height / (query.height * match.width)
    if not 0.97 < ratio < 1.03:
        return False
    small = [np.asarray(shrink(image, COLOR_SIDE).resize((32, 32)), float) for image in (query, match)]
    return float(np.abs(small[0] - small[1]).mean()) <= MAX_SAME_DIFFERENCE


def word_evidence(matches: Sequence[PatchMatch]) -> Evidence:
    """Find the evidence in patches that share words: the smaller a patch, the hotter its cells."""
    heats = np.zeros((2, CELLS, CELLS), np.float32)
    weights: dict[tuple[Box, Box], float] = {}
    for match in matches:
        for heat, box in zip(heats, (match.query, match.image), strict=True):
            left, top, right, bottom = (round(CELLS * edge) for edge in box)
            heat[top:bottom, left:right] += match.weight / ((bottom - top) * (right - left))
        boxes = match.query, match.image
        weights[boxes] = weights.get(boxes, 0.0) + match.weight
    regions = {
        boxes: weight for boxes, weight in weights.items() if max(map(box_area, boxes)) < MAX_REGION_AREA
    }
    pairs = [RegionPair(*boxes, weight) for boxes, weight in (regions or weights).items()]
    return Evidence(heats[0], heats[1], pairs)


def color_evidence(query: Image.Image, match: Image.Image) -> Evidence:
    """Find the evidence in common colors: the heat of a color is its part of the histograms' cosine."""
    if is_same_image(query, match):
        query = match  # compression moves a few pixels to the next color, and with them whole regions
    images = [color_bins(shrink(image, COLOR_SIDE)) for image in (query, match)]
    bin_count = max(map(np.max, images)) + 1
    histograms = [np.bincount(bins.ravel(), minlength=bin_count) / bins.size for bins in images]
    common = np.sqrt(histograms[0] * histograms[1])
    pairs = [
        RegionPair(
            _largest_component(images[0] == color),
            _largest_component(images[1] == color),
            float(common[color]),
        )
        for color in np.argsort(-common)[:MAX_COLORS].tolist()
        if common[color] > 0
    ]
    query_heat, match_heat = (common[bins].astype(np.float32) for bins in images)
    return Evidence(query_heat, match_heat, pairs)


@torch.no_grad()
def pool_windows(extractor: Extractor, maps: Mapping[int, Mapping[str, Tensor]]) -> Tensor:
    """Compute the descriptors of `WINDOWS` from the maps of an image, `[P, dims]` of unit length.

    They are pooled by the generalised mean, whatever the pooling of the head, and then whitened like the
    whole image.
    """
    head, pooled = extractor.head, []
    for level in head.levels:
        windows = [pool_patches(maps[size][level][0], WINDOWS, head.power) for size in head.sizes]
        pooled.append(F.normalize(torch.stack([F.normalize(x, dim=1) for x in windows]).sum(0), dim=1))
    return head.project(F.normalize(torch.cat(pooled, 1), dim=1))


def _feature_maps(extractor: Extractor, image: Image.Image) -> dict[int, dict[str, Tensor]]:
    """Compute the feature maps of an image as tensors on the device of the head, `[1, K, h, w]`."""
    head = extractor.head
    maps = {size: extractor.maps(image, size, head.levels) for size in head.sizes}
    return {
        size: {level: torch.from_numpy(x)[None].to(head.mean.device) for level, x in levels.items()}
        for size, levels in maps.items()
    }


def _window_pairs(weight: np.ndarray) -> list[RegionPair]:
    """Return the heaviest pairs of windows, which may overlap, from weights `[P, P]`."""
    order = np.argsort(-weight, axis=None)[:MAX_WINDOW_PAIRS]
    boxes = [(left, top, right, bottom) for left, top, right, bottom in WINDOWS.tolist()]
    rows, columns = np.unravel_index(order, weight.shape)
    return [
        RegionPair(boxes[row], boxes[column], float(weight[row, column]))
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
    ]


def _largest_component(mask: np.ndarray) -> Box:
    """Return the bounding box of the largest connected component, in fractions of the mask's sides."""
    labels, count = ndimage.label(mask)
    sizes = ndimage.sum_labels(mask, labels, range(1, count + 1))
    rows, columns = ndimage.find_objects(labels)[int(np.argmax(sizes))]
    height, width = mask.shape
    return columns.start / width, rows.start / height, columns.stop / width, rows.stop / height


def box_area(box: Box) -> float:
    """Return the area of a box."""
    return (box[2] - box[0]) * (box[3] - box[1])
