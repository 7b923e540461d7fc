"""Galleries for tests, filled with images whose features are known."""

import numpy as np

from shared.gallery.gallery import Gallery
from tests.predictors import astronaut


def features(number):
    """Return a vector, a matrix of halves and a scalar that depend on a number."""
    return {
        "vector": np.full(8, number, np.float32),
        "table": np.full((3, 4), number, np.float16),
        "hash": np.array(2**63 + number, np.uint64),
    }


def filled(count=5, **limits):
    gallery = Gallery(**limits)
    for number in range(count):
        gallery.add(f"{number}.jpg", astronaut(60 + number, 40), features(number))
    return gallery
