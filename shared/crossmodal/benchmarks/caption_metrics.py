"""BLEU-4 and CIDEr-D of written sentences against those of people.

Papineni et al., "BLEU: a Method for Automatic Evaluation of Machine Translation", ACL 2002; Vedantam et al.,
"CIDEr: Consensus-based Image Description Evaluation", CVPR 2015, in the variant with clipped counts and a
penalty for other lengths. Words are those of `shared.crossmodal.text.words.split_words`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

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


def cider(sentences: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Compute CIDEr-D over a corpus; 1 and more is about as good as people agree with each other.

    Args:
        sentences: One for each image.
        references: Sentences of people for each image; the rarer an n-gram is among the images, the more it
            counts.
    """
    counts = [[ngram_counts(split_words(text)) for text in texts] for texts in references]
    frequencies = Counter(ngram for texts in counts for ngram in set().union(*texts))
    images = math.log(max(2, len(sentences)))

    def weighted(ngrams: Counter[tuple[str, ...]]) -> list[dict[tuple[str, ...], float]]:
        vectors: list[dict[tuple[str, ...], float]] = [{} for _ in range(MAX_NGRAM)]
        for ngram, count in ngrams.items():
            idf = images - math.log(max(1, frequencies[ngram]))
            vectors[len(ngram) - 1][ngram] = count * max(idf, 0.0)
        return vectors

    def similarity(ours: Counter[tuple[str, ...]], theirs: Counter[tuple[str, ...]]) -> float:
        values = []
        for mine, other in zip(weighted(ours), weighted(theirs), strict=True):
            norm = math.sqrt(sum(x * x for x in mine.values()) * sum(x * x for x in other.values()))
            dot = sum(
                min(value, other[ngram]) * other[ngram] for ngram, value in mine.items() if ngram in other
            )
            values.append(dot / norm if norm else 0.0)
        difference = _length(ours) - _length(theirs)
        return float(np.mean(values)) * math.exp(-(difference**2) / (2 * LENGTH_SIGMA**2))

    scores = [
        np.mean([similarity(ngram_counts(split_words(sentence)), text) for text in texts])
        for sentence, texts in zip(sentences, counts, strict=True)
    ]
    return CIDER_SCALE * float(np.mean(scores))


def _length(ngrams: Counter[tuple[str, ...]]) -> int:
    """Return the number of words of a sentence."""
    return sum(count for ngram, count in ngrams.items() if len(ngram) == 1)
