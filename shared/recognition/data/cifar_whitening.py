"""Preprocessing of CIFAR in the papers of its time: contrast normalization and ZCA whitening."""

from __future__ import annotations

import numpy as np


def contrast_normalize(images: np.ndarray, scale: float = 55.0) -> np.ndarray:
    """Apply global contrast normalization: mean 0 and, over all values of an image, Euclidean norm `scale`.

    Goodfellow et al., "Maxout Networks", ICML 2013, whose preprocessing "Network in Network" and CFN follow.

    Args:
        images: uint8 or float `[N, C, H, W]`.
        scale: Norm of each result.

    Returns:
        float32, the same shape. A constant image becomes zeros.
    """
    flat = images.reshape(len(images), -1).astype(np.float32)
    flat -= flat.mean(1, keepdims=True)
    norm = np.linalg.norm(flat, axis=1, keepdims=True)
    flat *= scale / np.where(norm < 1e-8, 1, norm)
    return flat.reshape(images.shape)


def zca_whiten(fit_on: np.ndarray, *sets: np.ndarray, bias: float = 0.1) -> list[np.ndarray]:
    """Whiten images with the ZCA transform, which changes them as little as whitening can.

    Args:
        fit_on: float `[N, C, H, W]`, images whose covariance is used.
        sets: Arrays of images to whiten.
        bias: Added to the eigenvalues, so that noise is not amplified.

    Returns:
        float32, one array for each of `sets`.
    """
    flat = fit_on.reshape(len(fit_on), -1).astype(np.float64)
    mean = flat.mean(0)
    values, vectors = np.linalg.eigh(np.cov(flat - mean, rowvar=False))
    whitening = (vectors / np.sqrt(np.maximum(values, 0) + bias)) @ vectors.T
    return [
        ((images.reshape(len(images), -1) - mean) @ whitening).astype(np.float32).reshape(images.shape)
        for images in sets
    ]
