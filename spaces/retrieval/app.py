"""Retrieval: find the pictures of a gallery that look like a photo, and teach a model new things."""

from contextlib import suppress

with suppress(ImportError):
    import spaces  # noqa: F401  Hugging Face's package: on ZeroGPU it must be imported before torch

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from PIL.Image import Image

from shared import ui
from shared.core.devices import on_zero_gpu
from shared.core.images import open_image
from shared.library.tabs import library_tab
from shared.retrieval.engines import ENGINES, GALLERY_ENGINES, OFFLINE_ENGINES
from shared.retrieval.tabs import (
    LearnedModels,
    image_matches_tab,
    lifelong_endpoints,
    lifelong_tab,
    search_controls,
    search_options,
    tradeoff_tab,
)
from shared.ui.components.box import parse_box
from shared.ui.gallery.endpoints import gallery_endpoints
from shared.ui.gallery.entries import find_entry
from shared.ui.gallery.gallery_store import GalleryStore
from shared.ui.gallery.tab import gallery_tab
from shared.ui.search.hit_grid import hit_images

if TYPE_CHECKING:
    from shared.retrieval.search import ImageSearch

SPACE = "retrieval"
CARD_IMAGE = "motorcycle"  # the sample photo on the home page's card
DEVICE = "cpu" if on_zero_gpu() else None  # a gallery cannot go to where ZeroGPU's GPU is; networks are small


def load_search(engine: str) -> "ImageSearch":
    """Load the image search of an engine."""
    from shared.retrieval.search import ImageSearch  # deferred: the first page must not wait for torch

    return ImageSearch.load(engine, device=DEVICE)


LEARNED = LearnedModels(DEVICE)
SEARCHES = ui.lazy_models(load_search, ENGINES, at_start=False)
GALLERIES = GalleryStore(SEARCHES["exact"], ui.gallery_images)


def preview(image: Image) -> Image:
    """Return the best match besides the image itself, for the home page's card and for /healthz."""
    gallery = GALLERIES.get("")
    return gallery.image(SEARCHES["exact"]()(image, top_k=2, gallery=gallery).hits[-1].id)


@ui.user_facing(SPACE)
def search_similar(
    image: str,
    box: str,
    engine: str,
    top_k: int,
    min_score: float,
    hide_duplicates: bool,
    session: str,
    gallery: str,
    images: list | None = None,
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Find the pictures that look most like a photo: in a gallery, or among pictures that come with the call.

    Args:
        image: The photo: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF.
        box: The part of it to search with, "left, top, right, bottom" in pixels; empty for all of it.
        engine: The kind of search: "exact" compares whole photos, "deepindex-signature" parts of them too.
        top_k: Largest number of matches, from 1 to 100.
        min_score: Lowest score of a match, up to 1; 0 keeps all.
        hide_duplicates: True shows only one of several pictures that are nearly the same.
        session: Key of the session, which the page fills in.
        gallery: Key of a gallery, from add_images; empty for your session's or the sample photos.
        images: Pictures to search in place of a gallery, at most 50, in this call only; ids count from 0.

    Returns:
        The matches, best first, each with its id, score, confidence and probability; and their pictures.
    """
    query_image, searched = open_image(image), GALLERIES.get_or_ingest(images, session, gallery)
    options = search_options(top_k, min_score, hide_duplicates)
    results = SEARCHES[engine]()(query_image, parse_box(box, query_image.size), gallery=searched, **options)
    return results.as_dict(), hit_images(results, searched)


@ui.user_facing(SPACE)
def explain_match(
    image: str,
    image_id: int,
    box: str,
    engine: str,
    session: str,
    gallery: str,
    images: list | None = None,
) -> Image:
    """Show why a picture matches a photo: both side by side, with the regions that match numbered.

    Args:
        image: The photo, as for search_similar.
        image_id: Id of the match, from search_similar.
        box: The part of the photo that was searched with; empty for all of it.
        engine: The kind of search.
        session: Key of the session, which the page fills in.
        gallery: Key of the gallery; empty for your session's or the sample photos.
        images: Pictures in place of a gallery, as for search_similar.
    """
    query_image, searched = open_image(image), GALLERIES.get_or_ingest(images, session, gallery)
    entry = find_entry(searched, image_id)
    return (
        SEARCHES[engine]().explain(query_image, entry.id, parse_box(box, query_image.size), searched).image()
    )


with ui.page("Retrieval") as demo:
    ui.header("Retrieval", "Find the pictures in your gallery that show the same thing, or look alike.")
    visitor = GALLERIES.create_session()
    with gr.Tabs():
        with gr.Tab("Search"), gr.Row():
            with gr.Column(scale=2):
                controls = search_controls(GALLERY_ENGINES)
            with gr.Column(scale=3), gr.Tabs() as tabs:
                matches = image_matches_tab(SPACE, visitor, GALLERY_ENGINES, SEARCHES, controls)
                gallery = gallery_tab(SPACE, visitor)
                library_tab(SPACE, tabs, controls)
                tradeoff = tradeoff_tab(SPACE, visitor, OFFLINE_ENGINES, SEARCHES, controls.engine)
        lifelong_tab(SPACE, visitor, LEARNED)
    ui.how_it_works(Path(__file__).parent, ["retrieval-descriptor", "retrieval-words"])
    ui.load_open_tab(tabs, [matches, gallery.tab, tradeoff], [demo.load, *controls.triggers])
    engine = gr.Dropdown(list(ENGINES), value="exact", label="Engine", visible=False)  # the API offers all
    image_id = gr.Number(label="Id", precision=0, visible=False)
    sources = [visitor.session, visitor.key, ui.image_files(visible=False)]
    query = [controls.image, controls.box, engine, *controls.options]
    ui.endpoint(search_similar, [*query, *sources], {"Matches": gr.JSON, "Pictures": gr.Gallery})
    explained = [controls.image, image_id, controls.box, engine]
    ui.endpoint(explain_match, [*explained, *sources], {"Both": gr.Image})
    lifelong_endpoints(SPACE, visitor, LEARNED)
    gallery_endpoints(SPACE, visitor, gallery.files)

if __name__ == "__main__":
    ui.launch(demo)
