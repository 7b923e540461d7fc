"""Cache of region features: each image of a data set passes through the frozen backbone once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from shared.core.image_files import ImageFile
from shared.crossmodal.embedders.region_features import IMAGE_SIZE, Backbone, network_input
from shared.networks.crossmodal.regions import RegionBackbone

#: Images between two flushes to the disk.
FLUSH_EVERY = 200


@torch.inference_mode()
def region_features(
    backbone: RegionBackbone, images: Sequence[Image.Image], *, mirrored: bool = False, size: int = IMAGE_SIZE
) -> np.ndarray:
    """Compute the region features of images one by one, which is fastest on a CPU.

    Args:
        backbone: Network for region features.
        images: RGB images.
        mirrored: True mirrors the images.
        size: Side of the square that the network reads.

    Returns:
        float16 `[N, 1 + cells^2, 1280]`.
    """
    device = next(backbone.parameters()).device
    rows = []
    for image in images:
        x = network_input(image, mirrored=mirrored, size=size).to(device, memory_format=torch.channels_last)
        rows.append(backbone(x)[0].half().cpu().numpy())
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
    return cached_features(path, backbone.network, images, mirrored=mirrored)


def cached_features(
    path: Path, backbone: RegionBackbone, images: Sequence[ImageFile], *, mirrored: bool = False
) -> np.ndarray:
    """Return the region features of images, from a file if it exists, else computed and written.

    A computation that was interrupted resumes.

    Args:
        path: The file, `.npy`; other images or weights need another name.
        backbone: Network for region features.
        images: Images to describe.
        mirrored: True mirrors the images.

    Returns:
        float16 `[N, 1 + cells^2, 1280]`, memory-mapped.

    Raises:
        ValueError: The file holds another number of images.
    """
    shape = (len(images), 1 + backbone.cells**2, backbone.CHANNELS)
    if not path.is_file():
        _write_features(path, shape, backbone, images, mirrored)
    rows = np.load(path, mmap_mode="r")
    if rows.shape != shape:
        raise ValueError(f"{path} holds rows {rows.shape}, expected {shape}: give --cache another folder")
    return rows


def _write_features(
    path: Path, shape: tuple[int, ...], backbone: RegionBackbone, images: Sequence[ImageFile], mirrored: bool
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial, progress = path.with_suffix(".partial"), path.with_suffix(".done")
    start = int(progress.read_text()) if progress.is_file() and partial.is_file() else 0
    rows = np.lib.format.open_memmap(partial, "r+" if start else "w+", np.float16, shape)
    for index in tqdm(range(start, len(images)), unit="image", desc=path.stem, mininterval=5):
        rows[index] = region_features(backbone, [images[index].image()], mirrored=mirrored)[0]
        if index % FLUSH_EVERY == FLUSH_EVERY - 1:
            rows.flush()
            progress.write_text(str(index + 1))
    rows.flush()
    partial.replace(path)
    progress.unlink(missing_ok=True)
