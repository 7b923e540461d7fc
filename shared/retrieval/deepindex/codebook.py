"""Codebook of visual words: whitening, k-means centers, and Hamming embedding inside each word.

Sivic and Zisserman, "Video Google: a text retrieval approach to object matching in videos", ICCV 2003.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from shared.index.vectors import l2_normalize
from shared.retrieval.deepindex.hamming_embedding import asymmetric_cosines, pack_bits
from shared.retrieval.descriptor.whitening import Whitening

#: Number of distances in memory at a time, 64 MB in float32.
BLOCK = 2**24


@dataclass(frozen=True, eq=False)
class Assignment:
    """Features as visual words, the nearest first; m words each.

    Attributes:
        words: int64 `[N, m]`; -1 for a feature without positive values, which is near to no word.
        codes: Binary code of the feature inside each of its words, uint8 `[N, m, bits / 8]`.
    """

    words: np.ndarray
    codes: np.ndarray


@dataclass(frozen=True, eq=False)
class Codebook:
    """Visual words of one kind of feature.

    Attributes:
        whitening: Whitening from `[K]` to `[D]`.
        centers: float32 `[words, D]`.
        rotation: Projection of the binary code, float32 `[bits, D]`; `[0, D]` without codes.
        thresholds: Thresholds of the bits in every word, float32 `[words, bits]`.
    """

    whitening: Whitening
    centers: np.ndarray
    rotation: np.ndarray
    thresholds: np.ndarray

    @property
    def size(self) -> int:
        """Number of words."""
        return len(self.centers)

    @property
    def bits(self) -> int:
        """Length of the binary code."""
        return len(self.rotation)

    def embed(self, x: np.ndarray) -> np.ndarray:
        """Normalise and whiten features `[N, K]`: float32 `[N, D]` of unit length."""
        return self.whitening.apply(l2_normalize(np.asarray(x, np.float32))).astype(np.float32, copy=False)

    def assign(self, x: np.ndarray, k: int = 1) -> Assignment:
        """Assign features to their nearest words.

        Args:
            x: Features `[N, K]`; N may be 0.
            k: Words per feature (multiple assignment), at most the number of words.

        Raises:
            ValueError: The features have another length.
        """
        x = np.asarray(x, np.float32)
        if x.ndim != 2 or x.shape[1] != len(self.whitening.mean):
            raise ValueError(f"features must be [N, {len(self.whitening.mean)}], received {list(x.shape)}")
        k = min(k, self.size)
        embedded = self.embed(x)
        norms = (self.centers**2).sum(1)
        words = np.empty((len(x), k), np.int64)
        step = max(BLOCK // self.size, 1)
        for start in range(0, len(x), step):
            # squared distance, less the squared norm of the feature, which is the same for all words
            distance = norms - 2 * embedded[start : start + step] @ self.centers.T
            words[start : start + step] = _k_smallest(distance, k)
        projected = embedded @ self.rotation.T
        codes = pack_bits(projected[:, None] > self.thresholds[words])
        words[~(x > 0).any(1)] = -1
        return Assignment(words, codes)

    def code_values(self, x: np.ndarray, word: int = 0) -> np.ndarray:
        """Return the values whose signs are the codes inside a word: `[N, K]` to float32 `[N, bits]`."""
        return self.embed(x) @ self.rotation.T - self.thresholds[word]

    def code_cosines(self, x: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Estimate the cosines of one feature `[K]` with codes of the first word, uint8 `[N, bits / 8]`."""
        (values,) = self.code_values(x[None])
        return asymmetric_cosines(values, codes)

    def without_codes(self) -> Codebook:
        """Return the same words without binary codes."""
        return replace(self, rotation=self.rotation[:0], thresholds=self.thresholds[:, :0])

    def without_whitening(self) -> Codebook:
        """Return the same words for features that are whitened already."""
        return replace(self, whitening=Whitening.identity(self.centers.shape[1]))

    def arrays(self, prefix: str = "") -> dict[str, np.ndarray]:
        """Return the arrays by name, each name after a prefix."""
        return {
            f"{prefix}mean": self.whitening.mean,
            f"{prefix}projection": self.whitening.projection,
            f"{prefix}centers": self.centers,
            f"{prefix}rotation": self.rotation,
            f"{prefix}thresholds": self.thresholds,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], prefix: str = "") -> Codebook:
        """Restore a codebook from the result of `arrays`.

        Raises:
            KeyError: An array is missing.
        """
        mean, projection, centers, rotation, thresholds = (
            arrays[f"{prefix}{name}"] for name in ("mean", "projection", "centers", "rotation", "thresholds")
        )
        return cls(Whitening(mean, projection), centers, rotation, thresholds)


def _k_smallest(distance: np.ndarray, k: int) -> np.ndarray:
    """Return the indices of the k smallest values of each row in rising order, int64 `[N, k]`."""
    if k == 1:
        return distance.argmin(1)[:, None]
    smallest = np.argpartition(distance, k - 1, axis=1)[:, :k]
    order = np.argsort(np.take_along_axis(distance, smallest, 1), axis=1, kind="stable")
    return np.take_along_axis(smallest, order, 1)
