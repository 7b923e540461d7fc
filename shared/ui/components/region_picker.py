"""Regions of a photo to choose from, by a press on the photo or on the button of a region."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
from PIL import Image

from shared.core.images import shrink
from shared.ui import assets
from shared.ui.components.drawing_editor import png_url

SIDE = 560  # longest side in pixels of the map of regions
SOLID = 100  # level of a mask from which a pixel belongs to a region


class Region(NamedTuple):
    """Part of a photo.

    Attributes:
        name: Identifier, without commas.
        title: Name on the page.
        mask: Mode L, of the shape of the photo, 0 outside to 255 inside.
        person: Number of the person that it belongs to, from 1; 0 without people.
    """

    name: str
    title: str
    mask: Image.Image
    person: int = 0


def region_picker(label: str, hint: str) -> gr.HTML:
    """Create a picker, hidden until `show_regions`; see `parse_regions` for its value.

    Args:
        label: Name for screen readers.
        hint: Sentence below the photo.
    """
    template = (
        f'<div class="is-picker" role="group" aria-label="{label}" hidden>'
        f'<div class="is-sheet"><img alt=""><canvas width="1" height="1"></canvas></div><p>{hint}</p>'
        '<div class="is-people"></div><div class="is-chips"></div></div>'
    )
    return gr.HTML(
        "",
        label=label,
        html_template=template,
        js_on_load=assets.script("region_picker"),
        apply_default_css=False,
        padding=False,
        base=None,
    )


def show_regions(
    photo_url: str | None, regions: Sequence[Region] = (), chosen: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the update of a picker.

    Args:
        photo_url: Address of the photo, see `shared.ui.components.results.file_url`; None hides the picker.
        regions: Regions in the order of their buttons; those of a person are neighbours.
        chosen: Names of the regions that are chosen at first.
    """
    value = ",".join(chosen)
    if photo_url is None or not regions:
        return gr.update(value=value, base=None)
    buttons = [{"name": row.name, "title": row.title, "person": row.person} for row in regions]
    base = {"photo": photo_url, "numbers": png_url(number_map(regions)), "regions": buttons}
    return gr.update(value=value, base=base)


def number_map(regions: Sequence[Region]) -> Image.Image:
    r"""Return the number of the region of each pixel, from 1, or 0, in an image of mode L of `SIDE` pixels.

    Small regions lie above large ones.

    >>> number_map([Region("a", "A", Image.new("L", (2, 1), 255))]).tobytes()
    b'\x01\x01'
    """
    masks = [np.asarray(shrink(region.mask, SIDE)) > SOLID for region in regions]
    numbers = np.zeros(masks[0].shape, np.uint8)
    for number in sorted(range(len(masks)), key=lambda number: -int(masks[number].sum())):
        numbers[masks[number]] = number + 1
    return Image.fromarray(numbers)


def parse_regions(value: str | None) -> list[str]:
    """Return the names of the chosen regions from the value of a picker."""
    return [name for name in (value or "").split(",") if name]


def is_stale(chosen: Sequence[str], names: Sequence[str]) -> bool:
    """Return True if a choice belongs to an earlier photo; the next event brings that of the new one.

    Args:
        chosen: Names of the chosen regions; the picker keeps at least one if there are any.
        names: Names of all regions of the photo.

    >>> is_stale(["0:subject"], ["1:top"]), is_stale([], ["1:top"]), is_stale(["1:top"], ["1:top", "1:hair"])
    (True, True, False)
    """
    return not set(chosen) <= set(names) or bool(names and not chosen)
