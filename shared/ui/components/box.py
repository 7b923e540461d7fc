"""A box on an image, drawn with mouse, finger or pen."""

import re

import gradio as gr

from shared.core.images import ImageError
from shared.ui import assets

HINT = "Want to search with just a part of the photo? Draw a box around it."


def box_input(image: gr.Image) -> gr.Textbox:
    """Create a hidden field for the box that a visitor draws on an image; a press clears it.

    Args:
        image: From `image_input`, with `elem_classes="is-boxed"`.

    Returns:
        The field, whose event is `change`; see `parse_box`.
    """
    gr.Markdown(HINT, elem_classes="is-note")
    image.change(None, js=assets.script("draw_box"))
    return gr.Textbox("", label="Box", visible="hidden", elem_classes="is-box")


def parse_box(text: str, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Parse a box in pixels and clip it to an image.

    Args:
        text: Left, top, right and bottom, separated by commas; empty for the whole image.
        size: Width and height of the image.

    Returns:
        Left, top, right and bottom inside the image, at least 1 pixel wide and high; None for all of it.

    Raises:
        ImageError: The text is not a box, or the box lies outside the image.

    >>> parse_box("10, 20, 300, 40", (200, 100)), parse_box(" ", (200, 100))
    ((10, 20, 200, 40), None)
    """
    if not text.strip():
        return None
    parts = [part.strip() for part in text.strip(" []()").split(",")]
    if len(parts) != 4 or not all(re.fullmatch(r"-?\d{1,6}(\.\d*)?", part) for part in parts):
        raise ImageError(
            'A box is "left, top, right, bottom" in pixels, such as "40, 20, 300, 200"; '
            f'received "{text[:40]}".'
        )
    left, top, right, bottom = (round(float(part)) for part in parts)
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, size[0]), min(bottom, size[1])
    if left >= right or top >= bottom:
        raise ImageError(f"This box lies outside the picture, which has {size[0]} × {size[1]} pixels.")
    return left, top, right, bottom
