"""Earlier network of a lesson: its output, computed once."""

from __future__ import annotations

import torch
from torch import Tensor

from shared.networks.lifelong.embedder import EmbeddingNetwork, Embeddings
from shared.retrieval.lifelong.views import Views, to_device

CHUNK = 64  # maps of a forward pass


@torch.no_grad()
def embed(network: EmbeddingNetwork, maps: Tensor) -> Embeddings:
    """Compute the output for many maps, on the CPU.

    Args:
        network: The network.
        maps: float16 `[N, C, h, w]`.
    """
    parts = [network.upper(to_device(part, network)) for part in maps.split(CHUNK)]
    return Embeddings(*(torch.cat(values).cpu() for values in zip(*parts, strict=True)))


class Teacher:
    """Earlier network: its output for every view of a lesson, computed once.

    Args:
        network: The earlier network, which is not changed.
        views: Views of the lesson.
        maps: float16 `[M, C, h, w]`, maps of images made from statistics; may be empty.
    """

    def __init__(self, network: EmbeddingNetwork, views: Views, maps: Tensor) -> None:
        count = views.maps.shape[1]
        self._output = Embeddings(
            *(values.unflatten(0, (len(views), count)) for values in embed(network, views.maps.flatten(0, 1)))
        )
        self._dreamed = embed(network, maps) if len(maps) else None

    def __call__(self, images: Tensor, views: Tensor, dreams: Tensor) -> Embeddings:
        """Return the output for views of images, followed by that for images made from statistics."""
        output = Embeddings(*(values[images, views] for values in self._output))
        if self._dreamed is None:
            return output
        dreamed = (values[dreams] for values in self._dreamed)
        return Embeddings(*(torch.cat(pair) for pair in zip(output, dreamed, strict=True)))
