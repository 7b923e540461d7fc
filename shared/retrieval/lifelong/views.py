"""Maps of the frozen blocks for views of images: computed once, learned from often."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from shared.core.images import Box, to_tensor
from shared.networks.lifelong.embedder import EmbeddingNetwork
from shared.networks.lifelong.inversion import Statistics, channel_statistics, merge_statistics

SIDE = 128  # of a view in pixels
MARGIN = 1.15  # shorter side of an image before the center is cut out, in sides
CROP_AREA = (0.25, 1.0)  # share of an image that a random view shows
MAX_RATIO = 4 / 3  # of the sides of such a view
CHUNK = 32  # views of a forward pass


@dataclass(frozen=True)
class Views:
    """Maps of images that a lesson or a search works on.

    Attributes:
        maps: float16 `[N, V, C, h, w]`, V views of each image.
        labels: int64 `[N]`, class numbers.
        statistics: Mean and variance of the frozen convolutions' outputs over all views.
    """

    maps: Tensor
    labels: Tensor
    statistics: Statistics = ()

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, indices: Tensor) -> Views:
        """Return the images at indices, int64 `[n]`."""
        return Views(self.maps[indices], self.labels[indices], self.statistics)


def to_device(maps: Tensor, network: EmbeddingNetwork) -> Tensor:
    """Return maps `[N, C, h, w]` in float32 on a network's device, in the memory format of convolutions."""
    device = next(network.parameters()).device
    return maps.to(device).float().contiguous(memory_format=torch.channels_last)


def random_views(image: Image.Image, count: int, rng: np.random.Generator) -> Tensor:
    """Cut random views out of an image, mirrored every other time.

    Args:
        image: Mode RGB.
        count: V.
        rng: Source of randomness.

    Returns:
        float32 `[V, 3, SIDE, SIDE]`, RGB in -1..1.
    """
    views = []
    for _ in range(count):
        # Area and aspect ratio at random, as in Szegedy et al., "Going Deeper with Convolutions", CVPR 2015.
        area = image.width * image.height * rng.uniform(*CROP_AREA)
        ratio = np.exp(rng.uniform(-1, 1) * np.log(MAX_RATIO))
        width = min(np.sqrt(area * ratio), image.width)
        height = min(np.sqrt(area / ratio), image.height)
        left, top = rng.uniform(0, image.width - width), rng.uniform(0, image.height - height)
        view = _resize(image, (left, top, left + width, top + height))
        views.append(view.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else view)
    return torch.stack([to_tensor(view)[0] for view in views]) * 2 - 1


def center_view(image: Image.Image) -> Tensor:
    """Return the center of an image, `[1, 3, SIDE, SIDE]`, RGB in -1..1."""
    side = min(image.size) / MARGIN
    left, top = (image.width - side) / 2, (image.height - side) / 2
    return to_tensor(_resize(image, (left, top, left + side, top + side))) * 2 - 1


def _resize(image: Image.Image, box: Box) -> Image.Image:
    return image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box, reducing_gap=2.0)


def compute_views(
    network: EmbeddingNetwork,
    images: Iterable[Image.Image],
    labels: Sequence[int],
    make_views: Callable[[Image.Image], Tensor],
    on_image: Callable[[int], None] = lambda done: None,
) -> Views:
    """Compute the maps of all views of images.

    Args:
        network: Network whose frozen blocks are used.
        images: N images of mode RGB, opened one after the other.
        labels: Their N class numbers.
        make_views: Returns the views of an image, such as `center_view`.
        on_image: Called with the number of images so far; may raise to stop.

    Returns:
        The maps, on the CPU.
    """
    maps: list[Tensor] = []
    statistics: Statistics = ()
    trained = set(network.convolutions(trained=True))
    layers = [layer for layer in network.convolutions() if layer not in trained]
    with torch.no_grad(), channel_statistics(layers) as latest:
        for batch in _batched(images, make_views, on_image):
            lower = network.lower(to_device(torch.cat(batch), network)).half().cpu()
            part = tuple((mean.cpu(), variance.cpu()) for mean, variance in latest)
            statistics = merge_statistics(statistics, len(maps), part, len(batch))
            maps.extend(lower.unflatten(0, (len(batch), -1)))
    return Views(torch.stack(maps), torch.as_tensor(labels, dtype=torch.int64), statistics)


def _batched(
    images: Iterable[Image.Image],
    make_views: Callable[[Image.Image], Tensor],
    on_image: Callable[[int], None],
) -> Iterator[list[Tensor]]:
    """Yield the views of some images at a time, about `CHUNK` views."""
    batch: list[Tensor] = []
    for index, image in enumerate(images):
        batch.append(make_views(image))
        on_image(index + 1)
        if len(batch) * len(batch[0]) >= CHUNK:
            yield batch
            batch = []
    if batch:
        yield batch
