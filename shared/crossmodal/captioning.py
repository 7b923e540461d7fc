"""Sentences that a caption decoder writes about an image, by beam search."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from shared.core.weights import WeightsError
from shared.crossmodal.data.named_images import with_article
from shared.crossmodal.tags import tag_names
from shared.crossmodal.text.words import STOP_WORDS
from shared.networks.crossmodal.captions import END, FIRST_WORD, PADDING, START, UNKNOWN, CaptionDecoder
from shared.networks.crossmodal.low_rank import DOWN, UP, merge_low_rank_state
from shared.networks.crossmodal.word_by_word import WordByWord

#: File with the updates that refine a decoder for writing, in the folder of its weights.
ADAPTER_FILE = "adapter.safetensors"
#: Sentences that are followed at a time, and those that are returned.
BEAMS, SENTENCES = 6, 3
#: Exponent of the length by which the log probability of a sentence is divided: otherwise short ones win.
LENGTH_EXPONENT = 0.8
MIN_WORDS = 2
ARTICLES = ("a", "an")


@dataclass(frozen=True)
class Caption:
    """Sentence that a decoder wrote.

    Attributes:
        text: The sentence.
        score: Logarithm of its probability over its length, see `LENGTH_EXPONENT`.
    """

    text: str
    score: float


def as_sentence(words: Sequence[str]) -> str:
    """Join words to a sentence, with the right indefinite articles.

    >>> as_sentence(["a", "owl", "on", "an", "red", "bench"]), as_sentence(["a", "beer", "bottles"])
    ('An owl on a red bench.', 'Beer bottles.')
    >>> as_sentence(["a", "egyptian", "cat"])
    'An Egyptian cat.'
    """
    if is_name(words):
        name = " ".join(words[1:])
        text = with_article(name).removesuffix(name) + _spellings().get(name, name)
        return text[:1].upper() + text[1:] + "."
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


def save_adapter(folder: str | os.PathLike, state: Mapping[str, Tensor]) -> Path:
    """Write updates of a decoder to its folder and return the file.

    Args:
        folder: Folder of its weights.
        state: See `shared.networks.crossmodal.low_rank.low_rank_state`.
    """
    path = Path(folder) / ADAPTER_FILE
    save_file({name: value.half().contiguous() for name, value in state.items()}, path)
    return path


def refined(network: CaptionDecoder, folder: str | os.PathLike) -> CaptionDecoder:
    """Return a decoder with the updates in its folder, which shares all other weights; itself without any.

    Raises:
        WeightsError: The updates cannot be used.
    """
    path = Path(folder) / ADAPTER_FILE
    if not path.is_file():
        return network
    try:
        state = load_file(path)
        changed = {name.removesuffix(UP).removesuffix(DOWN) for name in state}
        kept = {id(weight): weight for name, weight in network.named_parameters() if name not in changed}
        copied = copy.deepcopy(network, kept)
        merge_low_rank_state(copied, state)
    except Exception as error:  # safetensors raises its own exceptions, OSError and ValueError
        raise WeightsError(f"{path.name} of {path.parent.name} cannot be used ({error}).") from error
    return copied


class CaptionWriter:
    """Write sentences about images. No content word comes twice in a sentence.

    Args:
        network: Decoder in eval mode.
    """

    def __init__(self, network: CaptionDecoder) -> None:
        self.network = network
        self._repeatable = torch.tensor([True] * FIRST_WORD + [word in STOP_WORDS for word in network.words])

    @torch.inference_mode()
    def __call__(self, rows: Tensor, beams: int = BEAMS, sentences: int = SENTENCES) -> list[Caption]:
        """Return the most probable sentences, the best first.

        Args:
            rows: Region features of an image, `[R, K]`.
            beams: Sentences that are followed at a time.
            sentences: Largest number of sentences.
        """
        next_words = WordByWord(self.network, self.network.memory(rows[None]))
        ids = torch.full((1, 1), START)
        scores = torch.zeros(1)
        finished: list[tuple[float, tuple[int, ...]]] = []
        for length in range(1, self.network.max_length + 2):
            totals = scores[:, None] + self._allowed(next_words(ids[:, -1]), ids, length)
            count = min(2 * beams, totals.numel())
            best, flat = totals.flatten().topk(count)
            origins, words = flat // totals.shape[1], flat % totals.shape[1]
            ended = words == END
            for score, origin in zip(best[ended].tolist(), origins[ended].tolist(), strict=True):
                if score > -torch.inf:
                    finished.append((score / length**LENGTH_EXPONENT, tuple(ids[origin, 1:].tolist())))
            open_beams = (~ended & best.isfinite()).nonzero()[:beams, 0]
            if len(finished) >= beams or not len(open_beams):
                break
            scores = best[open_beams]
            next_words.select(origins[open_beams])
            ids = torch.cat([ids[origins[open_beams]], words[open_beams, None]], 1)
        finished.sort(reverse=True)
        candidates = [(self._words(numbers), score) for score, numbers in reversed(finished)]
        texts = {as_sentence(words): score for words, score in candidates if not is_activity(words)}
        ordered = sorted(texts.items(), key=lambda item: -item[1])
        return [Caption(text, score) for text, score in ordered[:sentences]]

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
