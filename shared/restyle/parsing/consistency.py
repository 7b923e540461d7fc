"""Agreement of a garment's pixels: one coat is not a coat here and a dress there.

A top, a jacket, a dress and trousers look alike in a small window, so that the network is undecided in parts
of a garment. Pixels of nearly one color that lie near each other are of one garment: their probabilities are
averaged. This is a step of the mean field of a fully connected conditional random field with the appearance
kernel of Krähenbühl and Koltun, "Efficient Inference in Fully Connected CRFs with Gaussian Edge Potentials",
NIPS 2011, in which `NODES` pixels stand for all.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from shared.restyle.parsing.classes import class_index

#: Classes that agree with each other; what the others cover stays.
CLOTHES = tuple(class_index(name) for name in ("top", "outerwear", "dress", "bottom"))
REACH = 0.15  # standard deviation of the distance, as a share of the image's mean side
COLOR = 25.0  # standard deviation of the color, in levels of each channel
STRENGTH = 0.6  # weight of the neighbors, 0..1
NODES = 600  # pixels that stand for all
STEP = 2  # pixels of a cell in which the neighbors are averaged
MIN_SHARE = 0.2  # probability of clothes from which a cell takes part
TINY = 1e-4


def agree_on_clothes(probabilities: np.ndarray, image: Image.Image) -> np.ndarray:
    """Let the clothes of neighbors of similar color agree on their class.

    Args:
        probabilities: float32 `[C, h, w]`, sums to 1 over the classes.
        image: The image of w x h pixels, mode RGB.

    Returns:
        float32 `[C, h, w]`; the probability of clothes as a whole, and of every other class, stays.
    """
    share = probabilities[[*CLOTHES]].sum(0)
    within = probabilities[[*CLOTHES]] / np.maximum(share, TINY)
    cells, cell_share = within[:, ::STEP, ::STEP], share[::STEP, ::STEP]
    rows, columns = np.nonzero(cell_share > MIN_SHARE)
    if not len(rows):
        return probabilities
    height, width = share.shape
    reach = REACH * np.sqrt(height * width) / STEP
    colors = np.asarray(image, np.float32)[::STEP, ::STEP][rows, columns] / COLOR
    features = np.column_stack([rows / reach, columns / reach, colors]).astype(np.float32)
    beliefs = cells[:, rows, columns].T
    nodes = np.linspace(0, len(rows) - 1, min(len(rows), NODES)).astype(int)
    kernel = _similarity(features, features[nodes]) * cell_share[rows, columns][nodes]
    neighbors = (kernel @ beliefs[nodes] + TINY * beliefs) / (kernel.sum(1, keepdims=True) + TINY)
    energy = (1 - STRENGTH) * np.log(beliefs + TINY) + STRENGTH * np.log(neighbors + TINY)
    agreed = np.exp(energy - energy.max(1, keepdims=True))
    maps = cells.copy()
    maps[:, rows, columns] = (agreed / agreed.sum(1, keepdims=True)).T
    stretched = np.stack([_stretch(plane, (width, height)) for plane in maps])
    total = stretched.sum(0)
    result = probabilities.copy()
    usable = (total > 0) & (share > TINY)
    result[[*CLOTHES]] = np.where(usable, stretched / np.where(usable, total, 1) * share, result[[*CLOTHES]])
    return result


def _similarity(features: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Return the Gaussian kernel of rows `[n, F]` and `[m, F]`, `[n, m]` in 0..1."""
    squares = (features**2).sum(1)[:, None] + (nodes**2).sum(1) - 2 * features @ nodes.T
    return np.asarray(np.exp(-np.maximum(squares, 0) / 2), np.float32)


def _stretch(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BILINEAR))
