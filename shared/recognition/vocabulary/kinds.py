"""Everyday kinds of classes: the coarse answer where the exact one is in doubt."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shared.recognition.vocabulary.class_names import ClassName

#: Kinds that people say; WordNet has many more, such as "ungulate" or "instrument".
EVERYDAY_KINDS = frozenset(
    {
        *("animal", "mammal", "bird", "fish", "insect", "reptile", "amphibian", "crustacean", "shellfish"),
        *("dog", "cat", "bear", "monkey", "ape", "snake", "lizard", "turtle", "crocodilian reptile", "frog"),
        *("shark", "duck", "parrot", "owl", "spider", "butterfly", "beetle", "rabbit", "rodent", "sheep"),
        *("horse", "cattle", "antelope", "elephant", "whale", "fox", "wolf", "big cat"),
        *("vehicle", "car", "truck", "bus", "bicycle", "boat", "ship", "airplane", "aircraft", "train"),
        *("locomotive", "motorcycle", "watercraft", "motor vehicle", "public transport"),
        *("furniture", "chair", "table", "seat", "lamp", "computer", "keyboard", "clock", "timepiece"),
        *("musical instrument", "stringed instrument", "wind instrument", "percussion instrument", "guitar"),
        *("clothing", "garment", "footwear", "hat", "headdress", "shirt", "dress", "bag", "toy", "ball"),
        *("tool", "weapon", "gun", "knife", "kitchen utensil", "cooking utensil", "tableware", "bottle"),
        *("appliance", "home appliance", "electronic equipment", "sports equipment", "machine", "camera"),
        *("building", "house", "bridge", "shop", "store", "fence", "roof", "fruit", "vegetable"),
        *("fungus", "flower", "plant", "dish", "dessert", "bread", "sandwich", "beverage", "drink", "food"),
    }
)
#: Least probability of all classes of a kind together with which it is named: that of a class without doubt.
#: Of 52 photos of all sorts 18 were in doubt; 5 of these get a kind, which is right for 4 and near for 1.
MIN_PROBABILITY = 0.4


def likely_kind(probabilities: np.ndarray, names: Sequence[ClassName]) -> tuple[str, float] | None:
    """Return the most special everyday kind of the likeliest class that is probable enough.

    Args:
        probabilities: `[classes]`.
        names: Names of the classes, by id.

    Returns:
        The kind and the probability of its classes together; None if no kind has `MIN_PROBABILITY`.

    >>> names = [ClassName("pug", kinds=("dog", "animal")), ClassName("tabby", kinds=("cat", "animal"))]
    >>> likely_kind(np.array([0.375, 0.375]), names)
    ('animal', 0.75)
    """
    best = names[int(np.argmax(probabilities))]
    for kind in filter(EVERYDAY_KINDS.__contains__, (best.kind, *best.kinds)):
        members = [kind == entry.kind or kind in entry.kinds for entry in names]
        probability = float(probabilities[members].sum())
        if probability >= MIN_PROBABILITY:
            return kind, probability
    return None
