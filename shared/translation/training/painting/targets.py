"""Cache of the teacher's results, made once for any number of trainings of the painting network.

`python -m shared.translation.train painting-targets --photos SOURCE ... --styles SOURCE ... --out DIR` writes
NumPy files: photos and what the teacher made of them, and images of styles with their vectors.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import trange

from shared.core.image_files import ImageFile, read_images
from shared.translation.data.photos import random_crop
from shared.translation.training.painting.teacher import (
    NAMED_STYLES,
    STYLE_SIDE,
    VECTOR_LENGTH,
    PaintingTeacher,
)

AREA = (0.1, 1.0)  # share of a photo that a crop covers; small ones are enlarged, as large photos are softer
REPAINTED = 5  # every fifth style image is a photo in one of the named styles: their range reaches further


@dataclass(frozen=True)
class PaintingTargets:
    """Cached results of the teacher; arrays are mapped into memory.

    Attributes:
        contents: Photos, uint8 `[N, S, S, 3]`.
        targets: The same photos, repainted.
        styles: Index of a named style, or -1 for one of `vectors`, int64 `[N]`.
        vectors: Style vector of each photo that has no named style, float32 `[N, 100]`.
        style_images: Images of styles, uint8 `[M, S, S, 3]`.
        style_vectors: Their vectors, float32 `[M, 100]`.
    """

    contents: np.ndarray
    targets: np.ndarray
    styles: np.ndarray
    vectors: np.ndarray
    style_images: np.ndarray
    style_vectors: np.ndarray

    @classmethod
    def load(cls, folder: str | Path) -> PaintingTargets:
        """Open the files of a folder."""
        return cls(*(np.load(Path(folder) / f"{name}.npy", mmap_mode="r") for name in cls.__annotations__))

    @classmethod
    def create(cls, folder: str | Path, size: int, pairs: int, style_images: int) -> PaintingTargets:
        """Create the files of a folder, full of zeros, and open them for writing."""
        images, vectors = (size, size, 3), (VECTOR_LENGTH,)
        shapes: dict[str, tuple[tuple[int, ...], type]] = {
            "contents": ((pairs, *images), np.uint8),
            "targets": ((pairs, *images), np.uint8),
            "styles": ((pairs,), np.int64),
            "vectors": ((pairs, *vectors), np.float32),
            "style_images": ((style_images, STYLE_SIDE, STYLE_SIDE, 3), np.uint8),
            "style_vectors": ((style_images, *vectors), np.float32),
        }
        Path(folder).mkdir(parents=True, exist_ok=True)
        return cls(
            **{
                name: np.lib.format.open_memmap(Path(folder) / f"{name}.npy", "w+", dtype, shape)
                for name, (shape, dtype) in shapes.items()
            }
        )


def fill(
    cache: PaintingTargets,
    teacher: PaintingTeacher,
    photos: Sequence[ImageFile],
    styles: Sequence[ImageFile],
    named: int,
    seed: int = 0,
) -> None:
    """Compute all entries of a cache with the teacher.

    Args:
        cache: An empty cache; changed in place.
        teacher: Public networks.
        photos: Photos to repaint.
        styles: Images of styles.
        named: Number of pairs in named styles; the remaining ones take the style of a style image.
        seed: Seed of the crops and of the choice of styles.
    """
    rng = np.random.default_rng(seed)
    size = cache.contents.shape[1]
    # In a random order, so that every part of the cache has all kinds of pairs.
    kinds = rng.permutation(np.where(np.arange(len(cache.styles)) < named, np.arange(len(cache.styles)), -1))
    order = rng.permutation(len(styles))

    for index in trange(len(cache.style_images), desc="styles"):
        if index % REPAINTED == 0:
            photo = np.asarray(random_crop(photos[int(rng.integers(len(photos)))], STYLE_SIDE, rng))
            image = teacher.paint(photo, int(rng.integers(NAMED_STYLES)))
        else:
            file = styles[int(order[index % len(styles)])]
            image = np.asarray(random_crop(file, STYLE_SIDE, rng, area=(0.4, 1.0), aspect=1.1))
        cache.style_images[index] = image
        cache.style_vectors[index] = teacher.style_vector(image)

    for index in trange(len(cache.contents), desc="pairs"):
        photo = np.asarray(
            random_crop(photos[int(rng.integers(len(photos)))], size, rng, area=AREA, aspect=1.1)
        )
        cache.contents[index] = photo
        if kinds[index] >= 0:
            cache.styles[index] = kinds[index] % NAMED_STYLES
            cache.targets[index] = teacher.paint(photo, int(cache.styles[index]))
        else:
            cache.styles[index] = -1
            cache.vectors[index] = cache.style_vectors[rng.integers(len(cache.style_vectors))]
            cache.targets[index] = teacher.paint_as(photo, cache.vectors[index])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command `python -m shared.translation.train painting-targets`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", nargs="+", required=True, help="photos: folders, archives, lists")
    parser.add_argument("--styles", nargs="+", required=True, help="images of styles, likewise")
    parser.add_argument("--out", type=Path, required=True, help="folder of the cache")
    parser.add_argument("--size", type=int, default=256, help="side of the photos in pixels")
    parser.add_argument("--named", type=int, default=4160, help="pairs in named styles")
    parser.add_argument("--free", type=int, default=2400, help="pairs in the style of an image")
    parser.add_argument("--style-images", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    cache = PaintingTargets.create(args.out, args.size, args.named + args.free, args.style_images)
    photos, styles = read_images(args.photos), read_images(args.styles)
    fill(cache, PaintingTeacher(), photos, styles, args.named, args.seed)


if __name__ == "__main__":
    main()
