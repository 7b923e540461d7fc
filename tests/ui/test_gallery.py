"""Whose pictures are whose, what becomes of an upload, and how galleries and matches are shown."""

import io
import re
import zipfile
from copy import deepcopy
from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from gradio.context import LocalContext
from PIL import Image

from shared.core.confidence import ConfidenceBand, ConfidenceBands
from shared.core.engines import Engine, table
from shared.core.images import ImageError, open_image
from shared.gallery.gallery import MAX_COUNT, Gallery
from shared.gallery.results import Hit, SearchResults
from shared.gallery.snapshot import GalleryFullError
from shared.retrieval.tabs.image_search import _reason, search
from shared.retrieval.tabs.tradeoff import charts
from shared.ui.components.box import parse_box
from shared.ui.gallery.gallery_store import AT_ONCE, GalleryStore, contents
from shared.ui.gallery.tab import _report, saved_gallery
from shared.ui.search.image_grid import Tile, empty, heading, small, tiles
from shared.ui.search.matches import _grid, _is, _side_by_side, _words, as_json, hit_images

PROGRESS = SimpleNamespace(tqdm=lambda files, **_: files)


def add(photos, gallery):
    """A doer's part: mean colors are all that it knows of a picture."""
    ids, skipped, full = [], [], ""
    for name, source in photos:
        try:
            picture = open_image(source)
            mean = np.asarray(picture, np.float32).mean((0, 1))
            ids.append(gallery.add(name, picture, {"color": mean}))
        except ImageError as error:
            skipped.append((name, str(error)))
        except GalleryFullError as error:
            full = str(error)
            break
    return SimpleNamespace(ids=ids, skipped=skipped, full=full)


@pytest.fixture
def colors(tmp_path, monkeypatch):
    """Files of one color each, by its name."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    paths = {name: tmp_path / f"{name}.png" for name in ("red", "lime", "blue", "gold", "pink")}
    for name, path in paths.items():
        Image.new("RGB", (40, 30), name).save(path)
    return {name: str(path) for name, path in paths.items()}


@pytest.fixture
def galleries(colors):
    return GalleryStore(add, lambda: {name: colors[name] for name in ("red", "lime")})


def names(gallery):
    return [entry.name for entry in gallery.entries]


def test_samples_are_shared_until_the_first_change(galleries, colors):
    samples = galleries.seen("anna")
    assert names(samples) == ["red", "lime"]
    assert galleries.seen("ben") is samples
    key, ids, skipped = galleries.add([colors["blue"]], "anna", progress=PROGRESS)
    assert (key, ids, skipped) == ("anna", [2], [])
    assert names(galleries.seen("anna")) == ["red", "lime", "blue.png"]
    assert names(galleries.seen("ben")) == names(samples) == ["red", "lime"]
    galleries.remove([0], "ben")
    assert names(galleries.seen("ben")) == ["lime"]
    assert names(galleries.seen("anna"))[0] == "red"
    galleries.restart("anna")
    assert galleries.seen("anna") is samples


def test_each_session_has_a_key_of_its_own(galleries):
    with gr.Blocks():
        session = galleries.visit().session
    first, second = deepcopy(session.value), deepcopy(session.value)
    assert len({session.value, first, second}) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", key) for key in (first, second))


def test_agents_share_a_session_but_no_pictures(galleries, colors):
    LocalContext.request.set(SimpleNamespace(headers={"x-gradio-user": "mcp"}))
    try:
        first, _, _ = galleries.add([colors["blue"]], "shared")
        second, _, _ = galleries.add([colors["gold"]], "shared")
        assert len({first, second, "shared"}) == 3
        assert names(galleries.seen("shared")) == ["red", "lime"]
        assert names(galleries.seen("shared", first)) == ["red", "lime", "blue.png"]
        assert names(galleries.seen("shared", second)) == ["red", "lime", "gold.png"]
    finally:
        LocalContext.request.set(None)


def test_an_unknown_key_says_so(galleries, colors):
    for call in (
        lambda: galleries.seen("anna", "0" * 32),
        lambda: galleries.add([colors["blue"]], "anna", "0" * 32),
        lambda: galleries.remove([0], "anna", "guess"),
    ):
        with pytest.raises(ImageError, match="no gallery behind this key"):
            call()


def test_what_is_no_picture_is_skipped_and_told(galleries, colors, tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    with zipfile.ZipFile(tmp_path / "trip.zip", "w") as archive:
        archive.write(colors["gold"], "trip/gold.png")
        archive.write(colors["gold"], "../gold.png")
    files = [str(tmp_path / "notes.txt"), str(tmp_path / "trip.zip"), colors["pink"]]
    _, ids, skipped = galleries.add(files, "anna", progress=PROGRESS)
    assert names(galleries.seen("anna")) == ["red", "lime", "trip/gold.png", "pink.png"]
    assert len(ids) == 2
    assert {name: reason.split(":")[0] for name, reason in skipped} == {
        "../gold.png": "Its path leads out of the archive.",
        "notes.txt": "This file is not a picture that opens here",
    }
    with pytest.raises(ImageError, match="choose one or more"):
        galleries.add([], "anna")


def test_samples_take_no_room_from_a_visitors_pictures(galleries, colors, tmp_path):
    _, gallery = galleries.own("anna")
    assert gallery.max_count == MAX_COUNT + len(gallery) == MAX_COUNT + 2
    path = saved_gallery(gallery, "colors")
    galleries.add([path], "ben")
    assert galleries.seen("ben").max_count == gallery.max_count


def test_a_full_gallery_says_so(galleries, colors):
    galleries._lockers.put("anna", Gallery(max_count=2))
    _, ids, skipped = galleries.add([colors["red"], colors["blue"], colors["gold"]], "anna")
    assert len(ids) == 2
    assert skipped == [
        ("All others", "The gallery is full with 2 pictures: please remove some of them first.")
    ]


def test_pictures_of_one_call(galleries, colors, tmp_path):
    among = galleries.among([colors["blue"], colors["gold"]], "anna")
    assert names(among) == ["blue.png", "gold.png"]
    assert galleries.among(None, "anna") is galleries.seen("anna")
    with pytest.raises(ImageError, match=f"at most {AT_ONCE}"):
        galleries.of([colors["blue"]] * (AT_ONCE + 1))
    (tmp_path / "bad.png").write_text("no picture")
    with pytest.raises(ImageError, match=r"None of these files is a picture.*not a picture"):
        galleries.of([str(tmp_path / "bad.png")])


def test_a_gallery_is_saved_and_loaded(galleries, colors, tmp_path):
    galleries.add([colors["blue"]], "anna")
    path = saved_gallery(galleries.seen("anna"), "colors")
    assert path.endswith("colors.gallery")
    galleries.remove([0, 1, 2], "anna")
    _, ids, skipped = galleries.add([colors["gold"], path], "ben", progress=PROGRESS)
    assert (ids, skipped) == ([0, 1, 2, 3], [])
    assert names(galleries.seen("ben")) == ["red", "lime", "blue.png", "gold.png"]
    assert names(galleries.seen("anna")) == []

    other = Gallery()
    other.add("x", Image.new("RGB", (9, 9)), {"other": np.zeros(3, np.float32)})
    other.save(tmp_path / "other.gallery")
    (tmp_path / "bad.gallery").write_text("no gallery")
    for name, words in (("other", "another space or version"), ("bad", "cannot be loaded: bad.gallery")):
        with pytest.raises(ImageError, match=words) as told:
            galleries.add([str(tmp_path / f"{name}.gallery")], "ben")
        assert str(tmp_path) not in str(told.value)
    assert len(galleries.seen("ben")) == 4


@pytest.mark.parametrize("ids", [[7], [0, 7], ["x"], [None], [-1], 5])
def test_ids_that_are_none(galleries, ids):
    with pytest.raises(ImageError, match="no picture of this id; its ids run from 0 to 1"):
        galleries.remove(ids, "anna")
    assert len(galleries.seen("anna")) == 2


def test_contents_are_plain(galleries):
    told = contents("k", galleries.seen("anna"))
    assert told["gallery"] == "k"
    assert told["count"] == 2
    assert told["pictures"][1] == {"id": 1, "name": "lime", "width": 40, "height": 30}


def jpeg(width=900, height=600):
    stream = io.BytesIO()
    Image.effect_noise((width, height), 60).save(stream, "JPEG")
    return stream.getvalue()


def test_tiles_hold_small_pictures_and_escape_names():
    chart = tiles([Tile(3, "a/<b>.jpg", jpeg(), "0.50", 0.5, "and 2 & more")], press="More", button="Why?")
    assert 'data-id="3" data-tag="" data-event="select"' in chart
    assert 'data-id="3" data-tag="" data-event="click"' in chart
    assert "<b>.jpg" not in chart
    assert "&lt;b&gt;.jpg" in chart
    assert "and 2 &amp; more" in chart
    assert 'style="width:50.0%"' in chart
    assert len(chart) < 60_000
    assert "<button" not in tiles([Tile(3, "x", jpeg())])
    assert "&lt;" in heading("<") + empty("x")


def test_small_pictures_are_small():
    assert small(jpeg()).startswith("data:image/jpeg;base64,")
    assert len(small(jpeg(), 100)) < len(small(jpeg()))


def result(*scores, threshold=0.5):
    hits = tuple(Hit(i, f"{i}", score, i + 1, duplicate_count=i) for i, score in enumerate(scores))
    good = None if threshold is None else bool(hits) and hits[0].score >= threshold
    return SearchResults(hits, good, threshold, "e", searched=9, seconds=0.3, search_seconds=0.002)


def likely(*probabilities, unknown=()):
    hits = tuple(Hit(i, f"{i}", p / 3, i + 1, probability=p) for i, p in enumerate(probabilities))
    return SearchResults(hits, hits[0].ranking_score >= 0.6, 0.6, "words", 9, 0.3, 0.002, unknown)


def test_words_are_honest():
    assert _words(result(0.9, 0.6, 0.4), None).startswith("**2 good matches**: 0.50 or more. 9 pictures")
    assert _words(result(0.9), 0.05).startswith("**1 good match**: 0.50 or more; of searches for something")
    poor = _words(result(0.4), 0.05)
    assert poor.startswith("**No good match.** The best scores 0.40, a good one 0.50 or more; of searches")
    assert "5% reach that" in poor
    assert "do not tell a good match" in _words(result(0.4, threshold=None), None)
    assert "lower the lowest score" in _words(result(), None)
    assert "2.0 ms, after 0.30 s" in poor
    assert _words(likely(0.9, 0.3), None).startswith("**1 good match**: 60% or more. 9 pictures")
    assert _words(likely(0.4), None).startswith("**No good match.** The best scores 40%, a good one 60% or")
    strange = _words(likely(0.4, unknown=[f"<w{i}>" for i in range(7)]), None)
    assert "\\<w0\\>" in strange
    assert strange.endswith(" and 2 more.")


def test_matches_below_the_threshold_stand_back(galleries):
    parts = _grid(result(0.9, 0.3), galleries.seen("anna")).split("is-tiles-head")
    assert len(parts) == 2
    assert "0.90" in parts[0]
    assert "is-faint" not in parts[0]
    assert "0.30" in parts[1]
    assert "is-faint" in parts[1]
    assert "is-tiles-head" not in _grid(result(0.9, 0.8), galleries.seen("anna"))
    assert "is-tiles-empty" in _grid(result(), galleries.seen("anna"))
    both = _side_by_side([result(0.9), likely(0.7)], ["<E>", "Words"], galleries.seen("anna"))
    assert both.count("<section>") == 2
    assert "&lt;E&gt;" in both
    assert 'data-tag="words"' in both
    assert "70%" in both


GRADES = ConfidenceBands(
    (ConfidenceBand("the same", 0.7, 0.05, 0.5), ConfidenceBand("maybe", 0.5, 0.3, 0.8)), "alike", 8.0, -4.0
)


def test_words_tell_how_many_get_which_grade_and_how_often_it_is_wrong():
    told = _words(replace(result(0.9, 0.8, 0.6, 0.2), confidence_bands=GRADES), 0.05)
    assert told.startswith("**2 the same** (0.70 or more), **1 maybe** (0.50 or more). Of searches for")
    assert "not there, 5% find one of 0.70 or more, 30% find one of 0.50 or more. 9 pictures" in told
    poor = _words(replace(result(0.4), confidence_bands=GRADES), None)
    assert poor.startswith("**Nothing here seems to be the same.** The best scores 0.40. Of searches")
    assert "lower the lowest score" in _words(replace(result(), confidence_bands=GRADES), None)


def test_a_graded_grid_has_a_part_for_each_grade(galleries):
    grid = _grid(replace(result(0.9, 0.6), confidence_bands=GRADES), galleries.seen("anna"))
    assert re.findall(r"is-tiles-head.>([^<]+)<", grid) == ["The same", "Maybe"]
    assert "is-faint" not in grid
    grid = _grid(replace(result(0.6, 0.2), confidence_bands=GRADES), galleries.seen("anna"))
    assert re.findall(r"is-tiles-head.>([^<]+)<", grid) == ["Maybe", "Alike"]
    assert grid.index("0.60") < grid.index("is-faint") < grid.index("0.20")


def test_grades_as_plain_values():
    plain = as_json(replace(result(0.9, 0.5, 0.2), confidence_bands=GRADES))
    assert [match["grade"] for match in plain["matches"]] == ["the same", "maybe", "alike"]
    assert plain["matches"][1]["probability"] == 0.5
    assert plain["grades"][0] == {
        "name": "the same",
        "least": 0.7,
        "false_accepts": 0.05,
        "true_accepts": 0.5,
    }
    assert (plain["good"], plain["threshold"]) == (True, 0.5)


def test_results_as_plain_values(galleries):
    plain = as_json(result(0.91234567, 0.2))
    assert plain["matches"][0] == {"rank": 1, "id": 0, "name": "0", "score": 0.9123, "alike": 0}
    assert (plain["good"], plain["threshold"]) == (True, 0.5)
    assert as_json(likely(0.7, unknown=["x"]))["matches"][0]["probability"] == 0.7
    assert as_json(likely(0.7, unknown=["x"]))["unknown"] == ["x"]
    pictures = hit_images(result(0.9, 0.2), galleries.seen("anna"))
    assert [caption for _, caption in pictures] == ["1. 0, 0.900", "2. 1, 0.200"]
    assert all(Image.open(path).size == (40, 30) for path, _ in pictures)


def test_a_picture_of_the_gallery_is_known_again(galleries, tmp_path):
    gallery = galleries.seen("anna")
    (tmp_path / "photo.jpg").write_bytes(gallery.entry(1).thumbnail)
    assert _is(str(tmp_path / "photo.jpg"), 1, gallery)
    assert not _is(str(tmp_path / "photo.jpg"), 0, gallery)
    assert not _is(str(tmp_path / "photo.jpg"), 7, gallery)
    assert not _is(str(tmp_path / "photo.jpg"), None, gallery)


def test_a_search_is_by_picture_or_by_id():
    class Doer:
        def __call__(self, *arguments):
            return arguments

        def like(self, *arguments):
            return ("like", *arguments)

    doers = {"e": lambda: Doer()}
    picture = Image.new("RGB", (2, 2))
    assert search(doers, "g", picture, (0, 0, 1, 1), "e", 5.0, 0, True) == (
        *(picture, (0, 0, 1, 1)),
        *(5, None, True, "g"),
    )
    assert search(doers, "g", 3, None, "e", 5, 0.5, False) == ("like", 3, 5, 0.5, False, "g")


def test_names_in_words_are_no_markup():
    assert _reason("a*b_<i>.jpg", 2) == (
        "**Why a\\*b\\_\\<i\\>.jpg?** The numbered regions count most; heat shows all that counts."
    )
    assert _reason("x", 0).endswith("Nothing stands out.")
    report = _report(3, [("<b>", "bad & ugly")] * 120)
    assert "Added 3 pictures, skipped 120 files" in report
    assert "&lt;b&gt;" in report
    assert "bad &amp; ugly" in report
    assert report.count("<li>") == 101
    assert _report(1, []) == "<p>Added 1 picture.</p>"


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ("", None),
        ("10, 5, 30, 25", (10, 5, 30, 25)),
        ("[10.4,5, 300,25]", (10, 5, 40, 25)),
        ("-5, -5, 4, 4", (0, 0, 4, 4)),
    ],
)
def test_boxes(text, box):
    assert parse_box(text, (40, 30)) == box


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1, 2, 3", "left, top, right, bottom"),
        ("a, b, c, d", "left, top, right, bottom"),
        ("1e9, 0, 2, 2", "left, top, right, bottom"),
        ("50, 0, 60, 20", "holds nothing of the picture of 40 × 30"),
        ("20, 20, 10, 10", "holds nothing of the picture of 40 × 30"),
    ],
)
def test_boxes_that_are_none(text, words):
    with pytest.raises(ImageError, match=words):
        parse_box(text, (40, 30))


def test_charts_mark_the_current_engine():
    engines = table(Engine("a", "Engine A", "line"), Engine("b", "Engine B", "line"))
    rows = [SimpleNamespace(engine=name, recall=0.9, ms=2.5, bytes=1500, count=20_000) for name in "ab"]
    chart = charts(rows, engines, "b")
    assert chart.count("<svg") == 2
    assert re.findall(r'<g class="is-marked"><title>(.*?)</title>', chart) == ["Engine B"] * 2
    assert re.findall(r'<tr class="is-marked"><td>2</td><td>(.*?)</td>', chart) == ["Engine B"]
    assert "<td>1,500</td><td>20,000</td>" in chart
    assert charts([], engines, "a") == ""
