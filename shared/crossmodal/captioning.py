"""Sentences that a caption decoder writes about an image, by beam search."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from shared.crossmodal.data.named_images import name_sentence
from shared.crossmodal.embedders.embedder import WrittenSentence
from shared.crossmodal.tags import tag_names
from shared.crossmodal.text.words import STOP_WORDS, word_stems
from shared.networks.crossmodal.captions import END, FIRST_WORD, PADDING, START, UNKNOWN, CaptionDecoder
from shared.networks.crossmodal.word_by_word import WordByWord

#: Sentences that are followed at a time.
BEAMS = 12
#: Exponent of the length by which the log probability of a sentence is divided: otherwise short ones win.
LENGTH_EXPONENT = 0.8
MIN_WORDS = 2
ARTICLES = ("a", "an")


def as_sentence(words: Sequence[str]) -> str:
    """Join words to a sentence, with the right indefinite articles.

    >>> as_sentence(["a", "owl", "on", "an", "red", "bench"]), as_sentence(["a", "beer", "bottles"])
    ('An owl on a red bench.', 'Beer bottles.')
    >>> as_sentence(["a", "egyptian", "cat"]), as_sentence(["a", "hay"])
    ('An Egyptian cat.', 'Hay.')
    """
    if is_name(words):
        name = " ".join(words[1:])
        return name_sentence(_spellings().get(name, name))
    text = " ".join(words)
    text = re.sub(r"\ban (?=[^aeiou])", "a ", re.sub(r"\ba (?=[aeio])", "an ", text))
    return text[:1].upper() + text[1:] + "."


def is_name(words: Sequence[str]) -> bool:
    """Return True for a sentence that is a name of one or two words with its article."""
    return 2 <= len(words) <= 3 and words[0] in ARTICLES


def is_activity(words: Sequence[str]) -> bool:
    """Return True for a sentence such as "a scuba diving", which names no thing.

    >>> is_activity(["a", "scuba", "diving"]), is_activity(["a", "building"])
    (True, False)
    """
    return is_name(words) and words[-1].endswith("ing") and " ".join(words[1:]) not in tag_names()


@cache
def _spellings() -> dict[str, str]:
    """Return the names of tags with their capitals, by their lower-case letters."""
    return {name.lower(): name for name in tag_names()}


class CaptionWriter:
    """Write sentences about images. No content word comes twice in a sentence.

    Args:
        network: Decoder in eval mode.
    """

    def __init__(self, network: CaptionDecoder) -> None:
        self.network = network
        self._repeatable = torch.tensor([True] * FIRST_WORD + [word in STOP_WORDS for word in network.words])

    @torch.inference_mode()
    def __call__(self, memory: Tensor) -> tuple[WrittenSentence, ...]:
        """Return the most probable sentences, `BEAMS` at most, the best first.

        Args:
            memory: What the decoder attends to in an image, `[R, width]`, from `CaptionDecoder.memory`.
        """
        next_words = WordByWord(self.network, memory[None])
        ids = torch.full((1, 1), START)
        scores = torch.zeros(1)
        finished: list[tuple[float, tuple[int, ...]]] = []
        for length in range(1, self.network.max_length + 2):
            totals = scores[:, None] + self._allowed(next_words(ids[:, -1]), ids, length)
            count = min(2 * BEAMS, totals.numel())
            best, flat = totals.flatten().topk(count)
            origins, words = flat // totals.shape[1], flat % totals.shape[1]
            ended = words == END
            for score, origin in zip(best[ended].tolist(), origins[ended].tolist(), strict=True):
                if score > -torch.inf:
                    finished.append((score / length**LENGTH_EXPONENT, tuple(ids[origin, 1:].tolist())))
            open_beams = (~ended & best.isfinite()).nonzero()[:BEAMS, 0]
            if len(finished) >= BEAMS or not len(open_beams):
                break
            scores = best[open_beams]
            next_words.select(origins[open_beams])
            ids = torch.cat([ids[origins[open_beams]], words[open_beams, None]], 1)
        texts: dict[str, float] = {}
        for score, numbers in sorted(finished, reverse=True):
            sentence = self._words(numbers)
            if word_stems(text := as_sentence(sentence)) and not is_activity(sentence):
                texts.setdefault(text, score)
        return tuple(WrittenSentence(text, score) for text, score in list(texts.items())[:BEAMS])

    def _allowed(self, logits: Tensor, ids: Tensor, length: int) -> Tensor:
        """Return the log probabilities of the next words, `-inf` for those that may not come."""
        barred = torch.zeros_like(logits, dtype=torch.bool)
        barred[:, [PADDING, START, UNKNOWN]] = True
        barred[:, END] = length <= MIN_WORDS
        if length > self.network.max_length:  # the sentence must end
            barred[:, FIRST_WORD:] = True
        used = torch.zeros_like(barred).scatter_(1, ids, True)
        last = torch.zeros_like(barred).scatter_(1, ids[:, -1:], True)
        barred |= (used & ~self._repeatable) | last
        return logits.log_softmax(-1).masked_fill(barred, -torch.inf)

    def _words(self, numbers: tuple[int, ...]) -> list[str]:
        return [self.network.words[number - FIRST_WORD] for number in numbers]
