"""Why words and a picture go together: where in the picture, and which of the words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image

from shared.core.heatmap import overlay_heatmap
from shared.crossmodal.text.normalization import content
from shared.crossmodal.text.queries import QueryError, Term, combine
from shared.crossmodal.text.tokenizer import split_words
from shared.networks.regions import similarity_map

#: Share of a picture that is taken away where deletion is measured.
SHARE = 1 / 3


@dataclass(frozen=True, eq=False)
class Word:
    """One word of a text, as it was typed.

    Attributes:
        text: The word.
        weight: How much of the score is lost without it; below 0 where the score is higher then.
        heat: `[cells, cells]`, 0..1, where in the picture it is; 0 for words that name nothing.
        names: Whether it names something.
    """

    text: str
    weight: float
    heat: np.ndarray = field(repr=False)
    names: bool


@dataclass(frozen=True, eq=False)
class MatchExplanation:
    """Why words, a picture, or both fit a picture.

    Attributes:
        image: The picture.
        heat: `[cells, cells]`, 0..1, where in it lies what was asked for.
        words: Those of the text in their order; none where there was no text.
        score: The cosine of both vectors.
        probability: How probable it is that text and picture belong together, 0..1; None where a picture
            was part of the query.
        without_hot: The score after the hottest third of the picture was painted over.
        without_cold: The score after as large a part was painted over where it is coldest.
        engine: The name of the engine.
        name: What the picture is called, if it has a name.
        seconds: What it took.
    """

    image: Image.Image = field(repr=False)
    heat: np.ndarray = field(repr=False)
    words: tuple[Word, ...]
    score: float
    probability: float | None
    without_hot: float
    without_cold: float
    engine: str
    name: str = ""
    seconds: float = 0.0

    @property
    def strongest(self) -> Word | None:
        """The word that matters most."""
        named = [word for word in self.words if word.names]
        return max(named, key=lambda word: word.weight, default=None)

    def picture(self, word: int | None = None, strength: float = 0.65) -> Image.Image:
        """The picture with heat laid over it.

        Args:
            word: Number of the word to show, from 0; by default all that was asked for.
            strength: How opaque the hottest place is, 0..1.

        Raises:
            ValueError: There is no such word, or `strength` is out of range.
        """
        if word is not None and not 0 <= word < len(self.words):
            raise ValueError(f"word must be in 0..{len(self.words) - 1}, received {word!r}")
        heat = self.heat if word is None else self.words[word].heat
        return overlay_heatmap(self.image, smooth(heat, self.image.size), strength)


def region_heatmap(
    regions: np.ndarray, vector: np.ndarray, sure: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Heat of the cells of a picture: hot where it is nearest to a vector, and faint where nothing is near.

    Args:
        regions: `[R, D]` of a square grid, row by row, of length 1.
        vector: `[D]` of length 1.
        sure: Tells the probability of scores.

    Returns:
        float32 `[cells, cells]`, 0..1.
    """
    found = similarity_map(torch.from_numpy(regions), torch.from_numpy(vector)).numpy()
    low, high = found.min(), found.max()
    spread = (found - low) / max(float(high - low), 1e-6)
    return (spread * float(sure(high))).astype(np.float32)


def smooth(heat: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Heat of cells as heat of pixels `[H, W]` of a picture of a size (width, height)."""
    return np.asarray(Image.fromarray(heat).resize(size, Image.Resampling.BICUBIC)).clip(0, 1)


def deletion_images(image: Image.Image, heat: np.ndarray) -> list[Image.Image]:
    """The picture without its hottest part, and without as large a part where it is coldest.

    Args:
        image: Of mode RGB.
        heat: `[cells, cells]`.
    """
    count = max(1, round(SHARE * heat.size))
    order = np.argsort(heat, axis=None, kind="stable")
    return [_without(image, heat.shape[0], cells) for cells in (order[-count:], order[:count])]


def _without(image: Image.Image, cells: int, gone: Sequence[int]) -> Image.Image:
    """A copy with some cells of a grid in the picture's mean color."""
    mask = np.zeros((cells, cells), np.uint8)
    mask.flat[np.asarray(gone)] = 255
    color = tuple(int(value) for value in np.asarray(image).reshape(-1, 3).mean(0))
    large = Image.fromarray(mask).resize(image.size, Image.Resampling.NEAREST)
    return Image.composite(Image.new("RGB", image.size, color), image, large)


@dataclass(frozen=True)
class Part:
    """One word of a term: what the query is without it.

    Attributes:
        text: The word as it was typed.
        term: The number of its term.
        rest: The term without it; empty where nothing is left of it.
        names: Whether it names something.
    """

    text: str
    term: int
    rest: str
    names: bool


def parts(terms: Sequence[Term]) -> list[Part]:
    """The words of a query, each with what is left without it.

    >>> [part.rest for part in parts([Term("brown dog"), Term("beach", -1.0)])]
    ['dog', 'brown', '']
    """
    found = []
    for number, term in enumerate(terms):
        words = [word for word in term.text.split() if split_words(word)]
        for place, word in enumerate(words):
            rest = " ".join(words[:place] + words[place + 1 :])
            found.append(Part(word, number, rest, bool(content(word))))
    return found


def without(terms: Sequence[Term], vectors: np.ndarray, part: Part, rest: np.ndarray) -> np.ndarray | None:
    """The vector of a query without one of its words; None where nothing is left.

    Args:
        terms: Of the query.
        vectors: `[terms, D]`, of length 1.
        part: The word.
        rest: `[D]`, the vector of the term without it.
    """
    others = [number for number in range(len(terms)) if part.rest or number != part.term]
    changed = np.array(vectors, copy=True)
    changed[part.term] = rest
    try:
        return combine([terms[number] for number in others], changed[others]) if others else None
    except QueryError:
        return None
