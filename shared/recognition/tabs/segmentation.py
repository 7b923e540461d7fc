"""Where things are in a picture: regions in the colors of their classes, each to be cut out with a click."""

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
import numpy as np

from shared.core.images import open_image, safe_stem
from shared.ui.components.charts import Bar, bar_chart
from shared.ui.components.results import display_image, download_button, encode_image, shrink, zip_files
from shared.ui.errors import user_facing
from shared.ui.events import on_event
from shared.ui.tabs import LazyTab

TINT = 0.7  # how much of its color lies on a region
HINT = "Choose a picture, and its regions appear here."
NOTHING = "The engine finds nothing that it knows."
SIDE = 1200  # the component keeps a picture for every region, so it gets smaller ones than others

# The component reports clicks on its legend only: a click on the picture is passed on to the entry of the
# region below the pointer. Whatever mask is not transparent there is that region's.
CLICKS = """() => {
    const box = document.querySelector('.is-regions .image-container');
    if (!box) return;
    box.onclick = async event => {
        const masks = [...box.querySelectorAll('img.mask')];
        await Promise.all(masks.map(mask => mask.decode()));  // those of a large photo may be on their way
        const photo = box.querySelector('img'), frame = photo.getBoundingClientRect();
        const scale = Math.min(frame.width / photo.naturalWidth, frame.height / photo.naturalHeight);
        const x = (event.clientX - frame.x - (frame.width - photo.naturalWidth * scale) / 2) / scale;
        const y = (event.clientY - frame.y - (frame.height - photo.naturalHeight * scale) / 2) / scale;
        const pen = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
        const hit = masks.findIndex(mask => {
            pen.clearRect(0, 0, 1, 1);
            pen.drawImage(mask, -Math.floor(x), -Math.floor(y));
            return pen.getImageData(0, 0, 1, 1).data[3] > 0;
        });
        document.querySelectorAll('.is-regions .legend-item')[hit]?.click();
    };
}"""


def regions(space: str, segment: Callable, inputs: Sequence[Any]) -> LazyTab:
    """Make the tab that shows where things are in a photo.

    Args:
        space: The space's name, for the counts.
        segment: Takes the picture and the engine, and returns a `Segmentation` or what has its attributes.
        inputs: The photo and the engine menu.

    Returns:
        The tab's view, for `load_open_tab`.
    """
    with gr.Tab("Where", elem_id="where") as tab:
        picture = gr.AnnotatedImage(label="Where things are", elem_classes="is-regions")
        words = gr.Markdown(HINT, elem_classes="is-note")
        areas = gr.HTML(padding=False)
        look = {"interactive": False, "format": "png", "buttons": ["fullscreen"], "elem_classes": "is-cutout"}
        with gr.Row():
            cutout = gr.Image(label="Cut out", visible=False, height=320, **look)
        with gr.Row():
            save = gr.DownloadButton("Download cut-out", interactive=False)
            pack = gr.Button("All masks and cut-outs as ZIP", interactive=False)
        archive = gr.File(
            label="Masks, cut-outs, class ids and areas", visible=False, elem_classes="is-masks"
        )
    below = [cutout, save, pack, archive]

    @user_facing(space)
    def where(image: str | None, engine: str) -> list[Any]:
        if not image:
            return [None, HINT, "", *_below(False)]
        found = segment(open_image(image), engine)
        size = "{} × {} pixels, {:.2f} s".format(*found.size, found.seconds)
        hint = "Click on a region to cut it out." if found.regions else NOTHING
        return [_tinted(found), f"{hint} {size}", _areas(found), *_below(bool(found.regions))]

    @user_facing(space)
    def cut_out(image: str, engine: str, event: gr.SelectData) -> list[Any]:
        found = segment(open_image(image), engine)
        region = found.regions[event.index]
        alone = found.cutout(region)
        name = f"{safe_stem(image)}-{region.label}.png"
        label = f"{region.label}, {alone.width} × {alone.height} pixels"
        return [
            gr.Image(display_image(alone, paper=None), label=label, visible=True),
            download_button(encode_image(alone), name),
        ]

    @user_facing(space)
    def all_files(image: str, engine: str) -> gr.File:
        files = segment(open_image(image), engine).files()
        return gr.File(zip_files(files, f"{safe_stem(image)}-regions.zip"), visible=True)

    picture.change(None, js=CLICKS)
    on_event([picture.select], cut_out, inputs, [cutout, save])
    on_event([pack.click], all_files, inputs, archive)
    return LazyTab(tab, where, inputs, [picture, words, areas, *below])


def _below(found: bool) -> list[Any]:
    """The state of what stands below the picture before a region is cut out."""
    return [
        gr.Image(None, visible=False),
        download_button(),
        gr.Button(interactive=found),
        gr.File(visible=False),
    ]


def _colors(found: Any) -> dict[str, str]:
    """The color of each class that a segmentation has found, as CSS and Gradio write it."""
    palette = found.palette()
    return {region.label: "#" + bytes(palette[region.id]).hex() for region in found.regions}


def _tinted(found: Any) -> gr.AnnotatedImage:
    """The picture in a browser's size with a mask for each region."""
    small = shrink(found.image, SIDE)
    masks = [
        (np.asarray(found.mask(region.id).resize(small.size), np.float32) / 255 * TINT, region.label)
        for region in found.regions
    ]
    return gr.AnnotatedImage((display_image(small), masks), color_map=_colors(found))


def _areas(found: Any) -> str:
    """How much of the picture each class covers, as bars."""
    colors = _colors(found)
    rows = [
        Bar(region.label, region.area_fraction, f"{region.area_fraction:.1%}", colors[region.label])
        for region in found.regions
    ]
    return bar_chart(rows, "Part of the picture", most=1)


def as_row(found: Any) -> dict[str, str]:
    """The regions with their shares as a cell of a table."""
    return {"regions": "; ".join(f"{region.label} {region.area_fraction:.4f}" for region in found.regions)}


def as_files(found: Any) -> dict[str, bytes]:
    """Class ids as a PNG with a palette, and the tinted photo as a JPEG, by the ending of the name."""
    return {
        "-classes.png": encode_image(found.id_map()),
        "-regions.jpg": encode_image(found.picture(), "JPEG"),
    }
