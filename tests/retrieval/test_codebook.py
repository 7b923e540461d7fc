"""Codebooks of visual words, on clusters that are known."""

import numpy as np
import pytest

from shared.retrieval.deepindex import codebook as codebook_module
from shared.retrieval.deepindex.codebook import Codebook
from shared.retrieval.training.codebooks import CodebookSettings, fit_codebook

CLUSTERS, SIZE, LENGTH = 6, 40, 24
SETTINGS = CodebookSettings(dims=16, bits=16)


def clustered_features(seed=0, size=SIZE):
    """Return features around six directions, and the cluster of each."""
    centers = np.random.default_rng(7).random((CLUSTERS, LENGTH)) ** 4
    noise = np.random.default_rng(seed).random((CLUSTERS * size, LENGTH))
    cluster = np.repeat(np.arange(CLUSTERS), size)
    return (centers[cluster] + 0.1 * noise).astype(np.float32), cluster


@pytest.fixture(scope="module")
def codebook():
    return fit_codebook(clustered_features()[0], CLUSTERS, SETTINGS)


@pytest.mark.parametrize("spherical", [True, False])
def test_each_cluster_gets_a_word(spherical):
    x, cluster = clustered_features()
    settings = CodebookSettings(dims=16, bits=0, spherical=spherical)
    codebook = fit_codebook(x, CLUSTERS, settings)
    words = codebook.assign(x).words[:, 0]
    assert len({tuple(pair) for pair in zip(cluster, words, strict=True)}) == CLUSTERS
    lengths = np.linalg.norm(codebook.centers, axis=1)
    assert np.allclose(lengths, 1, atol=1e-4) == spherical


def test_new_features_get_the_word_of_their_cluster(codebook):
    x, cluster = clustered_features()
    word_of_cluster = dict(zip(cluster, codebook.assign(x).words[:, 0], strict=True))
    x, cluster = clustered_features(seed=1, size=3)
    assert codebook.assign(x).words[:, 0].tolist() == [word_of_cluster[label] for label in cluster]


def test_several_words_come_nearest_first(codebook):
    x, _ = clustered_features(seed=2, size=2)
    words = codebook.assign(x, 4).words
    distance = ((codebook.embed(x)[:, None] - codebook.centers) ** 2).sum(-1)
    assert words.tolist() == np.argsort(distance, axis=1)[:, :4].tolist()
    assert codebook.assign(x, 99).words.shape == (len(x), CLUSTERS)


def test_the_code_depends_on_the_word(codebook):
    x, _ = clustered_features(seed=3, size=1)
    assignment = codebook.assign(x, 2)
    assert assignment.codes.shape == (CLUSTERS, 2, 2)
    bits = codebook.embed(x) @ codebook.rotation.T > codebook.thresholds[assignment.words[:, 1]]
    assert (np.unpackbits(assignment.codes[:, 1], axis=-1) == bits).all()
    values = codebook.code_values(x, word=3)
    assert values == pytest.approx(codebook.embed(x) @ codebook.rotation.T - codebook.thresholds[3])


def test_the_scale_of_features_does_not_matter(codebook):
    x, _ = clustered_features(seed=4, size=2)
    assignment, scaled = codebook.assign(x, 3), codebook.assign(x * 8, 3)
    assert (assignment.words == scaled.words).all()
    assert (assignment.codes == scaled.codes).all()


def test_blocks_do_not_matter(codebook, monkeypatch):
    x, _ = clustered_features(seed=5)
    words = codebook.assign(x, 2).words
    monkeypatch.setattr(codebook_module, "BLOCK", 20)
    assert (codebook.assign(x, 2).words == words).all()


def test_features_without_positive_values_have_no_word(codebook):
    assert (codebook.assign(np.zeros((2, LENGTH)), 3).words == -1).all()
    assert codebook.assign(np.zeros((0, LENGTH)), 3).words.shape == (0, 3)


def test_features_of_another_length_are_an_error(codebook):
    with pytest.raises(ValueError, match=r"\[N, 24\], received \[2, 5\]"):
        codebook.assign(np.ones((2, 5)))


@pytest.mark.parametrize("words", [0, CLUSTERS * SIZE + 1])
def test_more_words_than_features_are_an_error(words):
    features = np.concatenate([clustered_features()[0], np.zeros((5, LENGTH))])
    with pytest.raises(ValueError, match="number of features"):
        fit_codebook(features, words, CodebookSettings(dims=8))


def test_fitting_is_repeatable(codebook):
    repeated = fit_codebook(clustered_features()[0], CLUSTERS, SETTINGS).arrays()
    assert all((array == repeated[name]).all() for name, array in codebook.arrays().items())


def test_a_codebook_is_restored_from_its_arrays(codebook):
    x, _ = clustered_features(seed=6)
    restored = Codebook.from_arrays(codebook.arrays("mid."), "mid.")
    assert (restored.assign(x, 2).words == codebook.assign(x, 2).words).all()
    assert (restored.assign(x, 2).codes == codebook.assign(x, 2).codes).all()
    assert (restored.size, restored.bits) == (CLUSTERS, 16)
    with pytest.raises(KeyError, match=r"high\.mean"):
        Codebook.from_arrays(codebook.arrays("mid."), "high.")


def test_whitened_features_get_the_same_words(codebook):
    x, _ = clustered_features(seed=8)
    bare = codebook.without_whitening()
    assert (bare.assign(codebook.embed(x) + 0.0).words == codebook.assign(x).words).all()
    assert codebook.without_codes().thresholds.shape == (CLUSTERS, 0)
