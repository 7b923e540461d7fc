"""Distillation of a classifier: the loss, and pairs of clean teacher and corrupted student views."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageFilter
from torch import Tensor
from torch.nn import functional as F

from shared.core.image_files import ImageFile
from shared.core.images import Box, encode_image, to_tensor

TEMPERATURE = 2.0
MIN_AREA = 0.3  # of the image, in a view


def distillation_loss(student: Tensor, teacher: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """Compute the divergence of softened outputs: `T^2 * KL(softmax(teacher / T) || softmax(student / T))`.

    Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015.

    Args:
        student: Logits `[B, classes]`.
        teacher: Logits of the same shape.
        temperature: T; the higher it is, the more the unlikely classes count.

    Returns:
        The mean over the batch, 0 and above.

    >>> logits = torch.tensor([[1.0, 2.0]])
    >>> float(distillation_loss(logits, logits + 3))
    0.0
    """
    student_log = F.log_softmax(student / temperature, 1)
    teacher_log = F.log_softmax(teacher / temperature, 1)
    return F.kl_div(student_log, teacher_log, reduction="batchmean", log_target=True) * temperature**2


def random_crop_box(size: tuple[int, int], rng: np.random.Generator, *, min_area: float) -> Box:
    """Draw a random box with an aspect ratio of 3:4 to 4:3.

    A box that is longer than the image is cut off and then smaller and longer than drawn.

    Args:
        size: Width and height in pixels.
        rng: Random generator.
        min_area: Smallest fraction of the image's area, 0..1.
    """
    width, height = size
    area = width * height * rng.uniform(min_area, 1)
    aspect = math.exp(rng.uniform(-1, 1) * math.log(4 / 3))
    box_width, box_height = min(math.sqrt(area * aspect), width), min(math.sqrt(area / aspect), height)
    left, top = rng.uniform(0, width - box_width), rng.uniform(0, height - box_height)
    return left, top, left + box_width, top + box_height


def corrupt(view: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Change brightness, contrast and color at random, and sometimes blur, compress or remove color."""
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        if rng.random() < 0.6:
            view = enhance(view).enhance(rng.uniform(0.7, 1.35))
    if rng.random() < 0.05:
        view = view.convert("L").convert("RGB")
    if rng.random() < 0.2:
        view = view.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.5)))
    if rng.random() < 0.25:
        content = encode_image(view, "JPEG", quality=int(rng.integers(25, 90)))
        view = Image.open(io.BytesIO(content)).convert("RGB")
    return view


@dataclass(frozen=True)
class ViewSettings:
    """Settings of `sample_views`.

    Attributes:
        batch: Images per batch.
        student_sizes: Sides in pixels, of which one is drawn for all student views of a batch.
        teacher_size: Side of the teacher views in pixels.
        clean_probability: Probability that a student view is not corrupted, 0..1.
    """

    batch: int
    student_sizes: Sequence[int]
    teacher_size: int
    clean_probability: float = 0.0


def sample_views(images: Sequence[ImageFile], settings: ViewSettings, seed: int) -> tuple[Tensor, Tensor]:
    """Draw a batch of random crops, each as a student view and as a teacher view.

    Args:
        images: Images to draw from, with replacement.
        settings: Sizes and probabilities.
        seed: Seed of the batch; the same seed gives the same batch.

    Returns:
        Student views `[B, 3, size, size]` and teacher views `[B, 3, teacher_size, teacher_size]` of the same
        crops, RGB in 0..1.
    """
    rng = np.random.default_rng(seed)
    size, teacher_size = int(rng.choice(settings.student_sizes)), settings.teacher_size
    student, teacher = [], []
    for index in rng.integers(len(images), size=settings.batch):
        image = images[index].image()
        box = random_crop_box(image.size, rng, min_area=MIN_AREA)
        if rng.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        clean = image.resize((teacher_size, teacher_size), Image.Resampling.BICUBIC, box)
        view = clean if size == teacher_size else image.resize((size, size), Image.Resampling.BICUBIC, box)
        student.append(to_tensor(view if rng.random() < settings.clean_probability else corrupt(view, rng)))
        teacher.append(to_tensor(clean))
    return torch.cat(student), torch.cat(teacher)
