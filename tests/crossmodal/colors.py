"""A space that knows four colors by heart, for tests of what is built on top of spaces."""

import numpy as np
from PIL import Image

from shared.crossmodal.embedders.embedder import Embedder
from shared.crossmodal.text.normalization import unknown
from shared.crossmodal.text.tokenizer import split_words
from tests.crossmodal.conftest import COLORS

WORDS = [*COLORS, "wall", "dog"]


def picture(*cells, side=60):
    """A picture whose nine cells have these colors, row by row; of one color where one is given."""
    cells = cells * 9 if len(cells) == 1 else cells
    small = np.array([COLORS[name] for name in cells], np.uint8).reshape(3, 3, 3)
    return Image.fromarray(small).resize((side, side), Image.Resampling.NEAREST)


class ColorSpace(Embedder):
    """What `shared.crossmodal.embedders.joint_space.JointSpaceEmbedder` does, without a network."""

    worker_pool = None
    engines = ("ensemble", "rrf", "cyclematch", "itmeetsal")
    meant_for = 1
    own_galleries = True

    def __init__(self, made=7):
        self.model_fingerprint = np.array([made], np.uint64)

    def describe(self, pictures):
        return [{"picture": self._cells(one).mean(0), "made": self.model_fingerprint} for one in pictures]

    def gallery_vectors(self, gallery, ids, engine):
        return self.pictures(gallery.features("picture", ids)[1], engine)

    def pictures(self, rows, engine):
        # Engines differ in how they see white.
        rows = rows.astype(np.float32) * np.array([1, 1, 1, 0.5 if engine == "rrf" else 1], np.float32)
        return self._unit(rows)

    def regions(self, picture, engine):
        return self.pictures(self._cells(picture), engine)

    def texts(self, texts, engine):
        words = [split_words(text) for text in texts]
        return self._unit(np.array([[float(name in own) for name in COLORS] for own in words], np.float32))

    def unknown(self, texts):
        return tuple(unknown(texts, WORDS))

    def probability(self, scores, engine):
        return 1 / (1 + np.exp(-20 * (np.asarray(scores) - 0.6)))

    def threshold(self, engine):
        return 0.5

    @staticmethod
    def _cells(picture):
        """Of which color each of nine cells is, float16 `[9, colors]`."""
        palette = np.array(list(COLORS.values()), np.float32)
        cells = np.asarray(picture.resize((3, 3), Image.Resampling.BOX), np.float32).reshape(9, 1, 3)
        nearest = np.abs(cells - palette).sum(-1)
        return (nearest == nearest.min(1, keepdims=True)).astype(np.float16)

    @staticmethod
    def _unit(rows):
        rows = np.asarray(rows, np.float32) + 1e-3
        return rows / np.linalg.norm(rows, axis=-1, keepdims=True)
