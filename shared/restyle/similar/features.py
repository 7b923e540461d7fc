"""Features of the garments in an image, as a gallery keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from shared.gallery.snapshot import GallerySnapshot
from shared.restyle.parsing.outfit import Outfit
from shared.restyle.similar.descriptor import DESCRIPTOR_DIM
from shared.restyle.similar.kinds import KINDS, kind_mask

#: Names of features, which are part of saved galleries.
DESCRIPTORS, CODES, CLASS_MAP = "garments", "garment codes", "garment map"
MAX_GARMENTS = 16  # of an image; all images of a gallery have features of the same shape
MAP_SIDE = 96  # pixels of the map of classes, which is stretched over the image
PERSON_STEP = 16  # factor of a person's number in the map, above the number of classes


@dataclass(frozen=True, eq=False)
class GarmentFeatures:
    """Garments in an image.

    Attributes:
        descriptors: float16 `[MAX_GARMENTS, DESCRIPTOR_DIM]`, the largest person first; 0 for no garment.
        codes: uint8 `[MAX_GARMENTS, 2]`, number of the person and of the kind, both from 1; 0 where there is
            none.
        class_map: uint8 `[MAP_SIDE, MAP_SIDE]`, the class of a pixel plus `PERSON_STEP` times the number of
            the person; 0 for the background.
    """

    descriptors: np.ndarray
    codes: np.ndarray
    class_map: np.ndarray

    @classmethod
    def of(cls, people: Sequence[tuple[Outfit, Mapping[str, np.ndarray]]]) -> GarmentFeatures:
        """Collect the garments of people.

        Args:
            people: What each person wears, and the descriptors by kind, the largest person first.
        """
        descriptors = np.zeros((MAX_GARMENTS, DESCRIPTOR_DIM), np.float16)
        codes = np.zeros((MAX_GARMENTS, 2), np.uint8)
        class_map = np.zeros((MAP_SIDE, MAP_SIDE), np.uint8)
        rows = [
            (number, KINDS.index(kind) + 1, vector)
            for number, (_, vectors) in enumerate(people, start=1)
            for kind, vector in vectors.items()
        ]
        for row, (number, code, vector) in enumerate(rows[:MAX_GARMENTS]):
            descriptors[row], codes[row] = vector, (number, code)
        for number, (outfit, _) in enumerate(people, start=1):
            small = Image.fromarray(outfit.labels).resize((MAP_SIDE, MAP_SIDE), Image.Resampling.NEAREST)
            classes = np.asarray(small)
            class_map = np.where(classes > 0, classes + np.uint8(PERSON_STEP * number), class_map)
        return cls(descriptors, codes, class_map)

    @classmethod
    def from_snapshot(cls, snapshot: GallerySnapshot, id: int) -> GarmentFeatures:
        """Read the garments of an image of a gallery.

        Raises:
            ImageNotFoundError: The gallery has no such image.
            KeyError: The gallery was described without garments.
        """
        return cls(*(snapshot.feature(name, id) for name in (DESCRIPTORS, CODES, CLASS_MAP)))

    def as_dict(self) -> dict[str, np.ndarray]:
        """Return the features by name, for `Gallery.add`."""
        return {DESCRIPTORS: self.descriptors, CODES: self.codes, CLASS_MAP: self.class_map}

    def garments(self) -> list[tuple[int, str, np.ndarray]]:
        """Return the number of the person, the kind, and the descriptor, float32, of each garment."""
        return [
            (int(number), KINDS[code - 1], vector.astype(np.float32))
            for (number, code), vector in zip(self.codes.tolist(), self.descriptors, strict=True)
            if number
        ]

    def best_person(self, query: Mapping[str, np.ndarray]) -> int:
        """Return the number of the person whose garments are most similar, from 1; 0 if nobody wears all.

        Args:
            query: Descriptors by kind.
        """
        scores: dict[int, list[float]] = {}
        for number, kind, vector in self.garments():
            if kind in query:
                scores.setdefault(number, []).append(float(vector @ query[kind]))
        complete = {number: sum(values) for number, values in scores.items() if len(values) == len(query)}
        return max(complete, key=lambda number: complete[number], default=0)

    def person(self, person: int) -> np.ndarray:
        """Return the pixels of a person, boolean `[MAP_SIDE, MAP_SIDE]`."""
        return self.class_map // PERSON_STEP == person

    def mask(self, person: int, kinds: Sequence[str]) -> np.ndarray:
        """Return the pixels of some kinds of a person, boolean `[MAP_SIDE, MAP_SIDE]`."""
        classes = np.where(self.person(person), self.class_map % PERSON_STEP, 0)
        return np.any([kind_mask(classes, kind) for kind in kinds], 0)
