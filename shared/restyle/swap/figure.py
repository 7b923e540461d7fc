"""Person that fills a small frame: image, classes of clothes parsing, and joints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from shared.core.images import Box

WIDTH, HEIGHT = 128, 192  # of the frame in pixels
MARGIN = 0.03  # of the person's height, around the person
MIN_SCORE = 0.2  # of a joint that is used


@dataclass(frozen=True)
class Figure:
    """Person in a frame.

    Attributes:
        image: uint8 `[H, W, 3]`, RGB.
        classes: uint8 `[H, W]`, indices of `shared.restyle.parsing.classes.CLASSES`.
        joints: float32 `[17, 3]`: x and y in pixels of the frame, and a score in 0..1; the order is that of
            `shared.networks.pose.JOINTS`.
    """

    image: np.ndarray
    classes: np.ndarray
    joints: np.ndarray

    @property
    def visible(self) -> np.ndarray:
        """Boolean `[17]` of joints with a score of at least `MIN_SCORE`."""
        return np.asarray(self.joints[:, 2] >= MIN_SCORE)

    def mask(self, class_index: int) -> np.ndarray:
        """Return the pixels of a class, boolean `[H, W]`."""
        return np.asarray(self.classes == class_index)


def person_box(classes: np.ndarray, size: tuple[int, int]) -> Box:
    """Return the box of the frame around a person, in pixels of the image.

    It has the proportions of the frame, may reach beyond the image, and holds all pixels that are not
    background, with a margin.

    Args:
        classes: `[h, w]`, of the proportions of the image and any size; at least one is not 0, background.
        size: Width and height of the image.

    >>> classes = np.zeros((100, 100), np.uint8)
    >>> classes[10:90, 40:60] = 1
    >>> [round(edge, 1) for edge in person_box(classes, (200, 200))]
    [43.5, 15.2, 156.5, 184.8]
    """
    rows, columns = (np.flatnonzero(classes.any(axis)) for axis in (1, 0))
    across, down = size[0] / classes.shape[1], size[1] / classes.shape[0]
    left, right = columns[0] * across, (columns[-1] + 1) * across
    top, bottom = rows[0] * down, (rows[-1] + 1) * down
    height = max(float(bottom - top), float(right - left) * HEIGHT / WIDTH) * (1 + 2 * MARGIN)
    width = height * WIDTH / HEIGHT
    x, y = float(left + right) / 2, float(top + bottom) / 2
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def cut_figure(
    image: Image.Image,
    classes: np.ndarray,
    joints: np.ndarray,
    *,
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> Figure:
    """Cut a person out of a photo, so that the person fills the frame; beyond the photo it is white.

    Args:
        image: Mode RGB.
        classes: uint8 `[h, w]`, see `person_box`.
        joints: `[17, 3]` in pixels of the image.
        size: Width and height of the frame.
    """
    box = person_box(classes, image.size)
    across, down = classes.shape[1] / image.width, classes.shape[0] / image.height
    class_box = (box[0] * across, box[1] * down, box[2] * across, box[3] * down)
    moved = np.array(joints, np.float32)
    scale = np.array([size[0] / (box[2] - box[0]), size[1] / (box[3] - box[1])], np.float32)
    # Joints are places; the middle of the first pixel of the frame is its place (0, 0).
    moved[:, :2] = (moved[:, :2] + 0.5 - np.array(box[:2], np.float32)) * scale - 0.5
    labels = cut(Image.fromarray(classes), class_box, size, Image.Resampling.NEAREST)
    return Figure(cut_image(image, box, size), np.asarray(labels), moved)


def cut_image(image: Image.Image, box: Box, size: tuple[int, int]) -> np.ndarray:
    """Return the pixels of a box at a size, uint8 `[H, W, 3]`; beyond the image they are white."""
    return np.asarray(cut(image, box, size, Image.Resampling.BICUBIC))


def cut(image: Image.Image, box: Box, size: tuple[int, int], resample: Image.Resampling) -> Image.Image:
    """Return a box of an image at a size; beyond the image, it is white or, without color, 0."""
    left, top = int(np.floor(box[0])), int(np.floor(box[1]))
    right, bottom = int(np.ceil(box[2])), int(np.ceil(box[3]))
    canvas = Image.new(image.mode, (right - left, bottom - top), "white" if image.mode == "RGB" else 0)
    canvas.paste(image, (-left, -top))
    inner = (box[0] - left, box[1] - top, box[2] - left, box[3] - top)
    return canvas.resize(size, resample, box=inner, reducing_gap=2.0)
