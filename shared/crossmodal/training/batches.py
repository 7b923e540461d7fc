"""Batches of images and texts for the training of a joint space; the seed alone decides what is drawn."""

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
from shared.crossmodal.data.named_images import caption_with_name
from shared.crossmodal.embedders.region_features import IMAGE_SIZE
from shared.crossmodal.text.tokenizer import SubwordTokenizer
from shared.crossmodal.training.teacher import TEACHER_DIM

#: Fraction of the words that get a typing error.
TYPO_RATE = 0.04
#: Fraction of the bare names that are put into captions.
TEMPLATE_RATE = 0.5
#: Words of a random span at most.
MAX_SPAN = 4
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True)
class PairSampler:
    """Sampler of images with some of their texts.

    Attributes:
        data: Images and texts.
        tokenizer: Tokenizer of the texts.
        features: One or more arrays of region features (as stored, mirrored), `[images, 1 + R, K]` each;
            empty to draw the images themselves.
        teacher: Teacher's vectors of the texts, `[texts, TEACHER_DIM]`, or None.
        span_rate: Fraction of the texts that are cut to a few consecutive words, as people search; of the
            others one sentence is read, unless it is 0.
        sampling: Probability of each image, `[images]`, of sum 1; None for a uniform one.
        bare_names: Mask of the texts that are names alone, bool `[texts]`. A fraction of `TEMPLATE_RATE` of
            them is put into captions, of which the teacher knows nothing; None without names.
    """

    data: CaptionedImages
    tokenizer: SubwordTokenizer
    features: Sequence[np.ndarray] = ()
    teacher: np.ndarray | None = None
    span_rate: float = 0.0
    sampling: np.ndarray | None = None
    bare_names: np.ndarray | None = None

    def draw(
        self, count: int, seed: int, *, texts_per_image: int = 1, size: int = IMAGE_SIZE
    ) -> tuple[Tensor, ...]:
        """Draw distinct images and texts of each.

        Args:
            count: B, the number of images.
            seed: Seed of the batch.
            texts_per_image: T, the number of texts of each image; they repeat if an image has fewer.
            size: Side of the images, if these are drawn.

        Returns:
            Region features `[B, 1 + R, K]` or images `[B, 3, size, size]`; then, T in a row for each image,
            subword ids int64 `[B T, L, P]`, identities int64 `[B T]`, classes int64 `[B T]` (0 without
            classes) and teacher's vectors `[B T, TEACHER_DIM]` (0 without).
        """
        rng = np.random.default_rng(seed)
        if self.sampling is None:
            images = rng.permutation(len(self.data.images))[:count]
        else:
            images = rng.choice(len(self.data.images), count, replace=False, p=self.sampling)
        texts = self._draw_texts(images, texts_per_image, rng)
        templated = np.zeros(len(texts), bool)
        if self.bare_names is not None:
            templated = self.bare_names[texts] & (rng.random(len(texts)) < TEMPLATE_RATE)
        words = [
            caption_with_name(self.data.texts[text], rng) if in_caption else self._augment(text, rng)
            for text, in_caption in zip(texts, templated, strict=True)
        ]
        subword_ids = self.tokenizer([add_typos(text, rng) for text in words])
        owners = np.repeat(images, texts_per_image)
        classes = np.zeros(len(owners), np.int64) if self.data.classes is None else self.data.classes[owners]
        teacher = np.zeros((len(texts), TEACHER_DIM), np.float32)
        if self.teacher is not None:
            teacher = self.teacher[texts].astype(np.float32) * ~templated[:, None]
        x = self._draw_inputs(images, size, rng)
        identities = self.data.identities[owners]
        return x, *(torch.from_numpy(array) for array in (subword_ids, identities, classes, teacher))

    def _draw_texts(self, images: np.ndarray, texts_per_image: int, rng: np.random.Generator) -> np.ndarray:
        """Draw consecutive texts of each image from a random one on, so that none repeats without need."""
        first = np.searchsorted(self.data.image_index, images)
        counts = np.searchsorted(self.data.image_index, images, side="right") - first
        positions = rng.integers(counts)[:, None] + np.arange(texts_per_image)
        return (first[:, None] + positions % counts[:, None]).ravel()

    def _draw_inputs(self, images: np.ndarray, size: int, rng: np.random.Generator) -> Tensor:
        if self.features:
            kinds = rng.integers(len(self.features), size=len(images))
            rows = [self.features[kind][image] for kind, image in zip(kinds, images, strict=True)]
            return torch.from_numpy(np.stack(rows).astype(np.float32))
        return torch.cat([augment_image(self.data.images[image].image(), rng, size) for image in images])

    def _augment(self, index: int, rng: np.random.Generator) -> str:
        text = self.data.texts[index]
        if not self.span_rate:
            return text
        return random_span(text, rng) if rng.random() < self.span_rate else random_sentence(text, rng)


@dataclass(frozen=True)
class TextSampler:
    """Sampler of texts without images, for the text encoder alone.

    Attributes:
        texts: The texts.
        tokenizer: Tokenizer of the texts.
        teacher: Teacher's vectors, `[texts, TEACHER_DIM]`.
    """

    texts: Sequence[str]
    tokenizer: SubwordTokenizer
    teacher: np.ndarray

    def draw(self, count: int, seed: int) -> tuple[Tensor, ...]:
        """Draw subword ids int64 `[B, L, P]` and teacher's vectors `[B, TEACHER_DIM]`."""
        rng = np.random.default_rng(seed)
        indices = rng.integers(len(self.texts), size=count)
        subword_ids = self.tokenizer([add_typos(self.texts[index], rng) for index in indices])
        return torch.from_numpy(subword_ids), torch.from_numpy(self.teacher[indices].astype(np.float32))


@dataclass(frozen=True)
class PairAndTextSampler:
    """Sampler of pairs, and of as many texts without images.

    Attributes:
        pairs: Sampler of the pairs.
        texts: Sampler of the texts.
    """

    pairs: PairSampler
    texts: TextSampler

    def draw(
        self, count: int, seed: int, *, texts_per_image: int = 1, size: int = IMAGE_SIZE
    ) -> tuple[Tensor, ...]:
        """Draw a batch of pairs, followed by one of texts; see `PairSampler.draw`."""
        pairs = self.pairs.draw(count, seed, texts_per_image=texts_per_image, size=size)
        return *pairs, *self.texts.draw(len(pairs[1]), seed)


def random_sentence(text: str, rng: np.random.Generator) -> str:
    """Return a random sentence of a text.

    >>> random_sentence("A pear. It is sweet!", np.random.default_rng(1))
    'A pear.'
    """
    return str(rng.choice(_SENTENCE_END.split(text)))


def random_span(text: str, rng: np.random.Generator) -> str:
    """Return one to `MAX_SPAN` consecutive words of a text.

    >>> random_span("apple", np.random.default_rng(0))
    'apple'
    """
    words = text.split()
    length = min(int(rng.integers(1, MAX_SPAN + 1)), len(words))
    start = int(rng.integers(len(words) - length + 1))
    return " ".join(words[start : start + length])


def add_typos(text: str, rng: np.random.Generator, rate: float = TYPO_RATE) -> str:
    """Add typing errors to a text: a letter is dropped, doubled, or swapped with the next one.

    Args:
        text: Words, separated by spaces.
        rng: Source of randomness.
        rate: Fraction of the words, 0..1; words of fewer than four letters stay as they are.

    >>> add_typos("a brown dog", np.random.default_rng(0), rate=0)
    'a brown dog'
    """
    words = text.split()
    for index in np.flatnonzero(rng.random(len(words)) < rate):
        word = words[index]
        if len(word) < 4:
            continue
        position = int(rng.integers(1, len(word) - 1))
        kind = rng.integers(3)
        swapped = word[position + 1] + word[position]
        replacement = ("", word[position] * 2, swapped)[kind]
        words[index] = word[:position] + replacement + word[position + 1 + (kind == 2) :]
    return " ".join(words)


def augment_image(image: Image.Image, rng: np.random.Generator, size: int = IMAGE_SIZE) -> Tensor:
    """Return a random crop of 75 to 100 % of each side, mirrored half of the time, `[1, 3, size, size]`."""
    width, height = image.size
    across, down = rng.uniform(0.75, 1, 2)
    left, top = rng.uniform(0, 1 - across) * width, rng.uniform(0, 1 - down) * height
    box = (left, top, left + across * width, top + down * height)
    view = image.resize((size, size), Image.Resampling.BILINEAR, box=box)
    if rng.random() < 0.5:
        view = view.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return to_tensor(view)
