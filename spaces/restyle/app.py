"""Restyling: cut-outs, new backgrounds, and new clothes; a page, an API and MCP tools."""

from contextlib import suppress

with suppress(ImportError):
    import spaces  # noqa: F401  Hugging Face's package: on ZeroGPU it must be imported before torch

from pathlib import Path

import gradio as gr
from PIL.Image import Image

from shared import ui
from shared.matting.engine_rows import SUBJECTS
from shared.restyle.engines import PARSERS, POSES, SWAPPERS
from shared.restyle.tabs import (
    ApiInputs,
    Photos,
    clothes_endpoints,
    clothes_tab,
    create_runners,
    cutout_endpoint,
    cutout_tab,
    people_endpoints,
    wear_tab,
)

SPACE = "restyle"
CARD_IMAGE = "cheetah"  # the sample photo on the home page's card
RUN = create_runners()
PHOTOS = Photos(RUN)


def preview(image: Image) -> Image:
    """Return a real result with the default settings, for the home page's card and for /healthz."""
    return RUN.subject(image).composite("#0f766e")


with ui.page("Restyle") as demo:
    ui.header("Restyle", "Cut people and things out of photos, or give people other clothes.")
    with gr.Tabs() as tabs:
        cutout = cutout_tab(SPACE, PHOTOS)
        clothes = clothes_tab(SPACE, PHOTOS)
        wear = wear_tab(SPACE, PHOTOS, RUN)
    engines = [*SUBJECTS.values(), *PARSERS.values(), *POSES.values(), *SWAPPERS.values()]
    ui.how_it_works(Path(__file__).parent, [row.weights for row in engines if row.weights])
    ui.load_open_tab(tabs, [cutout, clothes, wear], [])
    inputs = ApiInputs()
    cutout_endpoint(SPACE, PHOTOS, inputs)
    clothes_endpoints(SPACE, PHOTOS, inputs)
    people_endpoints(SPACE, PHOTOS, RUN, inputs)

if __name__ == "__main__":
    ui.launch(demo)
