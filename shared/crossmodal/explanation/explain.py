"""Explain the match of a query and an image: region similarity, word ablation and the deletion test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from shared.crossmodal.embedders.embedder import IMAGE_FEATURE, Embedder
from shared.crossmodal.explanation.result import MatchExplanation, WordContribution
from shared.crossmodal.query import query_evidence
from shared.crossmodal.text.queries import QueryError, Term, combine
from shared.crossmodal.text.words import content_words, split_words
from shared.networks.crossmodal.regions import similarity_map

#: Fraction of an image that the deletion test removes.
DELETED_FRACTION = 1 / 3


class MatchExplainer:
    """Explain matches with the vectors of one engine.

    Args:
        embedder: Model that embeds images and texts.
        engine: One of its engines.
    """

    def __init__(self, embedder: Embedder, engine: str) -> None:
        self._embedder, self._engine = embedder, engine

    def __call__(
        self, image: Image.Image, query: np.ndarray, terms: Sequence[Term], *, calibrated: bool = True
    ) -> MatchExplanation:
        """Explain why an image matches a query.

        Args:
            image: RGB image.
            query: Vector of the query, `[D]`, of length 1.
            terms: Terms of the query's text; none without a text.
            calibrated: False if scores of this query have no probabilities, as with an image in it.
        """
        embedder, engine = self._embedder, self._engine
        confidence = embedder.calibration(engine).probability
        features = embedder.describe([image])[0][IMAGE_FEATURE][None]
        image_vector = embedder.embed_features(features, engine)[0]
        regions = embedder.embed_regions(image, engine)
        heatmap = region_heatmap(regions, query, confidence if calibrated else np.ones_like)
        deletions = embedder.embed_images(deletion_images(image, heatmap), engine)
        score, without_hottest, without_coldest = (np.stack([image_vector, *deletions]) @ query).tolist()
        probability = None
        if calibrated:
            evidence = query_evidence(terms, features, embedder, engine)[0]
            probability = float(embedder.query_calibration(engine).probability(score + evidence))
        return MatchExplanation(
            image=image,
            heatmap=heatmap,
            words=self._words(terms, image_vector, regions) if terms else (),
            score=score,
            probability=probability,
            score_without_hottest=without_hottest,
            score_without_coldest=without_coldest,
            engine=engine,
        )

    def _words(
        self, terms: Sequence[Term], image: np.ndarray, regions: np.ndarray
    ) -> tuple[WordContribution, ...]:
        """Return the contribution of each word to the score of an image.

        Args:
            terms: Terms of the text.
            image: Vector of the image, `[D]`.
            regions: Vectors of its regions, `[cells^2, D]`.
        """
        probability = self._embedder.calibration(self._engine).probability
        ablations = word_ablations(terms)
        texts = [term.text for term in terms]
        texts += [ablation.word for ablation in ablations] + [ablation.remaining for ablation in ablations]
        vectors = self._embedder.embed_texts(texts, self._engine)
        term_vectors, word_vectors, remaining_vectors = np.split(
            vectors, [len(terms), len(terms) + len(ablations)]
        )
        score = float(combine(terms, term_vectors) @ image)
        cells = round(len(regions) ** 0.5)
        words = []
        for ablation, word_vector, remaining_vector in zip(
            ablations, word_vectors, remaining_vectors, strict=True
        ):
            ablated = ablated_query(terms, term_vectors, ablation, remaining_vector)
            drop = score if ablated is None else score - float(ablated @ image)
            heatmap = np.zeros((cells, cells), np.float32)
            if ablation.is_content:
                heatmap = region_heatmap(regions, word_vector, probability)
            words.append(WordContribution(ablation.word, drop, heatmap, ablation.is_content))
        return tuple(words)


def region_heatmap(
    regions: np.ndarray, vector: np.ndarray, confidence: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Return the similarity of regions to a vector, scaled to 0..`confidence` of the greatest similarity.

    Args:
        regions: Vectors of a square grid of regions, row by row, `[cells^2, D]`, of length 1.
        vector: `[D]`, of length 1.
        confidence: Maps a score to 0..1; it keeps a heat map faint where nothing is similar.

    Returns:
        float32 `[cells, cells]`, 0..1.
    """
    similarity = similarity_map(torch.from_numpy(regions), torch.from_numpy(vector)).numpy()
    low, high = similarity.min(), similarity.max()
    relative = (similarity - low) / max(float(high - low), 1e-6)
    return (relative * float(confidence(high))).astype(np.float32)


def deletion_images(image: Image.Image, heatmap: np.ndarray) -> list[Image.Image]:
    """Return an image without its hottest cells and without as many of its coldest cells.

    Deleted cells get the mean color of the image (the deletion metric of Petsiuk et al., "RISE", BMVC 2018).

    Args:
        image: RGB image.
        heatmap: `[cells, cells]`.
    """
    count = max(1, round(DELETED_FRACTION * heatmap.size))
    order = np.argsort(heatmap, axis=None, kind="stable")
    return [_delete_cells(image, heatmap.shape[0], cells) for cells in (order[-count:], order[:count])]


def _delete_cells(image: Image.Image, cells: int, deleted: np.ndarray) -> Image.Image:
    mask = np.zeros((cells, cells), np.uint8)
    mask.flat[deleted] = 255
    color = tuple(int(value) for value in np.asarray(image).reshape(-1, 3).mean(0))
    pixels = Image.fromarray(mask).resize(image.size, Image.Resampling.NEAREST)
    return Image.composite(Image.new("RGB", image.size, color), image, pixels)


@dataclass(frozen=True)
class WordAblation:
    """Removal of one word from a query.

    Attributes:
        word: The word as it was typed.
        term: Index of its term.
        remaining: The term without the word; empty if nothing remains.
        is_content: True if the word names something.
    """

    word: str
    term: int
    remaining: str
    is_content: bool


def word_ablations(terms: Sequence[Term]) -> list[WordAblation]:
    """Return the removal of each word of a query.

    >>> [ablation.remaining for ablation in word_ablations([Term("brown dog"), Term("beach", -1.0)])]
    ['dog', 'brown', '']
    """
    ablations = []
    for index, term in enumerate(terms):
        words = [word for word in term.text.split() if split_words(word)]
        for position, word in enumerate(words):
            remaining = " ".join(words[:position] + words[position + 1 :])
            ablations.append(WordAblation(word, index, remaining, bool(content_words(word))))
    return ablations


def ablated_query(
    terms: Sequence[Term], vectors: np.ndarray, ablation: WordAblation, remaining_vector: np.ndarray
) -> np.ndarray | None:
    """Return the vector of a query without one word, `[D]`; None if nothing remains of the query.

    Args:
        terms: Terms of the query.
        vectors: Vectors of the terms, `[terms, D]`, of length 1.
        ablation: The removal.
        remaining_vector: Vector of `ablation.remaining`, `[D]`.
    """
    indices = [index for index in range(len(terms)) if ablation.remaining or index != ablation.term]
    vectors = np.array(vectors, copy=True)
    vectors[ablation.term] = remaining_vector
    try:
        return combine([terms[index] for index in indices], vectors[indices]) if indices else None
    except QueryError:  # the remaining terms cancel each other out
        return None
