"""Why a picture was found, as something to look at: regions of two pictures that match."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from shared.core.heatmap import lay_over

#: Left, top, right and bottom.
Box = tuple[float, float, float, float]

#: Colors of the pairs in their order: those of Okabe and Ito, which also color-blind people tell apart.
COLORS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00")
GAP, HEIGHT = 12, 480


@dataclass(frozen=True)
class Pair:
    """Two regions that match, in pixels of their pictures.

    Attributes:
        query: In the picture that was searched with.
        match: In the picture that was found.
        weight: What the pair counts beside the others; those of all pairs add up to 1.
    """

    query: Box
    match: Box
    weight: float


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a picture was found.

    Attributes:
        query: The picture that was searched with, whole.
        match: The picture that was found, as the gallery keeps it.
        pairs: The regions that match, the weightiest first; none where nothing speaks for the match.
        query_heat: float32 `[H, W]`, 0..1, of the query's size: where lies what it was found by; 0 outside
            of the part that was searched with.
        match_heat: The same of the match.
        engine: The name of the engine.
        seconds: What it took.
    """

    query: Image.Image
    match: Image.Image
    pairs: tuple[Pair, ...]
    query_heat: np.ndarray = field(repr=False)
    match_heat: np.ndarray = field(repr=False)
    engine: str
    seconds: float = 0.0

    def picture(self, strength: float = 0.5) -> Image.Image:
        """Both pictures side by side, the query on the left: heat, and regions that match by number.

        Args:
            strength: How opaque the hottest place is, 0..1.

        Raises:
            ValueError: `strength` is not in 0..1.
        """
        sides = [
            _side(self.query, self.query_heat, [pair.query for pair in self.pairs], strength),
            _side(self.match, self.match_heat, [pair.match for pair in self.pairs], strength),
        ]
        both = Image.new("RGB", (sum(side.width for side in sides) + GAP, HEIGHT), "white")
        both.paste(sides[0], (0, (HEIGHT - sides[0].height) // 2))
        both.paste(sides[1], (sides[0].width + GAP, (HEIGHT - sides[1].height) // 2))
        return both


def choose(
    pairs: Iterable[tuple[Box, Box, float]], most: int, overlap: float = 0.35, share: float = 0.6
) -> list[Pair]:
    """The weightiest pairs that show something new: regions that hardly overlap with those before.

    Args:
        pairs: Of regions, as shares of their pictures' sides, and what they count.
        most: How many at most.
        overlap: Intersection over union with an earlier region, on either side, from which on a pair is left
            out.
        share: How much of a picture the regions may cover together; regions of everything tell nothing. The
            first may be larger.

    Returns:
        Pairs with weights that add up to 1.

    >>> one, other = (0.0, 0.0, 0.2, 0.2), (0.5, 0.5, 0.7, 0.7)
    >>> [pair.weight for pair in choose([(one, one, 1.0), (one, other, 2.0), (other, one, 6.0)], 2)]
    [0.75, 0.25]
    """
    kept: list[tuple[Box, Box, float]] = []
    for query, match, weight in sorted(pairs, key=lambda pair: -pair[2]):
        if len(kept) == most or weight <= 0:
            break
        sides = [query, *(pair[0] for pair in kept)], [match, *(pair[1] for pair in kept)]
        new = all(_iou(side[0], before) < overlap for side in sides for before in side[1:])
        small = all(sum(map(_area, side)) <= share for side in sides)
        if not kept or (new and small):
            kept.append((query, match, weight))
    total = sum(weight for *_, weight in kept)
    return [Pair(query, match, weight / total) for query, match, weight in kept]


def _iou(a: Box, b: Box) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (_area(a) + _area(b) - width * height)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _side(image: Image.Image, heat: np.ndarray, boxes: list[Box], strength: float) -> Image.Image:
    """One picture with its heat and numbered boxes, of a fixed height or, if it is very wide, width."""
    scale = min(HEIGHT / image.height, 2 * HEIGHT / image.width)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    small = np.asarray(Image.fromarray(heat).resize(size, Image.Resampling.BILINEAR)).clip(0, 1)
    drawn = lay_over(image.resize(size, Image.Resampling.BICUBIC), small, strength)
    draw, font = ImageDraw.Draw(drawn), ImageFont.load_default(18)
    for number, box in reversed(list(enumerate(boxes))):  # the weightiest lies on top
        color = COLORS[number % len(COLORS)]
        left, top = (int(min(edge * scale, side - 3)) for edge, side in zip(box[:2], size, strict=True))
        right, bottom = (int(min(edge * scale, side) - 1) for edge, side in zip(box[2:], size, strict=True))
        left, top = max(left, 0), max(top, 0)
        draw.rectangle((left, top, max(right, left), max(bottom, top)), outline=color, width=3)
        draw.rectangle((left, top, left + 22, top + 24), fill=color)
        draw.text((left + 11, top + 12), str(number + 1), fill="black", font=font, anchor="mm")
    return drawn
