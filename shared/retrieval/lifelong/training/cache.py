"""Maps of a whole data set: computed once, kept in a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from shared.core.images import shrink
from shared.networks.lifelong.embedder import EmbeddingNetwork
from shared.retrieval.data.class_sets import CLASS_SETS
from shared.retrieval.lifelong.training.network import imagenet_network
from shared.retrieval.lifelong.views import SIDE, Views, center_view, compute_views, random_views
from shared.training.datasets import LabelledImages

VIEWS = 4  # random views of a training image
READ_SIDE = 320  # longer side of an image that is read, in pixels


@dataclass(frozen=True)
class CachedSet:
    """Maps of a data set.

    Attributes:
        train: Random views of the training images.
        test: The center of each test image.
    """

    train: Views
    test: Views


def read_cached(name: str, root: Path, folder: Path | None = None, limit: int | None = None) -> CachedSet:
    """Read the maps of a data set, or compute them.

    Args:
        name: One of `shared.retrieval.data.class_sets.CLASS_SETS`.
        root: Folder of the data set.
        folder: Folder in which they are kept; None to keep nothing.
        limit: Largest number of images of each part.

    Raises:
        FileNotFoundError: The data set is not there.
    """
    path = folder / f"{name}-{SIDE}-{VIEWS}-{limit or 'all'}.pt" if folder else None
    if path is not None and path.is_file():
        return torch.load(path, weights_only=False)
    train, test = (part.part(_spread(len(part.images), limit)) for part in CLASS_SETS[name].read(root))
    network = imagenet_network()
    rng = np.random.default_rng(0)
    cached = CachedSet(
        _compute(network, train, partial(random_views, count=VIEWS, rng=rng)),
        _compute(network, test, center_view),
    )
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(cached, path)
    return cached


def _spread(count: int, limit: int | None) -> list[int]:
    """Return the indices of at most `limit` images, spread over all."""
    rows = np.unique(np.linspace(0, count - 1, min(limit or count, count)).astype(int))
    return list(map(int, rows))


def _compute(
    network: EmbeddingNetwork, part: LabelledImages, make_views: Callable[[Image.Image], Tensor]
) -> Views:
    """Return the maps of all views of a part."""
    images = (shrink(file.image(), READ_SIDE) for file in tqdm(part.images, unit="image", mininterval=10))
    return compute_views(network, images, part.targets.tolist(), make_views)
