"""Embedding of whole data sets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from tqdm import tqdm

from shared.crossmodal.data.datasets import CaptionedImages
from shared.crossmodal.embedders.embedder import IMAGE_FEATURE, Embedder


def image_features(embedder: Embedder, data: CaptionedImages) -> np.ndarray:
    """Return the image features of a data set, float16 `[images, F]`, with a progress bar."""
    images = tqdm(data.images, unit="image", leave=False)
    return np.stack([embedder.describe([image.image()])[0][IMAGE_FEATURE] for image in images])


def text_vectors(embedder: Embedder, engine: str, texts: Iterable[str]) -> Mapping[str, np.ndarray]:
    """Return the vector of each distinct text, `[D]`."""
    distinct = list(dict.fromkeys(texts))
    return dict(zip(distinct, embedder.embed_texts(distinct, engine), strict=True))


def similarities(
    embedder: Embedder, engine: str, texts: Sequence[str], features: np.ndarray, depth: int | None = None
) -> np.ndarray:
    """Return the scores of texts and images with evidence, float32 `[texts, images]`.

    Args:
        embedder: Model that described the images.
        engine: One of its engines.
        texts: The texts.
        features: `IMAGE_FEATURE` of the images, `[images, F]`.
        depth: Number of best images of each text for which evidence is computed, as in a search; all other
            pairs get the lowest evidence of those. None stands for all.
    """
    scores = embedder.embed_texts(texts, engine) @ embedder.embed_features(features, engine).T
    if not embedder.has_evidence(engine):
        return scores
    chosen = np.ones(scores.shape, bool)
    if depth is not None:
        chosen = best_entries(scores, depth)
    evidence = np.full(scores.shape, np.inf, np.float32)
    for row, (text, mask) in enumerate(zip(tqdm(texts, unit="text", leave=False), chosen, strict=True)):
        evidence[row, mask] = embedder.evidence(text, features[mask], engine)
    return scores + np.where(chosen, evidence, evidence.min())


def best_entries(scores: np.ndarray, count: int) -> np.ndarray:
    """Return which entries of each row are among its greatest, bool of the same shape.

    >>> best_entries(np.array([[3, 1, 2]]), 2).tolist()
    [[True, False, True]]
    """
    best = np.zeros(scores.shape, bool)
    np.put_along_axis(best, np.argsort(-scores, axis=1, kind="stable")[:, :count], True, axis=1)
    return best
