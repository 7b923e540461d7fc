"""Training examples of the drawing network: photos with outlines, strokes and tone, kept in a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image
from tqdm import tqdm

from shared.core.image_files import ImageFile
from shared.core.images import shrink
from shared.translation.data.drawing_targets import outlines, smooth_tone, strokes

#: Maps an RGB image to its soft edges, `[H, W]` in 0..1.
SoftEdges: TypeAlias = Callable[[Image.Image], np.ndarray]


@dataclass(frozen=True)
class DrawingExample:
    """Photo with the maps that the drawing network learns.

    Attributes:
        image: uint8 `[H, W, 3]`, RGB.
        maps: uint8 `[3, H, W]`: outlines, strokes, tone (`shared.networks.drawing.MAPS`), 0..255.
    """

    image: np.ndarray
    maps: np.ndarray


def make_example(image: Image.Image, soft_edges: SoftEdges) -> DrawingExample:
    """Compute the maps of an image.

    Args:
        image: Mode RGB.
        soft_edges: Edge detector.
    """
    gray = np.asarray(image.convert("L"), np.float32) / 255
    maps = np.stack([outlines(soft_edges(image)), strokes(gray), smooth_tone(gray)])
    return DrawingExample(np.asarray(image), np.rint(maps * 255).astype(np.uint8))


def drawing_examples(
    files: Sequence[ImageFile], soft_edges: SoftEdges, folder: Path, max_side: int = 480
) -> list[DrawingExample]:
    """Return the examples of photos; those that were computed before are read from a folder.

    Args:
        files: Photos.
        soft_edges: Edge detector.
        folder: Where the examples are kept, `FOLDER-NAME.npz`.
        max_side: Longest side in pixels; larger photos are shrunk to it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    examples = []
    for file in tqdm(files, desc="examples", mininterval=5):
        path = folder / f"{file.folder}-{file.name}.npz"
        if path.is_file():
            stored = np.load(path)
            examples.append(DrawingExample(stored["image"], stored["maps"]))
            continue
        example = make_example(shrink(file.image(), max_side), soft_edges)
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, image=example.image, maps=example.maps)
        partial.replace(path)
        examples.append(example)
    return examples


def drawing_batch(
    examples: Sequence[DrawingExample], count: int, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw random crops, half of them mirrored, and degrade the photos as cameras and files do.

    The maps are those of the photo before it was degraded, so that the network learns to draw no noise.

    Args:
        examples: Examples to draw from.
        count: Number of crops.
        size: Side of a crop in pixels.
        rng: Source of randomness.

    Returns:
        float32 `[count, 3, size, size]`, RGB, and `[count, 3, size, size]`, maps, both in 0..1.
    """
    images, maps = [], []
    for index in rng.integers(len(examples), size=count):
        image, target = _crop(examples[index], size, rng)
        images.append(degrade(image, rng))
        maps.append(target.astype(np.float32) / 255)
    return np.stack(images), np.stack(maps)


def degrade(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add JPEG artifacts to half of the images and noise to half of them, and change the exposure a little.

    Args:
        image: uint8 `[H, W, 3]`, RGB.
        rng: Source of randomness.

    Returns:
        float32 `[3, H, W]` in 0..1.
    """
    from io import BytesIO

    if rng.random() < 0.5:
        stream = BytesIO()
        Image.fromarray(image).save(stream, "JPEG", quality=int(rng.integers(30, 90)))
        image = np.asarray(Image.open(stream))
    values = image.astype(np.float32).transpose(2, 0, 1) / 255
    values **= np.float32(rng.uniform(0.9, 1.1))
    if rng.random() < 0.15:  # a grey photo
        values[:] = values.mean(0)
    if rng.random() < 0.5:
        sigma = rng.uniform(0, 0.06)
        values += rng.standard_normal(values.shape, np.float32) * np.float32(sigma)
    return values.clip(0, 1)


def _crop(example: DrawingExample, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return a random square of an example; a photo smaller than the square is mirrored beyond its border."""
    image, maps = example.image, example.maps
    pad = [(0, max(0, size - side)) for side in image.shape[:2]]
    if any(after for _, after in pad):
        image, maps = np.pad(image, [*pad, (0, 0)], "symmetric"), np.pad(maps, [(0, 0), *pad], "symmetric")
    top = rng.integers(image.shape[0] - size + 1)
    left = rng.integers(image.shape[1] - size + 1)
    image = image[top : top + size, left : left + size]
    maps = maps[:, top : top + size, left : left + size]
    if rng.random() < 0.5:
        image, maps = image[:, ::-1], maps[..., ::-1]
    return np.ascontiguousarray(image), maps
