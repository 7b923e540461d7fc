"""Explanation of a match: matching regions and heat maps, in the pixels of both images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from shared.core.heatmap import overlay_heatmap
from shared.core.images import Box
from shared.retrieval.explanation.evidence import Evidence, RegionPair, box_area

#: Colors of the pairs in order, from the palette of Okabe and Ito, which is safe for color-blind people.
COLORS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00")
MAX_PAIRS = 4
GAP, HEIGHT = 12, 480


@dataclass(frozen=True, eq=False)
class Explanation:
    """Evidence for a match, drawn on both images.

    Attributes:
        query: The query, whole.
        match: The matched image, as the gallery stores it.
        pairs: Regions that match in pixels, by falling weight; the weights sum to 1. Empty where nothing
            stands out.
        query_heat: Evidence of each pixel of the query, float32 `[H, W]`, 0..1; 0 outside of the searched
            part.
        match_heat: The same of the matched image.
        engine: Name of the engine.
        seconds: Seconds of the request.
    """

    query: Image.Image
    match: Image.Image
    pairs: tuple[RegionPair, ...]
    query_heat: np.ndarray = field(repr=False)
    match_heat: np.ndarray = field(repr=False)
    engine: str = ""
    seconds: float = 0.0

    @classmethod
    def from_evidence(
        cls, evidence: Evidence, query: Image.Image, match: Image.Image, box: Box | None = None
    ) -> Explanation:
        """Select the regions to show, and convert the evidence to pixels.

        Args:
            evidence: Evidence for the match.
            query: The query, whole.
            match: The matched image.
            box: Part of the query that was searched with; by default the whole.
        """
        query_part = _pixel_part(query.size, box)
        match_part = _pixel_part(match.size)
        pairs = (
            RegionPair(_to_pixels(pair.query, query_part), _to_pixels(pair.match, match_part), pair.weight)
            for pair in select_pairs(evidence.pairs, MAX_PAIRS)
        )
        return cls(
            query=query,
            match=match,
            pairs=tuple(pairs),
            query_heat=_place_heat(evidence.query_heat, query_part, query.size),
            match_heat=_place_heat(evidence.match_heat, match_part, match.size),
        )

    def image(self, strength: float = 0.5) -> Image.Image:
        """Draw the query on the left and the match on the right, with heat maps and numbered regions.

        Args:
            strength: Opacity of the hottest place, 0..1.

        Raises:
            ValueError: `strength` is out of range.
        """
        left = _draw_side(self.query, self.query_heat, [pair.query for pair in self.pairs], strength)
        right = _draw_side(self.match, self.match_heat, [pair.match for pair in self.pairs], strength)
        canvas = Image.new("RGB", (left.width + GAP + right.width, HEIGHT), "white")
        canvas.paste(left, (0, (HEIGHT - left.height) // 2))
        canvas.paste(right, (left.width + GAP, (HEIGHT - right.height) // 2))
        return canvas


def select_pairs(
    pairs: Iterable[RegionPair], max_count: int, max_overlap: float = 0.35, max_area: float = 0.6
) -> list[RegionPair]:
    """Select the heaviest pairs whose regions hardly overlap, by non-maximum suppression on both images.

    Args:
        pairs: Regions in fractions of the images' sides.
        max_count: Largest number of pairs.
        max_overlap: Intersection over union with a selected region, in either image, from which on a pair is
            left out.
        max_area: Fraction of an image that all regions together may cover, since a region of everything says
            nothing. The first may be larger.

    Returns:
        Pairs whose weights sum to 1.

    >>> corner, center = (0.0, 0.0, 0.2, 0.2), (0.5, 0.5, 0.7, 0.7)
    >>> pairs = [(corner, corner, 1.0), (corner, center, 2.0), (center, corner, 6.0)]
    >>> [pair.weight for pair in select_pairs([RegionPair(*pair) for pair in pairs], 2)]
    [0.75, 0.25]
    """
    selected: list[RegionPair] = []
    for pair in sorted(pairs, key=lambda pair: -pair.weight):
        if len(selected) == max_count or pair.weight <= 0:
            break
        regions = [
            (pair.query, [previous.query for previous in selected]),
            (pair.match, [previous.match for previous in selected]),
        ]
        distinct = all(_iou(box, prior) < max_overlap for box, boxes in regions for prior in boxes)
        small = all(sum(map(box_area, [box, *boxes])) <= max_area for box, boxes in regions)
        if not selected or (distinct and small):
            selected.append(pair)
    total = sum(pair.weight for pair in selected)
    return [RegionPair(pair.query, pair.match, pair.weight / total) for pair in selected]


def _iou(a: Box, b: Box) -> float:
    """Compute the intersection over union of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (box_area(a) + box_area(b) - width * height)


def _pixel_part(size: tuple[int, int], box: Box | None = None) -> tuple[int, int, int, int]:
    """Return the pixels of a box that lie in an image, as `shared.core.images.crop` cuts them out."""
    width, height = size
    if box is None:
        return 0, 0, width, height
    left, top, right, bottom = (round(edge) for edge in box)
    return max(left, 0), max(top, 0), min(right, width), min(bottom, height)


def _to_pixels(box: Box, part: tuple[int, int, int, int]) -> Box:
    """Convert fractions of a part's sides to pixels of the image."""
    width, height = part[2] - part[0], part[3] - part[1]
    edges = np.clip(box, 0, 1) * [width, height, width, height] + [part[0], part[1], part[0], part[1]]
    left, top, right, bottom = edges.tolist()
    return left, top, right, bottom


def _place_heat(heat: np.ndarray, part: tuple[int, int, int, int], size: tuple[int, int]) -> np.ndarray:
    """Scale the heat of a part to a maximum of 1, and place it in the whole image, float32 `[H, W]`."""
    left, top, right, bottom = part
    heat = heat / max(float(heat.max()), 1e-12)
    resized = Image.fromarray(heat.astype(np.float32)).resize(
        (right - left, bottom - top), Image.Resampling.BILINEAR
    )
    placed = np.zeros(size[::-1], np.float32)
    placed[top:bottom, left:right] = np.asarray(resized).clip(0, 1)
    return placed


def _draw_side(image: Image.Image, heat: np.ndarray, boxes: list[Box], strength: float) -> Image.Image:
    """Draw an image with its heat and numbered boxes, at a fixed height or, if it is very wide, width."""
    scale = min(HEIGHT / image.height, 2 * HEIGHT / image.width)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    small = np.asarray(Image.fromarray(heat).resize(size, Image.Resampling.BILINEAR)).clip(0, 1)
    drawn = overlay_heatmap(image.resize(size, Image.Resampling.BICUBIC), small, strength)
    draw, font = ImageDraw.Draw(drawn), ImageFont.load_default(18)
    for number, box in reversed(list(enumerate(boxes))):  # the heaviest lies on top
        color = COLORS[number % len(COLORS)]
        left, top = (int(min(edge * scale, side - 3)) for edge, side in zip(box[:2], size, strict=True))
        right, bottom = (int(min(edge * scale, side) - 1) for edge, side in zip(box[2:], size, strict=True))
        left, top = max(left, 0), max(top, 0)
        draw.rectangle((left, top, max(right, left), max(bottom, top)), outline=color, width=3)
        draw.rectangle((left, top, left + 22, top + 24), fill=color)
        draw.text((left + 11, top + 12), str(number + 1), fill="black", font=font, anchor="mm")
    return drawn
