"""What the joint space reads of a picture: averages of the recognition network's maps, whole and in regions.

A frozen network sees each photo of a training once; its rows are kept in a file.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from shared.core import weights
from shared.core.images import to_tensor
from shared.core.models import load_network
from shared.crossmodal.engines import BASE
from shared.networks.cfn import CFN
from shared.networks.regions import RegionBackbone, RegionEmbedding, pool_windows
from shared.training.datasets import ImageFile

#: Pictures are squeezed to a square, so that every region of the grid has as many positions.
SIZE = 224
#: The side of the square that the network sees, and whether left and right are exchanged.
View = tuple[int, bool]
SINGLE_VIEW: tuple[View, ...] = ((SIZE, False),)


def load_backbone(
    folder: str | os.PathLike | None = None,
    *,
    device: str | torch.device | None = None,
    allow_hub: bool = False,
) -> tuple[RegionBackbone, str]:
    """Loads the network that describes pictures.

    Args:
        folder: Weights to use in place of the recognition network's own.
        device: Where it runs; by default the best there is.
        allow_hub: Whether weights that are not on this machine may be downloaded.

    Returns:
        The network, and the checksum of its weights, which tells it from others.

    Raises:
        WeightsError: The weights cannot be used.
    """
    network, found = load_network(BASE, CFN, folder=folder, device=device, allow_hub=allow_hub)
    base = RegionBackbone().load_cfn(network).to(next(network.parameters()).device)
    return base.to(memory_format=torch.channels_last).eval(), weights.digest(found)


def view(picture: Image.Image, *, mirrored: bool = False, size: int = SIZE) -> Tensor:
    """A picture as the network sees it, `[1, 3, size, size]` in 0..1."""
    picture = picture.resize((size, size), Image.Resampling.BICUBIC)
    return to_tensor(picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else picture)


@torch.inference_mode()
def describe(
    base: RegionBackbone, pictures: Sequence[Image.Image], *, mirrored: bool = False, size: int = SIZE
) -> np.ndarray:
    """Rows of pictures, float16 `[N, 1 + cells^2, 1280]`; one by one, as a CPU likes it."""
    device = next(base.parameters()).device
    rows = []
    for picture in pictures:
        x = view(picture, mirrored=mirrored, size=size).to(device, memory_format=torch.channels_last)
        rows.append(base(x)[0].half().cpu().numpy())
    return np.stack(rows)


@torch.inference_mode()
def looks(
    base: RegionBackbone, encoder: RegionEmbedding, picture: Image.Image, given: Sequence[View] = SINGLE_VIEW
) -> Tensor:
    """A picture's embedding from one or several looks at it.

    Args:
        base: The network.
        encoder: Reads its rows.
        picture: RGB.
        given: Of each look the side of the square that the network sees, and whether it is mirrored.

    Returns:
        The mean of all looks' embeddings, `[F]`.
    """
    rows = []
    for size, same in groupby(given, key=lambda look: look[0]):  # those of a size together, which is faster
        seen = torch.cat([view(picture, mirrored=mirrored, size=size) for _, mirrored in same])
        rows.append(base(_ready(seen, base, encoder)).half())
    return encoder(torch.cat(rows).float().to(encoder.score.weight.device)).mean(0)


@torch.inference_mode()
def windows(base: RegionBackbone, encoder: RegionEmbedding, picture: Image.Image) -> Tensor:
    """Embeddings of windows all over a picture, `[positions, F]` of a square grid row by row.

    Args:
        base: The network.
        encoder: Reads its rows.
        picture: RGB.
    """
    rows = pool_windows(base.feature_map(_ready(view(picture), base, encoder))).to(
        encoder.score.weight.device
    )
    return encoder.embed_regions(rows)[0]


def _ready(seen: Tensor, base: RegionBackbone, encoder: RegionEmbedding) -> Tensor:
    # A fused base has no parameters, and is on the CPU as the encoder is.
    device = next(base.parameters(), encoder.score.weight).device
    return seen.to(device, memory_format=torch.channels_last)


def cached_split_features(
    folder: Path,
    part: str,
    base: tuple[RegionBackbone, str],
    photos: Sequence[ImageFile],
    *,
    mirrored: bool = False,
) -> np.ndarray:
    """Rows of a part of a data set, in the folder that trainings and benchmarks share; see `cached`.

    Args:
        folder: See above.
        part: What photos these are, such as `"flickr8k-dev"`.
        base: From `load_backbone`.
        photos: What is described.
        mirrored: Whether left and right are exchanged.
    """
    network, digest = base
    end = "-mirrored" if mirrored else ""
    return cached(folder / f"{part}-{digest[:12]}{end}.npy", network, photos, mirrored=mirrored)


def cached(
    path: Path, base: RegionBackbone, photos: Sequence[ImageFile], *, mirrored: bool = False
) -> np.ndarray:
    """Rows of photos, from a file if they are there, else described and written.

    A run that is cut off goes on where it was.

    Args:
        path: The file, `.npy`; give photos or weights that differ another name.
        base: The network.
        photos: What is described.
        mirrored: Whether left and right are exchanged.

    Returns:
        float16 `[N, 1 + cells^2, 1280]`, read from the disk as needed.

    Raises:
        ValueError: The file holds another number of photos.
    """
    shape = (len(photos), 1 + base.cells**2, base.CHANNELS)
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial, done = path.with_suffix(".partial"), path.with_suffix(".done")
        start = int(done.read_text()) if done.is_file() and partial.is_file() else 0
        mode = "r+" if start else "w+"
        rows = np.lib.format.open_memmap(partial, mode, np.float16, shape)
        for number in tqdm(range(start, len(photos)), unit="photo", desc=path.stem, mininterval=5):
            rows[number] = describe(base, [photos[number].image()], mirrored=mirrored)[0]
            if number % 200 == 199:
                rows.flush()
                done.write_text(str(number + 1))
        rows.flush()
        partial.replace(path)
        done.unlink(missing_ok=True)
    rows = np.load(path, mmap_mode="r")
    if rows.shape != shape:
        raise ValueError(f"{path} holds rows {rows.shape}, expected {shape}: give --cache another folder")
    return rows
