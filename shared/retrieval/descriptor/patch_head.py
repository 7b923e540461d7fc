"""Patches beside the descriptor: both from the same maps of the network, in one pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from shared.retrieval.deepindex.codebook import Codebook
from shared.retrieval.deepindex.patches import pool_patches
from shared.retrieval.deepindex.vocabulary import Vocabulary
from shared.retrieval.descriptor.head import DescriptorHead
from shared.retrieval.descriptor.whitening import Whitening

WHOLE_BOX = np.array([[0, 0, 1, 1]], np.float32)


class TogetherHead:
    """A head that gives a descriptor and after it, flat, the patches of each level and the whole.

    The whole is seen at all levels of the descriptor, whose whitening its signature may share.
    """

    def __init__(self, head: DescriptorHead, words: Vocabulary | None, size: int) -> None:
        self._head, self._words, self._size = head, words, size
        levels = words.codebooks if words else ()
        self.levels = tuple(dict.fromkeys([*head.levels, *levels]))
        self.sizes = tuple(dict.fromkeys([*head.sizes, *([size] if words else [])]))
        self.dims = head.dims
        if words:
            lengths = sum(len(book.whitening.mean) for book in words.codebooks.values())
            self.dims += len(words.boxes) * lengths + head.length

    def __call__(self, maps: Mapping[int, Mapping[str, Tensor]]) -> Tensor:
        rows = [self._head({size: maps[size] for size in self._head.sizes})]
        if self._words:
            seen, power = maps[self._size], self._words.power
            for level in self._words.codebooks:
                rows.append(pool_patches(seen[level].float(), self._words.boxes, power).flatten(1))
            for level in self._head.levels:
                whole = pool_patches(seen[level].float(), WHOLE_BOX, power)
                rows.append(F.normalize(whole[:, 0], dim=1))
        return torch.cat(rows, 1)


def without_whitening(words: Vocabulary) -> Vocabulary:
    """The vocabulary for features that are whitened already."""

    def bare(book: Codebook) -> Codebook:
        dims = book.centers.shape[1]
        return replace(book, whitening=Whitening(np.zeros(dims, np.float32), np.eye(dims, dtype=np.float32)))

    books = {level: bare(book) for level, book in words.codebooks.items()}
    return replace(words, codebooks=books, signature=words.signature and bare(words.signature))
