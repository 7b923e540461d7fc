"""The inverted file, against scores by hand and against plain loops over all pairs of patches."""

from collections import Counter, defaultdict
from math import log, sqrt

import numpy as np
import pytest

from shared.retrieval.deepindex import varint
from shared.retrieval.deepindex.hamming_embedding import hamming, vote_weights
from shared.retrieval.deepindex.inverted_file import InvertedFile, Lookup


def lookup(*parts, codes=None):
    """A lookup of words that are given as one list for each part."""
    first = np.array(parts[0], np.int64).reshape(-1)
    second = np.array(parts[1], np.int64) if len(parts) > 1 else np.zeros_like(first)
    codes = np.zeros((len(first), 0), np.uint8) if codes is None else codes
    return Lookup(first, second, np.arange(len(first)), codes)


def plain_scores(words, codes, query, query_codes=None, votes=None):
    """The cosine of tf-idf vectors, written down pair by pair; words are tuples, or None for none."""
    pictures = len(words)
    having = defaultdict(set)
    for picture, row in enumerate(words):
        for word in filter(None, row):
            having[word].add(picture)
    idf = {word: log(pictures / len(found)) for word, found in having.items()}

    def length(row):
        counts = Counter(word for word in row if word in idf)
        return sqrt(sum((times * idf[word]) ** 2 for word, times in counts.items()))

    scores = []
    for picture, row in enumerate(words):
        total = 0.0
        for i, mine in enumerate(query):
            for j, other in enumerate(row):
                if mine == other and other is not None:
                    vote = 1 if votes is None else votes[hamming(query_codes[i], codes[picture, j])]
                    total += idf[mine] ** 2 * vote
        both = length(query) * length(row)
        scores.append(total / both if both else 0.0)
    return scores


def random_file(parts, *, pictures=30, patches=7, words=5, seed=0):
    """A file with random words, some of them missing; also the words as tuples, and the codes."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(-1, words, (parts, pictures, patches))
    codes = rng.integers(0, 256, (pictures, patches, 2), dtype=np.uint8)
    file = InvertedFile.empty([words] * parts, patches, 2).plus(list(drawn), codes)
    tuples = [
        [
            None if min(word) < 0 else word
            for word in zip(*(part[picture].tolist() for part in drawn), strict=True)
        ]
        for picture in range(pictures)
    ]
    return file, tuples, codes


def test_scores_by_hand():
    """Three pictures with the words 0 1, 0 0 and 2: word 0 counts log 3/2, words 1 and 2 count log 3."""
    words = np.array([[0, 1], [0, 0], [2, -1]])
    file = InvertedFile.empty([4], 2).plus([words], np.zeros((3, 2, 0)))
    common, rare = log(3 / 2), log(3)
    length = sqrt(common**2 + rare**2)
    found = file.scores(file.find(lookup([0, 1])))
    assert found == pytest.approx([1, 2 * common**2 / (2 * common * length), 0])
    assert file.scores(file.find(lookup([2]))) == pytest.approx([0, 0, 1])
    assert file.norms == pytest.approx([length, 2 * common, rare])


def test_a_word_that_all_pictures_have_counts_nothing():
    words = np.array([[0, 1], [0, 2], [2, 0]])
    file = InvertedFile.empty([3], 2).plus([words], np.zeros((3, 2, 0)))
    assert file.scores(file.find(lookup([0]))).tolist() == [0, 0, 0]
    assert (file.find(lookup([0, 1])).weight[:3] == 0).all()


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("votes", [None, vote_weights(16, 6.0)], ids=["words", "votes"])
def test_scores_are_those_of_plain_loops(parts, votes):
    file, words, codes = random_file(parts)
    rng = np.random.default_rng(1)
    drawn = rng.integers(0, 5, (parts, 9))
    query, query_codes = list(zip(*drawn.tolist(), strict=True)), rng.integers(0, 256, (9, 2), dtype=np.uint8)
    found = file.scores(file.find(lookup(*drawn, codes=query_codes), votes))
    assert found == pytest.approx(plain_scores(words, codes, query, query_codes, votes), rel=1e-5)
    assert found.max() > 0
    assert found.max() <= 1 + 1e-6


def test_a_picture_finds_itself_with_score_1():
    file, words, _ = random_file(1, patches=12)
    query = [word for (word,) in filter(None, words[4])]
    assert file.scores(file.find(lookup(query)))[4] == pytest.approx(1)


def test_two_parts_are_one_word_of_a_larger_vocabulary():
    file, words, codes = random_file(2)
    joined = np.array([[-1 if word is None else 5 * word[0] + word[1] for word in row] for row in words])
    single = InvertedFile.empty([25], 7, 2).plus([joined], codes)
    both, one = file.find(lookup([1, 3, 0], [4, 3, 0])), single.find(lookup([9, 18, 0]))
    assert both.picture.tolist() == one.picture.tolist()
    assert both.weight == pytest.approx(one.weight)
    assert (file.norms == single.norms).all()


def test_both_parts_must_agree():
    words = [np.array([[0], [0], [1]]), np.array([[0], [1], [0]])]
    file = InvertedFile.empty([2, 2], 1).plus(words, np.zeros((3, 1, 0)))
    assert file.scores(file.find(lookup([0], [1]))).nonzero()[0].tolist() == [1]
    assert file.find(lookup([1], [1])).picture.tolist() == []


def test_postings_tell_picture_and_patch():
    file, words, codes = random_file(2)
    found = file.find(lookup([2, 2], [1, 3]))
    assert len(found.row)
    for row, posting, picture in zip(found.row, found.posting, found.picture, strict=True):
        patch = file.slots[posting] % 7
        assert words[picture][patch] == (2, (1, 3)[row])
        assert (file.codes[posting] == codes[picture, patch]).all()


@pytest.mark.parametrize("parts", [1, 2])
def test_removal_restores_the_former_file(parts):
    file, _, _ = random_file(parts)
    _, words, codes = random_file(parts, pictures=5, seed=8)
    more = np.array([[word or (-1,) * parts for word in row] for row in words]).transpose(2, 0, 1)
    longer = file.plus(list(more), codes)
    assert longer.pictures == 35
    again = longer.minus(range(30, 35))
    for name, array in file.arrays.items():
        assert (again.arrays[name] == array).all(), name
    assert again.pictures == 30


def test_those_that_stay_are_numbered_anew():
    file, words, codes = random_file(1)
    left = [number for number in range(30) if number not in (0, 7, 29)]
    kept = np.array([[-1 if word is None else word[0] for word in words[number]] for number in left])
    expected = InvertedFile.empty([5], 7, 2).plus([kept], codes[left])
    found = file.minus([7, 0, 29])
    assert all((found.arrays[name] == array).all() for name, array in expected.arrays.items())


def test_adding_in_parts_is_adding_at_once():
    file, words, codes = random_file(2)
    parts = np.array([[word or (-1, -1) for word in row] for row in words]).transpose(2, 0, 1)
    made = InvertedFile.empty([5, 5], 7, 2)
    for begin, end in ((0, 1), (1, 1), (1, 20), (20, 30)):
        made = made.plus(list(parts[:, begin:end]), codes[begin:end])
    assert all((made.arrays[name] == array).all() for name, array in file.arrays.items())


def test_an_empty_file_and_an_empty_lookup_find_nothing():
    empty = InvertedFile.empty([5, 5], 7, 2)
    codes = np.zeros((1, 2), np.uint8)
    assert len(empty.scores(empty.find(lookup([1], [1], codes=codes), vote_weights(16, 4)))) == 0
    file, _, _ = random_file(2)
    nothing = file.find(lookup([], [], codes=codes[:0]), vote_weights(16, 4))
    assert file.scores(nothing).tolist() == [0] * 30
    assert empty.minus([]).pictures == 0
    assert file.minus(range(30)).slots.size == 0


def test_one_picture_alone_cannot_be_told_from_others():
    """All its words are in all pictures, so that none of them counts; but nothing fails."""
    file = InvertedFile.empty([3], 2).plus([np.array([[0, 1]])], np.zeros((1, 2, 0)))
    assert file.scores(file.find(lookup([0, 1]))).tolist() == [0]


@pytest.mark.parametrize("words", [[], [5, 5, 5], [0], [5, 2**16 + 1]])
def test_impossible_vocabularies_are_refused(words):
    with pytest.raises(ValueError, match="received"):
        InvertedFile.empty(words, 7)


@pytest.mark.parametrize("word", [-2, 5])
def test_unknown_words_are_refused(word):
    with pytest.raises(ValueError, match=r"-1\.\.4"):
        InvertedFile.empty([5], 1).plus([np.array([[word]])], np.zeros((1, 1, 0)))


def test_too_many_pictures_are_refused():
    with pytest.raises(ValueError, match="holds at most"):
        InvertedFile.empty([5], 2**31).plus([np.zeros((3, 1), int)], np.zeros((3, 1, 0)))


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("pictures", [0, 1, 30])
def test_packing_keeps_all_and_takes_less(parts, pictures):
    file, _, _ = random_file(parts, pictures=pictures)
    packed = varint.pack(file)
    empty = InvertedFile.empty(file.words, 7, 2)
    again = varint.unpack(packed, empty, pictures)
    assert all((again.arrays[name] == array).all() for name, array in file.arrays.items())
    assert sum(array.nbytes for array in packed.values()) < sum(
        array.nbytes for array in file.arrays.values()
    )


def test_variable_bytes_hold_numbers_of_all_sizes():
    numbers = np.array([0, 1, 127, 128, 16383, 16384, 2**31, 2**56 + 3, 2**62])
    assert varint.decode(varint.encode(numbers), len(numbers)).tolist() == numbers.tolist()
    assert varint.decode(varint.encode(np.zeros(0, int)), 0).tolist() == []


@pytest.mark.parametrize(
    ("coded", "count"), [([5], 2), ([200], 1), ([5, 200], 1), ([255] * 9 + [1], 1), ([], 1)]
)
def test_wrong_bytes_are_refused(coded, count):
    with pytest.raises(ValueError, match=r"hold|nine bytes"):
        varint.decode(np.array(coded, np.uint8), count)
