"""Cache of region features: each image of a data set passes through the frozen backbone once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

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

T = TypeVar("T")

#: Batches between two flushes to the disk.
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
    device = next(backbone.parameters()).device
    features = backbone if path.is_file() else compiled(backbone, parallel=True)

    def compute(batch: Sequence[ImageFile]) -> np.ndarray:
        opened = [file.image() for file in batch]
        return region_features(features, opened, framing, mirrored=mirrored, device=device)

    shape = (1 + backbone.cells**2, backbone.channels)
    return cached_rows(path, images, compute, shape, InferenceScheduler(device).worker_pool or WorkerPool(1))


def cached_rows(
    path: Path,
    items: Sequence[T],
    compute: Callable[[Sequence[T]], np.ndarray],
    row_shape: tuple[int, ...],
    pool: WorkerPool,
    *,
    batch_size: int = 1,
) -> np.ndarray:
    """Return one row of numbers for each item, from a file if it exists, else computed and written.

    A computation that was interrupted resumes.

    Args:
        path: The file, `.npy`.
        items: N items.
        compute: Computes the rows of a batch of items.
        row_shape: Shape of a row.
        pool: Worker threads.
        batch_size: Items in a batch.

    Returns:
        float16 `[N, *row_shape]`, memory-mapped.

    Raises:
        ValueError: The file holds another number of rows.
    """
    shape = (len(items), *row_shape)
    if not path.is_file():
        _write_rows(path, shape, items, compute, pool, batch_size)
    rows = np.load(path, mmap_mode="r")
    if rows.shape != shape:
        raise ValueError(f"{path} holds rows {rows.shape}, expected {shape}: give --cache another folder")
    return rows


def _write_rows(
    path: Path,
    shape: tuple[int, ...],
    items: Sequence[T],
    compute: Callable[[Sequence[T]], np.ndarray],
    pool: WorkerPool,
    batch_size: int,
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial, progress = path.with_suffix(".partial"), path.with_suffix(".done")
    done = int(progress.read_text()) if progress.is_file() and partial.is_file() else 0
    rows = np.lib.format.open_memmap(partial, "r+" if done else "w+", np.float16, shape)
    batches = [items[start : start + batch_size] for start in range(done, len(items), batch_size)]
    results = prefetch(batches, compute, FLUSH_EVERY, pool)
    unit = "image" if batch_size == 1 else "batch"
    progress_bar = tqdm(results, total=len(batches), unit=unit, desc=path.stem, mininterval=5)
    for number, (_, values) in enumerate(progress_bar, 1):
        rows[done : done + len(values)] = values
        done += len(values)
        if number % FLUSH_EVERY == 0:
            rows.flush()
            progress.write_text(str(done))
    rows.flush()
    partial.replace(path)
    progress.unlink(missing_ok=True)
