"""Panels of the tasks that start from any photo: a drawing, colors, a painting."""

from collections.abc import Sequence

import gradio as gr
from PIL import Image

from shared.core.images import open_image
from shared.translation.painting.styles import DEFAULT_STYLE, STYLES
from shared.translation.result import Translation
from shared.translation.tabs.pictures import read_picture
from shared.translation.tabs.runners import Translate
from shared.translation.tabs.task_panel import TaskPanel
from shared.ui.components.image_inputs import image_input
from shared.ui.components.picture_menu import PictureChoice, picture_menu

PHOTO, DRAWING = "photo", "drawing"  # kinds of grey images
COLOR_HINT = "A picture in color is turned to shades of grey first"


def drawing_panel(photo: gr.Image, sketch: Translate, styles: Sequence[str]) -> TaskPanel:
    """Create the panel that turns a photo into a drawing.

    Args:
        photo: Input of the photo.
        sketch: `(image, style, detail, darkness)`.
        styles: Names of the styles; the first one is chosen at the start.
    """
    style = gr.Radio([(name.capitalize(), name) for name in styles], value=styles[0], label="Style")
    detail = gr.Slider(0, 2, 1, step=0.1, label="Detail", info="0 draws outlines only, 2 every stroke")
    darkness = gr.Slider(0.3, 2, 1, step=0.1, label="Darkness", info="Strength of lines and shading")

    def variants(_: str, *settings: float) -> list[tuple[str, Sequence[object]]]:
        return [(name.capitalize(), (name, *settings)) for name in styles]

    return TaskPanel(
        photo,
        [style, detail, darkness],
        sketch,
        variants=variants,
        triggers=[style.change, detail.release, darkness.release],
    )


def color_panel(photo: gr.Image, colorize: Translate, color_drawing: Translate) -> TaskPanel:
    """Create the panel that colors a grey photo or a drawing.

    Args:
        photo: Input of the photo or drawing.
        colorize: `(image, saturation)`.
        color_drawing: `(image, saturation, lines)`.
    """
    choices = [("A black-and-white photo", PHOTO), ("A drawing", DRAWING)]
    kind = gr.Radio(choices, value=PHOTO, label="The picture is", info=COLOR_HINT)
    saturation = gr.Slider(0, 2, 1, step=0.05, label="Saturation", info="0 is grey, 1 is what was learned")
    lines = gr.Slider(
        0,
        1,
        0.4,
        step=0.05,
        label="Lines",
        info="For a drawing (shaded ones come out best): the share of its lines that stays",
    )

    def color(image: Image.Image, kind: str, saturation: float, lines: float) -> Translation:
        return colorize(image, saturation) if kind == PHOTO else color_drawing(image, saturation, lines)

    return TaskPanel(
        photo,
        [kind, saturation, lines],
        color,
        triggers=[kind.change, saturation.release, lines.release],
        shown_input=lambda image: image.convert("L").convert("RGB"),
    )


def painting_panel(photo: gr.Image, paint: Translate) -> TaskPanel:
    """Create the panel that paints a photo in a style.

    Args:
        photo: Input of the photo.
        paint: `(image, style, strength, keep_colors)`; the style is a name or an image.
    """
    gr.Markdown("Choose a style", elem_classes="is-note")
    choices = [
        PictureChoice(style.name, style.title, read_picture(f"style-{style.name}"), style.description)
        for style in STYLES.values()
    ]
    style = picture_menu(choices, "Style", DEFAULT_STYLE, small=True)
    with gr.Accordion("Or take any picture as the style", open=False):
        style_image = image_input("Style picture", height=220, sources=["upload", "clipboard"])
    strength = gr.Slider(0, 1, 1, step=0.05, label="Strength", info="0 is the photo, 1 all paint")
    keep_colors = gr.Checkbox(label="Keep the colors of the photo")

    def paint_image(
        image: Image.Image, style: str, style_path: str | None, strength: float, keep_colors: bool
    ) -> Translation:
        return paint(image, open_image(style_path) if style_path else style, strength, keep_colors)

    return TaskPanel(
        photo,
        [style, style_image, strength, keep_colors],
        paint_image,
        triggers=[style.change, style_image.change, strength.release, keep_colors.change],
    )
