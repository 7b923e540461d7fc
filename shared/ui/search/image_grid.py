"""A grid of small pictures with words, each of which a visitor can press, on wide and narrow screens alike.

`gr.Gallery` knows one kind of click, keeps pictures in a cache that outlives their owner's visit, and cannot
set some tiles apart from others; so this is a `gr.HTML` whose pictures travel inside it.
"""

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass

import gradio as gr
from PIL import Image

SIDE = 360  # pixels; sharp on a phone's screen, and twenty of them are half a megabyte

# A press on a picture is the grid's `select` event, one on the small button below it is its `click` event.
_EVENTS = """
element.addEventListener('click', event => {
    const pressed = event.target.closest('button[data-id]');
    if (!pressed) return;
    const {event: name, id, tag} = pressed.dataset;
    trigger(name, {index: Number(id), value: pressed.title, tag});
});
"""


@dataclass(frozen=True)
class Tile:
    """One picture of a grid.

    Attributes:
        id: What the grid's events call it, as `event.index`.
        name: What stands below it; of a path, its last part.
        picture: A JPEG file.
        figure: What stands before the name, such as a score.
        share: Length of a bar below the picture, 0..1; none without.
        note: What stands behind the name, in small.
    """

    id: int
    name: str
    picture: bytes
    figure: str = ""
    share: float | None = None
    note: str = ""


def grid() -> gr.HTML:
    """An empty grid, to be filled with what `tiles` returns.

    Its events are `select`, for a press on a picture, and `click`, for one on the small button below it.
    Their functions take an argument of type `gr.EventData`, whose `index` is the tile's id, and `tag` what
    its tiles were tagged with.
    """
    return gr.HTML(js_on_load=_EVENTS, padding=False, apply_default_css=False)


def tiles(
    rows: Sequence[Tile], *, press: str = "", button: str = "", tag: str = "", faint: bool = False
) -> str:
    """The HTML of a grid's pictures.

    Args:
        rows: The pictures, from left to right.
        press: What a press on a picture does, as a tooltip may say it; without, they cannot be pressed.
        button: Word on the small button below each; none without.
        tag: What their events tell, such as the engine that found them.
        faint: Whether they stand back behind others.
    """
    look = " is-faint" if faint else ""
    return f'<div class="is-tiles{look}">{"".join(_tile(row, press, button, tag) for row in rows)}</div>'


def heading(text: str) -> str:
    """The HTML of a line of words between tiles."""
    return f'<p class="is-tiles-head">{html.escape(text)}</p>'


def empty(text: str) -> str:
    """The HTML of a grid without pictures: a frame with words that tell what will be here."""
    return f'<div class="is-tiles-empty"><p>{html.escape(text)}</p></div>'


def small(picture: bytes, side: int = SIDE) -> str:
    """A JPEG file as the address of a picture of at most `side` pixels, which holds the picture itself."""
    with Image.open(io.BytesIO(picture), formats=("JPEG",)) as image:
        image.draft("RGB", (side, side))  # decodes a smaller picture, in a fraction of the time
        image.thumbnail((side, side))
        stream = io.BytesIO()
        image.convert("RGB").save(stream, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()


def _tile(row: Tile, press: str, button: str, tag: str) -> str:
    name = html.escape(row.name)
    data = f'data-id="{row.id}" data-tag="{html.escape(tag)}"'
    picture = f'<img src="{small(row.picture)}" alt="{name}">'
    if press:
        title = html.escape(press)
        picture = f'<button {data} data-event="select" title="{title}">{picture}</button>'
    bar = "" if row.share is None else f'<i><u style="width:{100 * min(max(row.share, 0), 1):.1f}%"></u></i>'
    figure = f"<b>{html.escape(row.figure)}</b> " if row.figure else ""
    note = f"<small>{html.escape(row.note)}</small>" if row.note else ""
    more = ""
    if button:
        label = html.escape(f"{button}: {row.name}")
        word = html.escape(button)
        more = f'<button {data} data-event="click" title="{label}">{word}</button>'
    last = html.escape(row.name.rpartition("/")[2])
    words = f'<span title="{name}">{figure}{last}</span>{note}'
    return f"<figure>{picture}{bar}<figcaption><div>{words}</div>{more}</figcaption></figure>"
