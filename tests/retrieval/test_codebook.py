"""Words and signatures of features, on clusters that are known."""

import numpy as np
import pytest

from shared.retrieval.deepindex import codebook
from shared.retrieval.deepindex.codebook import Codebook
from shared.retrieval.deepindex.storage import StorageError

KINDS, EACH, LENGTH = 6, 40, 24


def features(seed=0, each=EACH):
    """Six kinds of features, each around a direction of its own; and the kind of each."""
    centers = np.random.default_rng(7).random((KINDS, LENGTH)) ** 4
    noise = np.random.default_rng(seed).random((KINDS * each, LENGTH))
    kind = np.repeat(np.arange(KINDS), each)
    return (centers[kind] + 0.1 * noise).astype(np.float32), kind


@pytest.fixture(scope="module")
def book():
    return codebook.learn(features()[0], KINDS, dims=16, bits=16)


@pytest.mark.parametrize("spherical", [True, False])
def test_each_kind_gets_a_word_of_its_own(spherical):
    x, kind = features()
    found = codebook.learn(x, KINDS, dims=16, bits=0, spherical=spherical)
    words = found.assign(x).words[:, 0]
    assert len({tuple(pair) for pair in zip(kind, words, strict=True)}) == KINDS
    lengths = np.linalg.norm(found.centers, axis=1)
    assert np.allclose(lengths, 1, atol=1e-4) == spherical


def test_new_features_get_the_words_of_their_kind(book):
    words = {
        kind: word for word, kind in zip(book.assign(features()[0]).words[:, 0], features()[1], strict=True)
    }
    x, kind = features(seed=1, each=3)
    assert book.assign(x).words[:, 0].tolist() == [words[one] for one in kind]


def test_several_words_come_nearest_first(book):
    x, _ = features(seed=2, each=2)
    found = book.assign(x, 4).words
    distance = ((book.embed(x)[:, None] - book.centers) ** 2).sum(-1)
    assert found.tolist() == np.argsort(distance, axis=1)[:, :4].tolist()
    assert book.assign(x, 99).words.shape == (len(x), KINDS)


def test_the_signature_depends_on_the_word(book):
    x, _ = features(seed=3, each=1)
    found = book.assign(x, 2)
    assert found.codes.shape == (KINDS, 2, 2)
    bits = book.embed(x) @ book.rotation.T > book.thresholds[found.words[:, 1]]
    assert (np.unpackbits(found.codes[:, 1], axis=-1) == bits).all()


def test_brightness_does_not_count(book):
    x, _ = features(seed=4, each=2)
    one, other = book.assign(x, 3), book.assign(x * 8, 3)
    assert (one.words == other.words).all()
    assert (one.codes == other.codes).all()


def test_a_block_more_makes_no_difference(book, monkeypatch):
    x, _ = features(seed=5)
    whole = book.assign(x, 2)
    monkeypatch.setattr(codebook, "TOGETHER", 20)
    parts = book.assign(x, 2)
    assert (whole.words == parts.words).all()


def test_features_of_nothing_have_no_word(book):
    found = book.assign(np.zeros((2, LENGTH)), 3)
    assert (found.words == -1).all()
    assert book.assign(np.zeros((0, LENGTH)), 3).words.shape == (0, 3)


def test_features_of_another_length_are_refused(book):
    with pytest.raises(ValueError, match=r"\[N, 24\], received \[2, 5\]"):
        book.assign(np.ones((2, 5)))


@pytest.mark.parametrize("words", [0, KINDS * EACH + 1])
def test_more_words_than_features_are_refused(words):
    with pytest.raises(ValueError, match="number of features"):
        codebook.learn(np.concatenate([features()[0], np.zeros((5, LENGTH))]), words, dims=8)


def test_learning_again_gives_the_same(book):
    again = codebook.learn(features()[0], KINDS, dims=16, bits=16)
    assert all((array == again.arrays()[name]).all() for name, array in book.arrays().items())


def test_round_trip(book, tmp_path):
    x, _ = features(seed=6)
    loaded = Codebook.load(book.save(tmp_path / "book.safetensors"))
    assert (loaded.assign(x, 2).words == book.assign(x, 2).words).all()
    assert (loaded.assign(x, 2).codes == book.assign(x, 2).codes).all()
    assert (loaded.words, loaded.bits) == (KINDS, 16)


def test_a_damaged_file_is_refused(book, tmp_path):
    path = book.save(tmp_path / "book.safetensors")
    data = bytearray(path.read_bytes())
    data[-5] ^= 255
    path.write_bytes(data)
    with pytest.raises(StorageError, match="not as it was written"):
        Codebook.load(path)
