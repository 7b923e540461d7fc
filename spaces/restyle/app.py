"""Restyling: cut-outs, new backgrounds, new clothes, similar outfits; a page, an API and MCP tools."""

from contextlib import suppress

with suppress(ImportError):
    import spaces  # noqa: F401  Hugging Face's package: on ZeroGPU it must be imported before torch

from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr
from PIL.Image import Image

from shared import ui
from shared.core.devices import on_zero_gpu
from shared.core.models import Lazy
from shared.matting.engine_rows import SUBJECTS
from shared.restyle.engines import DESCRIBERS, PARSERS, POSES, SWAPPERS
from shared.restyle.tabs import (
    ApiInputs,
    Photos,
    clothes_endpoints,
    clothes_tab,
    create_runners,
    cutout_endpoint,
    cutout_tab,
    generation_endpoints,
    people_endpoints,
    similar_endpoint,
    similar_tab,
    wear_tab,
)
from shared.ui.gallery.endpoints import gallery_endpoints
from shared.ui.gallery.gallery_store import GalleryStore
from shared.ui.gallery.tab import gallery_tab

if TYPE_CHECKING:
    from shared.restyle.similar.search import OutfitSearch

SPACE = "restyle"
CARD_IMAGE = "cheetah"  # the sample photo on the home page's card
RUN = create_runners()
PHOTOS = Photos(RUN)
DEVICE = "cpu" if on_zero_gpu() else None  # a gallery cannot go to where ZeroGPU's GPU is; networks are small


def load_search() -> "OutfitSearch":
    """Load the search for similar outfits."""
    from shared.restyle.similar.search import OutfitSearch  # deferred: torch is slow to import

    return OutfitSearch.load(device=DEVICE)


SEARCH = Lazy(load_search, at_start=False)
GALLERIES = GalleryStore(SEARCH, ui.gallery_images)


def preview(image: Image) -> Image:
    """Return a real result with the default settings, for the home page's card and for /healthz."""
    return RUN.subject(image).composite("#0f766e")


with ui.page("Restyle") as demo:
    ui.header(
        "Restyle", "Cut people and things out of photos, give people other clothes, or find similar outfits."
    )
    visitor = GALLERIES.create_session()
    with gr.Tabs(overflow_behavior="wrap") as tabs:  # on a phone all titles stay in sight
        cutout = cutout_tab(SPACE, PHOTOS)
        clothes = clothes_tab(SPACE, PHOTOS, RUN)
        wear = wear_tab(SPACE, PHOTOS, RUN)
        similar = similar_tab(SPACE, PHOTOS, visitor, SEARCH)
        gallery = gallery_tab(SPACE, visitor)
    tables = (SUBJECTS, PARSERS, POSES, SWAPPERS, DESCRIBERS)
    engines = [row for table in tables for row in table.values() if not row.from_hub]
    ui.how_it_works(Path(__file__).parent, [row.weights for row in engines if row.weights])
    ui.carry_over([(part.tab, part.inputs[0]) for part in (cutout, clothes, wear)])  # their photos
    ui.load_open_tab(tabs, [cutout, clothes, wear, similar, gallery.tab], [])
    inputs = ApiInputs()
    cutout_endpoint(SPACE, PHOTOS, inputs)
    clothes_endpoints(SPACE, PHOTOS, inputs)
    people_endpoints(SPACE, PHOTOS, RUN, inputs)
    generation_endpoints(SPACE, PHOTOS, RUN, inputs)
    similar_endpoint(SPACE, PHOTOS, visitor, SEARCH, inputs)
    gallery_endpoints(SPACE, visitor, gallery.files)

if __name__ == "__main__":
    ui.launch(demo)
