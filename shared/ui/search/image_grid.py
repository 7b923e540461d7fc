"""A grid of small images with captions and buttons, for wide and narrow screens.

`gr.Gallery` knows one kind of click, keeps images in a cache that outlives the visit, and shows all of its
images in one size; so this is a `gr.HTML` that contains its images.
"""

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass

import gradio as gr
from PIL import Image

from shared.ui import assets

TILE_SIDE = 360  # pixels; sharp on a phone's screen, and twenty of them have half a megabyte


@dataclass(frozen=True)
class GridImage:
    """One image of a grid.

    Attributes:
        id: Number of the image, which the grid's events report.
        name: Caption; of a path, the last part.
        jpeg: Content of a JPEG file, or of a WebP file of at most `TILE_SIDE` pixels.
        value: Number in front of the name, such as a score.
        bar: Length of a bar below the image, 0..1; None for no bar.
        note: Small text below the name.
        tag: Text that the events report, in place of the grid's.
    """

    id: int
    name: str
    jpeg: bytes
    value: str = ""
    bar: float | None = None
    note: str = ""
    tag: str = ""


def image_grid(html: str = "") -> gr.HTML:
    """Create a grid, to be filled with `image_grid_html`.

    A press on an image triggers the event `select`, one on its button `click`. The functions of both take a
    `gr.EventData` with the image's id as `index`, and the grid's `tag`.

    Args:
        html: First content, such as a message.
    """
    return gr.HTML(html, js_on_load=assets.script("image_grid"), padding=False, apply_default_css=False)


def image_grid_html(
    images: Sequence[GridImage],
    *,
    press: str = "",
    button: str = "",
    tag: str = "",
    small: bool = False,
    tall: bool = False,
) -> str:
    """Return the HTML of a grid's images.

    Args:
        images: The images, row by row.
        press: Tooltip that says what a press on an image does; without it, images cannot be pressed.
        button: Label of the small button below each image; without it, there is none.
        tag: Text that the events report, such as the name of the engine.
        small: True for smaller tiles, for images that are probably not what is looked for.
        tall: True for tiles that are higher than wide, for images of people.
    """
    classes = (" is-small" if small else "") + (" is-tall" if tall else "")
    tiles = "".join(_tile_html(image, press, button, tag) for image in images)
    return f'<div class="is-tiles{classes}">{tiles}</div>'


def grid_heading(text: str) -> str:
    """Return the HTML of a heading between parts of a grid."""
    return f'<p class="is-tiles-head">{html.escape(text)}</p>'


def grid_message(text: str) -> str:
    """Return the HTML of a frame with a text, in place of images."""
    return f'<div class="is-tiles-empty"><p>{html.escape(text)}</p></div>'


def data_url(jpeg: bytes, max_side: int = TILE_SIDE) -> str:
    """Return a JPEG file as a data URL, with at most `max_side` pixels on its longest side; WebP as it is."""
    if jpeg[:4] == b"RIFF":
        return "data:image/webp;base64," + base64.b64encode(jpeg).decode()
    with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as image:
        image.draft("RGB", (max_side, max_side))  # decodes a smaller image, in a fraction of the time
        image.thumbnail((max_side, max_side))
        stream = io.BytesIO()
        image.convert("RGB").save(stream, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()


def _tile_html(image: GridImage, press: str, button: str, tag: str) -> str:
    name = html.escape(image.name)
    data = f'data-id="{image.id}" data-tag="{html.escape(image.tag or tag)}"'
    picture = f'<img src="{data_url(image.jpeg)}" alt="{name}">'
    if press:
        picture = f'<button {data} data-event="select" title="{html.escape(press)}">{picture}</button>'
    bar = ""
    if image.bar is not None:
        bar = f'<i><u style="width:{100 * min(max(image.bar, 0), 1):.1f}%"></u></i>'
    small_button = ""
    if button:
        title = html.escape(f"{button}: {image.name}")
        small_button = f'<button {data} data-event="click" title="{title}">{html.escape(button)}</button>'
    value = f"<b>{html.escape(image.value)}</b> " if image.value else ""
    note = f"<small>{html.escape(image.note)}</small>" if image.note else ""
    caption = f'<span title="{name}">{value}{_breakable(image.name.rpartition("/")[2])}</span>{note}'
    return f"<figure>{picture}{bar}<figcaption><div>{caption}</div>{small_button}</figcaption></figure>"


def _breakable(name: str) -> str:
    """Return the HTML of a file name that breaks into lines after "_" and before its suffix.

    >>> _breakable("my_photo.jpeg")
    'my_<wbr>photo<wbr>.jpeg'
    """
    stem, dot, suffix = html.escape(name).replace("_", "_<wbr>").rpartition(".")
    return f"{stem}<wbr>{dot}{suffix}" if stem else f"{dot}{suffix}"
