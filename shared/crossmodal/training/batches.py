"""Batches of pictures with one of their texts each, for the training of a joint space."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from shared.core.images import to_tensor
from shared.crossmodal.data.datasets import CaptionedImages
from shared.crossmodal.data.named_things import frame
from shared.crossmodal.embedders.region_features import IMAGE_SIZE as SIZE
from shared.crossmodal.text.tokenizer import SubwordTokenizer
from shared.crossmodal.training.teacher import LENGTH

#: Share of the words that get a slip of the keyboard while training.
SLIPS = 0.04
#: Share of the names that are put into sentences.
FRAMED = 0.5
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True)
class Pairs:
    """What a training draws from.

    Attributes:
        data: Pictures and texts.
        tokens: What turns texts into rows.
        rows: One or several descriptions of each picture (as it is, mirrored), `[photos, 1 + R, K]` each;
            empty where pictures themselves are wanted.
        teacher: Vectors of all texts, `[texts, LENGTH]`, or None.
        spans: Share of the texts that are cut to a few words in a row, as people search; of the others one
            sentence is read, unless it is 0.
        chances: How likely each picture is drawn, `[photos]`, of sum 1; None for all the same.
        names: Which texts are names alone, bool `[texts]`, half of which are put into sentences (see
            `shared.crossmodal.data.named_things.frame`), of which the teacher knows nothing; None for none.
    """

    data: CaptionedImages
    tokens: SubwordTokenizer
    rows: Sequence[np.ndarray] = ()
    teacher: np.ndarray | None = None
    spans: float = 0.0
    chances: np.ndarray | None = None
    names: np.ndarray | None = None

    def draw(self, count: int, seed: int, *, each: int = 1, size: int = SIZE) -> tuple[Tensor, ...]:
        """Some pictures, none twice, with some of their texts; the seed alone decides which.

        Args:
            count: Of pictures.
            seed: See above.
            each: Texts T of each picture; where one has fewer, some come twice.
            size: Of pictures, where these are wanted.

        Returns:
            Descriptions `[B, 1 + R, K]` or pictures `[B, 3, size, size]`; then, T in a row for each picture,
            pieces int64 `[B T, L, P]`, identities int64 `[B T]`, classes int64 `[B T]` (0 where there are
            none) and teacher's vectors `[B T, LENGTH]` (0 where there are none).
        """
        rng = np.random.default_rng(seed)
        if self.chances is None:
            photos = rng.permutation(len(self.data.photos))[:count]
        else:
            photos = rng.choice(len(self.data.photos), count, replace=False, p=self.chances)
        first = np.searchsorted(self.data.owners, photos)
        own = np.searchsorted(self.data.owners, photos, side="right") - first
        # Starts at a random text and goes on from there, so that none comes twice without need.
        places = rng.integers(own)[:, None] + np.arange(each)
        texts = (first[:, None] + places % own[:, None]).ravel()
        framed = np.zeros(len(texts), bool)
        if self.names is not None:
            framed = self.names[texts] & (rng.random(len(texts)) < FRAMED)
        said = [
            frame(self.data.texts[text], rng) if inside else self._words(text, rng)
            for text, inside in zip(texts, framed, strict=True)
        ]
        pieces = self.tokens([misspell(text, rng) for text in said])
        shown = np.repeat(photos, each)
        classes = np.zeros(len(shown), np.int64) if self.data.classes is None else self.data.classes[shown]
        if self.teacher is None:
            known = np.zeros((len(texts), LENGTH), np.float32)
        else:
            known = self.teacher[texts].astype(np.float32) * ~framed[:, None]
        if self.rows:
            kinds = rng.integers(len(self.rows), size=len(photos))
            rows = np.stack([self.rows[kind][photo] for kind, photo in zip(kinds, photos, strict=True)])
            seen = torch.from_numpy(rows.astype(np.float32))
        else:
            seen = torch.cat([look(self.data.photos[photo].image(), rng, size) for photo in photos])
        identities = self.data.identities[shown]
        return seen, *(torch.from_numpy(part) for part in (pieces, identities, classes, known))

    def _words(self, place: int, rng: np.random.Generator) -> str:
        text = self.data.texts[place]
        if not self.spans:
            return text
        return random_span(text, rng) if rng.random() < self.spans else random_sentence(text, rng)


@dataclass(frozen=True)
class Sentences:
    """Texts without pictures, for the text encoder alone.

    Attributes:
        texts: All of them.
        tokens: What turns texts into rows.
        teacher: Their vectors, `[texts, LENGTH]`.
    """

    texts: Sequence[str]
    tokens: SubwordTokenizer
    teacher: np.ndarray

    def draw(self, count: int, seed: int) -> tuple[Tensor, Tensor]:
        """Some texts; the seed alone decides which. Pieces int64 `[B, L, P]`, vectors `[B, LENGTH]`."""
        rng = np.random.default_rng(seed)
        chosen = rng.integers(len(self.texts), size=count)
        pieces = self.tokens([misspell(self.texts[place], rng) for place in chosen])
        return torch.from_numpy(pieces), torch.from_numpy(self.teacher[chosen].astype(np.float32))


@dataclass(frozen=True)
class PairsWithText:
    """Pairs, and as many texts without pictures; for `shared.crossmodal.training.objectives.add_text_distillation`.

    Attributes:
        pairs: See `Pairs`.
        sentences: See `Sentences`.
    """

    pairs: Pairs
    sentences: Sentences

    def draw(self, count: int, seed: int, **more: int) -> tuple[Tensor, ...]:
        """What both draw, one behind the other; see `Pairs.draw`."""
        found = self.pairs.draw(count, seed, **more)
        return *found, *self.sentences.draw(len(found[1]), seed)


Source = Pairs | Sentences | PairsWithText


def random_sentence(text: str, rng: np.random.Generator) -> str:
    """Any sentence of a text.

    >>> random_sentence("A pear. It is sweet!", np.random.default_rng(1))
    'A pear.'
    """
    return str(rng.choice(_SENTENCE_END.split(text)))


def random_span(text: str, rng: np.random.Generator, most: int = 4) -> str:
    """One to four words of a text that follow one another.

    >>> random_span("apple", np.random.default_rng(0))
    'apple'
    """
    words = text.split()
    count = min(int(rng.integers(1, most + 1)), len(words))
    start = int(rng.integers(len(words) - count + 1))
    return " ".join(words[start : start + count])


def misspell(text: str, rng: np.random.Generator, share: float = SLIPS) -> str:
    """A text with slips of the keyboard: in some words a letter is left out, doubled, or changes place.

    >>> misspell("a brown dog", np.random.default_rng(0), share=0)
    'a brown dog'
    """
    words = text.split()
    for place in np.flatnonzero(rng.random(len(words)) < share):
        word = words[place]
        if len(word) < 4:
            continue
        at = int(rng.integers(1, len(word) - 1))
        kind = rng.integers(3)
        swapped = word[at + 1] + word[at]
        middle = ("", word[at] * 2, swapped)[kind]
        words[place] = word[:at] + middle + word[at + 1 + (kind == 2) :]
    return " ".join(words)


def look(picture: Image.Image, rng: np.random.Generator, size: int = SIZE) -> Tensor:
    """A picture as it is trained on: most of it, sometimes mirrored, squeezed to `[1, 3, size, size]`."""
    width, height = picture.size
    across, down = rng.uniform(0.75, 1, 2)
    left, top = rng.uniform(0, 1 - across) * width, rng.uniform(0, 1 - down) * height
    box = (left, top, left + across * width, top + down * height)
    seen = picture.resize((size, size), Image.Resampling.BILINEAR, box=box)
    if rng.random() < 0.5:
        seen = seen.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return to_tensor(seen)
