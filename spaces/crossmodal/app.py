"""Cross-modal search: words find pictures, and pictures find words; on a page, by API and as MCP tools."""

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
from shared.crossmodal.engines import CLASSIFIERS, ENGINES
from shared.crossmodal.tabs import describe as describe_sentences
from shared.crossmodal.tabs import match as match_words
from shared.crossmodal.tabs.text_search import word_matches, word_query
from shared.ui.components.box import parse_box
from shared.ui.gallery.endpoints import gallery_endpoints
from shared.ui.gallery.gallery_store import GalleryStore
from shared.ui.gallery.tab import gallery_tab
from shared.ui.search.hit_grid import hit_images

if TYPE_CHECKING:
    from shared.crossmodal.products.joint_classifier import JointClassifier
    from shared.crossmodal.search import CrossModalSearch

CARD_IMAGE = "lion"  # the sample photo on the home page's card
DEVICE = "cpu" if on_zero_gpu() else None  # a gallery cannot go to where ZeroGPU's GPU is, networks are small


def load_search(engine: str) -> "CrossModalSearch":
    """Load the cross-modal search of an engine."""
    from shared.crossmodal.search import CrossModalSearch

    return CrossModalSearch.load(engine, device=DEVICE)


def load_product_classifier(engine: str) -> "JointClassifier":
    """Load the product classifier of an engine."""
    from shared.crossmodal.products.joint_classifier import JointClassifier

    return JointClassifier.load(engine, device=DEVICE)


SEARCHES = ui.lazy_models(load_search, ENGINES)
(PRODUCTS,) = ui.lazy_models(load_product_classifier, CLASSIFIERS).values()
FIRST = SEARCHES[next(iter(ENGINES))]
GALLERIES = GalleryStore(lambda photos, gallery: FIRST().add(photos, gallery), ui.gallery_images)
TRY = ["a motorcycle", "a man takes a photo", "animal face", "night sky", "sky + tower", "sky - tower"]


def preview(picture: Image) -> Image:
    """One real explanation with the usual settings: for the home page's card and for /healthz."""
    return FIRST().match(picture, "a lion").picture()


@ui.user_facing("crossmodal")
def search_by_text(text: str, engine: str, count: int, least: float, session, gallery, photos=None) -> tuple:
    """Find the pictures that fit some words: in a gallery, or among pictures that come along.

    Args:
        text: English words, at most 500 letters; "dog - beach + 2:snow" takes away, adds and weighs.
        engine: Who compares: "ensemble" puts three networks together; "siglip2" comes from the Hub.
        count: How many matches at most, from 1 to 100.
        least: Leave out what is less probable, from 0, which leaves out nothing, to 1.
        gallery: Key of a gallery, as add_images answers it; empty for your session's or the sample photos.
        photos: A list of pictures to search in instead, at most 50, in this call only; ids count from 0.

    Returns:
        The matches, best first, with ids, scores, probabilities and whether the best is a good one; and their
        pictures.
    """
    among = GALLERIES.get_or_ingest(photos, session, gallery)
    found = SEARCHES[engine]()(text, top_k=int(count), min_score=least or None, gallery=among)
    return found.as_dict(), hit_images(found, among)


@ui.user_facing("crossmodal")
def search_by_image_and_text(
    image: str, text: str, box: str, share: float, engine: str, count: int, session, gallery, photos=None
) -> tuple:
    """Find the pictures that are like a picture and fit some words, such as a photo and "at night".

    Args:
        image: The picture: JPEG, PNG, WebP, GIF, BMP or TIFF.
        text: The words, as for search_by_text; empty to search with the picture alone.
        box: The part of it to search with, "left, top, right, bottom" in pixels; empty for all of it.
        share: How much the words count, from 0, the picture alone, to 1, the words alone.
        engine: Who compares.
        count: How many matches at most, from 1 to 100.
        gallery: Key of a gallery, as for search_by_text.
        photos: A list of pictures to search in instead, as for search_by_text.

    Returns:
        The matches, best first, with ids and scores; and their pictures.
    """
    picture, among = open_image(image), GALLERIES.get_or_ingest(photos, session, gallery)
    query = {"image": picture, "box": parse_box(box, picture.size), "words_share": share}
    found = SEARCHES[engine]()(text, **query, top_k=int(count), gallery=among)
    return found.as_dict(), hit_images(found, among)


@ui.user_facing("crossmodal")
def describe(image: str, lines: str, engine: str) -> dict:
    """Find the sentences that fit a picture.

    Args:
        image: The picture: JPEG, PNG, WebP, GIF, BMP or TIFF.
        lines: Sentences to choose from, one a line, at most 1,000; empty for a few hundred plain ones.
        engine: Who compares.

    Returns:
        The ten that fit best, with scores and probabilities; and whether the first is likely to be right.
    """
    rows = SEARCHES[engine]().sentences(open_image(image), lines if lines.strip() else None)
    return describe_sentences.as_json(rows, engine)


@ui.user_facing("crossmodal")
def match(image: str, text: str, engine: str) -> tuple:
    """Tell whether a picture and a text belong together, why, and which product both are, if they are one.

    Args:
        image: The picture: JPEG, PNG, WebP, GIF, BMP or TIFF.
        text: What may describe it: English words, at most 500 letters.
        engine: Who compares.

    Returns:
        The probability, what each word counts and what deletion has shown; groceries and fashion that it may
        be, from both, from the picture and from the words; and the picture with heat where the words are.
    """
    found, told = match_words.ask(SEARCHES[engine], PRODUCTS, open_image(image), text)
    return match_words.as_json(found, told), found.picture()


with ui.page("Cross-modal search") as demo:
    ui.header("Cross-modal search", "Find pictures with words, sentences for a picture, or mix both.")
    visit = GALLERIES.create_session()
    with gr.Row():
        with gr.Column(scale=2):
            query = word_query(ENGINES, TRY)
        with gr.Column(scale=3), gr.Tabs() as tabs:
            found = word_matches("crossmodal", visit, ENGINES, SEARCHES, query)
            told, lines = describe_sentences.describe_tab("crossmodal", SEARCHES, query.image, query.engine)
            pair = match_words.match_tab("crossmodal", SEARCHES, PRODUCTS, query)
            own = gallery_tab("crossmodal", visit)
    ui.how_it_works(Path(__file__).parent, ["crossmodal-joint", "crossmodal-jmc"])
    ui.load_open_tab(tabs, [found, told, pair, own.tab], [demo.load, *query.changes])
    photos, key = ui.image_files(visible=False), [visit.session, visit.key]
    pictures = {"Matches": gr.JSON, "Pictures": gr.Gallery}
    asked = [query.words, query.engine, query.count, query.least, *key, photos]
    ui.endpoint(search_by_text, asked, pictures)
    asked = [query.image, query.words, query.box, query.share, query.engine, query.count, *key, photos]
    ui.endpoint(search_by_image_and_text, asked, pictures)
    ui.endpoint(describe, [query.image, lines, query.engine], {"Sentences": gr.JSON})
    ui.endpoint(match, [query.image, query.words, query.engine], {"Answer": gr.JSON, "Heat": gr.Image})
    gallery_endpoints("crossmodal", visit, own.files)

if __name__ == "__main__":
    ui.launch(demo)
