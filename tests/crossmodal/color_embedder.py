"""Embedder that knows four colors by heart, in place of a network."""

import numpy as np
from PIL import Image

from shared.crossmodal.embedders.embedder import IMAGE_FEATURE, Embedder, MatchCalibration
from shared.crossmodal.text.words import split_words, unknown_words
from shared.gallery.index import FINGERPRINT
from tests.crossmodal.colors import COLORS

VOCABULARY = [*COLORS, "wall", "dog"]


def color_image(*cells, side=60):
    """Return an image of nine cells in these colors, row by row; of one color if there is one."""
    cells = cells * 9 if len(cells) == 1 else cells
    pixels = np.array([COLORS[name] for name in cells], np.uint8).reshape(3, 3, 3)
    return Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST)


class ColorEmbedder(Embedder):
    """Embedder whose vectors have one element for each color."""

    engines = ("ensemble", "rrf", "cyclematch", "itmeetsal")

    def __init__(self, fingerprint=7):
        self.model_fingerprint = np.array([fingerprint], np.uint64)

    def describe(self, images):
        return [
            {IMAGE_FEATURE: self._cells(image).mean(0), FINGERPRINT: self.model_fingerprint}
            for image in images
        ]

    def embed_features(self, features, engine):
        # Engines differ in the weight of white.
        weights = np.array([1, 1, 1, 0.5 if engine == "rrf" else 1], np.float32)
        return self.normalize(features.astype(np.float32) * weights)

    def embed_regions(self, image, engine):
        return self.embed_features(self._cells(image), engine)

    def embed_texts(self, texts, engine):
        words = [split_words(text) for text in texts]
        return self.normalize(np.array([[float(color in text) for color in COLORS] for text in words]))

    def unknown_words(self, texts):
        return unknown_words(texts, VOCABULARY)

    def calibration(self, engine):
        return MatchCalibration(20, -12, threshold=0.5, false_accept_rate=0.1, gallery_size=1)

    @staticmethod
    def normalize(rows):
        """Return rows of length 1, none of them zero."""
        rows = np.asarray(rows, np.float32) + 1e-3
        return rows / np.linalg.norm(rows, axis=-1, keepdims=True)

    @staticmethod
    def _cells(image):
        """Return the color of each of nine cells, one-hot, float16 `[9, colors]`."""
        palette = np.array(list(COLORS.values()), np.float32)
        cells = np.asarray(image.resize((3, 3), Image.Resampling.BOX), np.float32).reshape(9, 1, 3)
        distances = np.abs(cells - palette).sum(-1)
        return (distances == distances.min(1, keepdims=True)).astype(np.float16)
