"""Pages of text: documents, screenshots and chats, which look alike to networks that cannot read."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter1d

from shared.core.images import shrink

SIDE = 640  # longer side in pixels at which lines of text are counted
BACKGROUND_RANGE = 16  # grey levels around the most frequent one that count as background
MIN_BACKGROUND = 0.5  # share of the pixels
INK_CONTRAST = 60  # grey levels between ink and background
MIN_STROKES = 12  # strokes in a row with ink, in the median: a line of text has dozens, a drawing a few
MIN_INK_ROWS = 0.1  # share of the rows
COMPARED_SIDE = 128  # pixels at which two pages are compared
SAME_CORRELATION = 0.4  # copies reach 0.5 to 1, other text in the same lines 0.1


def is_text_page(image: Image.Image) -> bool:
    """Return True for a picture that consists of lines of text on an even background.

    Args:
        image: Image of mode RGB.
    """
    grey = np.asarray(shrink(image, SIDE).convert("L")).astype(np.int16)
    counts = np.bincount(grey.ravel(), minlength=256)
    distance = np.abs(grey - counts.argmax())
    if (distance <= BACKGROUND_RANGE).mean() < MIN_BACKGROUND:
        return False
    ink = distance >= INK_CONTRAST
    strokes = (ink[:, 1:] & ~ink[:, :-1]).sum(1)
    rows = strokes > 0
    return bool(rows.mean() >= MIN_INK_ROWS and np.median(strokes[rows]) >= MIN_STROKES)


def same_page(first: Image.Image, second: Image.Image) -> bool:
    """Return True for two pictures with the same strokes in the same places, such as a page and its copy.

    Args:
        first: Image of mode RGB.
        second: Another one.
    """
    one, other = _details(first), _details(second)
    norm = np.sqrt((one**2).sum() * (other**2).sum())
    return bool(norm > 0 and (one * other).sum() / norm >= SAME_CORRELATION)


def _details(image: Image.Image) -> np.ndarray:
    """Return the grey levels less their mean nearby in the same row, float32 `[side, side]`.

    Changes from row to row are left out: lines of text lie at the same distances on most pages.
    """
    small = image.convert("L").resize((COMPARED_SIDE, COMPARED_SIDE), Image.Resampling.BOX)
    grey = np.asarray(small, np.float32)
    return grey - gaussian_filter1d(grey, 4, axis=1)
