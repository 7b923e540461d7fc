"""Retrieval: find the pictures of a gallery that look like a photo; on a page, by API and as MCP tools."""

from contextlib import suppress

with suppress(ImportError):
    import spaces  # noqa: F401  Hugging Face's package: on ZeroGPU it must be imported before torch

from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr
from PIL.Image import Image

from shared import ui
from shared.core.devices import on_zero_gpu
from shared.core.images import open_image
from shared.retrieval.engines import ENGINES
from shared.retrieval.tabs.image_search import photo_matches, search, search_settings
from shared.retrieval.tabs.tradeoff import tradeoff
from shared.ui.components.box import box_input, parse_box
from shared.ui.gallery.endpoints import gallery_endpoints
from shared.ui.gallery.gallery_store import GalleryStore, find_entry
from shared.ui.gallery.tab import gallery_tab
from shared.ui.search.hit_grid import hit_images

if TYPE_CHECKING:
    from shared.retrieval.search import ImageSearch

CARD_IMAGE = "motorcycle"  # the sample photo on the home page's card
DEVICE = "cpu" if on_zero_gpu() else None  # a gallery cannot go to where ZeroGPU's GPU is, networks are small


def load_search(engine: str) -> "ImageSearch":
    """Load the image search of an engine."""
    from shared.retrieval.search import ImageSearch

    return ImageSearch.load(engine, device=DEVICE)


SEARCHES = ui.lazy_models(load_search, ENGINES)
GALLERIES = GalleryStore(lambda photos, gallery: SEARCHES["exact"]().add(photos, gallery), ui.gallery_images)


def preview(picture: Image) -> Image:
    """One real search with the usual settings: for the home page's card and for /healthz."""
    gallery = GALLERIES.get("")
    return gallery.image(search(SEARCHES, gallery, picture, None, "exact", 2, 0, False).hits[-1].id)


@ui.user_facing("retrieval")
def search_similar(
    image: str, box: str, engine: str, count: int, least: float, hide: bool, session, gallery, photos=None
) -> tuple:
    """Find the pictures that look most like a photo: in a gallery, or among some that come along.

    Args:
        image: The photo: JPEG, PNG, WebP, GIF, BMP or TIFF.
        box: The part of it to search with, "left, top, right, bottom" in pixels; empty for all of it.
        engine: How to search: "exact" compares all pictures; the others are faster, smaller, or baselines.
        count: How many matches at most, from 1 to 100.
        least: Leave out what scores lower, from 0, which leaves out nothing, to 1.
        hide: Whether to show only one of several pictures that are nearly the same.
        gallery: Key of a gallery, as add_images answers it; empty for your session's or the sample photos.
        photos: A list of pictures to search in instead, at most 50, in this call only; ids count from 0.

    Returns:
        The matches, best first: ids, scores, grades, and how probable it is that each is the same; pictures.
    """
    picture, among = open_image(image), GALLERIES.get_or_ingest(photos, session, gallery)
    found = search(SEARCHES, among, picture, parse_box(box, picture.size), engine, count, least, hide)
    return found.as_dict(), hit_images(found, among)


@ui.user_facing("retrieval")
def explain_match(image: str, id: int, box: str, engine: str, session, gallery, photos=None) -> Image:
    """Show why a picture was found: the regions of both pictures that match, drawn and numbered.

    Args:
        image: The photo, as for search_similar.
        id: Number of the picture that was found, as search_similar answers it.
        box: The part of the photo that was searched with; empty for all of it.
        engine: How it was searched.
        gallery: Key of the gallery; empty for your session's or the sample photos.
        photos: A list of pictures in place of a gallery, as for search_similar.

    Returns:
        Both pictures side by side.
    """
    picture, among = open_image(image), GALLERIES.get_or_ingest(photos, session, gallery)
    entry = find_entry(among, id)
    return SEARCHES[engine]().explain(picture, entry.id, parse_box(box, picture.size), among).picture()


with ui.page("Retrieval") as demo:
    ui.header("Retrieval", "Find the pictures that show the same, or look alike, in a gallery of your own.")
    visit = GALLERIES.create_session()
    with gr.Row():
        with gr.Column(scale=2):
            image = ui.image_input(elem_classes="is-boxed")
            box = box_input(image)
            ui.image_examples(image)
            settings = search_settings(ENGINES)
        with gr.Column(scale=3), gr.Tabs() as tabs:
            found = photo_matches("retrieval", visit, ENGINES, SEARCHES, image, box, settings)
            own = gallery_tab("retrieval", visit)
            costs = tradeoff("retrieval", visit, settings[0], ENGINES)
    ui.how_it_works(Path(__file__).parent, ["retrieval-descriptor", "retrieval-words"])
    changes = [demo.load, image.change, *(item.change for item in settings)]
    ui.load_open_tab(tabs, [found, own.tab, costs], changes)
    id = gr.Number(label="Id", precision=0, visible=False)
    photos, key = ui.image_files(visible=False), [visit.session, visit.key]
    pictures = {"Matches": gr.JSON, "Pictures": gr.Gallery}
    ui.endpoint(search_similar, [image, box, *settings, *key, photos], pictures)
    ui.endpoint(explain_match, [image, id, box, settings[0], *key, photos], {"Both": gr.Image})
    gallery_endpoints("retrieval", visit, own.files)

if __name__ == "__main__":
    ui.launch(demo)
