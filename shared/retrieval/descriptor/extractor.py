"""Describes pictures for a search: one call for a picture, a batch, or a stream of any length."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from shared.core import engines, weights
from shared.core.images import Box, ImageError, Source, crop, open_image, to_tensor
from shared.core.models import load_network
from shared.core.prefetch import prefetch
from shared.core.scheduling import InferenceScheduler
from shared.networks.backbones.onednn import fuse_convolutions
from shared.retrieval.descriptor.head import DescriptorHead
from shared.retrieval.descriptor.levels import NETWORKS, feature_maps, network_levels
from shared.retrieval.engines import EXTRACTORS, parts
from shared.training.datasets import ImageFile

HEAD = "retrieval-descriptor"
#: The weights of one network, or of each of several; None for a network's own.
Folders = str | os.PathLike | Sequence[str | os.PathLike | None]

_log = logging.getLogger(__name__)


class Extractor:
    """Describes pictures. `Extractor.load` makes one; calls may come from many threads at once.

    Attributes:
        engine: The name of the engine.
        network: The network on its device, in eval mode, or several in a `torch.nn.ModuleList`; the maps are
            those of `shared.retrieval.descriptor.levels`.
        head: What makes a descriptor of the network's maps.

    Args:
        engine: See above.
        network: See above.
        head: See above.

    Raises:
        ValueError: The head pools a level that the network does not have.
    """

    def __init__(self, engine: str, network: nn.Module, head: DescriptorHead) -> None:
        if not set(head.levels) <= set(network_levels(network)):
            raise ValueError(
                f"the head pools {', '.join(head.levels)}, but the engine {engine} has "
                f"{', '.join(network_levels(network))}: give a head with levels of these"
            )
        self.engine = engine
        self.network = network
        self._device = next(network.parameters()).device
        self.head = head.to(self._device).eval()
        self._fused = fuse_convolutions(network)
        on_cpu = self._device.type == "cpu"
        # On a CPU a single picture stays in the cache from layer to layer, and a batch does not.
        self._together = 1 if on_cpu else 16
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
        """Loads an engine.

        Args:
            name: One of `shared.retrieval.engines.EXTRACTORS`.
            folder: Weights of the network to use in place of the engine's own; for an engine of several
                networks a sequence, one for each, in which None stands for the network's own.
            head: The folder of a trained head, by default `weights/retrieval-descriptor`; or a head, such as
                one without whitening, which fits every network.
            device: Where the network runs; by default the best there is.
            allow_hub: Whether weights that are not on this machine may be downloaded.

        Raises:
            ValueError: There is no such engine, or it has not the levels that the head pools.
            WeightsError: Weights cannot be used, or the head was trained for another network.
        """
        engine = engines.find(EXTRACTORS, name)
        loaded = [
            load_network(part, NETWORKS[part.name], folder=own, device=device, allow_hub=allow_hub)
            for part, own in zip(parts(engine), _each(folder, len(parts(engine))), strict=True)
        ]
        network = loaded[0][0] if len(loaded) == 1 else nn.ModuleList(one for one, _ in loaded).eval()
        folders = [found for _, found in loaded]
        if not isinstance(head, DescriptorHead):
            head_folder = weights.find(HEAD, folder=head, allow_hub=allow_hub)
            head = weights.load(DescriptorHead, HEAD, folder=head_folder)
            if weights.read_config(head_folder).get("network") != network_digest(*folders):
                raise weights.WeightsError(
                    f"The descriptor in {head_folder.name} was trained for other weights than those in "
                    f"{' and '.join(one.name for one in folders)}: train it anew with "
                    "`python -m shared.retrieval.train whitening`."
                )
        return cls(name, network, head)

    def __call__(self, image: Source, box: Box | None = None) -> np.ndarray:
        """Describes one picture, or a part of it.

        Args:
            image: Anything that `shared.core.images.open_image` takes.
            box: The part, see `crop`; by default the whole.

        Returns:
            float32 `[head.dims]` of length 1; the dot product of two descriptors is their cosine.

        Raises:
            ImageError: The picture cannot be used.
            ValueError: The box has no part in the picture.
        """
        return self.batch([image], [box])[0]

    def batch(self, images: Sequence[Source], boxes: Sequence[Box | None] | None = None) -> np.ndarray:
        """Describes several pictures: float32 `[N, head.dims]`. All are in memory at once; see `stream`."""
        boxes = boxes if boxes is not None else [None] * len(images)
        views = [
            self.views(crop(open_image(image), box), self.head.sizes)
            for image, box in zip(images, boxes, strict=True)
        ]
        return self.describe(views, {"": self.head})[""]

    def compare(
        self, image: Source, heads: Mapping[str, DescriptorHead], box: Box | None = None
    ) -> dict[str, np.ndarray]:
        """Describes one picture with several heads, `[dims]` by name, in one pass of the network per size."""
        sizes = sorted({size for head in heads.values() for size in head.sizes})
        views = self.views(crop(open_image(image), box), sizes)
        return {name: rows[0] for name, rows in self.describe([views], heads).items()}

    def stream(
        self,
        photos: Iterable[ImageFile],
        *,
        ahead: int = 8,
        skipped: Callable[[ImageFile, str], None] | None = None,
    ) -> Iterator[tuple[ImageFile, np.ndarray]]:
        """Describes photos from files and archives, one after another, in memory that does not grow.

        Args:
            photos: Such as `shared.training.datasets.read_images` lists.
            ahead: How many photos are decoded in advance, beside the network's work.
            skipped: Is called with each photo that cannot be used, and the reason; by default a line is
                logged.

        Yields:
            Each photo that can be used, in the order given, and its descriptor, float32 `[head.dims]`.
        """
        skipped = skipped or (lambda photo, reason: _log.warning("Skipped %s: %s", photo, reason))
        if self.worker_pool:
            described = prefetch(photos, self._look, ahead, self.worker_pool)
        else:
            described = ((photo, self._finish(views)) for photo, views in prefetch(photos, self._read, ahead))
        for photo, row in described:
            if isinstance(row, ImageError):
                skipped(photo, str(row))
            else:
                yield photo, row

    @torch.inference_mode()
    def maps(self, image: Source, size: int, levels: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        """Feature maps of one picture, float32 `[K, h, w]` by level.

        Args:
            image: Anything that `shared.core.images.open_image` takes.
            size: The longer side in pixels at which the network sees it.
            levels: Some of `shared.retrieval.descriptor.levels.network_levels`; by default all.
        """
        (view,) = self.views(open_image(image), [size]).values()
        with self._scheduler.slot():
            maps = feature_maps(self._fused, view.to(self._device), levels)
        return {level: one[0].float().cpu().numpy() for level, one in maps.items()}

    def _read(self, photo: ImageFile) -> dict[int, Tensor] | ImageError:
        try:
            return self.views(photo.open_image(), self.head.sizes)
        except ImageError as error:
            return error

    def _finish(self, views: dict[int, Tensor] | ImageError) -> np.ndarray | ImageError:
        return views if isinstance(views, ImageError) else self.describe([views], {"": self.head})[""][0]

    def _look(self, photo: ImageFile) -> np.ndarray | ImageError:
        return self._finish(self._read(photo))

    @staticmethod
    def views(picture: Image.Image, sizes: Iterable[int]) -> dict[int, Tensor]:
        """What a network sees of a picture: `[1, 3, h, w]`, 0..1, by the longer side; see `fit`."""
        resized = {size: picture.resize(fit(picture.size, size), Image.Resampling.BICUBIC) for size in sizes}
        return {size: to_tensor(one) for size, one in resized.items()}

    @torch.inference_mode()
    def describe(
        self, views: Sequence[dict[int, Tensor]], heads: Mapping[str, DescriptorHead]
    ) -> dict[str, np.ndarray]:
        """Describes what `views` gave of several pictures; pictures of one shape share a pass.

        Args:
            views: Of each picture, at all sizes that a head has.
            heads: By name: whatever has `levels` and `dims`, and makes `[B, dims]` of maps, as
                `DescriptorHead` does.

        Returns:
            float32 `[N, dims]` for each head.
        """
        rows = {name: np.empty((len(views), head.dims), np.float32) for name, head in heads.items()}
        levels = {level for head in heads.values() for level in head.levels}
        for places in self._passes(views):
            with self._scheduler.slot():
                maps = {}
                for size in views[places[0]]:
                    x = torch.cat([views[place][size] for place in places])
                    x = x.to(self._device, memory_format=torch.channels_last)
                    maps[size] = feature_maps(self._fused, x, levels)
                for name, head in heads.items():
                    rows[name][places] = head(maps).float().cpu().numpy()
        return rows

    def _passes(self, views: Sequence[dict[int, Tensor]]) -> Iterator[list[int]]:
        alike: dict[tuple, list[int]] = {}
        for place, view in enumerate(views):
            alike.setdefault(tuple(x.shape for x in view.values()), []).append(place)
        for places in alike.values():
            for start in range(0, len(places), self._together):
                yield places[start : start + self._together]


def fit(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """The size at which a network sees a picture: its longer side is `longest`, its shape stays.

    The shorter side becomes a multiple of 16, at least 32: no cell of the middle maps is cut, and photos of
    nearly the same shape get the same size and share a pass.

    >>> fit((4000, 3000), 320), fit((640, 427), 320), fit((1, 3000), 320)
    ((320, 240), (320, 208), (32, 320))
    """
    scale = longest / max(size)
    width, height = (min(max(round(side * scale / 16) * 16, 32), longest) for side in size)
    return (longest, height) if size[0] >= size[1] else (width, longest)


def network_folders(name: str, folder: Folders | None = None) -> list[Path]:
    """Where the weights of each network of an engine are, see `Extractor.load`.

    Raises:
        WeightsError: Weights are missing.
    """
    found = parts(engines.find(EXTRACTORS, name))
    return [
        weights.find(part.weights, folder=own)
        for part, own in zip(found, _each(folder, len(found)), strict=True)
    ]


def network_digest(*folders: str | os.PathLike) -> str:
    """What tells the weights of one network, or of several, from those of others: the files' checksums."""
    return "+".join(weights.digest(folder) for folder in folders)


def _each(folder: Folders | None, count: int) -> Sequence[str | os.PathLike | None]:
    """One folder, or None, for each of the networks of an engine."""
    if folder is None:
        return [None] * count
    given = [folder] if isinstance(folder, (str, os.PathLike)) else list(folder)
    if len(given) != count:
        raise ValueError(f"give one folder for each of the engine's {count} networks, received {len(given)}")
    return given
