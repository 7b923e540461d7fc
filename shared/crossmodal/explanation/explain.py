"""Measures why a query and a picture go together; what comes out is a `MatchExplanation`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from shared.crossmodal.embedders.embedder import PICTURE, Embedder
from shared.crossmodal.explanation.explanation import MatchExplanation, Word, deletion_images, parts, region_heatmap, without
from shared.crossmodal.text.queries import Term, combine


def explain(
    space: Embedder,
    engine: str,
    picture: Image.Image,
    query: np.ndarray,
    terms: Sequence[Term],
    *,
    calibrated: bool = True,
) -> MatchExplanation:
    """Explains why a picture fits a query.

    Args:
        space: What gives vectors to pictures and texts.
        engine: Which of its engines.
        picture: Of mode RGB.
        query: `[D]` of length 1.
        terms: Of the words in the query; none where there were no words.
        calibrated: Whether the query is of words alone, whose scores have probabilities.
    """

    def sure(scores: np.ndarray | float) -> np.ndarray:
        return space.probability(scores, engine)

    features = space.describe([picture])[0]
    regions = space.regions(picture, engine)
    heat = region_heatmap(regions, query, sure if calibrated else np.ones_like)
    changed = [features, *space.describe(deletion_images(picture, heat))]
    rows = space.pictures(np.stack([one[PICTURE] for one in changed]), engine)
    score, hot, cold = (rows @ query).tolist()
    return MatchExplanation(
        image=picture,
        heat=heat,
        words=_words(space, engine, terms, rows[0], regions, sure) if terms else (),
        score=score,
        probability=float(sure(score)) if calibrated else None,
        without_hot=hot,
        without_cold=cold,
        engine=engine,
    )


def _words(
    space: Embedder,
    engine: str,
    terms: Sequence[Term],
    picture: np.ndarray,
    regions: np.ndarray,
    sure: Callable[[np.ndarray], np.ndarray],
) -> tuple[Word, ...]:
    """The words with what each counts for a picture's vector, and where its regions show it."""
    words = parts(terms)
    texts = [term.text for term in terms] + [part.text for part in words] + [part.rest for part in words]
    rows = space.texts(texts, engine)
    whole, alone, rests = np.split(rows, [len(terms), len(terms) + len(words)])
    score = float(combine(terms, whole) @ picture)
    cells = round(len(regions) ** 0.5)
    found = []
    for part, own, rest in zip(words, alone, rests, strict=True):
        left = without(terms, whole, part, rest)
        lost = score if left is None else score - float(left @ picture)
        heat = region_heatmap(regions, own, sure) if part.names else np.zeros((cells, cells), np.float32)
        found.append(Word(part.text, lost, heat, part.names))
    return tuple(found)
