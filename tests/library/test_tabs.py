"""Library on the pages: searches of visitors, filters, files, and sentences for what cannot be used."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from shared.core.images import ImageError
from shared.library import errors
from shared.library.errors import LibraryError
from shared.library.library import Library
from shared.library.tabs.results import (
    describe_photo,
    duplicates_as_dict,
    duplicates_html,
    hits_as_dict,
    hits_html,
    photos_html,
    summarize_hits,
)
from shared.library.tabs.shared_library import CHANGED, EMPTY, UNAVAILABLE, LibraryQuery, SharedLibrary
from shared.library.tabs.visitor_filter import VisitorFilter
from tests.library.conftest import write_photo
from tests.library.test_library import exif

ROOT = Path(__file__).resolve().parents[2]

WITHOUT_LIBRARY = """
import sys
import gradio as gr
from shared.library.tabs import library_tab
with gr.Blocks(), gr.Tabs():
    assert library_tab("retrieval", None, None) is None
assert not {"lancedb", "ray", "torch", "shared.library.library", "shared.library.tabs.tab"} & {*sys.modules}
"""


@pytest.fixture
def shared(library, photos):
    """Library of the server with the ten photos, and one with a date."""
    write_photo(photos / "Rom's 100%" / "dated.jpg", (200, 180, 30), 50, exif())
    library.add(photos)
    return SharedLibrary(library.uri)


def query(text="", image=None, top_k=24, min_score=0.0, exclude="", box="", **filters):
    return LibraryQuery(image, box, text, VisitorFilter(**filters), top_k, min_score, exclude)


def folders(hits):
    return {Path(hit.path).parent.name for hit in hits}


def test_visitors_search_by_words_and_by_images(shared, photos):
    hits = shared.search(query("a blue wall", top_k=3))
    assert folders(hits) == {"blue"}
    hits = shared.search(query(image=str(photos / "red" / "0.png"), top_k=2))
    assert hits[0].path.endswith("0.png")
    others = shared.search(query(image=str(photos / "red" / "0.png"), top_k=2, exclude=hits[0].content))
    assert len(others) == 2
    assert hits[0].content not in {hit.content for hit in others}
    assert len(shared.search(query("red", min_score=0.5))) < len(shared.search(query("red")))
    with pytest.raises(ImageError, match="outside the picture"):
        shared.search(query(image=str(photos / "red" / "0.png"), box="100,100,200,200"))


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({}, 11),
        ({"since": "2021-05", "until": "2021"}, 1),
        ({"since": "2021-05-06", "until": "2021-05-06"}, 1),
        ({"until": "2021-05-05"}, 0),
        ({"until": "2021-12"}, 1),
        ({"folder": "RED"}, 3),
        ({"folder": "photos/blue"}, 3),
        ({"folder": "rom's 100%"}, 1),
        ({"folder": "%"}, 1),
        ({"folder": "_"}, 0),
        ({"folder": "' or 1=1 --"}, 0),
        ({"folder": "photos"}, 11),
    ],
)
def test_photos_are_filtered_by_date_and_folder(shared, filters, count):
    assert len(shared.browse(VisitorFilter(**filters), 100)) == count
    assert len(shared.search(query("red", **filters))) == count


def test_folders_above_the_library_can_not_be_guessed(shared, tmp_path):
    assert not shared.browse(VisitorFilter(folder=tmp_path.name), 10)
    assert not shared.browse(VisitorFilter(folder=f"{tmp_path.name}/photos"), 10)


def test_single_photos_are_found_by_their_last_folder(library, photos):
    library.add(photos / "red" / "0.png")
    shared = SharedLibrary(library.uri)
    assert len(shared.browse(VisitorFilter(folder="red"), 10)) == 1
    assert not shared.browse(VisitorFilter(folder="photos"), 10)


@pytest.mark.parametrize(
    "date", ["yesterday", "2020-13", "0000", "2020-02-30", "9999", "'; drop table photos"]
)
def test_what_is_no_date_is_told(shared, date):
    with pytest.raises(LibraryError, match="is no date: write a year"):
        shared.browse(VisitorFilter(until=date), 10)


def test_long_names_of_folders_are_refused(shared):
    with pytest.raises(LibraryError, match="at most 100 letters"):
        shared.browse(VisitorFilter(folder="x" * 101), 10)


def test_originals_are_the_files_that_were_added(shared, photos):
    path = photos / "red" / "0.png"
    photo = next(photo for photo in shared.browse(VisitorFilter(), 100) if photo.path == str(path))
    assert shared.photo(photo.content) == photo
    assert shared.original(photo) == path.read_bytes()
    secret = photos.parent / "secret.txt"
    secret.write_text("secret")
    path.unlink()
    with pytest.raises(LibraryError) as gone:
        shared.original(photo)
    path.symlink_to(secret)
    with pytest.raises(LibraryError) as replaced:
        shared.original(photo)
    assert str(gone.value) == str(replaced.value) == CHANGED


@pytest.mark.parametrize("digest", ["", "0" * 32, "' or '1'='1", "../../etc/passwd", "A" * 32])
def test_unknown_photos_are_refused(shared, digest):
    with pytest.raises(LibraryError, match="not in the library"):
        shared.photo(digest)


def test_results_hide_the_folders_of_the_server(shared, photos, tmp_path):
    hits = shared.search(query("red"))
    values = hits_as_dict(hits, [str(photos)])
    assert {row["folder"] for row in values["hits"]} >= {"photos/red", "photos"}
    assert not {"path", "latitude", "longitude"} & {key for row in values["hits"] for key in row}
    duplicates = shared.duplicates()
    texts = [
        str(values),
        hits_html(hits),
        summarize_hits(hits),
        str(duplicates_as_dict(duplicates, [str(photos)])),
    ]
    texts += [describe_photo(photo, [str(photos)]) for photo in shared.browse(VisitorFilter(), 10)]
    assert not [text for text in texts if str(tmp_path) in text]
    assert "11 photos of the library" in summarize_hits(hits)


def test_names_of_files_are_escaped(library, photos):
    write_photo(photos / "<b>x" / "<i>a*b.png", (200, 30, 30), 77)
    library.add(photos / "<b>x")
    shared = SharedLibrary(library.uri)
    (photo,) = shared.browse(VisitorFilter(), 10)
    assert "<i>" not in photos_html([photo]).replace("</i>", "").replace("<i><u", "")
    assert "<b>x" not in describe_photo(photo, [])


def test_duplicates_are_listed(library, photos):
    (photos / "copy.png").write_bytes((photos / "white.png").read_bytes())
    library.add(photos)
    shared = SharedLibrary(library.uri)
    html = duplicates_html(shared.duplicates(), library.sources())
    assert "2 photos, identical" in html
    assert "photos, 48 × 48" in html
    assert shared.duplicates() is shared.duplicates()


def test_a_library_that_cannot_be_used_is_one_sentence(tmp_path, library, monkeypatch):
    with pytest.raises(LibraryError) as missing:
        SharedLibrary(str(tmp_path / "missing")).search(query("red"))
    assert str(missing.value) == UNAVAILABLE
    with pytest.raises(LibraryError) as empty:
        SharedLibrary(library.uri).browse(VisitorFilter(), 10)
    assert str(empty.value) == EMPTY
    monkeypatch.setattr(errors, "find_spec", lambda name: None)
    with pytest.raises(LibraryError, match="needs further packages"):
        SharedLibrary(library.uri).count()


def test_a_library_that_appears_later_is_opened(tmp_path, photos, extractor):
    shared = SharedLibrary(str(tmp_path / "later"))
    with pytest.raises(LibraryError):
        shared.count()
    with Library.open(tmp_path / "later") as library:
        library.add(photos)
    assert shared.count() == 10


def test_thumbnails_are_shown_as_they_are(shared):
    photo = shared.browse(VisitorFilter(), 1)[0]
    assert "data:image/webp;base64," in photos_html([photo])
    assert Image.open(io.BytesIO(photo.thumbnail)).format == "WEBP"


def test_nothing_is_imported_without_the_variable():
    subprocess.run([sys.executable, "-c", WITHOUT_LIBRARY], cwd=ROOT, check=True, timeout=120)
