"""Tab "Where": an image's regions in the colors of their classes; a click cuts a region out."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import gradio as gr
import numpy as np
from gradio.components import Component
from PIL.Image import Image

from shared.core.file_names import safe_stem
from shared.core.images import encode_image, open_image, shrink
from shared.recognition.segmentation import Segmentation
from shared.ui import assets
from shared.ui.components.charts import Bar, bar_chart
from shared.ui.components.results import (
    display_image,
    download_button,
    download_when_set,
    zip_files,
)
from shared.ui.errors import user_facing
from shared.ui.events import on_event
from shared.ui.tabs import LazyTab

OPACITY = 0.7  # of the colors
MAX_SIDE = 1200  # in pixels; smaller than other images, because the component stores one per region
HINT = "Choose a photo, and its regions appear here."
CLICK = "Click on a region to cut it out."
NO_REGIONS = "There is nothing in this photo that this engine knows."

#: Segments an image with an engine: `(image, engine)`.
Segment: TypeAlias = Callable[[Image, str], Segmentation]


def segmentation_tab(space: str, segment: Segment, inputs: Sequence[Component]) -> LazyTab:
    """Create the tab.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        segment: Function that runs a segmenter.
        inputs: The image and the engine menu.
    """
    with gr.Tab("Where", elem_id="where") as tab:
        regions = gr.AnnotatedImage(label="Where things are", elem_classes="is-regions")
        note = gr.Markdown(HINT, elem_classes="is-note")
        chart = gr.HTML(padding=False)
        with gr.Row():
            cutout = gr.Image(
                label="Cut out",
                visible=False,
                height=320,
                interactive=False,
                format="png",
                buttons=["fullscreen"],
                elem_classes="is-cutout",
            )
        with gr.Row():
            save = gr.DownloadButton("Download cut-out", interactive=False)
            pack = gr.Button("All masks and cut-outs as ZIP", interactive=False)
        archive = gr.File(label="Masks, cut-outs, classes and areas", visible=False, elem_classes="is-masks")

    @user_facing(space)
    def show_regions(path: str | None, engine: str) -> list[object]:
        if not path:
            return [None, HINT, "", *_reset_cutout(False)]
        result = segment(open_image(path), engine)
        hint = CLICK if result.regions else NO_REGIONS
        text = f"{hint} {result.size[0]} × {result.size[1]} pixels, {result.seconds:.2f} s"
        return [_annotated_image(result), text, _area_chart(result), *_reset_cutout(bool(result.regions))]

    @user_facing(space)
    def cut_out(path: str, engine: str, event: gr.SelectData) -> list[object]:
        result = segment(open_image(path), engine)
        region = result.regions[event.index]
        image = result.cutout(region)
        label = f"{region.label}, {image.width} × {image.height} pixels"
        return [
            gr.Image(display_image(image, background=None), label=label, visible=True),
            download_button(encode_image(image), f"{safe_stem(path)}-{region.label}.png"),
        ]

    @user_facing(space)
    def all_files(path: str, engine: str) -> gr.File:
        files = segment(open_image(path), engine).files()
        return gr.File(zip_files(files, f"{safe_stem(path)}-regions.zip"), visible=True)

    regions.change(None, js=assets.script("click_regions"))
    on_event([regions.select], cut_out, inputs, [cutout, save])
    on_event([pack.click], all_files, inputs, archive)
    download_when_set(archive)
    return LazyTab(tab, show_regions, inputs, [regions, note, chart, cutout, save, pack, archive])


def _reset_cutout(has_regions: bool) -> list[object]:
    """Return the updates of cut-out, download button, ZIP button and ZIP file for a new image."""
    return [
        gr.Image(None, visible=False),
        download_button(),
        gr.Button(interactive=has_regions),
        gr.File(visible=False),
    ]


def _css_colors(result: Segmentation) -> dict[str, str]:
    """Return the color of each region's class, such as `"#800000"`, by label."""
    palette = result.palette()
    return {region.label: "#" + bytes(palette[region.id]).hex() for region in result.regions}


def _annotated_image(result: Segmentation) -> gr.AnnotatedImage:
    image = shrink(result.image, MAX_SIDE)
    masks: list[tuple[np.ndarray | tuple[int, int, int, int], str]] = [
        (np.asarray(result.mask(region.id).resize(image.size), np.float32) / 255 * OPACITY, region.label)
        for region in result.regions
    ]
    return gr.AnnotatedImage((display_image(image), masks), color_map=_css_colors(result))


def _area_chart(result: Segmentation) -> str:
    colors = _css_colors(result)
    bars = [
        Bar(region.label, region.area_fraction, f"{region.area_fraction:.1%}", colors[region.label])
        for region in result.regions
    ]
    return bar_chart(bars, "How much of the photo each one covers", full_length=1)
