"""A codebook turns features into words: whitening, k-means centers, and a binary signature inside each word.

Learn it on photos that are not those of the search. Sivic and Zisserman, "Video Google: a text retrieval
approach to object matching in videos", ICCV 2003; the signature is Hamming embedding, see `signature.py`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from shared.retrieval.deepindex import hamming_embedding, storage
from shared.retrieval.descriptor.whitening import Whitening, fit_pca

KIND = "codebook"
#: How many numbers one step of `Codebook.assign` compares at most, 64 MB in float32.
TOGETHER = 2**24


@dataclass(frozen=True, eq=False)
class Assigned:
    """Features as words, the nearest first; m words for each.

    Attributes:
        words: int64 `[N, m]`; -1 where a feature has nothing above 0, which is like no word.
        codes: uint8 `[N, m, bits / 8]`, the signature of the feature inside each of its words.
    """

    words: np.ndarray
    codes: np.ndarray


@dataclass(frozen=True, eq=False)
class Codebook:
    """Words of one kind of feature.

    Attributes:
        whitening: from `[K]` numbers of a feature to `[D]`.
        centers: float32 `[words, D]`.
        rotation: float32 `[bits, D]`, the directions of the signature; `[0, D]` for none.
        thresholds: float32 `[words, bits]`, its medians in every word.
    """

    whitening: Whitening
    centers: np.ndarray
    rotation: np.ndarray
    thresholds: np.ndarray

    @property
    def words(self) -> int:
        """How many words there are."""
        return len(self.centers)

    @property
    def bits(self) -> int:
        """Length of the signature."""
        return len(self.rotation)

    def embed(self, x: np.ndarray) -> np.ndarray:
        """Features `[N, K]`, brought to length 1 and whitened: float32 `[N, D]` of length 1."""
        return self.whitening.apply(_unit(x)).astype(np.float32, copy=False)

    def assign(self, x: np.ndarray, count: int = 1) -> Assigned:
        """The nearest words of features.

        Args:
            x: `[N, K]`; N may be 0.
            count: how many words each feature gets (multiple assignment); at most as many as there are.

        Raises:
            ValueError: the features are of another length.
        """
        x = np.asarray(x, np.float32)
        if x.ndim != 2 or x.shape[1] != len(self.whitening.mean):
            raise ValueError(f"features must be [N, {len(self.whitening.mean)}], received {list(x.shape)}")
        count = min(count, self.words)
        embedded = self.embed(x)
        norms = (self.centers**2).sum(1)
        words = np.empty((len(x), count), np.int64)
        step = max(TOGETHER // self.words, 1)
        for start in range(0, len(x), step):
            # the square of the distance, less what is the same for all words
            distance = norms - 2 * embedded[start : start + step] @ self.centers.T
            words[start : start + step] = _smallest(distance, count)
        projected = embedded @ self.rotation.T
        codes = hamming_embedding.pack(projected[:, None] > self.thresholds[words])
        words[~(x > 0).any(1)] = -1
        return Assigned(words, codes)

    def numbers(self, x: np.ndarray, word: int = 0) -> np.ndarray:
        """What the signature of features inside a word says the signs of: `[N, K]` to float32 `[N, bits]`."""
        return self.embed(x) @ self.rotation.T - self.thresholds[word]

    def without_codes(self) -> Codebook:
        """The same words without the signature."""
        return replace(self, rotation=self.rotation[:0], thresholds=self.thresholds[:, :0])

    def arrays(self, prefix: str = "") -> dict[str, np.ndarray]:
        """The arrays by name, for `shared.retrieval.deepindex.storage.write`."""
        return {
            f"{prefix}mean": self.whitening.mean,
            f"{prefix}projection": self.whitening.projection,
            f"{prefix}centers": self.centers,
            f"{prefix}rotation": self.rotation,
            f"{prefix}thresholds": self.thresholds,
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], prefix: str = "") -> Codebook:
        """The codebook that `arrays` was called on.

        Raises:
            KeyError: an array is missing.
        """
        whitening = Whitening(arrays[f"{prefix}mean"], arrays[f"{prefix}projection"])
        rest = (arrays[f"{prefix}{name}"] for name in ("centers", "rotation", "thresholds"))
        return cls(whitening, *rest)

    def save(self, path: str | os.PathLike) -> Path:
        """Writes the codebook as one safetensors file."""
        return storage.write(path, KIND, self.arrays())

    @classmethod
    def load(cls, path: str | os.PathLike) -> Codebook:
        """Reads a codebook.

        Raises:
            StorageError: the file is missing, damaged or of another kind.
        """
        return cls.from_arrays(storage.read(path, KIND)[0])


def learn(
    x: np.ndarray,
    words: int,
    *,
    dims: int = 128,
    bits: int = 32,
    spherical: bool = True,
    shrinkage: float = 0.0,
    whitening: Whitening | None = None,
    iterations: int = 20,
    seed: int = 0,
) -> Codebook:
    """Learns a codebook.

    Args:
        x: `[N, K]` features of many photos, none below 0; those with nothing above 0 are left out.
        words: how many words; at most N.
        dims: what the whitening keeps, see `shared.retrieval.descriptor.whitening.fit_pca`.
        bits: of the signature, a multiple of 16, at most `dims`; 0 for none.
        spherical: whether the centers are of length 1, as the features are, so that a word is a direction.
        shrinkage: of the whitening.
        whitening: one to use instead of learning it, to `dims` numbers.
        iterations: of k-means.
        seed: of k-means and of the signature's directions.

    Raises:
        ValueError: there are fewer features than words.
    """
    import faiss  # not at the top: only learning needs it

    x = np.asarray(x, np.float32)
    x = _unit(x[(x > 0).any(1)])
    if not 1 <= words <= len(x):
        raise ValueError(f"words must be in 1..{len(x)}, the number of features, received {words!r}")
    whitening = whitening or fit_pca(x, dims, shrinkage)
    embedded = np.ascontiguousarray(whitening.apply(x), np.float32)
    clusters = faiss.Kmeans(
        dims,
        words,
        niter=iterations,
        spherical=spherical,
        seed=seed,
        min_points_per_centroid=1,
        max_points_per_centroid=len(x),
    )
    clusters.train(embedded)
    centers = np.array(clusters.centroids, np.float32).reshape(words, dims)
    if not bits:
        none = np.zeros((0, dims), np.float32), np.zeros((words, 0), np.float32)
        return Codebook(whitening, centers, *none)
    directions = hamming_embedding.rotation(bits, dims, seed)
    bare = Codebook(whitening, centers, directions, np.zeros((words, bits), np.float32))
    own = bare.assign(x).words[:, 0]
    return Codebook(
        whitening, centers, directions, hamming_embedding.medians(embedded @ directions.T, own, words)
    )


def _unit(x: np.ndarray) -> np.ndarray:
    x = np.asarray(x, np.float32)
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)


def _smallest(distance: np.ndarray, count: int) -> np.ndarray:
    """Numbers of the smallest values of each row, the smallest first: int64 `[N, count]`."""
    if count == 1:
        return distance.argmin(1)[:, None]
    near = np.argpartition(distance, count - 1, axis=1)[:, :count]
    order = np.argsort(np.take_along_axis(distance, near, 1), axis=1, kind="stable")
    return np.take_along_axis(near, order, 1)
