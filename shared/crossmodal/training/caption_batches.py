"""Batches of captions with region features, for the training of a caption decoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.crossmodal.data.datasets import CaptionedImages
from shared.crossmodal.text.words import split_words
from shared.networks.crossmodal.captions import END, PADDING, START, UNKNOWN


def caption_ids(text: str, numbers: Mapping[str, int], max_length: int) -> list[int]:
    """Return the ids of a caption with its start and end; a longer one has no end.

    >>> caption_ids("A big dog.", {"a": 4, "dog": 5}, 6)
    [1, 4, 3, 5, 2]
    """
    words = [numbers.get(word, UNKNOWN) for word in split_words(text)]
    return [START, *words, END][: max_length + 2]


@dataclass(frozen=True)
class CaptionSampler:
    """Sampler of images with one of their captions.

    Attributes:
        data: Images with captions.
        features: Region features of its images, `[images, R, K]`.
        numbers: See `word_numbers`.
        max_length: Most words of a caption.
        sampling: Probability that each image is drawn, `[images]`, of sum 1; None for a uniform one.
    """

    data: CaptionedImages
    features: np.ndarray
    numbers: Mapping[str, int]
    max_length: int
    sampling: np.ndarray | None = None

    def draw(self, count: int, seed: int) -> tuple[Tensor, Tensor]:
        """Draw region features `[B, R, K]` and ids int64 `[B, L]`, padded with `PADDING`."""
        rng = np.random.default_rng(seed)
        images = rng.choice(len(self.data.images), count, p=self.sampling)
        first = np.searchsorted(self.data.image_index, images)
        counts = np.searchsorted(self.data.image_index, images, side="right") - first
        texts = [self.data.texts[index] for index in first + rng.integers(counts)]
        return self.batch(images, texts)

    def batch(self, images: np.ndarray, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return the region features and the caption ids of images, as `draw` does.

        Args:
            images: Indices of B images.
            texts: Caption of each.
        """
        ids = [caption_ids(text, self.numbers, self.max_length) for text in texts]
        padded = np.full((len(ids), max(map(len, ids))), PADDING, np.int64)
        for row, numbers in zip(padded, ids, strict=True):
            row[: len(numbers)] = numbers
        rows = np.stack([self.features[image] for image in images]).astype(np.float32)
        return torch.from_numpy(rows), torch.from_numpy(padded)
