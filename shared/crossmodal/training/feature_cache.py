"""Cache of region features: each image of a data set passes through the frozen backbone once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from shared.core.cpu_runtime import compiled
from shared.core.image_files import ImageFile
from shared.core.scheduling import InferenceScheduler, WorkerPool, prefetch
from shared.crossmodal.embedders.region_features import SQUARE, Backbone, Framing, network_input
from shared.networks.crossmodal.regions import RegionBackbone

#: Images between two flushes to the disk.
FLUSH_EVERY = 200


@torch.inference_mode()
def region_features(
    features: Callable[[Tensor], Tensor],
    images: Sequence[Image.Image],
    framing: Framing = SQUARE,
    *,
    mirrored: bool = False,
    device: torch.device | str = "cpu",
) -> np.ndarray:
    """Compute the region features of images one by one, which is fastest on a CPU.

    Args:
        features: Computes region features; a `RegionBackbone`, or its compiled form.
        images: RGB images.
        framing: Input of the network.
        mirrored: True mirrors the images.
        device: Device of the network.

    Returns:
        float16 `[N, 1 + cells^2, channels]`.
    """
    rows = []
    for image in images:
        x = network_input(image, framing, mirrored=mirrored).to(device, memory_format=torch.channels_last)
        rows.append(features(x)[0].half().cpu().numpy())
    return np.stack(rows)


def cached_split_features(
    folder: Path, split: str, backbone: Backbone, images: Sequence[ImageFile], *, mirrored: bool = False
) -> np.ndarray:
    """Return the region features of a split, from the cache folder that trainings and benchmarks share.

    Args:
        folder: Cache folder.
        split: Name of the images, such as `"flickr8k-dev"`.
        backbone: Network for region features.
        images: Images of the split.
        mirrored: True mirrors the images.

    Returns:
        See `cached_features`.
    """
    suffix = "-mirrored" if mirrored else ""
    path = folder / f"{split}-{backbone.digest[:12]}{suffix}.npy"
    return cached_features(path, backbone.network, images, backbone.framing, mirrored=mirrored)


def cached_features(
    path: Path,
    backbone: RegionBackbone,
    images: Sequence[ImageFile],
    framing: Framing = SQUARE,
    *,
    mirrored: bool = False,
) -> np.ndarray:
    """Return the region features of images, from a file if it exists, else computed and written.

    A computation that was interrupted resumes.

    Args:
        path: The file, `.npy`; other images or weights need another name.
        backbone: Network for region features.
        images: Images to describe.
        framing: Input of the network.
        mirrored: True mirrors the images.

    Returns:
        float16 `[N, 1 + cells^2, channels]`, memory-mapped.

    Raises:
        ValueError: The file holds another number of images.
    """
    shape = (len(images), 1 + backbone.cells**2, backbone.channels)
    if not path.is_file():
        _write_features(path, shape, backbone, images, framing, mirrored)
    rows = np.load(path, mmap_mode="r")
    if rows.shape != shape:
        raise ValueError(f"{path} holds rows {rows.shape}, expected {shape}: give --cache another folder")
    return rows


def _write_features(
    path: Path,
    shape: tuple[int, ...],
    backbone: RegionBackbone,
    images: Sequence[ImageFile],
    framing: Framing,
    mirrored: bool,
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial, progress = path.with_suffix(".partial"), path.with_suffix(".done")
    start = int(progress.read_text()) if progress.is_file() and partial.is_file() else 0
    rows = np.lib.format.open_memmap(partial, "r+" if start else "w+", np.float16, shape)
    device = next(backbone.parameters()).device
    features = compiled(backbone, parallel=True)

    def compute(image: ImageFile) -> np.ndarray:
        return region_features(features, [image.image()], framing, mirrored=mirrored, device=device)[0]

    pool = InferenceScheduler(device).worker_pool or WorkerPool(1)
    results = prefetch(images[start:], compute, FLUSH_EVERY, pool)
    progress_bar = tqdm(results, total=len(images) - start, unit="image", desc=path.stem, mininterval=5)
    for index, (_, row) in enumerate(progress_bar, start):
        rows[index] = row
        if index % FLUSH_EVERY == FLUSH_EVERY - 1:
            rows.flush()
            progress.write_text(str(index + 1))
    rows.flush()
    partial.replace(path)
    progress.unlink(missing_ok=True)
