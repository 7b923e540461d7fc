"""Evidence of texts by a caption decoder, and what it does to scores and searches."""

import numpy as np
import pytest
import torch

from shared.core.scheduling import InferenceScheduler
from shared.core.weights import WeightsError
from shared.crossmodal.embedders.embedder import IMAGE_FEATURE
from shared.crossmodal.likelihood import (
    MAX_EVIDENCE,
    REFERENCES_FILE,
    TextLikelihood,
    load_references,
    save_references,
)
from shared.crossmodal.query import query_evidence
from shared.crossmodal.search import CrossModalSearch
from shared.crossmodal.text.queries import parse_terms
from shared.networks.crossmodal.captions import START, UNKNOWN, word_numbers
from tests.crossmodal.color_embedder import ColorEmbedder, color_image
from tests.tiny_decoder import WORDS, tiny_decoder


@pytest.fixture(scope="module")
def network():
    return tiny_decoder()


@pytest.fixture(scope="module")
def likelihood(network):
    rows = torch.randn(7, 5, 16, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        return TextLikelihood(network, network.memory(rows).numpy(), fingerprint=5)


def described(likelihood, count, seed=2):
    rows = torch.randn(count, 5, 16, generator=torch.Generator().manual_seed(seed))
    return np.stack([likelihood.describe(row) for row in rows])


def test_log_probability_is_the_sum_over_words(network):
    memory = torch.randn(3, 5, 16, generator=torch.Generator().manual_seed(0))
    ids = torch.tensor([word_numbers(WORDS)[word] for word in ("a", "dog", "runs")])
    with torch.inference_mode():
        expected = torch.zeros(3)
        for length in range(3):
            previous = torch.cat([torch.tensor([START]), ids[:length]]).expand(3, -1)
            expected += network.next_words(memory, previous)[:, -1].log_softmax(-1)[:, ids[length]]
        np.testing.assert_allclose(network.log_probability(memory, ids), expected, atol=1e-5)
        unknown = torch.cat([ids, torch.tensor([UNKNOWN])])
        np.testing.assert_allclose(network.log_probability(memory, unknown), expected, atol=1e-5)


def test_evidence_is_relative_to_the_references(likelihood):
    images = described(likelihood, 70)  # more than a batch
    evidence = likelihood.evidence("a dog runs", images)
    assert evidence.shape == (70,)
    assert np.abs(evidence).max() <= MAX_EVIDENCE / np.sqrt(3)
    assert np.ptp(evidence) > 0
    np.testing.assert_allclose(likelihood.evidence("A  dog, runs!", images), evidence, atol=1e-6)
    scheduler = InferenceScheduler(torch.device("cpu"))
    side_by_side = likelihood.evidence("a dog runs", images, scheduler.run_on_single_cores)
    np.testing.assert_allclose(side_by_side, evidence, atol=1e-6)
    references = likelihood.references.flatten(1).numpy()
    own = likelihood.evidence("a dog runs", references) * np.sqrt(3)
    assert np.exp(own).mean() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("text", ["", "zyxwv", "狗"])
def test_a_text_without_known_words_says_nothing(likelihood, text):
    assert likelihood.evidence(text, described(likelihood, 4)).tolist() == [0, 0, 0, 0]


def test_evidence_of_no_images_and_of_a_long_text(likelihood):
    assert likelihood.evidence("a dog", described(likelihood, 1)[:0]).shape == (0,)
    assert np.isfinite(likelihood.evidence("the cat sleeps " * 20, described(likelihood, 2))).all()


def test_references_are_saved_and_checked(likelihood, tmp_path):
    memory = likelihood.references.numpy()
    save_references(tmp_path, memory)
    np.testing.assert_allclose(load_references(tmp_path, 5, 16), memory, atol=1e-2)
    with pytest.raises(WeightsError, match="does not fit"):
        load_references(tmp_path, 5, 17)
    save_references(tmp_path, np.full_like(memory, np.nan))
    with pytest.raises(WeightsError, match="does not fit"):
        load_references(tmp_path, 5, 16)
    (tmp_path / REFERENCES_FILE).write_bytes(b"no tensors")
    with pytest.raises(WeightsError, match="cannot be read"):
        load_references(tmp_path, 5, 16)


class EvidentColorEmbedder(ColorEmbedder):
    """Embedder of colors whose evidence for "dog" is the share of blue."""

    def has_evidence(self, engine):
        return engine == "ensemble"

    def evidence(self, text, features, engine):
        return (
            features[:, 2] * ("dog" in text)
            if self.has_evidence(engine)
            else super().evidence(text, features, engine)
        )


@pytest.fixture
def gallery_search():
    search = CrossModalSearch("ensemble", EvidentColorEmbedder())
    search.add([("red", color_image("red")), ("blue", color_image("blue")), ("green", color_image("green"))])
    return search


def test_evidence_orders_the_hits_of_a_text(gallery_search):
    colors = dict(
        zip(("red", "blue", "green"), gallery_search.gallery.features(IMAGE_FEATURE)[1], strict=True)
    )
    best = max(colors, key=lambda name: colors[name][2])
    hits = gallery_search("dog").hits
    assert hits[0].name == best
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert hits[0].probability == max(hit.probability for hit in hits)
    explained = gallery_search.explain("dog", hits[0].id)
    other = CrossModalSearch("ensemble", ColorEmbedder(), gallery_search.gallery).explain("dog", hits[0].id)
    assert explained.score == pytest.approx(other.score)
    assert explained.probability > other.probability


def test_other_engines_and_images_have_no_evidence(gallery_search):
    plain = CrossModalSearch("rrf", gallery_search.embedder, gallery_search.gallery)
    assert plain.encode("dog").evidence is None
    assert gallery_search.encode("dog").evidence is not None
    assert gallery_search.search_by_id(0).hits


def test_evidence_of_a_query_is_that_of_its_terms(gallery_search):
    features = gallery_search.gallery.features(IMAGE_FEATURE)[1]
    embedder = gallery_search.embedder
    single = embedder.evidence("dog", features, "ensemble")
    np.testing.assert_allclose(query_evidence(parse_terms("dog"), features, embedder, "ensemble"), single)
    both = query_evidence(parse_terms("wall - dog"), features, embedder, "ensemble")
    np.testing.assert_allclose(both, -single / 2)
    assert not query_evidence([], features, embedder, "ensemble").any()
