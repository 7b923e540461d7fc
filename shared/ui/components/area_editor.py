"""Editor of an area that was found in a photo: a visitor adds to it and erases, by mouse, finger or pen."""

from typing import Any

import gradio as gr
from PIL import Image, ImageChops

from shared.core.images import open_image, shrink
from shared.ui.components.drawing_editor import photo_editor, png_url
from shared.ui.gradio_workarounds import UploadedDrawing

UNCHANGED = 128  # grey in the file of the changes: neither added nor erased
#: Longest side in pixels of the area in the browser, which sends back changes only.
SIDE = 800
_TITLES = {"brush": "Add", "clear": "Start again"}


def area_editor(title: str, hint: str) -> UploadedDrawing:
    """Create an editor, empty until `show_area`.

    Its value is the path of a PNG file with the visitor's changes, for `change_area`, or None without any.
    Its event `change` follows each stroke, each undo, and "Start again". It unfolds at a press on its title.

    Args:
        title: Title.
        hint: Sentence below the title.
    """
    return photo_editor("is-area", title, hint, painted="changed by hand", titles=_TITLES, base=None)


def show_area(photo_url: str | None = None, area: Image.Image | None = None) -> dict[str, Any]:
    """Return the update of an editor, which begins anew.

    Args:
        photo_url: Address of the photo, see `shared.ui.components.results.file_url`; None empties the editor.
        area: Mode L, of the shape of the photo, 0 outside to 255 inside.
    """
    if photo_url is None or area is None:
        return gr.update(value=None, base=None)
    return gr.update(value=None, base={"photo": photo_url, "area": png_url(shrink(area, SIDE))})


def change_area(area: Image.Image, path: str | None) -> Image.Image:
    """Apply the changes of a visitor to an area, which stays exactly as it is elsewhere.

    Args:
        area: Mode L, 0 outside to 255 inside.
        path: Value of the editor.

    Returns:
        Mode L, of the same size.

    Raises:
        ImageError: The file is no picture.
    """
    if not path:
        return area
    levels = open_image(path).convert("L").resize(area.size, Image.Resampling.BILINEAR)
    added = levels.point([max(0, round((level - UNCHANGED) * 255 / 127)) for level in range(256)])
    remaining = levels.point([min(255, round(level * 255 / UNCHANGED)) for level in range(256)])
    return ImageChops.darker(ImageChops.lighter(area, added), remaining)
