"""Distances of generated to real photos in the features of one fixed network.

The network is `recognition-plain`: MobileNetV2 distilled on photos for the 1,000 classes of ImageNet, the
mean of its last maps. The distances are neither LPIPS nor FID, which belong to other networks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

from shared.core.images import to_tensor
from shared.core.models import load_on_device
from shared.networks.cfn import CFN

WEIGHTS = "recognition-plain"
SIZE = 224  # of the network's input in pixels


class FeatureNetwork:
    """Network that describes photos."""

    def __init__(self) -> None:
        self._network, _ = load_on_device(CFN, WEIGHTS, device="cpu")

    @torch.inference_mode()
    def __call__(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Return the features of images, `[N, 1280]`."""
        rows = []
        for image in images:
            x = to_tensor(image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BICUBIC))
            vectors = self._network.branch_vectors(self._network.branch_maps(x))
            rows.append(self._network.fuse(vectors)[0].numpy())
        return np.stack(rows)


def cosine_distance(features: np.ndarray, references: np.ndarray) -> float:
    """Return the mean cosine distance of pairs of rows, 0..2.

    >>> cosine_distance(np.array([[2.0, 0.0]]), np.array([[0.0, 1.0]]))
    1.0
    """
    lengths = np.linalg.norm(features, axis=1) * np.linalg.norm(references, axis=1)
    return float(1 - ((features * references).sum(1) / np.maximum(lengths, 1e-12)).mean())


def kernel_distance(features: np.ndarray, references: np.ndarray) -> float:
    """Return the unbiased squared maximum mean discrepancy with the kernel `(x . y / D + 1)^3`.

    Binkowski et al., "Demystifying MMD GANs", ICLR 2018. It compares two sets without pairs, 0 for samples of
    the same distribution, and may be slightly negative.

    Args:
        features: `[N, D]`, N at least 2.
        references: `[M, D]`, M at least 2.
    """

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        values: np.ndarray = (x @ y.T / x.shape[1] + 1) ** 3
        return values

    def mean_without_diagonal(matrix: np.ndarray) -> float:
        count = len(matrix)
        return float((matrix.sum() - np.trace(matrix)) / (count * (count - 1)))

    within = mean_without_diagonal(kernel(features, features))
    within += mean_without_diagonal(kernel(references, references))
    return within - 2 * float(kernel(features, references).mean())
