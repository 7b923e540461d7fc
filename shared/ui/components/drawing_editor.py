"""An editor in which a visitor draws with named brushes, by mouse, finger or pen."""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from PIL import Image

from shared.core.gradio_workarounds import UploadedDrawing
from shared.core.images import encode_image
from shared.ui import assets

#: Tool of an editor: "box" draws filled rectangles, "brush" free strokes, "fill" floods an area.
Tool: TypeAlias = Literal["box", "brush", "fill"]

_TITLES = {
    "box": "Box",
    "brush": "Brush",
    "fill": "Fill",
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
    width, height = canvas.size
    template = (
        f'<div class="is-editor" data-smooth="{str(canvas.smooth).lower()}" '
        f'data-empty="{canvas.background.css}">'
        f'<div class="is-bar">{"".join(_tool(tool, tool == canvas.tools[0]) for tool in canvas.tools)}'
        f"<span></span>{''.join(_action(action) for action in ('undo', 'redo', 'clear', 'open'))}</div>"
        f'<canvas width="{width}" height="{height}" tabindex="0" aria-label="{html.escape(label)}"></canvas>'
        f'<label>Width of a stroke <input type="range" min="1" max="{max(canvas.size) // 8}" '
        f'value="{canvas.stroke}"></label>'
        f'<div class="is-brushes">{"".join(_brush(brush, brush is brushes[0]) for brush in brushes)}</div>'
        f'<p class="is-fault" role="status"></p>{start if examples else ""}'
        '<input type="file" accept="image/*" hidden></div>'
    )
    return UploadedDrawing(
        label=label,
        html_template=template,
        js_on_load=assets.script("drawing_editor"),
        apply_default_css=False,
        padding=False,
    )


def _icon(name: str) -> str:
    return f'<svg viewBox="0 0 24 24" aria-hidden="true"><path d="{_ICONS[name]}"/></svg>'


def _tool(name: str, pressed: bool) -> str:
    title, state = _TITLES[name], str(pressed).lower()
    attributes = f'data-tool="{name}" aria-label="{title}" aria-pressed="{state}"'
    return f'<button type="button" {attributes}>{_icon(name)}<b>{title}</b></button>'


def _action(name: str) -> str:
    title = _TITLES[name]
    attributes = f'data-action="{name}" title="{title}" aria-label="{title}"'
    return f'<button type="button" {attributes}>{_icon(name)}</button>'


def _brush(brush: Brush, pressed: bool) -> str:
    state, name = str(pressed).lower(), html.escape(brush.name)
    swatch = f'<i style="background:{brush.css}"></i>'
    return f'<button type="button" data-color="{brush.css}" aria-pressed="{state}">{swatch}{name}</button>'


def _example(name: str, image: Image.Image) -> str:
    url = "data:image/png;base64," + base64.b64encode(encode_image(image)).decode()  # lossless
    title = html.escape(name)
    return f'<button type="button" data-example title="{title}"><img src="{url}" alt="{title}"></button>'
