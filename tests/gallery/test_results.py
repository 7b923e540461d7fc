"""Hits are listed as they are wanted, and settings that no search can have are refused."""

import numpy as np
import pytest
from PIL import Image

from shared.core.images import ImageError
from shared.gallery.gallery import Gallery
from shared.gallery.index import IndexHits
from shared.gallery.results import Hit, check_settings, image_features, list_hits


@pytest.fixture
def gallery():
    filled = Gallery()
    for name in "abcd":
        filled.add(name, Image.new("RGB", (2, 2)), {"number": np.array([ord(name)], np.int64)})
    return filled


@pytest.fixture
def found(gallery):
    return IndexHits(gallery.snapshot(), [2, 0, 3, 1], [0.9, 0.8, 0.5, 0.1])


def test_hits_come_in_their_order(found):
    hits = list_hits(found)
    assert hits[0] == Hit(2, "c", 0.9, 1)
    assert [(hit.id, hit.rank) for hit in hits] == [(2, 1), (0, 2), (3, 3), (1, 4)]
    assert [hit.name for hit in list_hits(found, least=0.5)] == ["c", "a", "d"]
    assert [hit.name for hit in list_hits(found, without=2)] == ["a", "d", "b"]
    assert list_hits(found, without=2)[0].rank == 1


def test_the_lowest_figure_is_a_probability_where_there_is_one(found):
    hits = list_hits(found, 0.5, probability=lambda scores: scores / 2)
    assert hits == []
    hits = list_hits(found, 0.4, probability=lambda scores: scores / 2)
    assert [(hit.name, hit.score, hit.probability, hit.ranking_score) for hit in hits] == [
        ("c", 0.9, 0.45, 0.45),
        ("a", 0.8, 0.4, 0.4),
    ]
    assert list_hits(found)[0].ranking_score == 0.9


def test_of_near_duplicates_the_first_stays(found):
    hits = list_hits(found, groups=lambda snapshot, ids: [id % 2 for id in ids])
    assert [(hit.name, hit.rank, hit.duplicate_count) for hit in hits] == [("c", 1, 1), ("d", 2, 1)]


def test_features_of_a_picture(gallery):
    assert image_features(gallery, 1)["number"].tolist() == [ord("b")]
    gallery.remove([1])
    with pytest.raises(ImageError, match="no picture 1 in the gallery"):
        image_features(gallery, 1)


@pytest.mark.parametrize(
    ("count", "least", "words"),
    [
        (0, None, "count must be"),
        (True, None, "count must be"),
        (2.0, None, "count must be"),
        (1001, None, "count must be"),
        (5, float("inf"), "least must be"),
        (5, "0.5", "least must be"),
    ],
)
def test_settings_out_of_range(count, least, words):
    check_settings(np.int64(1000), 0.5)
    with pytest.raises(ValueError, match=words):
        check_settings(count, least)
