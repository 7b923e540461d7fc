"""Description of images by ranked sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Any

import numpy as np

from shared.crossmodal.data.named_images import name_sentence
from shared.crossmodal.embedders.embedder import Embedder, WrittenSentence
from shared.crossmodal.tags import Tag
from shared.crossmodal.text.queries import QueryError, clean_sentence
from shared.crossmodal.text.translation import translate
from shared.crossmodal.text.words import word_stems

MAX_SENTENCES = 1000
#: Evidence beyond the cosine with the image, where sentences were written about it. For those: a constant, a
#: share of the mean cosine with all that were written, since what most of them say is likelier to be true,
#: and a share of the score. Chosen on validation photos, as all below.
WRITTEN_EVIDENCE, CONSENSUS_SHARE, SCORE_SHARE = 0.095, 0.25, 0.1
#: For a built-in sentence that says the same as one of the likeliest that were written, and more; and for all
#: others, which the decoder has not confirmed.
SUPPORTED_EVIDENCE, SUPPORTING, UNSUPPORTED_EVIDENCE = 0.07, 3, -0.13
#: For a name of what is probably in the image, and the largest number of such names.
NAME_EVIDENCE, MAX_NAMES = -0.03, 3
#: Share of common content words from which on the worse of two sentences is left out.
MAX_OVERLAP = 0.5
#: Lowest probabilities of a first sentence that probably fits, and of one that may. Chosen on validation
#: photos by `shared.crossmodal.benchmarks.describe`, which measures how often each verdict is right.
LIKELY, POSSIBLE = 0.72, 0.36


@dataclass(frozen=True)
class RankedSentence:
    """Sentence that may describe an image.

    Attributes:
        text: The sentence.
        score: Cosine of the vectors of sentence and image.
        probability: Probability that they match, 0..1, where one of all sentences is expected to.
        rank: Position in the list, from 1.
    """

    text: str
    score: float
    probability: float
    rank: int

    def as_dict(self) -> dict[str, Any]:
        """Return the sentence as JSON values."""
        return {
            "rank": self.rank,
            "text": self.text,
            "probability": round(self.probability, 4),
            "score": round(self.score, 4),
        }


@dataclass(frozen=True)
class SentenceRanking:
    """Description of an image by sentences.

    Attributes:
        sentences: Ranked sentences, the most probable first; at least one.
        engine: Name of the engine.
        tags: What is probably in the image, the most probable first.
        paragraph: What a captioner wrote about the image in detail; empty without one.
    """

    sentences: tuple[RankedSentence, ...]
    engine: str
    tags: tuple[Tag, ...] = ()
    paragraph: str = ""

    @property
    def good_match(self) -> bool:
        """True if the first sentence probably fits."""
        return self.sentences[0].probability >= LIKELY

    @property
    def possible_match(self) -> bool:
        """True if the first sentence may fit."""
        return self.sentences[0].probability >= POSSIBLE

    def as_dict(self) -> dict[str, Any]:
        """Return the ranking as JSON values."""
        return {
            "sentences": [sentence.as_dict() for sentence in self.sentences],
            "good_match": self.good_match,
            "possible_match": self.possible_match,
            "tags": [tag.as_dict() for tag in self.tags],
            "paragraph": self.paragraph,
            "engine": self.engine,
        }


class SentenceRanker:
    """Rank sentences by their match with an image; the built-in sentences are embedded once.

    Args:
        embedder: Model that embeds the sentences.
        engine: One of its engines.
    """

    def __init__(self, embedder: Embedder, engine: str) -> None:
        self._embedder, self._engine = embedder, engine

    def __call__(
        self,
        image: np.ndarray,
        sentences: str | Sequence[str] | None,
        top_k: int,
        written: Sequence[WrittenSentence] = (),
        names: Sequence[str] = (),
    ) -> SentenceRanking:
        """Return the sentences that match an image best.

        Args:
            image: Vector of the image, `[D]`.
            sentences: Candidates, one a line; None for the built-in sentences, of which those that say nearly
                the same as a better one are left out.
            top_k: Largest number of sentences.
            written: Sentences that were written about this image, which join the built-in ones.
            names: Names of what is probably in it, the most probable first, which join them, too.

        Raises:
            QueryError: There is no candidate, there are too many, or one names nothing.
        """
        if sentences is None:
            texts, scores, evidence = self._candidates(image, written, names)
        else:
            texts = parse_sentences(sentences)
            cleaned = self._translated([clean_sentence(text) for text in texts])
            scores = evidence = self._embedder.embed_texts(cleaned, self._engine) @ image
        order = np.argsort(-evidence, kind="stable")
        order = order[:top_k] if sentences is not None else distinct(texts, order, top_k)
        probabilities = self._embedder.calibration(self._engine).probability(evidence[order], len(texts))
        ranked = enumerate(zip(order.tolist(), probabilities, strict=True), 1)
        return SentenceRanking(
            tuple(
                RankedSentence(texts[index], float(scores[index]), float(probability), rank)
                for rank, (index, probability) in ranked
            ),
            self._engine,
        )

    def _candidates(
        self, image: np.ndarray, written: Sequence[WrittenSentence], names: Sequence[str]
    ) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
        """Return the written sentences, the names and the built-in sentences, their cosines and evidence."""
        likelihood = {sentence.text: sentence.score for sentence in written}
        name_texts = [text for text in map(name_sentence, names[:MAX_NAMES]) if text not in likelihood]
        texts = (*likelihood, *name_texts, *everyday_sentences())
        vectors = self._everyday_vectors
        if likelihood or name_texts:
            vectors = np.concatenate([self._embed([*likelihood, *name_texts]), vectors])
        scores = vectors @ image
        if not likelihood:
            return texts, scores, scores
        vectors = vectors[: len(likelihood)]
        consensus = vectors @ vectors.mean(0)
        likelihoods = np.fromiter(likelihood.values(), np.float32)
        supported = is_supported([*likelihood][:SUPPORTING])
        evidence = scores + np.concatenate(
            [
                WRITTEN_EVIDENCE + CONSENSUS_SHARE * consensus + SCORE_SHARE * likelihoods,
                np.full(len(name_texts), NAME_EVIDENCE, np.float32),
                np.where(supported, SUPPORTED_EVIDENCE, UNSUPPORTED_EVIDENCE).astype(np.float32),
            ]
        )
        return texts, scores, evidence

    def _translated(self, texts: list[str]) -> list[str]:
        """Return texts in English, each from a language of its own, if the embedder reads English alone."""
        if not self._embedder.english_only:
            return texts
        return [translate([text], self._embedder.unknown_words)[0] for text in texts]

    @cached_property
    def _everyday_vectors(self) -> np.ndarray:
        return self._embed(everyday_sentences())

    def _embed(self, texts: Sequence[str]) -> np.ndarray:
        return self._embedder.embed_texts([clean_sentence(text) for text in texts], self._engine)


@cache
def everyday_sentences() -> tuple[str, ...]:
    """Return the built-in sentences about everyday scenes, in a fixed order.

    >>> everyday_sentences()[0]
    'A dog runs across a field of grass.'
    """
    text = resources.files("shared.crossmodal").joinpath("sentences.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())


@cache
def _everyday_stems() -> tuple[frozenset[str], ...]:
    return tuple(map(word_stems, everyday_sentences()))


def is_supported(written: Sequence[str]) -> np.ndarray:
    """Return which built-in sentences have all content words of a written one, as bool `[sentences]`.

    >>> [text for text, match in zip(everyday_sentences(), is_supported(["A brown bear."])) if match]
    ['A brown bear wades through a river.']
    """
    stems = [words for words in map(word_stems, written) if words]
    return np.array([any(words <= sentence for words in stems) for sentence in _everyday_stems()])


def distinct(texts: Sequence[str], order: np.ndarray, count: int) -> np.ndarray:
    """Return the first entries of an order whose texts differ enough, see `MAX_OVERLAP`.

    Args:
        texts: All texts.
        order: Indices of texts, the best first.
        count: Largest number of entries.

    >>> distinct(["A dog on a bed.", "The dog is on the bed.", "A cat."], np.arange(3), 2).tolist()
    [0, 2]
    """
    chosen: list[int] = []
    stems: list[frozenset[str]] = []
    for index in order.tolist():
        words = frozenset(stem.removesuffix("e") for stem in word_stems(texts[index]))  # "bottles" lacks it
        if all(len(words & other) < MAX_OVERLAP * len(words | other) for other in stems):
            chosen.append(index)
            stems.append(words)
        if len(chosen) == count:
            break
    return np.array(chosen, np.intp)


def parse_sentences(sentences: str | Sequence[str]) -> tuple[str, ...]:
    """Return the distinct sentences of a text with one sentence a line.

    Raises:
        QueryError: There is none, or there are too many.

    >>> parse_sentences(["A dog.", "", " A cat. ", "A dog."])
    ('A dog.', 'A cat.')
    """
    lines = sentences.splitlines() if isinstance(sentences, str) else sentences
    distinct = tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not distinct:
        raise QueryError("Write at least one sentence, one a line.")
    if len(distinct) > MAX_SENTENCES:
        raise QueryError(f"At most {MAX_SENTENCES:,} lines can be compared; these are {len(distinct):,}.")
    return distinct
