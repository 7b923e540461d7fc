"""Edges: from a photo to a line drawing, on a page, through an API and as an MCP tool."""

from contextlib import suppress

with suppress(ImportError):
    import spaces  # noqa: F401  Hugging Face's package: on ZeroGPU it must be imported before torch

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from PIL.Image import Image

from shared import ui
from shared.core.devices import gpu
from shared.core.images import open_image, safe_stem, to_image
from shared.edges.engines import ENGINES

if TYPE_CHECKING:
    from shared.edges.detector import EdgeDetector

STYLES = ["white on black", "black on white", "transparent"]
DETAIL = {"standard": (1.0,), "high": (0.5, 1.0, 1.5)}
HINT = "Choose a picture, and its edges appear here."
CARD_IMAGE = "coffee"  # the sample photo on the home page's card
SIDES = ["texture", "2", "3", "4", "objects"]


def load_detector(engine: str) -> "EdgeDetector":
    """Load the edge detector of an engine."""
    from shared.edges.detector import EdgeDetector

    return EdgeDetector.load(engine)


DETECTORS = ui.lazy_models(load_detector, ENGINES)


@gpu(duration=30)
def _find(picture: Image, engine: str, thin: bool, threshold: float, detail: str) -> Any:
    return DETECTORS[engine]()(picture, thin=thin, threshold=threshold or None, scales=DETAIL[detail])


def preview(picture: Image) -> Image:
    """One real prediction with the usual settings: for the home page's card and for /healthz."""
    return _find(picture, "rds", False, 0, "standard").picture(STYLES[0])


@ui.user_facing("edges")
def detect_edges(image: str, engine: str, style: str, thin: bool, threshold: float, detail: str) -> Image:
    """Turn a photo into a line drawing of the same size.

    Args:
        image: The photo: JPEG, PNG, WebP, GIF, BMP or TIFF.
        engine: Who draws: "rds", "hed" or "fcfn", three networks, or "canny", the classical one.
        style: "white on black", "black on white" or "transparent" (lines on nothing).
        thin: False for soft edges in shades of grey, True for lines of one pixel.
        threshold: How sure an engine must be to draw a thin line, from 0 to 1; 0 is the engine's own value.
        detail: "standard", or "high" to look at three scales, which takes longer.

    Returns:
        The drawing, a PNG picture.
    """
    return _find(open_image(image), engine, thin, threshold, detail).picture(style, thin=thin)


@ui.user_facing("edges")
def edge_details(image: str, engine: str, threshold: float, detail: str) -> tuple:
    """Find the edges of a photo and return all that is known about them.

    Args:
        image: The photo: JPEG, PNG, WebP, GIF, BMP or TIFF.
        engine: Who draws: "rds", "hed" or "fcfn", three networks, or "canny", the classical one.
        threshold: How sure an engine must be to draw a thin line, from 0 to 1; 0 is the engine's own value.
        detail: "standard", or "high" to look at three scales, which takes longer.

    Returns:
        Soft edges (PNG, white is sure), five side outputs from texture to objects, thin lines (PNG), the same
        as an SVG file, and figures: size, threshold, seconds.
    """
    edges = _find(open_image(image), engine, False, threshold, detail)
    sides = [(to_image(side), name) for side, name in zip(edges.sides, SIDES, strict=True)]
    svg = ui.result_file(edges.svg().encode(), f"{safe_stem(image)}.svg")
    figures = {"size": edges.size, "threshold": edges.threshold, "seconds": edges.seconds}
    return edges.picture(STYLES[0]), sides, edges.picture(STYLES[0], thin=True), svg, figures


@ui.user_facing("edges")
def detect_edges_in_many(
    images: list, engine: str, style: str, thin: bool, threshold: float, detail: str, progress=ui.PROGRESS
) -> tuple:
    """Turn many photos into line drawings: one ZIP with a PNG and an SVG for each. Bad files are skipped.

    Args:
        images: The photos, at most 50 and at most 256 MB together.
        engine: Who draws: "rds", "hed" or "fcfn", three networks, or "canny", the classical one.
        style: "white on black", "black on white" or "transparent" (lines on nothing).
        thin: False for soft edges in shades of grey, True for lines of one pixel (the SVG always has these).
        threshold: How sure an engine must be to draw a thin line, from 0 to 1; 0 is the engine's own value.
        detail: "standard", or "high" to look at three scales, which takes longer.

    Returns:
        The ZIP file, and for each photo its name and what became of it.
    """

    def work(picture: Image) -> dict[str, bytes]:
        edges = _find(picture, engine, thin, threshold, detail)
        return {".png": edges.png(style), ".svg": edges.svg().encode()}

    return ui.run_batch(images, work, "edges", progress)


@ui.user_facing("edges")
def _show(image: str | None, engine: str, style: str, thin: bool, threshold: float, detail: str) -> list:
    if not image:
        return [None, HINT, None, ui.download_button(), ui.download_button()]
    picture, stem = open_image(image), f"{safe_stem(image)}-edges"
    edges = _find(picture, engine, thin, threshold, detail)
    words = "{} × {} pixels, {:.2f} s, threshold {:.2f}".format(*picture.size, edges.seconds, edges.threshold)
    sides = [(ui.display_image(to_image(side)), name) for side, name in zip(edges.sides, SIDES, strict=True)]
    png, svg = (
        ui.download_button(edges.png(style), f"{stem}.png"),
        ui.download_button(edges.svg().encode(), f"{stem}.svg"),
    )
    return [
        (ui.display_image(picture), ui.display_image(edges.picture(style, thin=thin))),
        words,
        sides,
        png,
        svg,
    ]


with ui.page("Edges") as demo:
    ui.header("Edges", "Turn a photo into a line drawing: soft edges or thin lines, as PNG or as SVG.")
    with gr.Row():
        with gr.Column(scale=2):
            image = ui.image_input()
            ui.image_examples(image)
            engine = ui.engine_menu(ENGINES)
            with gr.Accordion("Settings", open=False):
                style = gr.Radio(STYLES, value=STYLES[0], label="Line style")
                thin = gr.Checkbox(label="Thin lines", info="Lines of one pixel instead of soft edges")
                threshold = gr.Slider(
                    0, 0.95, 0, step=0.01, label="Threshold", info="Of thin lines; 0: automatic"
                )
                detail = gr.Radio(list(DETAIL), value="standard", label="Detail", info="High: three scales")
            button = gr.Button("Find edges", variant="primary")
        settings = [engine, style, thin, threshold, detail]
        changes = [item.change for item in (image, engine, style, thin, detail)]
        changes += [threshold.release, button.click]
        with gr.Column(scale=3), gr.Tabs() as tabs:
            with gr.Tab("Result", elem_id="result") as tab:
                slider = gr.ImageSlider(label="Before and after", max_height=520, elem_classes="is-slider")
                words = gr.Markdown(HINT, elem_classes="is-note")
                sides = ui.thumbnail_row("From texture to objects: what each of the five stages sees", 5)
                files = ui.download_buttons("PNG", "SVG")
                result = ui.LazyTab(tab, _show, [image, *settings], [slider, words, sides, *files])
            comparison = ui.compare_tab(detect_edges, ENGINES, [image, *settings], other="canny")
            with gr.Tab("Several pictures"):
                images = ui.batch_tab(detect_edges_in_many, settings, "Find edges in all of them")
    ui.how_it_works(Path(__file__).parent, ["edges-rds", "edges-hed", "edges-fcfn"])
    ui.load_open_tab(tabs, [result, comparison], changes)
    ui.endpoint(detect_edges, [image, *settings], {"Drawing": gr.Image})
    details = {"Soft": gr.Image, "Sides": gr.Gallery, "Lines": gr.Image, "SVG": gr.File, "Figures": gr.JSON}
    ui.endpoint(edge_details, [image, engine, threshold, detail], details)
    ui.endpoint(detect_edges_in_many, [images, *settings], {"ZIP": gr.File, "Report": gr.JSON})

if __name__ == "__main__":
    ui.launch(demo)
