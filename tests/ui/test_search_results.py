"""Search results on a page: the grid of images, its parts by confidence, and the summary."""

import io
import re
from dataclasses import replace

import pytest
from PIL import Image

from shared.core.calibration import ConfidenceBand, ConfidenceBands
from shared.gallery.results import Hit, SearchResults
from shared.ui.search.hit_grid import hit_grid_html, hit_images, side_by_side_html
from shared.ui.search.image_grid import GridImage, data_url, grid_heading, grid_message, image_grid_html
from shared.ui.search.matches import is_gallery_image
from shared.ui.search.summary import summarize

BANDS = ConfidenceBands(
    (ConfidenceBand("the same", 0.7, 0.05, 0.5, 0.95), ConfidenceBand("maybe", 0.5, 0.3, 0.8, 0.6)),
    "something else",
    8.0,
    -4.0,
)


@pytest.fixture
def gallery(store):
    return store.get("anna")


def jpeg(width=900, height=600):
    stream = io.BytesIO()
    Image.effect_noise((width, height), 60).save(stream, "JPEG")
    return stream.getvalue()


def results(*scores, threshold=0.5, **settings):
    """Results without calibrated probabilities."""
    hits = tuple(Hit(i, f"{i}", score, i + 1, duplicate_count=i) for i, score in enumerate(scores))
    timing = {"searched": 9, "seconds": 0.3, "search_seconds": 0.002}
    return SearchResults(hits, threshold, "e", **timing, **settings)


def calibrated(*probabilities, unknown_words=()):
    """Results with calibrated probabilities."""
    hits = tuple(Hit(i, f"{i}", p / 3, i + 1, probability=p) for i, p in enumerate(probabilities))
    return SearchResults(hits, 0.6, "words", 9, 0.3, 0.002, unknown_words)


def banded(*scores):
    """Results with confidence bands."""
    return replace(results(*scores), confidence_bands=BANDS)


def headings(grid):
    return re.findall(r"is-tiles-head.>([^<]+)<", grid)


def test_grids_contain_small_images_and_escape_names():
    image = GridImage(3, "a/<b>.jpg", jpeg(), "0.50", 0.5, "and 2 & more")
    grid = image_grid_html([image], press="More", button="Why?")
    assert 'data-id="3" data-tag="" data-event="select"' in grid
    assert 'data-id="3" data-tag="" data-event="click"' in grid
    assert "<b>.jpg" not in grid
    assert "&lt;b&gt;.jpg" in grid
    assert "and 2 &amp; more" in grid
    assert 'style="width:50.0%"' in grid
    assert len(grid) < 60_000
    assert "<button" not in image_grid_html([GridImage(3, "x", jpeg())])
    assert ">identification_<wbr>1<wbr>.jpg<" in image_grid_html(
        [GridImage(3, "a/identification_1.jpg", jpeg())]
    )
    assert "&lt;" in grid_heading("<") + grid_message("x")


def test_data_urls_hold_smaller_images():
    assert data_url(jpeg()).startswith("data:image/jpeg;base64,")
    assert len(data_url(jpeg(), 100)) < len(data_url(jpeg()))


def test_the_summary_counts_good_matches():
    assert summarize(results(0.9, 0.6, 0.4)) == (
        "**2 good matches** (a score of 0.50 or more). "
        "It took 0.30 s to understand your query and 2.0 ms to search 9 pictures."
    )
    assert summarize(calibrated(0.9, 0.3)).startswith("**1 good match** (60% likely or more). It took")


def test_the_summary_says_if_there_is_no_good_match():
    summary = summarize(results(0.4))
    assert summary.startswith(
        "**Nothing here seems to fit.** The best score is 0.40; a good one would be 0.50 or more."
    )
    summary = summarize(calibrated(0.4))
    assert summary.startswith("**Nothing here seems to fit.** The best one is 40% likely;")
    assert summarize(results()).startswith("No picture reaches the lowest score that you have set.")
    assert summarize(results(0.4, threshold=None)).startswith("The best come first. These scores only rank")


def test_the_summary_says_that_a_match_is_possible():
    possible = replace(calibrated(0.4, 0.1), possible_threshold=0.3)
    assert summarize(possible).startswith("**Perhaps a match.** The best one is 40% likely;")
    assert possible.possible_match is True
    none = replace(calibrated(0.2), possible_threshold=0.3)
    assert summarize(none).startswith("**Nothing here seems to fit.**")
    assert none.as_dict()["possible_match"] is False


def test_only_hits_below_a_possible_match_are_small(gallery):
    grid = hit_grid_html(replace(calibrated(0.4, 0.1), possible_threshold=0.3), gallery)
    assert headings(grid) == ["Probably something else"]
    assert grid.index("40%") < grid.index("is-small") < grid.index("10%")
    grid = hit_grid_html(replace(calibrated(0.9, 0.4), possible_threshold=0.3), gallery)
    assert headings(grid) == ["Less likely"]
    assert "is-small" not in grid


def test_the_summary_says_how_often_a_good_match_is_wrong():
    assert "with nothing of the kind in the gallery, 5 of 100 searches still find a good match." in summarize(
        results(0.9, false_accept_rate=0.05)
    )


def test_the_summary_lists_some_unknown_words():
    summary = summarize(calibrated(0.4, unknown_words=[f"<w{i}>" for i in range(7)]))
    assert "guessed from the spelling: \\<w0\\>, " in summary
    assert " and 2 more." in summary


def test_the_summary_has_the_hint():
    hint = "Put “-” before it, as in “a_b -c”."
    assert "“a\\_b -c”. It took" in summarize(replace(calibrated(0.4), hint=hint))


def test_the_summary_says_how_a_query_was_read():
    summary = summarize(replace(calibrated(0.4), read_as="a_b - dog"))
    assert "Read as: a\\_b - dog. It took" in summary


def test_the_summary_counts_each_confidence_band():
    assert summarize(banded(0.9, 0.8, 0.6, 0.2)).startswith(
        "**The same: 2, maybe: 1.** In our tests this was right for 95 of 100 called “the same” and 60 of "
        "100 called “maybe”. It took"
    )
    assert summarize(banded(0.9)).startswith("**The same: 1.** In our tests this was right for 95 of 100")
    assert summarize(banded(-0.1)).startswith(
        "**Nothing in the gallery looks like it.** The best score is 0.00; from 0.50 on we would say “maybe”."
    )
    assert summarize(banded()).startswith("No picture reaches the lowest score")


def test_the_time_of_a_fast_query_is_not_split():
    summary = summarize(replace(results(0.9), seconds=0.003, searched=1))
    assert summary.endswith("It took 2.0 ms to search 1 picture.")


def test_both_times_of_a_slow_search_have_one_unit():
    summary = summarize(replace(results(0.9), seconds=0.36, search_seconds=0.2984))
    assert summary.endswith("It took 0.06 s to understand your query and 0.30 s to search 9 pictures.")


def test_hits_below_the_threshold_are_small(gallery):
    parts = hit_grid_html(results(0.9, 0.3), gallery).split("is-tiles-head")
    assert len(parts) == 2
    assert "0.90" in parts[0]
    assert "is-small" not in parts[0]
    assert "0.30" in parts[1]
    assert "is-small" in parts[1]
    assert "is-tiles-head" not in hit_grid_html(results(0.9, 0.8), gallery)
    assert "is-tiles-empty" in hit_grid_html(results(), gallery)
    assert "is-small" not in hit_grid_html(results(0.9, 0.3, threshold=None), gallery)


def test_scores_near_zero_have_no_sign(gallery):
    assert "<b>0.00</b>" in hit_grid_html(results(-0.001), gallery)
    assert hit_images(results(-0.2), gallery)[0][1] == "1. 0, 0.000"
    assert str(results(-0.00001).as_dict()["hits"][0]["score"]) == "0.0"


def test_a_grid_has_a_part_for_each_confidence_band(gallery):
    grid = hit_grid_html(banded(0.9, 0.6), gallery)
    assert headings(grid) == ["The same", "Maybe"]
    assert "is-small" not in grid
    grid = hit_grid_html(banded(0.6, 0.2), gallery)
    assert headings(grid) == ["Maybe", "Something else"]
    assert grid.index("0.60") < grid.index("is-small") < grid.index("0.20")


def test_two_engines_stand_side_by_side(gallery):
    columns = side_by_side_html([results(0.9), calibrated(0.7)], ["<E>", "Words"], gallery)
    assert columns.count("<section>") == 2
    assert "&lt;E&gt;" in columns
    assert 'data-tag="words"' in columns
    assert "70%" in columns


def test_hits_are_given_out_as_image_files(gallery):
    images = hit_images(results(0.9, 0.2), gallery)
    assert [caption for _, caption in images] == ["1. 0, 0.900", "2. 1, 0.200"]
    assert all(Image.open(path).size == (40, 30) for path, _ in images)


def test_images_that_were_just_removed_are_left_out(store):
    store.remove([1], "anna")
    gallery = store.get("anna")
    assert hit_grid_html(results(0.9, 0.8), gallery).count("<figure>") == 1
    assert len(hit_images(results(0.9, 0.8), gallery)) == 1


def test_an_image_of_the_gallery_is_recognised(gallery, tmp_path):
    (tmp_path / "photo.jpg").write_bytes(gallery.entry(1).thumbnail)
    path = str(tmp_path / "photo.jpg")
    assert is_gallery_image(path, 1, gallery)
    assert not any(is_gallery_image(path, id, gallery) for id in (0, 7, None))
    assert not is_gallery_image(None, 1, gallery)
