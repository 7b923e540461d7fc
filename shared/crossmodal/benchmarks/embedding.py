"""Embedding of whole data sets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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
