"""The inverted file, against scores by hand and against plain loops over all pairs of patches."""

from collections import Counter, defaultdict
from math import log, sqrt

import numpy as np
import pytest

from shared.retrieval.deepindex import varint
from shared.retrieval.deepindex.hamming_embedding import hamming_distance, vote_weights
from shared.retrieval.deepindex.inverted_file import InvertedFile, Layout
from shared.retrieval.deepindex.postings import QueryWords

PATCHES, WORDS = 7, 5


def query_words(*parts, codes=None):
    """Return the words of a query, one list for each part of a word."""
    first = np.array(parts[0], np.int64).reshape(-1)
    second = np.array(parts[1], np.int64) if len(parts) > 1 else np.zeros_like(first)
    codes = np.zeros((len(first), 0), np.uint8) if codes is None else codes
    return QueryWords(first, second, np.arange(len(first)), codes)


def single_index(words, word_count):
    """Return a single index without codes over words `[images, patches]`."""
    words = np.array(words)
    layout = Layout((word_count,), words.shape[1])
    return InvertedFile.empty(layout).with_images([words], np.zeros((*words.shape, 0)))


def score(file, *parts):
    """Return the scores of all images for words without codes."""
    return file.scores(file.match(query_words(*parts)))


def loop_scores(words, codes, query, query_codes, sigma):
    """Compute the cosines of tf-idf vectors pair by pair; words are tuples, or None for none."""
    images = len(words)
    containing = defaultdict(set)
    for image, row in enumerate(words):
        for word in filter(None, row):
            containing[word].add(image)
    idf = {word: log(images / len(members)) for word, members in containing.items()}
    votes = None if sigma is None else vote_weights(16, sigma)

    def norm(row):
        counts = Counter(word for word in row if word in idf)
        return sqrt(sum((frequency * idf[word]) ** 2 for word, frequency in counts.items()))

    scores = []
    for image, row in enumerate(words):
        total = 0.0
        for i, query_word in enumerate(query):
            for j, word in enumerate(row):
                if word is not None and word == query_word:
                    distance = hamming_distance(query_codes[i], codes[image, j])
                    total += idf[word] ** 2 * (1 if votes is None else votes[distance])
        product = norm(query) * norm(row)
        scores.append(total / product if product else 0.0)
    return scores


def random_file(parts, *, images=30, patches=PATCHES, seed=0):
    """Return a file of random words, some of them missing; also the words as tuples, and the codes."""
    rng = np.random.default_rng(seed)
    words = rng.integers(-1, WORDS, (parts, images, patches))
    codes = rng.integers(0, 256, (images, patches, 2), dtype=np.uint8)
    layout = Layout((WORDS,) * parts, patches, 2)
    file = InvertedFile.empty(layout).with_images(list(words), codes)
    tuples = [
        [
            None if min(word) < 0 else word
            for word in zip(*(part[image].tolist() for part in words), strict=True)
        ]
        for image in range(images)
    ]
    return file, tuples, codes


def word_arrays(tuples, parts):
    """Return words as one array for each part, -1 for none."""
    return list(np.array([[word or (-1,) * parts for word in row] for row in tuples]).transpose(2, 0, 1))


def assert_same_file(file, expected):
    assert all((file.arrays[name] == array).all() for name, array in expected.arrays.items())


def test_scores_by_hand():
    """Three images with the words 0 1, 0 0 and 2: word 0 weighs log 3/2, words 1 and 2 weigh log 3."""
    file = single_index([[0, 1], [0, 0], [2, -1]], 4)
    common, rare = log(3 / 2), log(3)
    norm = sqrt(common**2 + rare**2)
    assert score(file, [0, 1]) == pytest.approx([1, 2 * common**2 / (2 * common * norm), 0])
    assert score(file, [2]) == pytest.approx([0, 0, 1])
    assert file.norms == pytest.approx([norm, 2 * common, rare])


def test_a_word_of_all_images_weighs_nothing():
    file = single_index([[0, 1], [0, 2], [2, 0]], 3)
    assert score(file, [0]).tolist() == [0, 0, 0]
    assert (file.match(query_words([0, 1])).weight[:3] == 0).all()


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("sigma", [None, 6.0], ids=["words", "votes"])
def test_scores_equal_plain_loops(parts, sigma):
    file, words, codes = random_file(parts)
    rng = np.random.default_rng(1)
    drawn = rng.integers(0, WORDS, (parts, 9))
    query_codes = rng.integers(0, 256, (9, 2), dtype=np.uint8)
    scores = file.scores(file.match(query_words(*drawn, codes=query_codes), sigma))
    query = list(zip(*drawn.tolist(), strict=True))
    assert scores == pytest.approx(loop_scores(words, codes, query, query_codes, sigma), rel=1e-5)
    assert 0 < scores.max() <= 1 + 1e-6


def test_an_image_matches_itself_with_score_1():
    file, words, _ = random_file(1, patches=12)
    assert score(file, [word for (word,) in filter(None, words[4])])[4] == pytest.approx(1)


def test_two_parts_are_one_word_of_a_larger_vocabulary():
    file, words, codes = random_file(2)
    joined = np.array([[-1 if word is None else WORDS * word[0] + word[1] for word in row] for row in words])
    single = InvertedFile.empty(Layout((WORDS**2,), PATCHES, 2)).with_images([joined], codes)
    multiple_matches = file.match(query_words([1, 3, 0], [4, 3, 0]))
    single_matches = single.match(query_words([9, 18, 0]))
    assert multiple_matches.image.tolist() == single_matches.image.tolist()
    assert multiple_matches.weight == pytest.approx(single_matches.weight)
    assert (file.norms == single.norms).all()


def test_both_parts_must_agree():
    words = [np.array([[0], [0], [1]]), np.array([[0], [1], [0]])]
    file = InvertedFile.empty(Layout((2, 2), 1)).with_images(words, np.zeros((3, 1, 0)))
    assert score(file, [0], [1]).nonzero()[0].tolist() == [1]
    assert file.match(query_words([1], [1])).image.tolist() == []


def test_postings_name_image_and_patch():
    file, words, codes = random_file(2)
    matches = file.match(query_words([2, 2], [1, 3]))
    assert len(matches.row)
    for row, posting, image in zip(matches.row, matches.posting, matches.image, strict=True):
        patch = file.slots[posting] % PATCHES
        assert words[image][patch] == (2, (1, 3)[row])
        assert (file.codes[posting] == codes[image, patch]).all()


@pytest.mark.parametrize("parts", [1, 2])
def test_removal_undoes_addition(parts):
    file, _, _ = random_file(parts)
    _, words, codes = random_file(parts, images=5, seed=8)
    longer = file.with_images(word_arrays(words, parts), codes)
    assert longer.images == 35
    assert_same_file(longer.without_images(range(30, 35)), file)


def test_remaining_images_are_renumbered():
    file, words, codes = random_file(1)
    remaining = [number for number in range(30) if number not in (0, 7, 29)]
    layout = Layout((WORDS,), PATCHES, 2)
    arrays = word_arrays([words[number] for number in remaining], 1)
    expected = InvertedFile.empty(layout).with_images(arrays, codes[remaining])
    assert_same_file(file.without_images([7, 0, 29]), expected)


def test_images_can_be_added_in_parts():
    file, words, codes = random_file(2)
    arrays = word_arrays(words, 2)
    grown = InvertedFile.empty(file.layout)
    for begin, end in ((0, 1), (1, 1), (1, 20), (20, 30)):
        grown = grown.with_images([part[begin:end] for part in arrays], codes[begin:end])
    assert_same_file(grown, file)


def test_an_empty_file_and_an_empty_query_have_no_matches():
    empty = InvertedFile.empty(Layout((WORDS, WORDS), PATCHES, 2))
    codes = np.zeros((1, 2), np.uint8)
    assert len(empty.scores(empty.match(query_words([1], [1], codes=codes), 4.0))) == 0
    file, _, _ = random_file(2)
    assert file.scores(file.match(query_words([], [], codes=codes[:0]), 4.0)).tolist() == [0] * 30
    assert empty.without_images([]).images == 0
    assert file.without_images(range(30)).slots.size == 0


def test_the_words_of_a_single_image_weigh_nothing():
    assert score(single_index([[0, 1]], 3), [0, 1]).tolist() == [0]


@pytest.mark.parametrize("words", [(), (5, 5, 5), (0,), (5, 2**16 + 1)])
def test_an_impossible_layout_is_an_error(words):
    with pytest.raises(ValueError, match="received"):
        Layout(words, PATCHES)


@pytest.mark.parametrize("word", [-2, 5])
def test_an_unknown_word_is_an_error(word):
    with pytest.raises(ValueError, match=r"-1\.\.4"):
        single_index([[word]], WORDS)


def test_too_many_images_are_an_error():
    with pytest.raises(ValueError, match="holds at most"):
        InvertedFile.empty(Layout((WORDS,), 2**31)).with_images([np.zeros((3, 1), int)], np.zeros((3, 1, 0)))


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("images", [0, 1, 30])
def test_compression_is_lossless_and_smaller(parts, images):
    file, _, _ = random_file(parts, images=images)
    compressed = varint.compress(file)
    assert_same_file(varint.decompress(compressed, file.layout, images), file)
    assert sum(array.nbytes for array in compressed.values()) < sum(
        array.nbytes for array in file.arrays.values()
    )


def test_variable_bytes_hold_numbers_of_all_sizes():
    numbers = np.array([0, 1, 127, 128, 16383, 16384, 2**31, 2**56 + 3, 2**62])
    assert varint.decode(varint.encode(numbers), len(numbers)).tolist() == numbers.tolist()
    assert varint.decode(varint.encode(np.zeros(0, int)), 0).tolist() == []


@pytest.mark.parametrize(
    ("coded", "count"), [([5], 2), ([200], 1), ([5, 200], 1), ([255] * 9 + [1], 1), ([], 1)]
)
def test_wrong_bytes_are_an_error(coded, count):
    with pytest.raises(ValueError, match=r"hold|nine bytes"):
        varint.decode(np.array(coded, np.uint8), count)
