"""Drawn people, and functions in place of the networks that find what they wear."""

import numpy as np
from PIL import Image

from shared.matting.matte import Matte
from shared.restyle.parsing.classes import NAMES, class_index
from shared.restyle.parsing.outfit import Outfit
from shared.restyle.swap.result import OutfitSwap, Stage
from shared.restyle.tabs.changes import ChangeValues

SIZE = (120, 160)
#: Rows of each class of the people that `find_outfit` finds.
ROWS = {"hair": (8, 24), "skin": (24, 40), "top": (40, 90), "bottom": (90, 150)}
COLORS = {"hair": (60, 40, 20), "skin": (160, 110, 80), "top": (60, 80, 160), "bottom": (90, 60, 40)}
WALL = (200, 190, 170)


def draw_person(*columns):
    """Return an image with a person at each of some columns, left and right."""
    pixels = np.full((SIZE[1], SIZE[0], 3), WALL, np.uint8)
    for left, right in columns:
        for name, (top, bottom) in ROWS.items():
            pixels[top:bottom, left:right] = COLORS[name]
    noise = np.random.default_rng(0).integers(-4, 5, (*pixels.shape[:2], 1))
    return Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))


def find_outfit(image, parser="outfit"):
    """Return the outfit of an image by `draw_person`: all that is not the wall, by rows."""
    person = np.abs(np.asarray(image, int) - WALL).sum(2) > 60
    probabilities = np.zeros((len(NAMES), SIZE[1], SIZE[0]), np.float32)
    probabilities[0] = ~person
    for name, (top, bottom) in ROWS.items():
        probabilities[class_index(name), top:bottom] = person[top:bottom]
    return Outfit(image, probabilities.argmax(0).astype(np.uint8), probabilities, 0.1)


def find_subject(image):
    outfit = find_outfit(image)
    alpha = Image.fromarray(((outfit.labels > 0) * 255).astype(np.uint8))
    coverage = float((outfit.labels > 0).mean())
    return Matte(image, alpha, coverage, 0.9 if coverage else 0.0, 0.1)


def swap(person, engine, source, garments, strength):
    image = Image.blend(person, Image.new("RGB", person.size, "black"), strength / 2)
    return OutfitSwap(image, {name: name for name in garments}, [Stage("pose", "Pose", person)], 1.0, [], 0.1)


def values_of(tab, outputs):
    """Return the values of a tab's outputs by component."""
    return dict(zip(tab.outputs, outputs, strict=True))


def settings(tab, **changes):
    """Return the values of a tab's settings at the start, with changes by the name of the field."""
    names = list(ChangeValues.__dataclass_fields__)
    values = {name: item.value for name, item in zip(names, tab.panel.settings, strict=True)}
    return list((values | changes).values())
