"""Why a search found a picture: which regions of the two match, in the terms of the engine that found it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from shared.core.images import Box, Source, crop, open_image
from shared.gallery.gallery import Gallery
from shared.gallery.results import gone, snapshot_with
from shared.gallery.thumbnails import shrunk
from shared.retrieval.deepindex.gallery_index import WordGallery
from shared.retrieval.deepindex.patches import grid, pool_patches
from shared.retrieval.descriptor.extractor import Extractor
from shared.retrieval.explanation.regions import Explanation, Pair, choose
from shared.retrieval.histogram import color_cells

if TYPE_CHECKING:
    from shared.retrieval.search import ImageSearch

PAIRS = 4
#: Windows that may match: a third and a half of a picture's sides.
WINDOWS = grid((3, 5))
#: Cells along each side of a heat map.
CELLS = 32
#: A picture's longest side where colors are looked for.
COLOR_SIDE = 96

#: What an engine says of two pictures: heat `[h, w]` of each, and pairs of boxes, as shares of their sides,
#: with what they count.
Evidence = tuple[np.ndarray, np.ndarray, list[tuple[Box, Box, float]]]


def explain(
    search: ImageSearch, image: Source, id: int, box: Box | None = None, gallery: Gallery | None = None
) -> Explanation:
    """Explains why a picture looks like another; see `ImageSearch.explain`."""
    started = time.perf_counter()
    gallery = search.gallery if gallery is None else gallery
    picture = open_image(image)
    match = open_image(snapshot_with(gallery, id).entries[id].thumbnail)
    seen = crop(picture, box)
    corner = (0, 0) if box is None else (max(round(box[0]), 0), max(round(box[1]), 0))
    index = search.index(gallery)
    if isinstance(index, WordGallery):
        evidence = by_words(index, gallery, search.describe(seen), id)
    elif search.engine == "histogram":
        evidence = by_color(seen, match)
    else:
        evidence = by_descriptor(search.describer.extractor, seen, match)
    heat, match_heat, pairs = evidence
    return Explanation(
        query=picture,
        match=match,
        pairs=tuple(
            Pair(_in_pixels(pair.query, seen.size, corner), _in_pixels(pair.match, match.size), pair.weight)
            for pair in choose(pairs, PAIRS)
        ),
        query_heat=_place(heat, seen.size, picture.size, corner),
        match_heat=_place(match_heat, match.size, match.size),
        engine=search.engine,
        seconds=time.perf_counter() - started,
    )


def by_descriptor(extractor: Extractor, query: Image.Image, match: Image.Image) -> Evidence:
    """What brings two descriptors together.

    The heat of a cell of the network's maps is the sum over its values times the slopes of the cosine, as far
    as it is above 0, as in Grad-CAM: what the cosine would lose if the cell saw less (Stylianou, Souvenir and
    Pless, "Visualizing deep similarity networks", WACV 2019, for other poolings). A pair of windows counts
    by their own cosine, pooled and whitened as the whole is, times their heat.
    """
    sides = [_maps(extractor, picture) for picture in (query, match)]
    with torch.inference_mode(False), torch.enable_grad():
        for maps in sides:
            for one in maps.values():
                for level in one:
                    one[level].requires_grad_()
        cosine = (extractor.head(sides[0]) * extractor.head(sides[1])).sum()
        leaves = [one for maps in sides for levels in maps.values() for one in levels.values()]
        slopes = iter(torch.autograd.grad(cosine, leaves))
    heats, windows = [], []
    for maps in sides:
        heat = torch.zeros(1, 1, CELLS, CELLS)
        for levels in maps.values():
            for one in levels.values():
                with torch.no_grad():
                    told = (one * next(slopes)).sum(1, keepdim=True).float().cpu()
                    # a cell of a map with more cells covers less of the picture
                    cells = told.shape[-1] * told.shape[-2]
                    heat += cells * F.interpolate(told, (CELLS, CELLS), mode="bilinear")
        heats.append(F.relu(heat[0]))
        windows.append(pooled_windows(extractor, maps))
    inside = [pool_patches(heat, WINDOWS)[:, 0].numpy() for heat in heats]
    cosines = (windows[0] @ windows[1].T).cpu().numpy()
    weight = np.maximum(cosines, 0) * np.sqrt(inside[0][:, None] * inside[1])
    # the root lets cells be seen beside the hottest, which stand out by far
    return heats[0][0].sqrt().numpy(), heats[1][0].sqrt().numpy(), _pairs(weight)


def by_words(index: WordGallery, gallery: Gallery, query: Mapping[str, np.ndarray], id: int) -> Evidence:
    """The patches whose words agree; a place is as hot as the patches that cover it, the smaller the more."""
    try:
        matches = index.matches(gallery, query, id)
    except KeyError as error:
        raise gone(id) from error
    heats, total = np.zeros((2, CELLS, CELLS), np.float32), {}
    for match in matches:
        for heat, box in zip(heats, (match.query, match.picture), strict=True):
            left, top, right, bottom = (round(CELLS * edge) for edge in box)
            heat[top:bottom, left:right] += match.weight / ((bottom - top) * (right - left))
        pair = match.query, match.picture
        total[pair] = total.get(pair, 0.0) + match.weight
    regions = {pair: weight for pair, weight in total.items() if max(map(_area, pair)) < 0.9}
    return heats[0], heats[1], [(*pair, weight) for pair, weight in (regions or total).items()]


def by_color(query: Image.Image, match: Image.Image) -> Evidence:
    """The colors in common: a place is as hot as its color adds to the cosine of the histograms."""
    cells = [color_cells(shrunk(picture, COLOR_SIDE)) for picture in (query, match)]
    counts = [np.bincount(one.ravel(), minlength=max(map(np.max, cells)) + 1) / one.size for one in cells]
    shared = np.sqrt(counts[0] * counts[1])
    pairs = [
        (_largest(cells[0] == color), _largest(cells[1] == color), float(shared[color]))
        for color in np.argsort(-shared)[:PAIRS]
        if shared[color] > 0
    ]
    heats = [shared[one].astype(np.float32) for one in cells]
    return heats[0], heats[1], pairs


@torch.no_grad()
def pooled_windows(extractor: Extractor, maps: Mapping[int, Mapping[str, Tensor]]) -> Tensor:
    """Descriptors of `WINDOWS`, cut out of a picture's maps, `[P, dims]` of length 1.

    They are pooled by the generalised mean, whatever the head's own pooling, and then treated like the whole.
    """
    head, levels = extractor.head, []
    for level in head.levels:
        sizes = [pool_patches(maps[size][level][0], WINDOWS, head.power) for size in head.sizes]
        levels.append(F.normalize(sum(F.normalize(one, dim=1) for one in sizes), dim=1))
    x = F.normalize(torch.cat(levels, 1), dim=1)
    return F.normalize((x - head.mean) @ head.projection.T, dim=1) if len(head.projection) else x


def _maps(extractor: Extractor, picture: Image.Image) -> dict[int, dict[str, Tensor]]:
    head = extractor.head
    found = {size: extractor.maps(picture, size, head.levels) for size in head.sizes}
    return {
        size: {level: torch.from_numpy(one)[None].to(head.mean.device) for level, one in maps.items()}
        for size, maps in found.items()
    }


def _pairs(weight: np.ndarray) -> list[tuple[Box, Box, float]]:
    """The heaviest pairs of windows, as many as could be shown and more that overlap."""
    order = np.argsort(-weight, axis=None)[:400]
    boxes = [tuple(box) for box in WINDOWS.tolist()]
    rows, columns = np.unravel_index(order, weight.shape)
    return [
        (boxes[i], boxes[j], float(weight[i, j]))
        for i, j in zip(rows.tolist(), columns.tolist(), strict=True)
    ]


def _largest(mask: np.ndarray) -> Box:
    """The box around the largest connected part of a mask, as shares of its sides."""
    labels, count = ndimage.label(mask)
    sizes = ndimage.sum_labels(mask, labels, range(1, count + 1))
    rows, columns = ndimage.find_objects(labels)[int(np.argmax(sizes))]
    height, width = mask.shape
    return columns.start / width, rows.start / height, columns.stop / width, rows.stop / height


def _area(box: Sequence[float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _in_pixels(box: Sequence[float], size: tuple[int, int], corner: tuple[int, int] = (0, 0)) -> Box:
    left, top, right, bottom = np.clip(box, 0, 1) * [*size, *size] + [*corner, *corner]
    return float(left), float(top), float(right), float(bottom)


def _place(
    heat: np.ndarray, size: tuple[int, int], whole: tuple[int, int], corner: tuple[int, int] = (0, 0)
) -> np.ndarray:
    """Heat of a part of a picture, laid where the part is; the greatest becomes 1, or all is 0."""
    heat = heat / max(float(heat.max()), 1e-12)
    part = Image.fromarray(heat.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
    placed = np.zeros(whole[::-1], np.float32)
    placed[corner[1] : corner[1] + size[1], corner[0] : corner[0] + size[0]] = np.asarray(part).clip(0, 1)
    return placed
