"""BLEU-4 and CIDEr-D of written sentences against those of people.

Papineni et al., "BLEU: a Method for Automatic Evaluation of Machine Translation", ACL 2002; Vedantam et al.,
"CIDEr: Consensus-based Image Description Evaluation", CVPR 2015, in the variant with clipped counts and a
penalty for other lengths. Words are those of `shared.crossmodal.text.words.split_words`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from shared.crossmodal.text.words import split_words

MAX_NGRAM = 4
#: Standard deviation of the length penalty of CIDEr-D, in words, and the factor of its scale.
LENGTH_SIGMA, CIDER_SCALE = 6.0, 10.0


def ngram_counts(words: Sequence[str]) -> Counter[tuple[str, ...]]:
    """Return the number of occurrences of each n-gram of one to four words.

    >>> sorted(ngram_counts(["a", "dog"]).items())
    [(('a',), 1), (('a', 'dog'), 1), (('dog',), 1)]
    """
    return Counter(
        tuple(words[start : start + n])
        for n in range(1, MAX_NGRAM + 1)
        for start in range(len(words) - n + 1)
    )


def bleu4(sentences: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Compute BLEU-4 over a corpus, 0..1.

    Args:
        sentences: One for each image.
        references: Sentences of people for each image.

    >>> bleu4(["a dog runs on grass"], [["a dog runs on grass", "a dog"]])
    1.0
    """
    matched, total = np.zeros(MAX_NGRAM), np.zeros(MAX_NGRAM)
    length = reference_length = 0
    for sentence, texts in zip(sentences, references, strict=True):
        words, candidates = split_words(sentence), [split_words(text) for text in texts]
        limits: Counter[tuple[str, ...]] = Counter()
        for candidate in candidates:
            limits |= ngram_counts(candidate)
        for ngram, count in ngram_counts(words).items():
            matched[len(ngram) - 1] += min(count, limits[ngram])
            total[len(ngram) - 1] += count
        length += len(words)
        reference_length += min(map(len, candidates), key=lambda other: (abs(other - len(words)), other))
    if not matched.all():
        return 0.0
    brevity = min(0.0, 1 - reference_length / length)
    return float(np.exp(brevity + np.log(matched / total).mean()))


class CiderScorer:
    """Compute CIDEr-D of sentences; 1 and more is about as good as people agree with each other.

    Args:
        references: Sentences of people for each image; the rarer an n-gram is among the images, the more it
            counts.
    """

    def __init__(self, references: Sequence[Sequence[str]]) -> None:
        counts = [[ngram_counts(split_words(text)) for text in texts] for texts in references]
        self._frequencies = Counter(ngram for texts in counts for ngram in set().union(*texts))
        self._log_images = math.log(max(2, len(references)))
        self._references = [[self._weighted(ngrams) for ngrams in texts] for texts in counts]

    def __call__(self, image: int, words: Sequence[str]) -> float:
        """Return the CIDEr-D of a sentence.

        Args:
            image: Index of its image among the references.
            words: Words of the sentence.
        """
        sentence = self._weighted(ngram_counts(words))
        return CIDER_SCALE * float(np.mean([_similarity(sentence, text) for text in self._references[image]]))

    def _weighted(self, ngrams: Counter[tuple[str, ...]]) -> _WeightedNgrams:
        vectors: list[dict[tuple[str, ...], float]] = [{} for _ in range(MAX_NGRAM)]
        for ngram, count in ngrams.items():
            idf = self._log_images - math.log(max(1, self._frequencies[ngram]))
            vectors[len(ngram) - 1][ngram] = count * max(idf, 0.0)
        norms = [math.sqrt(sum(value * value for value in vector.values())) for vector in vectors]
        words = sum(count for ngram, count in ngrams.items() if len(ngram) == 1)
        return _WeightedNgrams(vectors, norms, words)


class _WeightedNgrams(NamedTuple):
    """N-grams of a sentence with their tf-idf, one vector and norm for each n, and the number of words."""

    vectors: list[dict[tuple[str, ...], float]]
    norms: list[float]
    words: int


def _similarity(ours: _WeightedNgrams, theirs: _WeightedNgrams) -> float:
    values = []
    for mine, other, norms in zip(
        ours.vectors, theirs.vectors, zip(ours.norms, theirs.norms, strict=True), strict=True
    ):
        dot = sum(min(value, other[ngram]) * other[ngram] for ngram, value in mine.items() if ngram in other)
        values.append(dot / math.prod(norms) if all(norms) else 0.0)
    difference = ours.words - theirs.words
    return float(np.mean(values)) * math.exp(-(difference**2) / (2 * LENGTH_SIGMA**2))


def cider(sentences: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Compute the mean CIDEr-D over a corpus, see `CiderScorer`.

    Args:
        sentences: One for each image.
        references: Sentences of people for each image.
    """
    score = CiderScorer(references)
    return float(np.mean([score(image, split_words(sentence)) for image, sentence in enumerate(sentences)]))
