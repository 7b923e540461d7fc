"""Fitting of codebooks and vocabularies, on images outside the gallery."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import faiss
import numpy as np

from shared.index.vectors import l2_normalize
from shared.retrieval.deepindex.codebook import Codebook
from shared.retrieval.deepindex.hamming_embedding import median_thresholds, random_rotation
from shared.retrieval.deepindex.patches import Bag
from shared.retrieval.deepindex.vocabulary import Vocabulary
from shared.retrieval.descriptor.whitening import Whitening, fit_pca


@dataclass(frozen=True)
class CodebookSettings:
    """Settings of a codebook.

    Attributes:
        dims: Length of a whitened feature.
        bits: Length of the binary code, a multiple of 16, at most `dims`; 0 for none.
        spherical: True for centers of unit length, like the features, so that a word is a direction.
        iterations: Iterations of k-means.
        seed: Seed of k-means and of the rotation of the codes.
    """

    dims: int = 128
    bits: int = 32
    spherical: bool = True
    iterations: int = 20
    seed: int = 0


def fit_codebook(
    x: np.ndarray, words: int, settings: CodebookSettings, whitening: Whitening | None = None
) -> Codebook:
    """Fit a codebook: whitening, k-means, and the thresholds of the binary codes.

    Args:
        x: Non-negative features of many images, `[N, K]`; those without positive values are left out.
        words: Number of words, at most N.
        settings: Settings of the codebook.
        whitening: Whitening to `settings.dims`; by default PCA whitening is fitted.

    Raises:
        ValueError: There are fewer features than words.
    """
    x = np.asarray(x, np.float32)
    x = l2_normalize(x[(x > 0).any(1)])
    if not 1 <= words <= len(x):
        raise ValueError(f"words must be in 1..{len(x)}, the number of features, received {words!r}")
    dims, bits, seed = settings.dims, settings.bits, settings.seed
    whitening = whitening or fit_pca(x, dims)
    embedded = np.ascontiguousarray(whitening.apply(x), np.float32)
    clusters = faiss.Kmeans(
        dims,
        words,
        niter=settings.iterations,
        spherical=settings.spherical,
        seed=seed,
        min_points_per_centroid=1,
        max_points_per_centroid=len(x),
    )
    clusters.train(embedded)
    centers = np.array(clusters.centroids, np.float32).reshape(words, dims)
    rotation = random_rotation(bits, dims, seed) if bits else np.zeros((0, dims), np.float32)
    codebook = Codebook(whitening, centers, rotation, np.zeros((words, bits), np.float32))
    if not bits:
        return codebook
    nearest = codebook.assign(x).words[:, 0]
    return replace(codebook, thresholds=median_thresholds(embedded @ rotation.T, nearest, words))


def fit_vocabulary(
    bags: Sequence[Bag],
    words: Mapping[str, int],
    settings: CodebookSettings,
    *,
    power: float,
    signature_bits: int = 512,
    whole: Whitening | None = None,
) -> Vocabulary:
    """Fit the codebooks of patches, and the signature of the whole image.

    Args:
        bags: Bags of images with the same boxes.
        words: Number of words for each level; one level or two.
        settings: Settings of the codebooks of patches.
        power: Power with which the bags were pooled.
        signature_bits: Bits of the signature, a multiple of 16; 0 for none.
        whole: Whitening of the whole image, such as that of a trained descriptor; by default one is fitted.

    Raises:
        ValueError: There are no bags, or too few for so many words, dims or bits.
    """
    if not bags:
        raise ValueError("a vocabulary is learned from at least one bag, received none")
    codebooks = {
        level: fit_codebook(np.concatenate([bag.features[level] for bag in bags]), count, settings)
        for level, count in words.items()
    }
    signature = None
    if signature_bits:
        whole_images = np.stack([bag.whole for bag in bags])
        dims = signature_bits if whole is None else len(whole.projection)
        signature_settings = replace(settings, dims=dims, bits=signature_bits)
        signature = fit_codebook(whole_images, 1, signature_settings, whole)
    return Vocabulary(bags[0].boxes, power, codebooks, signature)
