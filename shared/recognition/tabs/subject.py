"""Tab "Subject": the main subject of a photo on nothing, as it can be downloaded."""

from collections.abc import Callable
from typing import TypeAlias

import gradio as gr
from gradio.components import Component
from PIL.Image import Image

from shared.core.file_names import safe_stem
from shared.core.images import encode_image, open_image
from shared.matting.matte import Matte
from shared.ui.components.results import display_image, download_button
from shared.ui.errors import user_facing
from shared.ui.tabs import LazyTab

HINT = "Choose a photo, and what stands out in it appears here without its background."
NO_SUBJECT = "Nothing in this photo stands out from the rest."
UNSURE = "It is hard to tell what the main thing in this photo is, so have a close look at the borders."
MIN_COVERAGE, SURE = 0.005, 0.6  # share of the photo; confidence of a matte

#: Cuts the main subject out: `(image, engine)`.
FindSubject: TypeAlias = Callable[[Image, str], Matte]


def subject_tab(space: str, find_subject: FindSubject, image: Component) -> LazyTab:
    """Create the tab.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        find_subject: Function that runs the matting network.
        image: Component of the photo.
    """
    with gr.Tab("Subject", elem_id="subject") as tab:
        cutout = gr.Image(
            label="Main subject",
            interactive=False,
            format="png",
            buttons=["fullscreen"],
            elem_classes="is-cutout",
        )
        note = gr.Markdown(HINT, elem_classes="is-note")
        save = gr.DownloadButton("Download as PNG", interactive=False)

    @user_facing(space)
    def show_subject(path: str | None) -> list[object]:
        if not path:
            return [None, HINT, download_button()]
        matte = find_subject(open_image(path), "subject")
        size = f"{matte.image.width} × {matte.image.height} pixels, {matte.seconds:.2f} s"
        if matte.coverage < MIN_COVERAGE:
            return [None, f"{NO_SUBJECT} {size}", download_button()]
        image = matte.cutout()
        return [
            display_image(image, background=None),
            f"{UNSURE} {size}" if matte.confidence < SURE else size,
            download_button(encode_image(image), f"{safe_stem(path)}-subject.png"),
        ]

    return LazyTab(tab, show_subject, [image], [cutout, note, save])
