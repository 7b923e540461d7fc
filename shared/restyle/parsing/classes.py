"""Classes of clothes parsing, and the labels of data sets that belong to each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class OutfitClass(NamedTuple):
    """Class of a pixel.

    Attributes:
        name: Name in code and in the API.
        title: Name for visitors.
        color: Red, green and blue of an overlay, 0..255.
        ccp_labels: Labels of Clothing Co-Parsing (Yang, Luo and Lin, CVPR 2014) that it takes in.
    """

    name: str
    title: str
    color: tuple[int, int, int]
    ccp_labels: tuple[str, ...]


#: Classes in the order of the network's channels.
CLASSES = (
    OutfitClass("background", "Background", (0, 0, 0), ("null",)),
    OutfitClass("skin", "Skin", (246, 190, 150), ("skin",)),
    OutfitClass("hair", "Hair", (122, 72, 40), ("hair",)),
    OutfitClass(
        "top",
        "Top",
        (56, 142, 228),
        (
            *("blouse", "bra", "hoodie", "intimate", "jumper", "shirt", "sweater", "sweatshirt", "t-shirt"),
            *("swimwear", "top"),
        ),
    ),
    OutfitClass(
        "outerwear",
        "Jacket or coat",
        (228, 92, 60),
        ("blazer", "cape", "cardigan", "coat", "jacket", "suit", "vest"),
    ),
    OutfitClass("dress", "Dress", (214, 68, 158), ("bodysuit", "dress", "romper")),
    OutfitClass(
        "bottom",
        "Trousers or skirt",
        (52, 168, 102),
        ("jeans", "leggings", "panties", "pants", "shorts", "skirt"),
    ),
    OutfitClass("legwear", "Socks or tights", (120, 205, 190), ("socks", "stockings", "tights")),
    OutfitClass(
        "shoes",
        "Shoes",
        (250, 200, 40),
        (
            *("boots", "clogs", "flats", "heels", "loafers", "pumps", "sandals", "shoes", "sneakers"),
            "wedges",
        ),
    ),
    OutfitClass("bag", "Bag", (142, 98, 208), ("bag", "purse", "wallet")),
    OutfitClass(
        "accessory",
        "Hat, scarf or accessory",
        (164, 196, 36),
        (
            *("accessories", "belt", "bracelet", "earrings", "glasses", "gloves", "hat", "necklace", "ring"),
            *("scarf", "sunglasses", "tie", "watch"),
        ),
    ),
)
#: Names of the classes, by index.
NAMES = tuple(row.name for row in CLASSES)
#: Classes that are clothing, shoes or things that a person carries.
GARMENTS = NAMES[3:]


def class_index(name: str) -> int:
    """Return the index of a class.

    Raises:
        ValueError: There is no class of this name.

    >>> class_index("hair")
    2
    """
    if name not in NAMES:
        raise ValueError(f"unknown part {name!r}; there are {', '.join(NAMES)}")
    return NAMES.index(name)


def classes_of_ccp(label_names: Sequence[str]) -> np.ndarray:
    """Return the class of every label of Clothing Co-Parsing, uint8 `[labels]`.

    Args:
        label_names: Names of its labels, by id.

    Raises:
        KeyError: A label belongs to no class.

    >>> classes_of_ccp(["null", "jeans", "hat"]).tolist()
    [0, 6, 10]
    """
    indices = {label: index for index, row in enumerate(CLASSES) for label in row.ccp_labels}
    return np.array([indices[name] for name in label_names], np.uint8)


#: Labels of ATR, by id, with the class of each (Liang et al., "Deep Human Parsing with Active Template
#: Regression", TPAMI 2015). Jackets are among its upper clothes, and stockings are legs.
ATR_LABELS = {
    "Background": "background",
    "Hat": "accessory",
    "Hair": "hair",
    "Sunglasses": "accessory",
    "Upper-clothes": "top",
    "Skirt": "bottom",
    "Pants": "bottom",
    "Dress": "dress",
    "Belt": "accessory",
    "Left-shoe": "shoes",
    "Right-shoe": "shoes",
    "Face": "skin",
    "Left-leg": "skin",
    "Right-leg": "skin",
    "Left-arm": "skin",
    "Right-arm": "skin",
    "Bag": "bag",
    "Scarf": "accessory",
}


def classes_of_atr() -> np.ndarray:
    """Return the class of every label of ATR, int64 `[18]`.

    >>> classes_of_atr().tolist()
    [0, 10, 2, 10, 3, 6, 6, 5, 10, 8, 8, 1, 1, 1, 1, 1, 9, 10]
    """
    return np.array([class_index(name) for name in ATR_LABELS.values()])
