"""Drawn photos of people, and a parser that finds what they wear."""

import numpy as np
import torch
from PIL import Image
from torch import nn

from shared.restyle.parsing.classes import NAMES, class_index
from shared.restyle.parsing.outfit import Outfit

SIZE = (160, 220)
WALL = (200, 190, 170)
#: Rows of each class of the people that `find_outfit` finds.
ROWS = {"hair": (10, 30), "skin": (30, 50), "top": (50, 120), "bottom": (120, 200)}
RED, BLUE, GREEN, BLACK = (190, 30, 40), (40, 60, 180), (40, 130, 60), (25, 25, 28)


def draw_person(top, bottom=BLACK, columns=((50, 110),), size=SIZE):
    """Return a photo of people in a top and trousers of some colors, at each of some columns."""
    pixels = np.full((SIZE[1], SIZE[0], 3), WALL, np.uint8)
    colors = {"hair": (60, 40, 20), "skin": (160, 110, 80), "top": top, "bottom": bottom}
    for left, right in columns:
        for name, (first, last) in ROWS.items():
            if colors[name] is not None:
                pixels[first:last, left:right] = colors[name]
    noise = np.random.default_rng(sum(top)).integers(-4, 5, (*pixels.shape[:2], 1))
    return Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8)).resize(size)


def find_outfit(image):
    """Return the outfit of an image by `draw_person`: all that is not the wall, by rows."""
    small = np.asarray(image.resize(SIZE), int)
    person = np.abs(small - WALL).sum(2) > 60
    probabilities = np.zeros((len(NAMES), SIZE[1], SIZE[0]), np.float32)
    probabilities[0] = 1
    for name, (first, last) in ROWS.items():
        probabilities[class_index(name), first:last] = person[first:last]
        probabilities[0, first:last] = ~person[first:last]
    return Outfit(image, probabilities.argmax(0).astype(np.uint8), probabilities, 0.1)


class DrawnPeopleParser:
    """Parser of photos by `draw_person`."""

    def __init__(self, seed=0):
        torch.manual_seed(seed)
        self.network = nn.Linear(1, 1)

    def __call__(self, image):
        return find_outfit(image)
