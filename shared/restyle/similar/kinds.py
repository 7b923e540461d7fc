"""Kinds of garments that can be searched: the classes of clothes, and all of them as one outfit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from shared.core.errors import InputError
from shared.restyle.parsing.classes import CLASSES, GARMENTS, class_index

if TYPE_CHECKING:  # brings scipy, for which the first page need not wait
    from shared.restyle.parsing.outfit import Outfit

#: Kind of all clothes of a person together.
OUTFIT = "outfit"
#: Kinds in the order of their numbers, which are part of saved galleries.
KINDS = (*GARMENTS, OUTFIT)
TITLES = {row.name: row.title for row in CLASSES if row.name in GARMENTS} | {OUTFIT: "Whole outfit"}


def kinds_of(outfit: Outfit) -> list[str]:
    """Return the kinds that a person wears: the outfit, if there is any garment, and these by size."""
    garments = [name for name in outfit.present() if name in GARMENTS]
    garments.sort(key=lambda name: -outfit.coverage(name))
    return [OUTFIT, *garments] if garments else []


def kind_mask(labels: np.ndarray, kind: str) -> np.ndarray:
    """Return the pixels of a kind, boolean `[h, w]`.

    Args:
        labels: uint8 `[h, w]`, classes of `shared.restyle.parsing.classes`.
        kind: One of `KINDS`.

    >>> kind_mask(np.array([[0, 1, 3, 6]], np.uint8), "outfit").tolist()
    [[False, False, True, True]]
    """
    return labels >= class_index(GARMENTS[0]) if kind == OUTFIT else labels == class_index(kind)


def check_kinds(kinds: Sequence[str]) -> None:
    """Check the names of kinds.

    Raises:
        InputError: There are none, or one is unknown.
    """
    names = ", ".join(KINDS)
    if not kinds:
        raise InputError(f"Please choose a garment: {names}.")
    for kind in kinds:
        if kind not in KINDS:
            raise InputError(f"There is no garment {kind!r}: please use {names}.")
