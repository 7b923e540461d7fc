"""Tab "Cut out": the main subject of a photo on nothing, on a color, or in front of another background."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import gradio as gr
from gradio.components import Component
from PIL import Image

from shared.core.file_names import safe_stem
from shared.core.images import open_image
from shared.restyle.tabs.photos import NO_SUBJECT, Photos
from shared.restyle.tabs.results import ResultView, size_text
from shared.ui.components.area_editor import area_editor, change_area, show_area
from shared.ui.components.image_inputs import image_examples, image_input
from shared.ui.components.results import file_url
from shared.ui.errors import user_facing
from shared.ui.tabs import LazyTab

if TYPE_CHECKING:  # which brings torch
    from shared.matting.matte import Matte

HINT = "Choose a photo, and its main subject appears here without the background."
EDIT = "Correct the outline"
EDIT_HINT = "Paint over what belongs to it, or erase what does not. The rest stays as it is."
TRANSPARENT, COLOR, BLUR, SCENE = "transparent", "color", "blur", "scene"
BACKGROUNDS = {TRANSPARENT: "Transparent", COLOR: "A color", BLUR: "Out of focus", SCENE: "Another photo"}
EXAMPLES = ("cat", "astronaut", "lion", "coffee", "flower", "motorcycle", "cheetah", "tower")
NO_SCENE = "Choose the photo for the background on the left; until then there is none."


@dataclass(frozen=True)
class BackgroundValues:
    """Values of a new background.

    Attributes:
        kind: One of `BACKGROUNDS`.
        color: Color as text.
        blur: Radius of the blur in percent of the longer side.
        scene: Path of another photo; None for nothing yet.
        light: Match of the subject's light with the photo, 0..1.
    """

    kind: str = TRANSPARENT
    color: str = "white"
    blur: float = 1.5
    scene: str | None = None
    light: float = 0.0


def put_on_background(matte: Matte, values: BackgroundValues) -> Image.Image:
    """Return the subject in front of a background, mode RGB, or on nothing, mode RGBA.

    Raises:
        ImageError: Nothing is marked as the subject, or the other photo cannot be used.
    """
    from shared.restyle.background import (
        Background,
        Blur,
        swap_background,
    )  # deferred: torch is slow to import

    background: Background
    if values.kind == COLOR:
        background = values.color
    elif values.kind == BLUR:
        background = Blur(values.blur / 100)
    elif values.kind == SCENE and values.scene:
        background = open_image(values.scene)
    else:
        return matte.cutout()
    light = values.light if values.kind == SCENE else 0.0
    return swap_background(matte.image, matte.alpha, background, foreground=matte.foreground, light=light)


def cutout_tab(space: str, photos: Photos) -> LazyTab:
    """Create the tab.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        photos: Photos with their main subjects.
    """
    with gr.Tab("Cut out", elem_id="cutout") as tab, gr.Row(elem_classes="is-bench"):
        with gr.Column():
            photo = image_input()
            image_examples(photo, names=EXAMPLES)
        with gr.Column():
            view = ResultView(HINT, "PNG", "JPEG", "mask")
            shown = gr.State()
        with gr.Column():
            kind = gr.Radio(
                [(title, name) for name, title in BACKGROUNDS.items()], value=TRANSPARENT, label="Background"
            )
            color = gr.ColorPicker("#ffffff", label="Color of the background", visible=False)
            blur = gr.Slider(0.2, 6, 1.5, step=0.1, label="Blur", visible=False)
            scene = image_input("Photo for the background", height=200, visible=False)
            light = gr.Slider(
                0, 1, 0.4, step=0.05, label="Match the light", info="0 keeps the colors", visible=False
            )
            editor = area_editor(EDIT, EDIT_HINT)
    settings: list[Component] = [color, blur, scene, light]
    kind.change(
        lambda kind: [gr.update(visible=kind == part) for part in (COLOR, BLUR, SCENE, SCENE)],
        kind,
        settings,
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )

    @user_facing(space)
    def cut_out(
        path: str | None, edits: str | None, shown: str | None, kind: str, *settings: object
    ) -> list[object]:
        if not path:
            return [show_area(), None, *view.empty()]
        photo = photos.subject(path)
        new = path != shown
        edits = None if new else edits
        matte = photo.matte
        if edits:
            matte = replace(matte, alpha=change_area(matte.alpha, edits))
        editor_update = show_area(file_url(photo.preview), matte.alpha) if new else gr.skip()
        if matte.alpha.getextrema()[1] == 0:
            return [editor_update, path, *view.empty(NO_SUBJECT)]
        values = BackgroundValues(kind, *settings)  # type: ignore[arg-type]
        result = put_on_background(matte, values)
        stem = f"{safe_stem(path)}-cut-out"
        flat = result if result.mode == "RGB" else matte.composite("white")
        files = {f"{stem}.png": result, f"{stem}.jpg": flat, f"{stem}-mask.png": matte.alpha}
        caution = photo.caution if not edits else ""
        if kind == SCENE and not values.scene:
            caution = NO_SCENE
        note = f"{size_text(matte.image)}, {photo.matte.seconds:.2f} s"
        return [editor_update, path, *view.values(photo.preview, result, files, note, caution)]

    inputs = [photo, editor, shown, kind, *settings]
    triggers = [
        photo.change,
        editor.change,
        kind.change,
        color.change,
        scene.change,
        blur.release,
        light.release,
    ]
    outputs = [editor, shown, *view.outputs]
    return LazyTab(tab, cut_out, inputs, outputs, triggers, progress_on=view.slider)
