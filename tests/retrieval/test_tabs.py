"""The tabs of image search, with a search that returns fixed results."""

from types import SimpleNamespace

import gradio as gr
import pytest
from PIL import Image

from shared.gallery.gallery import Gallery
from shared.gallery.results import Hit, SearchResults
from shared.retrieval.engines import ENGINES, GALLERY_ENGINES
from shared.retrieval.tabs import (
    image_matches_tab,
    search_controls,
    search_options,
    tradeoff_tab,
)
from shared.retrieval.tabs.image_search import HINT
from shared.ui.gallery.gallery_store import GalleryStore


class FixedSearch:
    """Search that records its calls."""

    def __init__(self):
        self.calls = []

    def __call__(self, image, box, **options):
        self.calls.append((image.size, box, options))
        hits = (Hit(0, "red.png", 0.9, 1), Hit(1, "blue.png", 0.2, 2))
        return SearchResults(hits, None, "exact", 2, 0.1, 0.01)

    def search_by_id(self, image_id, **options):
        self.calls.append((image_id, options))
        return SearchResults((), None, "exact", 2, 0.1, 0.01)

    def explain(self, image, image_id, box, gallery):
        self.calls.append(("explain", image_id, box))
        pairs = [] if image_id else ["pair"]
        return SimpleNamespace(pairs=pairs, image=lambda: Image.new("RGB", (20, 10)))


@pytest.fixture
def page(tmp_path, monkeypatch):
    """The tab of matches over a gallery of two images, its search, and a query."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    gallery = Gallery()
    for color in ("red", "blue"):
        gallery.add(f"{color}.png", Image.new("RGB", (30, 20), color), {})
    store = GalleryStore(lambda: None, dict)
    monkeypatch.setattr(store, "get", lambda session, key="": gallery)
    search = FixedSearch()
    searches = dict.fromkeys(ENGINES, lambda: search)
    with gr.Blocks() as blocks:
        visitor = store.create_session()
        controls = search_controls(GALLERY_ENGINES)
        tab = image_matches_tab("retrieval", visitor, GALLERY_ENGINES, searches, controls)
        tradeoff_tab("retrieval", visitor, ENGINES, searches, controls.engine)
    query = tmp_path / "query.png"
    Image.new("RGB", (40, 30), "red").save(query)
    return SimpleNamespace(blocks=blocks, tab=tab, search=search, gallery=gallery, query=str(query))


def show(page, image_id, image, box="", engine="exact", top_k=24, min_score=0, hide_duplicates=False):
    return page.tab.fill(image_id, "session", 0, image, box, engine, top_k, min_score, hide_duplicates)


def test_options_are_arguments_of_a_search():
    assert search_options(24.0, 0, False) == {"top_k": 24, "min_score": None, "hide_duplicates": False}
    assert search_options(3, 0.5, True) == {"top_k": 3, "min_score": 0.5, "hide_duplicates": True}


def test_the_gallery_is_shown_before_there_is_a_query(page):
    summary, _, grid = show(page, None, None)
    assert summary == HINT
    assert "red.png" in grid
    assert page.search.calls == []


def test_an_image_is_searched_with_its_box_and_options(page):
    summary, _, grid = show(page, None, page.query, "10, 5, 30, 25", top_k=7.0, min_score=0.5)
    options = {"top_k": 7, "min_score": 0.5, "hide_duplicates": False, "gallery": page.gallery}
    assert page.search.calls == [((40, 30), (10, 5, 30, 25), options)]
    assert summary
    assert grid.index("red.png") < grid.index("blue.png")


def test_an_image_of_the_gallery_is_searched_by_its_id(page, tmp_path):
    path = tmp_path / "red.jpg"
    path.write_bytes(page.gallery.entry(0).thumbnail)
    show(page, 0, str(path))
    assert page.search.calls[-1][0] == 0
    show(page, 0, str(path), "0, 0, 9, 9")  # a part of it is searched as an image
    assert page.search.calls[-1][:2] == ((30, 20), (0, 0, 9, 9))
    show(page, 0, page.query)  # the query has changed
    assert page.search.calls[-1][:2] == ((40, 30), None)


def test_a_box_outside_is_explained(page):
    summary, _, grid = show(page, None, page.query, "90, 90, 99, 99")
    assert summary == ""
    assert "outside the picture" in grid
    assert page.search.calls == []


def test_a_match_is_explained(page):
    explain = next(function for function in page.blocks.fns.values() if function.name == "explain").fn
    event = SimpleNamespace(index=0, tag="exact")
    values = ["session", event, page.query, "1, 2, 20, 20", "exact", 24, 0, False]
    _, title, drawing = explain(*values)
    assert title.startswith("**Why red.png?** Regions with the same number")
    assert drawing
    assert page.search.calls == [("explain", 0, (1, 2, 20, 20))]
    event.index = 1
    assert "No single region" in explain(*values)[1]
