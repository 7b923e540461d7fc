"""Editors to draw with named brushes, or to mark a part of a photo, by mouse, finger or pen."""

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import gradio as gr
from PIL import Image

from shared.core.images import encode_image
from shared.ui import assets
from shared.ui.gradio_workarounds import UploadedDrawing

#: Tool of an editor: "box" draws filled rectangles, "brush" free strokes, "fill" floods an area, "erase"
#: removes paint from a mask.
Tool: TypeAlias = Literal["box", "brush", "fill", "erase"]

#: Color that shows a mask over a photo.
_MASK_COLOR = "#ff2d87"
_MARKED = "a part is marked"
_NO_PHOTO = "Choose a photo above first, then paint on it here."

_TITLES = {
    "box": "Box",
    "brush": "Brush",
    "fill": "Fill",
    "erase": "Erase",
    "undo": "Undo",
    "redo": "Redo",
    "clear": "Clear",
    "open": "Open a picture",
}
#: Icons on a grid of 24 x 24, stroked in the color of the text.
_ICONS = {
    "box": "M4 6h16v12H4z",
    "brush": "M4 20c3 0 4-1 4-3l9.5-12 2.5 2L9 18c-1 3-3 3-5 2z",
    "fill": "M5 12l7-8 7 8-7 7zM5 12h14M20 16c1.5 2 1.5 4 0 4s-1.5-2 0-4z",
    "erase": "M4 15l9-10 7 6-8 9H8zM9 10l6 6M12 20h8",
    "undo": "M9 6L4 11l5 5M4 11h10a5 5 0 0 1 0 10h-3",
    "redo": "M15 6l5 5-5 5M20 11H10a5 5 0 0 0 0 10h3",
    "clear": "M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13M10.5 11v6M13.5 11v6",
    "open": "M12 16V5M7.5 9L12 4.5 16.5 9M4 15v5h16v-5",
}


@dataclass(frozen=True)
class Brush:
    """A color to draw with.

    Attributes:
        name: Name on the page.
        color: Red, green and blue, 0..255.
    """

    name: str
    color: tuple[int, int, int]

    @property
    def css(self) -> str:
        """Color in CSS, such as `"#0032ff"`."""
        return "#" + bytes(self.color).hex()


@dataclass(frozen=True)
class Canvas:
    """Sheet that a visitor draws on.

    Attributes:
        size: Width and height in pixels, which the drawing has too.
        background: Color of the empty sheet, a brush as well.
        tools: Tools of the editor; the first one is chosen at the start.
        stroke: Width of a stroke at the start, in pixels.
        smooth: True for strokes with soft edges and for images in any color. Otherwise every pixel has the
            color of a brush, as in the label drawings that networks learn from.
    """

    size: tuple[int, int]
    background: Brush
    tools: Sequence[Tool] = ("box", "brush", "fill")
    stroke: int = 8
    smooth: bool = False


def drawing_editor(
    label: str, canvas: Canvas, brushes: Sequence[Brush], examples: Sequence[tuple[str, Image.Image]] = ()
) -> UploadedDrawing:
    """Create an editor, which gives the path of a PNG file, or None while the sheet is empty.

    Its event `change` follows each stroke, and each undo.

    Args:
        label: Name of the drawing for screen readers and API callers.
        canvas: The sheet.
        brushes: Brushes; the first one is chosen at the start.
        examples: Names and images to start from, in the size of the canvas.
    """
    sample_drawings = "".join(_example(name, image) for name, image in examples)
    start = f'<p>Or start from one of these</p><div class="is-starts">{sample_drawings}</div>'
    template = (
        f'<div class="is-editor" data-smooth="{str(canvas.smooth).lower()}" '
        f'data-empty="{canvas.background.css}">{_bar(canvas.tools, ("undo", "redo", "clear", "open"))}'
        f"{_sheet(label, canvas.size)}{_stroke_width(canvas.stroke, max(canvas.size) // 8)}"
        f'<div class="is-brushes">{"".join(_brush(brush, brush is brushes[0]) for brush in brushes)}</div>'
        f'<p class="is-fault" role="status"></p>{start if examples else ""}'
        '<input type="file" accept="image/*" hidden></div>'
    )
    return _editor(label, template)


def mask_editor(photo: gr.Image, title: str, hint: str) -> UploadedDrawing:
    """Create an editor of a part of a photo, which gives the path of a PNG file, or None without a mark.

    The file is white where the visitor painted and black elsewhere; it has the shape of the photo, and its
    pixels are fewer than those of a large one. A page has at most one such editor. It unfolds at a press on
    its title; Gradio (6.31) would remove it from the page while an accordion is closed.

    Args:
        photo: Input of the photo; another photo empties the mask.
        title: Title.
        hint: Sentence below the title.
    """
    editor = photo_editor("is-mask", title, hint, painted=_MARKED)
    photo.change(None, [photo], js=assets.script("mask_photo"), api_visibility="private")
    return editor


def png_url(image: Image.Image) -> str:
    """Return an image as a data URL, without loss."""
    return "data:image/png;base64," + base64.b64encode(encode_image(image)).decode()


def photo_editor(
    kind: str,
    title: str,
    hint: str,
    *,
    painted: str,
    titles: Mapping[str, str] | None = None,
    **properties: Any,
) -> UploadedDrawing:
    """Create an editor that lies over a photo and unfolds at a press on its title.

    Args:
        kind: Class of the element.
        title: Title.
        hint: Sentence below the title.
        painted: Words next to the title while there is paint.
        titles: Titles of tools and actions that differ, by name.
        **properties: Values that a server can change, for the script.
    """
    bar = _bar(("brush", "erase"), ("undo", "redo", "clear"), titles or {})
    template = (
        f'<details class="is-editor {kind}" data-smooth="false" data-mask="{_MASK_COLOR}" data-photo="none">'
        f"<summary>{html.escape(title)} <small>{painted}</small></summary><p>{html.escape(hint)}</p>"
        f'<p class="is-without">{_NO_PHOTO}</p>{bar}'
        f'<div class="is-sheet"><img alt="">{_sheet(title, (1, 1))}</div>{_stroke_width(8, 30)}'
        '<p class="is-fault" role="status"></p></details>'
    )
    return _editor(title, template, **properties)


def _editor(label: str, template: str, **properties: Any) -> UploadedDrawing:
    return UploadedDrawing(
        label=label,
        html_template=template,
        js_on_load=assets.script("drawing_editor"),
        apply_default_css=False,
        padding=False,
        **properties,
    )


def _bar(tools: Sequence[Tool], actions: Sequence[str], titles: Mapping[str, str] | None = None) -> str:
    names = {**_TITLES, **(titles or {})}
    buttons = "".join(_tool(tool, names[tool], pressed=tool == tools[0]) for tool in tools)
    items = "".join(_action(action, names[action]) for action in actions)
    return f'<div class="is-bar">{buttons}<span></span>{items}</div>'


def _sheet(label: str, size: tuple[int, int]) -> str:
    width, height = size
    return (
        f'<canvas width="{width}" height="{height}" style="--shape: {width / height:.4g}" tabindex="0" '
        f'aria-label="{html.escape(label)}"></canvas>'
    )


def _stroke_width(value: int, largest: int) -> str:
    return f'<label>Width of a stroke <input type="range" min="1" max="{largest}" value="{value}"></label>'


def _icon(name: str) -> str:
    return f'<svg viewBox="0 0 24 24" aria-hidden="true"><path d="{_ICONS[name]}"/></svg>'


def _tool(name: str, title: str, *, pressed: bool) -> str:
    state = str(pressed).lower()
    attributes = f'data-tool="{name}" aria-label="{title}" aria-pressed="{state}"'
    return f'<button type="button" {attributes}>{_icon(name)}<b>{title}</b></button>'


def _action(name: str, title: str) -> str:
    attributes = f'data-action="{name}" title="{title}" aria-label="{title}"'
    return f'<button type="button" {attributes}>{_icon(name)}</button>'


def _brush(brush: Brush, pressed: bool) -> str:
    state, name = str(pressed).lower(), html.escape(brush.name)
    swatch = f'<i style="background:{brush.css}"></i>'
    return f'<button type="button" data-color="{brush.css}" aria-pressed="{state}">{swatch}{name}</button>'


def _example(name: str, image: Image.Image) -> str:
    title = html.escape(name)
    picture = f'<img src="{png_url(image)}" alt="{title}">'
    return f'<button type="button" data-example title="{title}">{picture}</button>'
