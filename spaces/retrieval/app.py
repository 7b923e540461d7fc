"""Retrieval: find the pictures of a gallery that look like a photo; on a page, by API and as MCP tools."""

from contextlib import suppress

with suppress(ImportError):
    import spaces  # noqa: F401  Hugging Face's package: on ZeroGPU it must be imported before torch

from pathlib import Path

import gradio as gr
from PIL.Image import Image

from shared import ui
from shared.core.devices import on_zero_gpu
from shared.core.images import open_image
from shared.retrieval.engines import ENGINES
from shared.ui.box import box_on, parse_box
from shared.ui.by_picture import photo_matches, search, search_settings
from shared.ui.galleries import Galleries, contents
from shared.ui.gallery import SLOW, added, gallery_tab, saved_gallery
from shared.ui.matches import as_json, as_pictures
from shared.ui.tradeoff import tradeoff

CARD_PHOTO = "motorcycle"  # the sample photo on the home page's card
DEVICE = "cpu" if on_zero_gpu() else None  # a gallery cannot go to where ZeroGPU's GPU is, networks are small
SEARCHES = ui.residents("shared.retrieval.search:ImageSearch", ENGINES, device=DEVICE)
GALLERIES = Galleries(lambda photos, gallery: SEARCHES["exact"]().add(photos, gallery), ui.gallery_photos)


def preview(picture: Image) -> Image:
    """One real search with the usual settings: for the home page's card and for /healthz."""
    gallery = GALLERIES.seen("")
    return gallery.picture(search(SEARCHES, gallery, picture, None, "exact", 2, 0, False).hits[-1].id)


@ui.friendly("retrieval")
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
        The matches, best first, with ids, scores and whether the best is a good one; and their pictures.
    """
    picture, among = open_image(image), GALLERIES.among(photos, session, gallery)
    found = search(SEARCHES, among, picture, parse_box(box, picture.size), engine, count, least, hide)
    return as_json(found), as_pictures(found, among)


@ui.friendly("retrieval")
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
    picture, among = open_image(image), GALLERIES.among(photos, session, gallery)
    entry = GALLERIES.entry(among, id)
    return SEARCHES[engine]().explain(picture, entry.id, parse_box(box, picture.size), among).picture()


@ui.friendly("retrieval")
def add_images(images: list, session, gallery, progress=ui.PROGRESS) -> dict:
    """Add pictures to a gallery, which is gone an hour after its last use. What is no picture is skipped.

    Args:
        images: Pictures or ZIP archives, at most 64 MB each, 2,000 pictures in all; or a saved gallery, which
            takes the place of the one that was there.
        gallery: Key of the gallery; empty for your session's, which begins with the sample photos.

    Returns:
        The gallery's key for later calls, what is in it, ids of the new pictures, and what was skipped.
    """
    key, ids, skipped = GALLERIES.add(images, session, gallery, progress)
    return {**contents(key, GALLERIES.seen(session, key)), **added(ids, skipped)}


@ui.friendly("retrieval")
def remove_images(ids: list, session, gallery) -> dict:
    """Remove pictures from a gallery, or list what is in it.

    Args:
        ids: Numbers of the pictures, as search_similar answers them; an empty list removes none.
        gallery: Key of the gallery; empty for your session's, which begins with the sample photos.

    Returns:
        The gallery's key, and id, name and size of each picture that is in it now.
    """
    return contents(*GALLERIES.remove(ids, session, gallery))


@ui.friendly("retrieval")
def save_gallery(session, gallery) -> str:
    """Save a gallery with all that is known of its pictures, to load it in a moment later.

    Args:
        gallery: Key of the gallery; empty for your session's or the sample photos.

    Returns:
        A file, which add_images takes again.
    """
    return saved_gallery(GALLERIES.seen(session, gallery), "retrieval")


with ui.page("Retrieval") as demo:
    ui.header("Retrieval", "Find the pictures that show the same, or look alike, in a gallery of your own.")
    visit = GALLERIES.visit()
    with gr.Row():
        with gr.Column(scale=2):
            image = ui.photo(elem_classes="is-boxed")
            box = box_on(image)
            ui.examples(image)
            settings = search_settings(ENGINES)
        with gr.Column(scale=3), gr.Tabs() as tabs:
            found = photo_matches("retrieval", visit, ENGINES, SEARCHES, image, box, settings)
            own = gallery_tab("retrieval", visit)
            costs = tradeoff("retrieval", visit, settings[0], ENGINES, "shared.retrieval.tradeoff:measure")
    ui.how_it_works(Path(__file__).parent, ["retrieval-descriptor", "retrieval-words"])
    changes = [demo.load, image.change, *(item.change for item in settings)]
    ui.show_open(tabs, [found, own.view, costs], changes)
    id, ids = gr.Number(label="Id", precision=0, visible=False), ui.numbers("Ids")
    photos, key = ui.photo_files(visible=False), [visit.session, visit.key]
    pictures = {"Matches": gr.JSON, "Pictures": gr.Gallery}
    ui.endpoint(search_similar, [image, box, *settings, *key, photos], pictures)
    ui.endpoint(explain_match, [image, id, box, settings[0], *key, photos], {"Both": gr.Image})
    ui.endpoint(add_images, [own.files, *key], {"Gallery": gr.JSON}, SLOW)
    ui.endpoint(remove_images, [ids, *key], {"Gallery": gr.JSON})
    ui.endpoint(save_gallery, [*key], {"File": gr.File}, SLOW)

if __name__ == "__main__":
    ui.launch(demo)
