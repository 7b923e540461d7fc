"""Tab "Result": the photo next to its drawing, the side outputs of the engine, and the files to download."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import gradio as gr
from gradio.components import Component
from PIL.Image import Image

from shared.core.file_names import safe_stem
from shared.core.images import open_image, to_image
from shared.edges.edge_map import EdgeMap
from shared.ui.components.results import display_image, download_button, download_buttons, thumbnail_row
from shared.ui.errors import user_facing
from shared.ui.tabs import LazyTab

HINT = "Choose a photo, and its edges appear here."
SIDE_NAMES = ("texture", "2", "3", "4", "objects")

#: Detects the edges of an image with an engine: `(image, engine, threshold, detail)`.
Detect: TypeAlias = Callable[[Image, str, float, str], EdgeMap]


def side_images(edges: EdgeMap) -> list[tuple[Image, str]]:
    """Return the side outputs as images with captions, from texture to objects."""
    return [(to_image(side), name) for side, name in zip(edges.side_outputs, SIDE_NAMES, strict=True)]


def drawing_tab(space: str, detect: Detect, inputs: Sequence[Component]) -> LazyTab:
    """Create the tab.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        detect: Function that runs a detector.
        inputs: The image, the engine menu, the style, the choice of thin lines, the threshold and the detail.
    """
    with gr.Tab("Result", elem_id="result") as tab:
        slider = gr.ImageSlider(label="Before and after", max_height=520, elem_classes="is-slider")
        note = gr.Markdown(HINT, elem_classes="is-note")
        sides = thumbnail_row("From the finest texture to the outlines of whole objects", len(SIDE_NAMES))
        buttons = download_buttons("PNG", "SVG")

    @user_facing(space)
    def show_drawing(
        path: str | None, engine: str, style: str, thin: bool, threshold: float, detail: str
    ) -> list[object]:
        if not path:
            return [None, HINT, None, download_button(), download_button()]
        image = open_image(path)
        edges = detect(image, engine, threshold, detail)
        stem, files = f"{safe_stem(path)}-edges", edges.files(style, thin=thin)
        return [
            (display_image(image), display_image(edges.draw(style, thin=thin))),
            f"{image.width} × {image.height} pixels, {edges.seconds:.2f} s, threshold {edges.threshold:.2f}",
            [(display_image(side), name) for side, name in side_images(edges)],
            *(download_button(content, f"{stem}{suffix}") for suffix, content in files.items()),
        ]

    return LazyTab(tab, show_drawing, inputs, [slider, note, sides, *buttons])
