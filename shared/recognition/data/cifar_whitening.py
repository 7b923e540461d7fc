"""The preparation of CIFAR in the papers of its time: contrast normalisation and ZCA whitening."""

from __future__ import annotations

import numpy as np


def contrast_normalise(pictures: np.ndarray, scale: float = 55.0) -> np.ndarray:
    """Global contrast normalisation: each picture gets mean 0 and, over all its values, length `scale`.

    Goodfellow et al., "Maxout Networks", ICML 2013, whose preparation "Network in Network" and CFN follow.

    Args:
        pictures: uint8 or float `[N, C, H, W]`.

    Returns:
        float32, the same shape. A picture of one value everywhere becomes zeros.
    """
    flat = pictures.reshape(len(pictures), -1).astype(np.float32)
    flat -= flat.mean(1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    flat *= scale / np.where(length < 1e-8, 1, length)
    return flat.reshape(pictures.shape)


def zca(fit_on: np.ndarray, *sets: np.ndarray, bias: float = 0.1) -> list[np.ndarray]:
    """Whitens pictures so that they stay as near to themselves as whitening allows.

    Args:
        fit_on: float `[N, C, H, W]`, the pictures whose covariance is used.
        sets: pictures to whiten.
        bias: added to the eigenvalues, so that noise is not blown up.

    Returns:
        float32, one array for each of `sets`.
    """
    flat = fit_on.reshape(len(fit_on), -1).astype(np.float64)
    mean = flat.mean(0)
    values, vectors = np.linalg.eigh(np.cov(flat - mean, rowvar=False))
    whiten = (vectors / np.sqrt(np.maximum(values, 0) + bias)) @ vectors.T
    return [
        ((one.reshape(len(one), -1) - mean) @ whiten).astype(np.float32).reshape(one.shape) for one in sets
    ]
