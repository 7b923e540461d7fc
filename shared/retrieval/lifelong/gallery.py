"""Images that a lifelong search looks through: small copies, maps and vectors, in bounded memory."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from shared.core.images import shrink
from shared.networks.lifelong.embedder import EmbeddingNetwork
from shared.retrieval.lifelong.teacher import embed

MAX_IMAGES = 600
THUMBNAIL_SIDE, QUALITY = 224, 85


@dataclass(frozen=True, eq=False)
class LearnedImage:
    """Image of the gallery.

    Attributes:
        name: Name for people.
        label: Name of its class; empty if nobody said it.
        thumbnail: JPEG file.
        map: float16 `[C, h, w]`, of the frozen blocks, from which any later network makes its vector.
        vector: float32 `[D]`, of length 1, by the network after the lesson in which the image came.
        is_query: True if no lesson used the image, so that recall may be measured with it.
    """

    name: str
    label: str
    thumbnail: bytes
    map: Tensor
    vector: np.ndarray
    is_query: bool = False

    def image(self) -> Image.Image:
        """Decode the small copy."""
        return Image.open(io.BytesIO(self.thumbnail)).convert("RGB")


@dataclass(frozen=True, eq=False)
class LearnedGallery:
    """Images in the order in which they came. Adding returns a new gallery; an old one never changes.

    Attributes:
        images: The images, `MAX_IMAGES` at most; the oldest without a label go first.
        vectors: float32 `[N, D]`, by the present network.
    """

    images: tuple[LearnedImage, ...] = ()
    vectors: np.ndarray = field(default_factory=lambda: np.zeros((0, 1), np.float32))

    @property
    def earlier_vectors(self) -> np.ndarray:
        """Vectors by the network of the time at which each image came, float32 `[N, D]`."""
        return np.stack([image.vector for image in self.images])

    @property
    def labels(self) -> tuple[str, ...]:
        """Name of the class of each image."""
        return tuple(image.label for image in self.images)

    def add(
        self,
        images: Sequence[Image.Image],
        names: Sequence[str],
        labels: Sequence[str],
        maps: Tensor,
        network: EmbeddingNetwork,
        queries: Sequence[bool],
    ) -> LearnedGallery:
        """Return a gallery with more images.

        Args:
            images: N images of mode RGB.
            names: N names.
            labels: N names of classes, or empty.
            maps: float16 `[N, C, h, w]`, maps of the frozen blocks.
            network: The present network.
            queries: True for each image that no lesson uses.
        """
        vectors = embed(network, maps).unit.numpy()
        added = tuple(
            LearnedImage(name, label, _jpeg(image), part.clone(), vector, is_query)
            for image, name, label, part, vector, is_query in zip(
                images, names, labels, maps, vectors, queries, strict=True
            )
        )
        known = self.vectors.reshape(len(self.images), vectors.shape[1])
        gallery = LearnedGallery((*self.images, *added), np.concatenate([known, vectors]))
        return gallery._trim()

    def describe(self, network: EmbeddingNetwork) -> LearnedGallery:
        """Return the gallery with the vectors of another network; the earlier ones stay beside them."""
        if not self.images:
            return self
        maps = torch.stack([image.map for image in self.images])
        return replace(self, vectors=embed(network, maps).unit.numpy())

    def recall(self, labels: Collection[str], vectors: np.ndarray | None = None) -> float | None:
        """Compute recall@1 of the images of some classes that no lesson used, among all others.

        Args:
            labels: Names of the classes.
            vectors: float32 `[N, D]` in place of `vectors`, such as those of a network in training.

        Returns:
            0..1; None if there are no such images.
        """
        correct, measured = self.count_right(labels, vectors)
        return correct / measured if measured else None

    def count_right(self, labels: Collection[str], vectors: np.ndarray | None = None) -> tuple[int, int]:
        """Count the images of some classes whose nearest image is of their class, and all that are measured.

        Args:
            labels: Names of the classes.
            vectors: See `recall`.
        """
        pairs = zip(self.images, self.nearest_is_right(vectors), strict=True)
        measured = [right for image, right in pairs if image.label in labels and right is not None]
        return sum(measured), len(measured)

    def nearest_is_right(self, vectors: np.ndarray | None = None) -> list[bool | None]:
        """Return for each image that no lesson used if the nearest other image is of its class; else None."""
        counts = Counter(self.labels)
        return [
            self.images[index].label == image.label if image.is_query and counts[image.label] > 1 else None
            for image, index in zip(self.images, self.nearest(vectors), strict=True)
        ]

    def nearest(self, vectors: np.ndarray | None = None) -> list[int]:
        """Return the index of the nearest other image for each image; its own if there is no other."""
        if not self.images:
            return []
        vectors = self.vectors if vectors is None else vectors
        similarity = vectors @ vectors.T
        np.fill_diagonal(similarity, -np.inf)
        nearest: list[int] = similarity.argmax(1).tolist()
        return nearest

    def _trim(self) -> LearnedGallery:
        """Return the gallery without its oldest images beyond `MAX_IMAGES`."""
        surplus = len(self.images) - MAX_IMAGES
        if surplus <= 0:
            return self
        order = sorted(range(len(self.images)), key=lambda index: (self.images[index].label != "", index))
        rows = sorted(order[surplus:])
        return LearnedGallery(tuple(self.images[row] for row in rows), self.vectors[rows])


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    shrink(image, THUMBNAIL_SIDE).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()
