"""Space for cross-modal search: words find images, and images find words; as a page, an API and MCP tools."""

from contextlib import suppress

with suppress(ImportError):
    import spaces  # noqa: F401  Hugging Face's package: on ZeroGPU it must be imported before torch

from pathlib import Path
from typing import Any

import gradio as gr
from PIL.Image import Image

from shared import ui
from shared.core.images import open_image
from shared.crossmodal import tabs
from shared.crossmodal.engines import CARDS, ENGINES, ENSEMBLE
from shared.crossmodal.products.match import match_product
from shared.library.tabs import library_tab
from shared.ui.gallery.endpoints import gallery_endpoints
from shared.ui.gallery.gallery_store import GalleryStore
from shared.ui.gallery.tab import gallery_tab
from shared.ui.search.hit_grid import Hits, hit_images

SPACE = "crossmodal"
CARD_IMAGE = "lion"  # the sample photo on the home page's card
SEARCHES, CLASSIFIER, write_captions = tabs.lazy_searches(), tabs.lazy_classifier(), tabs.lazy_captioners()
GALLERIES = GalleryStore(SEARCHES[ENSEMBLE], ui.gallery_images)


def preview(image: Image) -> Image:
    """Return the heat map of an explanation, for the home page's card and for /healthz."""
    return SEARCHES[ENSEMBLE]().match(image, "a lion").overlay()


@ui.user_facing(SPACE)
def search_by_text(
    text: str, engine: str, top_k: int, min_score: float, session: str, gallery: str, images: ui.Paths = None
) -> Hits:
    """Find the pictures that fit some words, in a gallery or among pictures that you send along.

    Args:
        text: Words, at most 500 letters; "dog - beach + 2:snow" takes away, adds and weighs.
        engine: Engine to search with: "ensemble" combines three networks; "siglip2" comes from the Hub.
        top_k: Largest number of matches, from 1 to 100.
        min_score: Leave out matches that are less probable, from 0 (keep all) to 1.
        session: Key of the session, which the page fills in.
        gallery: Key of a gallery, from add_images; empty for your session's or the sample photos.
        images: Pictures to search in instead, at most 50, for this call only; their ids count from 0.

    Returns:
        The hits, best first, with probabilities and whether the best is a good match; and their pictures.
    """
    searched = GALLERIES.get_or_ingest(images, session, gallery)
    results = SEARCHES[engine]()(text, top_k=int(top_k), min_score=min_score or None, gallery=searched)
    return results.as_dict(), hit_images(results, searched)


@ui.user_facing(SPACE)
def search_by_image_and_text(
    image: str,
    text: str,
    box: str,
    text_weight: float,
    engine: str,
    top_k: int,
    session: str,
    gallery: str,
    images: ui.Paths = None,
) -> Hits:
    """Find the pictures that resemble a picture and fit some words, such as a photo and "at night".

    Args:
        image: The picture: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF.
        text: The words, as for search_by_text; empty to search with the picture alone.
        box: The part of it to search with, "left, top, right, bottom" in pixels; empty for all of it.
        text_weight: Weight of the words, from 0 (only the picture) to 1 (only the words).
        engine: Engine to search with.
        top_k: Largest number of matches, from 1 to 100.
        session: Key of the session, which the page fills in.
        gallery: Key of a gallery, as for search_by_text.
        images: Pictures to search in instead, as for search_by_text.

    Returns:
        The hits, best first, with ids and scores; and their pictures.
    """
    query = tabs.image_query(text, image, box, text_weight)
    searched = GALLERIES.get_or_ingest(images, session, gallery)
    results = SEARCHES[engine]()(query, top_k=int(top_k), gallery=searched)
    return results.as_dict(), hit_images(results, searched)


@ui.user_facing(SPACE)
def describe(image: str, sentences: str, engine: str, captioner: str) -> dict[str, Any]:
    """Describe a picture by the sentences that fit it.

    Args:
        image: The picture: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF.
        sentences: Sentences to choose from, one a line, at most 1,000; empty for written and built-in ones.
        engine: Engine to compare with.
        captioner: Writer of sentences: "ours", or "florence2" from the Hub, which writes a paragraph as well.

    Returns:
        The ten that fit best, with probabilities and a verdict; tags and the paragraph, if none were given.
    """
    return tabs.describe_image(SEARCHES[engine](), write_captions, image, sentences, captioner).as_dict()


@ui.user_facing(SPACE)
def match(image: str, text: str, engine: str) -> tuple[dict[str, Any], Image]:
    """Say whether a picture and a text go together, why, and which product they show, if it is one.

    Args:
        image: The picture: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF.
        text: What may describe it: words, at most 500 letters.
        engine: Engine to compare with.

    Returns:
        The probability, what each word and part of the picture adds, the product, and a heat map of words.
    """
    result = match_product(SEARCHES[engine]().match, CLASSIFIER, open_image(image), text)
    return result.as_dict(), result.explanation.overlay()


with ui.page("Cross-modal search") as demo:
    ui.header("Cross-modal search", "Find pictures with words, get sentences for a picture, or mix the two.")
    visitor = GALLERIES.create_session()
    with gr.Row():
        with gr.Column(scale=2):
            query = tabs.query_inputs(ENGINES)
        with gr.Column(scale=3), gr.Tabs() as all_tabs:
            search = tabs.text_search_tab(SPACE, visitor, ENGINES, SEARCHES, query)
            description, sentences, captioner = tabs.describe_tab(SPACE, SEARCHES, write_captions, query)
            matching = tabs.match_tab(SPACE, SEARCHES, CLASSIFIER, query)
            gallery = gallery_tab(SPACE, visitor)
            library_tab(SPACE, all_tabs, query, query.text)
    ui.how_it_works(Path(__file__).parent, CARDS)
    ui.load_open_tab(all_tabs, [search, description, matching, gallery.tab], [demo.load, *query.triggers])
    origin = [visitor.session, visitor.key, ui.image_files(visible=False)]
    mixed_inputs = [query.image, query.typed_text, query.box, query.text_weight, query.engine, query.top_k]
    hits = {"Matches": gr.JSON, "Pictures": gr.Gallery}
    ui.endpoint(search_by_text, [query.typed_text, query.engine, query.top_k, query.min_score, *origin], hits)
    ui.endpoint(search_by_image_and_text, [*mixed_inputs, *origin], hits)
    ui.endpoint(describe, [query.image, sentences, query.engine, captioner], {"Sentences": gr.JSON})
    ui.endpoint(match, [query.image, query.typed_text, query.engine], {"Answer": gr.JSON, "Heat": gr.Image})
    gallery_endpoints(SPACE, visitor, gallery.files)

if __name__ == "__main__":
    ui.launch(demo)
