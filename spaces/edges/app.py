"""Edges: from a photo to a line drawing, on a page, through an API and as MCP tools."""

from contextlib import suppress

with suppress(ImportError):
    import spaces  # noqa: F401  Hugging Face's package: on ZeroGPU it must be imported before torch

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from PIL.Image import Image

from shared import ui
from shared.core.file_names import safe_stem
from shared.core.images import open_image
from shared.edges.curves import TOLERANCE
from shared.edges.edge_map import EdgeMap
from shared.edges.engines import ENGINES, SCALES
from shared.edges.tabs import DrawingTab, display_function, settings_panel, side_images

if TYPE_CHECKING:
    from shared.edges.detector import EdgeDetector

SPACE = "edges"
WEIGHTS = [engine.weights for engine in ENGINES.values() if engine.weights]
CARD_IMAGE = "coffee"  # sample photo of the home page


def load_detector(engine: str) -> "EdgeDetector":
    """Load the edge detector of an engine."""
    from shared.edges.detector import EdgeDetector  # deferred: torch is slow to import

    return EdgeDetector.load(engine)


run_detector = ui.inference_function(ui.lazy_models(load_detector, ENGINES))


def detect(
    image: Image, engine: str, threshold: float = 0, detail: str = "standard", **options: Any
) -> EdgeMap:
    """Detect edges; a threshold of 0 is the engine's own. The options are those of `EdgeDetector`."""
    return run_detector(image, engine, threshold or None, SCALES[detail], **options)


def preview(image: Image) -> Image:
    """Return a real result with the default settings, for the home page's card and for /healthz."""
    return detect(image, "rds").draw()


@ui.user_facing(SPACE)
def detect_edges(image: str, engine: str, style: str, thin: bool, threshold: float, detail: str) -> str:
    """Turn a photo into a line drawing of the same size.

    Args:
        image: The photo: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF.
        engine: "rds" is the best one, "hed" and "fcfn" are other networks, "canny" is the classical formula.
        style: "white on black", "black on white" or "transparent" (black lines without a background).
        thin: False for soft edges in shades of grey, True for lines of one pixel.
        threshold: Strength from which a thin line is drawn, from 0 to 1; 0 is the engine's own value.
        detail: "standard", or "high" for two scales: slower, and enlarged beyond 15 million pixels.

    Returns:
        The drawing, a PNG image.
    """
    drawing = detect(open_image(image), engine, threshold, detail).png(style, thin=thin)
    return ui.result_file(drawing, f"{safe_stem(image)}-edges.png")


@ui.user_facing(SPACE)
def edge_details(
    image: str, engine: str, threshold: float, detail: str, simplification: float = TOLERANCE
) -> tuple[Image, list[tuple[Image, str]], Image, str, dict[str, Any]]:
    """Detect the edges of a photo and return everything about them.

    Args:
        image: The photo: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF.
        engine: "rds" is the best one, "hed" and "fcfn" are other networks, "canny" is the classical formula.
        threshold: Strength from which a thin line is drawn, from 0 to 1; 0 is the engine's own value.
        detail: "standard", or "high" for edges at two scales, which takes longer.
        simplification: Pixels by which a curve of the SVG may miss its line: higher is smoother and smaller.

    Returns:
        Soft edges (PNG, white is strong), five side outputs from texture to objects, thin lines (PNG), the
        same lines as an SVG file, and figures: size, working size, threshold, engine and seconds.
    """
    edges = detect(open_image(image), engine, threshold, detail)
    svg = ui.result_file(edges.svg(tolerance=simplification).encode(), f"{safe_stem(image)}-edges.svg")
    return edges.draw(), list(side_images(edges)), edges.draw(thin=True), svg, edges.as_dict()


@ui.user_facing(SPACE)
def detect_edges_in_many(
    images: list[str],
    engine: str,
    style: str,
    thin: bool,
    threshold: float,
    detail: str,
    simplification: float = TOLERANCE,
    progress: gr.Progress = ui.PROGRESS,
) -> tuple[str | None, list[list[str]]]:
    """Turn many photos into line drawings: a ZIP with a PNG and an SVG for each. Unusable files are skipped.

    Args:
        images: The photos, at most 50 and at most 256 MB together.
        engine: "rds" is the best one, "hed" and "fcfn" are other networks, "canny" is the classical formula.
        style: "white on black", "black on white" or "transparent" (black lines without a background).
        thin: False for soft edges in shades of grey, True for lines of one pixel, as always in the SVG.
        threshold: Strength from which a thin line is drawn, from 0 to 1; 0 is the engine's own value.
        detail: "standard", or "high" for edges at two scales, which takes longer.
        simplification: Pixels by which a curve of the SVG may miss its line: higher is smoother and smaller.
        progress: Progress bar of the page.

    Returns:
        The ZIP file, and the name and the outcome of each photo.
    """

    def process(image: Image) -> dict[str, bytes]:
        return detect(image, engine, threshold, detail).files(style, thin=thin, tolerance=simplification)

    return ui.run_batch(images, process, SPACE, progress)


with ui.page("Edges") as demo:
    ui.header("Edges", "Turn a photo into a line drawing, with soft edges or thin lines, as PNG or SVG.")
    with gr.Row():
        with gr.Column(scale=2):
            image = ui.image_input()
            ui.image_examples(image)
            engine = ui.engine_menu(ENGINES)
            panel = settings_panel()
            button = gr.Button("Find edges", variant="primary")
        settings = [engine, *panel]
        with gr.Column(scale=3), gr.Tabs() as tabs:
            drawing = DrawingTab(SPACE, detect, [image, *settings], button).lazy_tab
            comparison = ui.compare_tab(display_function(detect), ENGINES, [image, *settings[:-1]], "canny")
            images = ui.batch_tab(detect_edges_in_many, settings, "Find edges in all of them")
    ui.how_it_works(Path(__file__).parent, WEIGHTS)
    changes = [image.change, engine.change, *panel.changes, button.click]
    ui.load_open_tab(tabs, [drawing, comparison], changes)
    ui.endpoint(detect_edges, [image, *settings[:-1]], {"Drawing": gr.Image})
    details = {"Soft": gr.Image, "Sides": gr.Gallery, "Lines": gr.Image, "SVG": gr.File, "Figures": gr.JSON}
    ui.endpoint(edge_details, [image, engine, *panel[2:]], details)
    ui.endpoint(detect_edges_in_many, [images, *settings], {"ZIP": gr.File, "Report": gr.JSON})

if __name__ == "__main__":
    ui.launch(demo)
