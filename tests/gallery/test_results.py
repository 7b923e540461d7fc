"""Requests are checked, index results become hits, and results become JSON values."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from shared.core.calibration import ConfidenceBand, ConfidenceBands
from shared.core.images import ImageError
from shared.gallery.gallery import Gallery
from shared.gallery.index import IndexHits
from shared.gallery.results import Hit, SearchRequest, SearchResults, list_hits


@pytest.fixture
def gallery():
    gallery = Gallery()
    for name in "abcd":
        gallery.add(name, Image.new("RGB", (2, 2)), {"number": np.array([ord(name)], np.int64)})
    return gallery


@pytest.fixture
def index_hits(gallery):
    return IndexHits(gallery.snapshot(), [2, 0, 3, 1], [0.9, 0.8, 0.5, 0.1])


def names(hits):
    return [hit.name for hit in hits]


def test_hits_keep_the_order_of_the_index(index_hits):
    hits = list_hits(index_hits, SearchRequest())
    assert hits[0] == Hit(2, "c", 0.9, 1)
    assert [(hit.id, hit.rank) for hit in hits] == [(2, 1), (0, 2), (3, 3), (1, 4)]
    assert names(list_hits(index_hits, SearchRequest(min_score=0.5))) == ["c", "a", "d"]
    others = list_hits(index_hits, SearchRequest(exclude_id=2))
    assert names(others) == ["a", "d", "b"]
    assert others[0].rank == 1


def test_min_score_is_a_probability_if_there_is_one(index_hits):
    probabilities = np.array(index_hits.scores) / 2
    assert list_hits(index_hits, SearchRequest(min_score=0.5), probabilities=probabilities) == []
    hits = list_hits(index_hits, SearchRequest(min_score=0.4), probabilities=probabilities)
    assert [(hit.name, hit.score, hit.probability, hit.ranking_score) for hit in hits] == [
        ("c", 0.9, 0.45, 0.45),
        ("a", 0.8, 0.4, 0.4),
    ]
    assert list_hits(index_hits, SearchRequest())[0].ranking_score == 0.9


def test_only_the_best_of_near_duplicates_is_listed(index_hits):
    hits = list_hits(index_hits, SearchRequest(), groups=lambda snapshot, ids: [id % 2 for id in ids])
    assert [(hit.name, hit.rank, hit.duplicate_count) for hit in hits] == [("c", 1, 1), ("d", 2, 1)]


def test_features_of_an_image(gallery):
    assert gallery.snapshot_with(1).image_features(1)["number"].tolist() == [ord("b")]
    gallery.remove([1])
    with pytest.raises(ImageError, match="no picture 1 in the gallery"):
        gallery.snapshot_with(1)


@pytest.mark.parametrize(
    ("top_k", "min_score", "message"),
    [
        (0, None, "top_k must be"),
        (True, None, "top_k must be"),
        (2.0, None, "top_k must be"),
        (1001, None, "top_k must be"),
        (5, float("inf"), "min_score must be"),
        (5, "0.5", "min_score must be"),
    ],
)
def test_requests_out_of_range(top_k, min_score, message):
    assert SearchRequest(np.int64(1000), 0.5).top_k == 1000
    with pytest.raises(ValueError, match=message):
        SearchRequest(top_k, min_score)


def test_results_as_json_values():
    hits = (Hit(7, "a", 0.81234, 1, probability=0.56789), Hit(3, "b", 0.5, 2, duplicate_count=4))
    results = SearchResults(hits, 0.55, "ensemble", 9, 0.12345, 0.01, ("zebra",))
    assert results.as_dict() == {
        "hits": [
            {"rank": 1, "id": 7, "name": "a", "score": 0.8123, "duplicate_count": 0, "probability": 0.5679},
            {"rank": 2, "id": 3, "name": "b", "score": 0.5, "duplicate_count": 4},
        ],
        "good_match": True,
        "threshold": 0.55,
        "engine": "ensemble",
        "searched": 9,
        "seconds": 0.123,
        "unknown_words": ["zebra"],
    }
    assert replace(results, threshold=0.75).good_match is False
    assert replace(results, threshold=None).good_match is None
    assert replace(results, hint="Say more.").as_dict()["hint"] == "Say more."
    assert replace(results, read_as="a dog").as_dict()["read_as"] == "a dog"


def test_results_with_confidence_bands():
    bands = ConfidenceBands((ConfidenceBand("the same", 0.7, 0.05, 0.5, 0.95),), "similar", 8.0, -4.0)
    hits = (Hit(7, "a", 0.8, 1), Hit(3, "b", 0.5, 2))
    values = SearchResults(hits, 0.7, "exact", 9, 0.1, 0.01, confidence_bands=bands).as_dict()
    assert [(hit["confidence"], hit["probability"]) for hit in values["hits"]] == [
        ("the same", 0.9168),
        ("similar", 0.5),
    ]
    assert values["confidence_bands"] == [
        {
            "name": "the same",
            "min_score": 0.7,
            "false_accept_rate": 0.05,
            "true_accept_rate": 0.5,
            "precision": 0.95,
        }
    ]
