"""Frozen features of the images and texts of data sets, computed once and stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from shared.core.image_files import ImageFile
from shared.core.scheduling import WorkerPool
from shared.crossmodal.data.datasets import CaptionedImages
from shared.crossmodal.embedders.hub_embedder import BATCH_SIZE, HubEmbedder
from shared.crossmodal.training.feature_cache import cached_rows
from shared.index.vectors import l2_normalize

T = TypeVar("T")


@dataclass(frozen=True)
class FrozenFeatures:
    """Vectors of length 1 of a data set.

    Attributes:
        images: float32 `[images, F]`.
        texts: float32 `[texts, F]`.
    """

    images: np.ndarray
    texts: np.ndarray


def frozen_features(prefix: Path, embedder: HubEmbedder, data: CaptionedImages) -> FrozenFeatures:
    """Return the features of a data set, from two files if they exist, else computed and written.

    Args:
        prefix: Path of the files up to `-images.npy` and `-texts.npy`; another network needs another one.
        embedder: Embedder with one engine.
        data: Images and texts.

    Raises:
        ValueError: A file holds another number of rows.
    """
    (engine,) = embedder.engines

    def embed_images(batch: Sequence[ImageFile]) -> np.ndarray:
        return embedder.encode_images([file.image() for file in batch])

    def embed_texts(batch: Sequence[str]) -> np.ndarray:
        return embedder.embed_texts(batch, engine)

    def rows(kind: str, items: Sequence[T], compute: Callable[[Sequence[T]], np.ndarray]) -> np.ndarray:
        path = Path(f"{prefix}-{kind}.npy")
        stored = cached_rows(path, items, compute, row_shape, WorkerPool(1), batch_size=BATCH_SIZE)
        return l2_normalize(stored.astype(np.float32))

    row_shape = embedder.embed_texts([""], engine).shape[1:]
    return FrozenFeatures(rows("images", data.images, embed_images), rows("texts", data.texts, embed_texts))
