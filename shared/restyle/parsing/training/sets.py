"""Possible classes of pixels, from labels and from what networks see."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from shared.evaluation.segmentation import VOID
from shared.restyle.parsing.training.examples import ANYTHING, BACKGROUND, PERSON, class_set
from shared.restyle.parsing.training.teachers import People

PERSON_LEVELS = 0.25, 0.7  # of BodyPix: below there is nobody, above is a person
MIN_PART_CERTAINTY = 0.6  # of a body part that restricts the classes
MIN_PREDICTED = 0.85  # share of a class among the possible ones that is taken for certain
MIN_POSSIBLE = 0.3  # probability of the possible classes together, below which a network is mistaken
RIM = 3  # pixels between the sure background and a person
VOC_PERSON = 15

_UPPER = class_set(["skin", "top", "outerwear", "dress", "accessory", "bag"])
#: Possible classes of the body parts of BodyPix: two of the face, eight of the arms, two hands, two of the
#: torso, four of the thighs, four of the shins, two feet.
PART_SETS = np.array(
    [
        *[class_set(["skin", "hair", "accessory"])] * 2,
        *[_UPPER] * 8,
        *[_UPPER] * 2,
        *[_UPPER | class_set(["hair", "bottom"])] * 2,
        *[class_set(["skin", "outerwear", "dress", "bottom", "legwear", "bag", "top"])] * 4,
        *[class_set(["skin", "dress", "outerwear", "bottom", "legwear", "shoes"])] * 4,
        *[class_set(["skin", "bottom", "legwear", "shoes"])] * 2,
    ],
    np.uint16,
)


def sets_of_classes(classes: np.ndarray) -> np.ndarray:
    """Return the sets of one class each, uint16; `VOID` becomes the set of all classes.

    >>> sets_of_classes(np.array([[0, 2, 255]], np.uint8)).tolist()
    [[1, 4, 2047]]
    """
    bits = np.uint16(1) << np.minimum(classes, 15).astype(np.uint16)
    return np.where(classes == VOID, np.uint16(ANYTHING), bits).astype(np.uint16)


def sets_of_voc(ids: np.ndarray) -> np.ndarray:
    """Return the sets of pixels with classes of PASCAL VOC: a person or the background.

    Args:
        ids: uint8 `[H, W]`, 15 a person, `VOID` unknown.
    """
    sets = np.where(ids == VOC_PERSON, PERSON, BACKGROUND)
    return np.where(ids == VOID, ANYTHING, sets).astype(np.uint16)


def sets_of_people(people: People) -> np.ndarray:
    """Return the sets of the pixels of any photo.

    Two networks must agree that there is nobody, or a person; a sure body part restricts the classes.

    Args:
        people: See `shared.restyle.parsing.training.teachers.People`.

    Returns:
        uint16 `[H, W]`.
    """
    low, high = PERSON_LEVELS
    near = ndimage.binary_dilation(people.deeplab, iterations=RIM)
    sets = np.full(people.deeplab.shape, ANYTHING, np.uint16)
    sets[(people.bodypix < low) & ~near] = BACKGROUND
    person = (people.bodypix > high) & people.deeplab
    return restrict_by_parts(np.where(person, np.uint16(PERSON), sets), people)


def restrict_by_parts(sets: np.ndarray, people: People) -> np.ndarray:
    """Intersect the sets of people's pixels with those of their body parts.

    Args:
        sets: uint16 `[H, W]`.
        people: See `shared.restyle.parsing.training.teachers.People`.
    """
    certain = (people.part_certainty > MIN_PART_CERTAINTY) & (people.bodypix > PERSON_LEVELS[1])
    restricted = sets & PART_SETS[people.part]
    usable = certain & (sets & BACKGROUND == 0) & (restricted > 0)
    return np.where(usable, restricted, sets).astype(np.uint16)


def narrow_sets(sets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Narrow sets to a single class where a network is sure of it.

    Lee, "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for Deep Neural Networks",
    ICML Workshops 2013, within the classes that a pixel may have.

    Args:
        sets: uint16 `[H, W]`.
        probabilities: float32 `[C, H, W]`.

    Returns:
        uint16 `[H, W]`; sets of which no class is sure stay.
    """
    bits = np.uint16(1) << np.arange(len(probabilities), dtype=np.uint16)
    possible = probabilities * ((sets & bits[:, None, None]) > 0)
    total = possible.sum(0)
    best = bits[possible.argmax(0)]
    certain = (possible.max(0) > MIN_PREDICTED * total) & (total > MIN_POSSIBLE)
    return np.where(certain, best, sets).astype(np.uint16)
