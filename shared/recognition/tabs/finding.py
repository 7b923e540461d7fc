"""Tab "Find": the things that a visitor names, or the thing that a visitor clicks on, cut out."""

from collections.abc import Callable
from typing import Any, TypeAlias

import gradio as gr
from gradio.components import Component
from PIL import Image

from shared.core.file_names import safe_stem
from shared.core.images import encode_image, open_image, shrink
from shared.recognition.engines import CLICK, FINDERS, WORDS
from shared.recognition.finder import Finder, find
from shared.recognition.segmentation import Segmentation
from shared.ui.components.results import display_image, download_button
from shared.ui.engines import inference_function, lazy_models
from shared.ui.errors import user_facing
from shared.ui.events import endpoint, on_event
from shared.ui.tabs import LazyTab

MAX_SIDE = 1200  # of the image on the page, in pixels
HINT = "Choose a photo first; then write what to look for, or click on a thing."
READY = (
    "Write what to look for, or click on a thing. Both need public networks, which are downloaded at their "
    "first use: 0.9 GB for words, 0.2 GB for clicks."
)
NOTHING = "None of that is in this photo, as far as the network can tell."
NO_THING = "The network sees no thing there: click somewhere else."
OPACITY = 0.55

#: Finds things in an image: `(image, engine, words or point)`.
FindThings: TypeAlias = Callable[[Image.Image, str, str | tuple[float, float]], Segmentation]


def lazy_finder() -> FindThings:
    """Return the function that runs the engines, each of which is loaded when it is first used."""
    return inference_function(lazy_models(Finder.load, FINDERS), find)


def finding_tab(space: str, find_things: FindThings, photo: Component) -> LazyTab:
    """Create the tab, and offer both searches through the API and as MCP tools.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        find_things: Function that runs the engines, see `lazy_finder`.
        photo: Component of the photo.
    """
    with gr.Tab("Find", elem_id="find") as tab:
        with gr.Row(elem_classes="is-asking"):
            words = gr.Textbox(
                "",
                label="What to look for",
                placeholder="red cup, cat",
                max_lines=1,
                scale=5,
                elem_classes="is-asked",
            )
            button = gr.Button("Find", scale=1, min_width=90)
        picture = gr.Image(
            label="Click on a thing", interactive=False, buttons=["fullscreen"], elem_classes="is-findable"
        )
        note = gr.Markdown(HINT, elem_classes="is-note")
        cutout = gr.Image(
            label="Cut out",
            visible=False,
            height=320,
            interactive=False,
            format="png",
            buttons=["fullscreen"],
            elem_classes="is-cutout",
        )
        save = gr.DownloadButton("Download as PNG", interactive=False)
    outputs = [picture, note, cutout, save]

    @user_facing(space)
    def show_photo(path: str | None) -> list[object]:
        shown = display_image(shrink(open_image(path), MAX_SIDE)) if path else None
        return [shown, READY if path else HINT, gr.Image(None, visible=False), download_button()]

    @user_facing(space)
    def find_words(path: str | None, words: str) -> list[object]:
        if not path:
            return [None, HINT, gr.Image(None, visible=False), download_button()]
        return _results(path, find_things(open_image(path), WORDS, words), NOTHING)

    @user_facing(space)
    def find_point(path: str, event: gr.SelectData) -> list[object]:
        image = open_image(path)
        scale = max(image.size) / min(max(image.size), MAX_SIDE)
        x, y = (
            min(max((value + 0.5) * scale, 0), side - 1)
            for value, side in zip(event.index, image.size, strict=True)
        )
        return _results(path, find_things(image, CLICK, (x, y)), NO_THING)

    on_event([button.click, words.submit], find_words, [photo, words], outputs, progress_on=picture)
    on_event([picture.select], find_point, [photo], outputs, progress_on=picture)
    with tab:
        _endpoints(space, find_things, photo, words)
    return LazyTab(tab, show_photo, [photo], outputs)


def _endpoints(space: str, find_things: FindThings, photo: Component, words: gr.Textbox) -> None:
    """Offer both searches through the API and as MCP tools; see `finding_tab`."""

    @user_facing(space)
    def find_by_words(image: str, words: str) -> tuple[dict[str, Any], Image.Image]:
        """Find whatever you name in a photo, with a large public network from the Hub.

        Args:
            image: The photo: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF.
            words: Names of things in English, separated by commas, at most 20.

        Returns:
            The regions with their boxes and scores, and the photo as a PNG with them tinted.
        """
        result = find_things(open_image(image), WORDS, words)
        return result.as_dict(), result.overlay()

    @user_facing(space)
    def cut_out_at(image: str, x: float, y: float) -> Image.Image:
        """Cut out the thing at a point of a photo: a transparent PNG of the photo's size.

        Args:
            image: The photo: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF.
            x: Pixel from the left.
            y: Pixel from the top.
        """
        return _whole_cutout(find_things(open_image(image), CLICK, (x, y)))

    x, y = (gr.Number(0, label=label, visible=False) for label in ("From the left", "From the top"))
    endpoint(find_by_words, [photo, words], {"Regions": gr.JSON, "Picture": gr.Image})
    endpoint(cut_out_at, [photo, x, y], {"Cut-out": gr.Image})


def _results(path: str, result: Segmentation, nothing: str) -> list[object]:
    """Return the updates of picture, note, cut-out and download button."""
    overlay = display_image(shrink(result.overlay(OPACITY), MAX_SIDE))
    if not result.regions:
        return [overlay, nothing, gr.Image(None, visible=False), download_button()]
    names = ", ".join(f"{region.label} ({region.confidence:.0%})" for region in result.regions)
    text = (
        f"Found: {names}." if result.engine == WORDS else "Cut out. Click somewhere else for another thing."
    )
    cutout = _whole_cutout(result)
    cropped = cutout.crop(cutout.getbbox())
    return [
        overlay,
        f"{text} {result.seconds:.1f} s",
        gr.Image(display_image(cropped, background=None), visible=True),
        download_button(encode_image(cutout), f"{safe_stem(path)}-found.png"),
    ]


def _whole_cutout(result: Segmentation) -> Image.Image:
    """Return the image with all but its regions transparent: mode RGBA."""
    cutout = Image.new("RGBA", result.size)
    cutout.paste(result.image, mask=Image.fromarray((result.ids > 0).astype("uint8") * 255))
    return cutout
