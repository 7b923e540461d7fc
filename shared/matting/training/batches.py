"""Batches of the matting network: random crops of examples, pasted subjects, degraded as photos are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from shared.matting.data.examples import Example
from shared.matting.training.targets import combine

PASTED = 0.25  # share of crops whose subject is put on another photo
MIN_SUBJECT = 0.6  # share of the subject that a crop keeps
ATTEMPTS = 4

Box: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True)
class Sample:
    """Square crop of a photo with its target.

    Attributes:
        image: Mode RGB.
        target: float32 `[S, S]`, 0 background to 1 subject.
        weight: float32 `[S, S]`, weight of each pixel in the loss.
    """

    image: Image.Image
    target: np.ndarray
    weight: np.ndarray


class ExamplePool:
    """Examples that teach something, drawn with a chance for each folder.

    Args:
        folders: Examples of each folder.
        shares: Relative chance of each folder.
    """

    def __init__(self, folders: Sequence[Sequence[Example]], shares: Sequence[float]) -> None:
        self.folders = [list(examples) for examples in folders]
        self.chances = np.asarray(shares) / np.sum(shares)

    def draw(self, side: int, rng: np.random.Generator) -> Sample:
        """Draw a crop.

        Args:
            side: Side of the crop in pixels.
            rng: Source of randomness.
        """
        while True:
            examples = self.folders[rng.choice(len(self.folders), p=self.chances)]
            sample = crop_example(examples[rng.integers(len(examples))], side, rng)
            if sample is not None:
                return sample


def make_batch(
    pool: ExamplePool, count: int, side: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw a batch.

    Args:
        pool: Examples.
        count: Number of crops.
        side: Side of a crop in pixels.
        rng: Source of randomness.

    Returns:
        float32 `[count, 3, side, side]`, RGB in 0..1; `[count, 1, side, side]`, targets; the same, weights.
    """
    samples = []
    for _ in range(count):
        sample = pool.draw(side, rng)
        if rng.random() < PASTED and sample.target.max() > 0.5:
            sample = paste(sample, pool.draw(side, rng), rng)
        samples.append(sample)
    images = np.stack([degrade(sample.image, rng) for sample in samples])
    targets = np.stack([sample.target for sample in samples])[:, None]
    return images, targets, np.stack([sample.weight for sample in samples])[:, None]


def crop_example(example: Example, side: int, rng: np.random.Generator) -> Sample | None:
    """Return a random square of an example, half of them mirrored; None if it teaches nothing.

    Args:
        example: The example.
        side: Side of the square in pixels; the crop, of any aspect ratio, is stretched to it.
        rng: Source of randomness.
    """
    image = example.image()
    combined = combine({source: example.mask(source, image.size) for source in sorted(example.sources)})
    if combined is None:
        return None
    target, weight = combined
    box = _choose_box(target, rng)
    size = (side, side)
    planes = [
        Image.fromarray(plane).resize(size, Image.Resampling.BILINEAR, box) for plane in (target, weight)
    ]
    image = image.resize(size, Image.Resampling.BICUBIC, box)
    if rng.random() < 0.5:
        image, *planes = (plane.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for plane in (image, *planes))
    target, weight = (np.asarray(plane, np.float32) for plane in planes)
    return Sample(image, target, weight)


def paste(subject: Sample, scene: Sample, rng: np.random.Generator) -> Sample:
    """Put a subject on another photo, whose own subject it hides or outshines.

    The scene is blurred, as behind a subject in focus, where it has a subject of its own: a sharp one would
    be a subject, too.

    Args:
        subject: Crop with the subject.
        scene: Crop of another photo.
        rng: Source of randomness.
    """
    background = scene.image
    visible = float((scene.target * (1 - subject.target)).mean())
    if visible > 0.02:
        background = background.filter(ImageFilter.GaussianBlur(float(rng.uniform(2, 8))))
    elif rng.random() < 0.5:
        background = background.filter(ImageFilter.GaussianBlur(float(rng.uniform(0, 3))))
    solid = ((subject.target - 0.3) / 0.5).clip(
        0, 1
    )  # without the rim, which has the old background's colors
    alpha = Image.fromarray(np.rint(solid * 255).astype(np.uint8))
    image = Image.composite(subject.image, background, alpha)
    return Sample(image, solid, np.full_like(solid, subject.weight.max()))


def degrade(image: Image.Image, rng: np.random.Generator) -> np.ndarray:
    """Change exposure and color, blur, compress and add noise, each to a part of the images.

    Args:
        image: Mode RGB.
        rng: Source of randomness.

    Returns:
        float32 `[3, H, W]` in 0..1.
    """
    if rng.random() < 0.7:
        saturation = float(rng.choice([0.0, rng.uniform(0.4, 1.6)], p=[0.08, 0.92]))
        image = ImageEnhance.Color(image).enhance(saturation)
    if rng.random() < 0.15:
        image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 1.6))))
    if rng.random() < 0.3:
        stream = BytesIO()
        image.save(stream, "JPEG", quality=int(rng.integers(25, 85)))
        image = Image.open(stream).convert("RGB")
    values = np.asarray(image, np.float32).transpose(2, 0, 1) / 255
    if rng.random() < 0.8:
        gain = rng.uniform(0.9, 1.1, (3, 1, 1)) * rng.uniform(0.7, 1.25)
        values = values ** np.float32(rng.uniform(0.7, 1.4)) * gain.astype(np.float32)
    if rng.random() < 0.2:
        values = values + rng.standard_normal(values.shape, np.float32) * np.float32(rng.uniform(0, 0.05))
    return values.clip(0, 1)


def _choose_box(target: np.ndarray, rng: np.random.Generator) -> Box:
    """Choose a part of a photo that keeps most of the subject; the whole photo if no attempt does."""
    height, width = target.shape
    total = float(target.sum())
    for _ in range(ATTEMPTS):
        scale, stretch = np.sqrt(rng.uniform(0.3, 1.0)), np.sqrt(np.exp(rng.uniform(-0.3, 0.3)))
        box_width, box_height = min(width * scale * stretch, width), min(height * scale / stretch, height)
        left, top = rng.uniform(0, width - box_width), rng.uniform(0, height - box_height)
        part = target[round(top) : round(top + box_height), round(left) : round(left + box_width)]
        if part.sum() >= MIN_SUBJECT * total:
            return left, top, left + box_width, top + box_height
    return 0, 0, width, height
