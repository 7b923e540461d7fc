"""Components that show a result: before and after, a note, a caution, and the files to download."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import gradio as gr
import numpy as np
from PIL import Image

from shared.core.file_names import safe_stem
from shared.core.images import shrink
from shared.ui.components.results import display_image, download_button, download_buttons
from shared.ui.gradio_workarounds import new_cache_path
from shared.ui.search.summary import escape_markdown

JPEG_QUALITY = 93
DISPLAY_SIDE = 1600  # longest side in pixels of an image for display
CHECK = 12  # side in pixels of a square behind transparent parts
#: Effort of the compression, 0..9: more takes seconds for a large photo and saves little.
PNG_EFFORT = 1


class ResultView:
    """Components of a result.

    Args:
        hint: Note as long as there is no result.
        formats: Names of the files to download, such as "PNG".
    """

    def __init__(self, hint: str, *formats: str) -> None:
        self._hint = hint
        self.slider = gr.ImageSlider(label="Before and after", max_height=620, elem_classes="is-slider")
        self.note = gr.Markdown(hint, elem_classes="is-note")
        self.caution = gr.Markdown(elem_classes=["is-note", "is-care"], visible=False)
        self.buttons = download_buttons(*formats)
        self.outputs = [self.slider, self.note, self.caution, *self.buttons]

    def empty(self, caution: str = "") -> list[object]:
        """Return the values of the outputs without a result."""
        return [
            None,
            self._hint,
            _caution(escape_markdown(caution)),
            *(download_button() for _ in self.buttons),
        ]

    def values(
        self, before: str, after: Image.Image, files: Mapping[str, Image.Image], note: str, caution: str = ""
    ) -> list[object]:
        """Return the values of the outputs.

        Args:
            before: Path of the image on the left.
            after: Image on the right.
            files: Images to download by file name, in the order of the buttons.
            note: Note below the slider.
            caution: One sentence about what may be wrong; empty for none.
        """
        paths = [save_image(image, name) for name, image in files.items()]
        stem = next((safe_stem(name) for name in files), "result")
        return [
            (before, display_image(on_checkerboard(shrink(after, DISPLAY_SIDE)), stem)),
            note,
            _caution(caution),
            *(gr.update(value=path, interactive=True) for path in paths),
        ]

    def path(self, values: Sequence[object]) -> str:
        """Return the path of the first file to download, from the values of the outputs."""
        update = cast(dict[str, Any], values[len(self.outputs) - len(self.buttons)])
        return str(update["value"])


def on_checkerboard(image: Image.Image) -> Image.Image:
    """Return an image of mode RGB in which squares of light grey show through transparent parts."""
    if image.mode != "RGBA":
        return image
    squares = np.indices((image.height, image.width)) // CHECK
    board = np.where(squares.sum(0) % 2, 255, 222).astype(np.uint8)
    scene = Image.fromarray(board).convert("RGB")
    scene.paste(image, mask=image.getchannel("A"))
    return scene


def save_image(image: Image.Image, name: str) -> str:
    """Write an image at full size and return its path; the suffix of the name says the format."""
    path = new_cache_path(name)
    if path.suffix == ".png":
        image.save(path, compress_level=PNG_EFFORT)
    else:
        image.convert("RGB").save(path, quality=JPEG_QUALITY)
    return str(path)


def size_text(image: Image.Image) -> str:
    """Return the size of an image in words."""
    return f"{image.width} × {image.height} pixels"


def _caution(text: str) -> gr.Markdown:
    return gr.Markdown(text, visible=bool(text))
