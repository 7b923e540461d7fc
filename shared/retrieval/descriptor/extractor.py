"""Extractor of descriptors: one image, a batch, or a stream of any length."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from shared.core import weights
from shared.core.cpu_runtime import compiled
from shared.core.image_files import ImageFile
from shared.core.images import Box, ImageError, Source, crop, open_image, resize_to_tensor
from shared.core.scheduling import InferenceScheduler, prefetch
from shared.retrieval.descriptor.backbones import (
    Folders,
    Maps,
    list_feature_maps,
    load_backbones,
    network_levels,
)
from shared.retrieval.descriptor.head import DescriptorHead

#: Name of the weights of the trained head.
HEAD = "retrieval-descriptor"

_log = logging.getLogger(__name__)


class MapHead(Protocol):
    """Head over feature maps: rows `[B, ...]` from the maps `[B, K, h, w]` of each size and level."""

    @property
    def levels(self) -> Sequence[str]:
        """Levels of the maps that it needs."""

    def __call__(self, maps: Mapping[int, Maps]) -> Tensor:
        """Compute the rows."""


class Extractor:
    """Extractor of global descriptors. Calls may come from many threads at once.

    Attributes:
        engine: Name of the extractor.
        network: Backbone on its device, in eval mode, or several in a `torch.nn.ModuleList`.
        head: Head that computes the descriptor from the maps.
        network_digest: Digest of the weight files of the backbones, to which a head or a vocabulary belongs;
            empty if they come from no files.
        worker_pool: Threads that describe images in parallel; None on other devices than the CPU.

    Args:
        engine: See above.
        network: See above.
        head: See above.
        network_digest: See above.

    Raises:
        ValueError: The head pools a level that the network lacks.
    """

    def __init__(
        self, engine: str, network: nn.Module, head: DescriptorHead, network_digest: str = ""
    ) -> None:
        if not set(head.levels) <= set(network_levels(network)):
            raise ValueError(
                f"the head pools {', '.join(head.levels)}, but the engine {engine} has "
                f"{', '.join(network_levels(network))}: give a head with levels of these"
            )
        self.engine = engine
        self.network, self.network_digest = network, network_digest
        self._device = next(network.parameters()).device
        self.head = head.to(self._device).eval()
        self._map_functions: dict[tuple[str, ...], Callable[[Tensor], list[Tensor]]] = {}
        # On a CPU the maps of a single image stay in the cache from layer to layer, those of a batch do not.
        self._batch_size = 1 if self._device.type == "cpu" else 16
        self._scheduler = InferenceScheduler(self._device)
        self.worker_pool = self._scheduler.worker_pool

    @classmethod
    def load(
        cls,
        name: str = "cfn",
        *,
        folder: Folders | None = None,
        head: DescriptorHead | str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> Extractor:
        """Load an extractor.

        Args:
            name: One of `shared.retrieval.descriptor.backbones.EXTRACTORS`.
            folder: Weights of the backbone in place of the defaults; of an ensemble a sequence with one
                folder, or None, per backbone.
            head: Folder of a trained head, by default `weights/retrieval-descriptor`; or a head, such as one
                without whitening, which fits every network.
            device: Device of the networks; by default the best available.
            allow_hub: True if missing weights may be downloaded.

        Raises:
            ValueError: There is no such extractor, or it lacks a level that the head pools.
            WeightsError: Weights cannot be used, or the head was trained for another network.
        """
        network, folders = load_backbones(name, folder, device=device, allow_hub=allow_hub)
        digest = "+".join(weights.digest(path) for path in folders)
        if not isinstance(head, DescriptorHead):
            head_folder = weights.find(HEAD, folder=head, allow_hub=allow_hub)
            head = weights.load(DescriptorHead, HEAD, folder=head_folder)
            if weights.read_config(head_folder).get("network") != digest:
                raise weights.WeightsError(
                    f"The descriptor in {head_folder.name} was trained for other weights than those in "
                    f"{' and '.join(path.name for path in folders)}: train it anew with "
                    "`python -m shared.retrieval.train whitening`."
                )
        return cls(name, network, head, digest)

    def __call__(self, image: Source, box: Box | None = None) -> np.ndarray:
        """Describe an image, or a part of it.

        Args:
            image: Any source that `shared.core.images.open_image` takes.
            box: The part in pixels, see `shared.core.images.crop`; by default the whole.

        Returns:
            float32 `[head.dims]` of unit length; the dot product of two descriptors is their cosine.

        Raises:
            ImageError: The image cannot be used, or the box lies outside of it.
        """
        return self.batch([image], [box])[0]

    def batch(self, images: Sequence[Source], boxes: Sequence[Box | None] | None = None) -> np.ndarray:
        """Describe several images, all in memory at once: float32 `[N, head.dims]`."""
        if not images:
            return np.empty((0, self.head.dims), np.float32)
        parts = [
            crop(open_image(image), box)
            for image, box in zip(images, boxes or [None] * len(images), strict=True)
        ]
        inputs = [network_inputs(part, self.head.sizes) for part in parts]
        return self.apply_heads(inputs, {HEAD: self.head})[HEAD]

    def compare_heads(
        self, image: Image.Image, heads: Mapping[str, DescriptorHead], box: Box | None = None
    ) -> dict[str, np.ndarray]:
        """Describe an image with several heads, `[dims]` by name, in one pass of the network per size."""
        sizes = sorted({size for head in heads.values() for size in head.sizes})
        inputs = network_inputs(crop(image, box), sizes)
        return {name: rows[0] for name, rows in self.apply_heads([inputs], heads).items()}

    def stream(
        self,
        images: Iterable[ImageFile],
        *,
        buffer_size: int = 8,
        on_skip: Callable[[ImageFile, str], None] | None = None,
    ) -> Iterator[tuple[ImageFile, np.ndarray]]:
        """Describe images of files and archives in order, in bounded memory.

        Args:
            images: Image files, such as `shared.core.image_files.read_images` lists.
            buffer_size: Largest number of images that are decoded ahead of the network.
            on_skip: Called with each image that cannot be used, and the reason; by default a line is logged.

        Yields:
            Each usable image in the order of the input, and its descriptor, float32 `[head.dims]`.
        """
        on_skip = on_skip or (lambda image, reason: _log.warning("Skipped %s: %s", image, reason))
        described: Iterator[tuple[ImageFile, np.ndarray | ImageError]]
        if self.worker_pool:
            described = prefetch(images, self._describe_file, buffer_size, self.worker_pool)
        else:
            decoded = prefetch(images, self._read, buffer_size)
            described = ((image, self._describe_inputs(inputs)) for image, inputs in decoded)
        for image, row in described:
            if isinstance(row, ImageError):
                on_skip(image, str(row))
            else:
                yield image, row

    @torch.inference_mode()
    def maps(
        self, image: Image.Image, size: int, levels: Sequence[str] | None = None
    ) -> dict[str, np.ndarray]:
        """Compute the feature maps of an image, float32 `[K, h, w]` by level.

        Args:
            image: RGB image.
            size: Longer side in pixels at which the network sees it.
            levels: Some of `shared.retrieval.descriptor.backbones.network_levels`; by default all.
        """
        (x,) = network_inputs(image, [size]).values()
        with self._scheduler.slot():
            maps = self._feature_maps(x.to(self._device), levels)
        return {level: values[0].float().cpu().numpy() for level, values in maps.items()}

    @torch.inference_mode()
    def apply_heads(
        self, inputs: Sequence[dict[int, Tensor]], heads: Mapping[str, MapHead]
    ) -> dict[str, np.ndarray]:
        """Apply heads to the feature maps of images; images of one shape share a pass of the network.

        Args:
            inputs: At least one result of `network_inputs`, with all sizes that a head needs.
            heads: Heads by name.

        Returns:
            float32 `[N, ...]` for each head.
        """
        rows: dict[str, np.ndarray] = {}
        levels = {level for head in heads.values() for level in head.levels}
        for batch in self._batches(inputs):
            with self._scheduler.slot():
                maps = {}
                for size in inputs[batch[0]]:
                    x = torch.cat([inputs[index][size] for index in batch])
                    x = x.to(self._device, memory_format=torch.channels_last)
                    maps[size] = self._feature_maps(x, levels)
                for name, head in heads.items():
                    values = head(maps).float().cpu().numpy()
                    if name not in rows:
                        rows[name] = np.empty((len(inputs), *values.shape[1:]), np.float32)
                    rows[name][batch] = values
        return rows

    def _feature_maps(self, x: Tensor, levels: Collection[str] | None = None) -> Maps:
        """Compute feature maps as `shared.retrieval.descriptor.backbones.feature_maps` does."""
        available = network_levels(self.network)
        names = tuple(level for level in available if levels is None or level in levels)
        if names not in self._map_functions:
            function = partial(list_feature_maps, self.network, levels=names)
            self._map_functions[names] = compiled(self.network, function, parallel=True)
        return dict(zip(names, self._map_functions[names](x), strict=True))

    def _read(self, image: ImageFile) -> dict[int, Tensor] | ImageError:
        try:
            return network_inputs(image.open_image(), self.head.sizes)
        except ImageError as error:
            return error

    def _describe_inputs(self, inputs: dict[int, Tensor] | ImageError) -> np.ndarray | ImageError:
        if isinstance(inputs, ImageError):
            return inputs
        return self.apply_heads([inputs], {HEAD: self.head})[HEAD][0]

    def _describe_file(self, image: ImageFile) -> np.ndarray | ImageError:
        return self._describe_inputs(self._read(image))

    def _batches(self, inputs: Sequence[dict[int, Tensor]]) -> Iterator[list[int]]:
        """Group images of the same shapes, as index lists."""
        by_shape: dict[tuple[torch.Size, ...], list[int]] = {}
        for index, sizes in enumerate(inputs):
            by_shape.setdefault(tuple(x.shape for x in sizes.values()), []).append(index)
        for indices in by_shape.values():
            for start in range(0, len(indices), self._batch_size):
                yield indices[start : start + self._batch_size]


def network_inputs(image: Image.Image, sizes: Iterable[int]) -> dict[int, Tensor]:
    """Resize an image for a network: `[1, 3, h, w]`, RGB in 0..1, by longer side; see `input_size`."""
    return {size: resize_to_tensor(image, input_size(image.size, size)) for size in sizes}


def input_size(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """Return the size at which a network sees an image, with a longer side of `longest` and the same shape.

    The shorter side becomes a multiple of 16 and at least 32: no cell of the middle maps is cut, and images
    of nearly the same shape get the same size and share a pass.

    Args:
        size: Width and height of the image in pixels.
        longest: Longer side in pixels.

    >>> input_size((4000, 3000), 320), input_size((640, 427), 320), input_size((1, 3000), 320)
    ((320, 240), (320, 208), (32, 320))
    """
    scale = longest / max(size)
    width, height = (min(max(round(side * scale / 16) * 16, 32), longest) for side in size)
    return (longest, height) if size[0] >= size[1] else (width, longest)
