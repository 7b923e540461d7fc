"""Commands of the photo library, with a stand-in for the library."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from shared.cli import library_place
from shared.core.images import open_image
from shared.crossmodal.text.queries import QueryError
from shared.library.errors import ConditionError, LibraryError
from shared.library.library import Library
from shared.library.results import LibraryHit, LibraryHits, LibraryReport, LibraryStats


class StandIn:
    """Library that records its calls."""

    def __init__(self) -> None:
        self.calls: list[tuple] = []
        self.hits = (
            LibraryHit("/p/dog.jpg", 0.41, "good match", 0.93, datetime(2024, 6, 1, 9, 30), (640, 480)),
            LibraryHit("/p/cat.jpg", 0.20, "unlikely", 0.08, None, (100, 50), ("cat",)),
        )
        self.groups = [["/p/a.jpg", "/p/b.jpg"], ["/p/c.jpg", "/p/d.jpg"]]

    def __enter__(self) -> "StandIn":
        return self

    def __exit__(self, *error: object) -> None:
        self.calls.append(("close",))

    def add(self, sources, progress=None):
        self.calls.append(("add", list(sources)))
        progress(1, 2, None)
        return LibraryReport(
            added=2, unchanged=1200, skipped=[("/p/bad.jpg", "It is damaged.")], seconds=3.21
        )

    def update(self, progress=None):
        return LibraryReport(moved=1, unchanged=3, seconds=75)

    def remove(self, paths):
        self.calls.append(("remove", list(paths)))
        return 2 if "/p/gone.jpg" in paths else 0

    def search(self, image=None, text=None, top_k=20, where=None):
        size = None if image is None else open_image(image).size
        self.calls.append(("search", size, text, top_k, where))
        return LibraryHits(self.hits, 1200, 0.1, 0.01, ("xyzzy",), "Use - to take away.", "dog")

    def duplicates(self):
        return self.groups

    def stats(self):
        return LibraryStats(
            "/l", 1200, 3, 5_000_000, 1, ("/p", "/q"), {"text": "exact"}, {"text": "joint"}, None
        )


@pytest.fixture
def library(monkeypatch):
    """Return the stand-in that the commands open."""
    library = StandIn()

    def open_library(uri, create=True):
        library.calls.append(("open", str(uri), create))
        return library

    monkeypatch.setattr(Library, "open", open_library)
    monkeypatch.setenv("IMAGE_SPACES_LIBRARY", "from-environment")
    return library


def test_folders_are_added_and_failures_reported(run, library, folder):
    result = run("index", ".", "*.jpg", "nowhere")
    assert library.calls[:2] == [
        ("open", "from-environment", True),
        ("add", [".", "cat.jpg", "coffee.jpg", "lion.jpg"]),
    ]
    assert result.lines == ["2 added, 1,200 unchanged, 1 skipped in 3.2 s"]
    assert result.errors.splitlines() == [
        "image-spaces: nowhere: there is no such file or folder.",
        "image-spaces: /p/bad.jpg: It is damaged.",
    ]
    assert result.code == 1
    assert json.loads(run("index", ".", "--json").lines[0])["skipped"] == [["/p/bad.jpg", "It is damaged."]]


def test_paths_of_hits_are_printed(run, library):
    result = run("find", "two", "dogs", "-k", "5", "--where", "width > 100", "--library", "own")
    assert library.calls[0] == ("open", "own", False)
    assert library.calls[1] == ("search", None, "two dogs", 5, "width > 100")
    assert (result.code, result.lines) == (0, ["/p/dog.jpg", "/p/cat.jpg"])
    for note in ("Searched for: dog", "Unknown words: xyzzy", "Use - to take away."):
        assert note in result.errors
    assert run("find", "dogs", "-q").errors == ""
    assert run("find", "dogs", "-0").data == b"/p/dog.jpg\0/p/cat.jpg\0"


def test_hits_are_printed_in_columns_and_as_json(run, library):
    assert run("find", "dogs", "-l").lines == [
        "0.930  good match               2024-06-01 09:30  640x480      /p/dog.jpg",
        "0.080  unlikely                 -                 100x50       /p/cat.jpg",
    ]
    dog, cat = map(json.loads, run("find", "dogs", "--json").lines)
    assert (dog["path"], dog["probability"], cat["tags"]) == ("/p/dog.jpg", 0.93, ["cat"])


def test_improbable_hits_are_left_out(run, library):
    assert run("find", "dogs", "--min-score", "0.5").lines == ["/p/dog.jpg"]
    result = run("find", "dogs", "--min-score", "0.95")
    assert (result.code, result.data) == (1, b"")
    assert "No picture in the library fits" in result.errors


@pytest.mark.parametrize("error", [QueryError("Type some words."), ConditionError("“x” is no condition.")])
def test_words_and_conditions_that_cannot_be_used_are_wrong_use(run, library, monkeypatch, error):
    def fail(**query):
        raise error

    monkeypatch.setattr(library, "search", fail)
    result = run("find", "", "--where", "x")
    assert (result.code, result.errors) == (2, f"image-spaces: {error}\n")


def test_a_picture_is_searched_with(run, library, folder):
    assert run("find", "at night", "--like", "cat.jpg").code == 0
    assert library.calls[1] == ("search", (451, 300), "at night", 20, None)
    assert run("similar", "-", stdin=Path("lion.jpg").read_bytes()).code == 0
    assert run("similar", "nowhere.jpg").code == 2


def test_a_picture_is_not_similar_to_itself(run, library, folder):
    own = LibraryHit(str(folder / "cat.jpg"), 1.0, None, None, None, (451, 300))
    library.hits = (own, *library.hits)
    assert run("similar", "cat.jpg", "-k", "1").lines == ["/p/dog.jpg"]


def test_duplicates_are_printed_in_groups(run, library):
    assert run("duplicates").lines == ["/p/a.jpg", "/p/b.jpg", "", "/p/c.jpg", "/p/d.jpg"]
    assert json.loads(run("duplicates", "--json").lines[1]) == {"paths": ["/p/c.jpg", "/p/d.jpg"]}
    library.groups = []
    assert run("duplicates").code == 1


def test_the_library_is_updated_and_pictures_leave_it(run, library):
    assert run("update").lines == ["0 added, 1 moved, 3 unchanged in 1 min 15 s"]
    assert run("update", "-q").data == b""
    result = run("remove", "/p/gone.jpg", "cat.jpg")
    assert ("remove", ["cat.jpg", "/p/gone.jpg"]) in library.calls
    assert (result.code, result.errors) == (
        0,
        "image-spaces: 2 pictures left the library; the files stay where they are.\n",
    )
    assert run("remove", "cat.jpg").code == 1


def test_statistics_are_printed(run, library):
    text = run("stats").data.decode()
    assert "photos    1,200 in 3 folders, 5.0 MB\n" in text
    assert "folders   /p\n          /q\n" in text
    assert json.loads(run("stats", "--json").lines[0])["photos"] == 1200


def test_a_library_that_cannot_be_opened_is_one_sentence(run, monkeypatch):
    def fail(uri, create=True):
        raise LibraryError("The photo library needs further packages.")

    monkeypatch.setattr(Library, "open", fail)
    for command in (["find", "dog"], ["stats"], ["index", "."], ["duplicates"]):
        result = run(*command)
        assert (result.code, result.errors) == (
            1,
            "image-spaces: The photo library needs further packages.\n",
        )


def test_the_library_lies_in_the_data_folder(monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    monkeypatch.setattr(library_place.sys, "platform", "linux")
    assert library_place.default_folder() == Path("/data/image-spaces/library")
    monkeypatch.setattr(library_place.sys, "platform", "darwin")
    assert library_place.default_folder().parts[-4:-2] == ("Library", "Application Support")
    monkeypatch.setattr(library_place.sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    assert library_place.default_folder() == Path("/local/image-spaces/library")
