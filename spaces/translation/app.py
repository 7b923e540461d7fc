"""Image translation: drawings, colors, paintings and label drawings; a page, an API and MCP tools."""

from contextlib import suppress

with suppress(ImportError):
    import spaces  # noqa: F401  Hugging Face's package: on ZeroGPU it must be imported before torch

from pathlib import Path

import gradio as gr
from PIL.Image import Image

from shared import ui
from shared.core.images import open_image
from shared.translation.engines import COLORIZERS, SKETCHERS, STYLIZERS, TRANSLATORS
from shared.translation.tabs import (
    ApiInputs,
    batch_endpoint,
    connect_edits,
    create_runners,
    cycle_tab,
    edit_endpoint,
    result_tab,
    several_tab,
    side_by_side_tab,
    task_menu,
    task_panels,
    translation_endpoints,
)

SPACE = "translation"
CARD_IMAGE = "tower"  # the sample photo on the home page's card
RUN = create_runners()


def preview(image: Image) -> Image:
    """Return a real result with the default settings, for the home page's card and for /healthz."""
    return RUN.sketch(image, "pencil", 1.0, 1.0).image


@ui.user_facing(SPACE)
def draw(image: str, style: str, detail: float, darkness: float) -> Image:
    """Turn a photo into a pencil, ink or charcoal drawing.

    Args:
        image: The photo: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF.
        style: The material to draw with.
        detail: 0 for outlines only, 1 as usual, 2 for every stroke.
        darkness: Strength of lines and shading, from 0.3 to 2; 1 as usual.

    Returns:
        The drawing, a PNG image of the same size.
    """
    return RUN.sketch(open_image(image), style, detail, darkness).image


@ui.user_facing(SPACE)
def colorize(image: str, saturation: float) -> Image:
    """Give an old black-and-white photo colors.

    Args:
        image: The photo: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF. One in color is turned to grey first.
        saturation: Strength of the colors, from 0 to 2; 1 as usual.

    Returns:
        The photo in color, a PNG image of the same size.
    """
    return RUN.colorize(open_image(image), saturation).image


@ui.user_facing(SPACE)
def color_drawing(image: str, saturation: float, lines: float) -> Image:
    """Turn a drawing into a picture with the colors of a photo.

    Args:
        image: The drawing, dark on light: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF.
        saturation: Strength of the colors, from 0 to 2; 1 as usual.
        lines: Share of the lines that stays, from 0 to 1.

    Returns:
        The picture, a PNG image of the same size.
    """
    return RUN.color_drawing(open_image(image), saturation, lines).image


@ui.user_facing(SPACE)
def paint(
    image: str, style: str, strength: float, keep_colors: bool, style_image: str | None = None
) -> Image:
    """Turn a photo into a painting.

    Args:
        image: The photo: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF.
        style: Name of the style.
        strength: Strength of the style, from 0, the photo itself, to 1.
        keep_colors: True for the photo's colors in place of the style's.
        style_image: A picture whose style to take instead.

    Returns:
        The painting, a PNG image of the same size.
    """
    chosen = open_image(style_image) if style_image else style
    return RUN.paint(open_image(image), chosen, strength, keep_colors).image


with ui.page("Translation") as demo:
    ui.header(
        "Translation",
        "Draw, color or paint a photo, or draw a house front, a street or a face and get a photo.",
    )
    menu = task_menu()
    with gr.Row():
        with gr.Column(scale=2):
            tasks = task_panels(menu, RUN)
        with gr.Column(scale=3), gr.Tabs() as tabs:
            result, view = result_tab(SPACE, tasks)
            cycle = cycle_tab(SPACE, tasks)
            variants = side_by_side_tab(SPACE, tasks)
            several_tab(SPACE, tasks)
    connect_edits(SPACE, tasks, RUN.edit, view)
    engines = [*SKETCHERS.values(), *COLORIZERS.values(), *STYLIZERS.values(), *TRANSLATORS.values()]
    ui.how_it_works(Path(__file__).parent, [row.weights for row in engines if row.weights])
    ui.load_open_tab(tabs, [result, cycle, variants], tasks.triggers)
    inputs = ApiInputs()
    ui.endpoint(draw, [inputs.image, *inputs.drawing], {"Drawing": gr.Image})
    ui.endpoint(colorize, [inputs.image, inputs.saturation], {"Photo": gr.Image})
    ui.endpoint(color_drawing, [inputs.image, inputs.saturation, inputs.lines], {"Picture": gr.Image})
    ui.endpoint(paint, [inputs.image, *inputs.painting], {"Painting": gr.Image})
    translation_endpoints(SPACE, RUN, inputs)
    edit_endpoint(SPACE, RUN, inputs)
    batch_endpoint(SPACE, RUN, inputs)

if __name__ == "__main__":
    ui.launch(demo)
