"""Models of a library without networks: color histograms, and four colors by heart."""

import time
import weakref
from types import SimpleNamespace

import numpy as np

from shared.core.images import open_image
from shared.core.scheduling import WorkerPool
from shared.crossmodal.search import CrossModalSearch
from shared.library import models
from shared.library.serve.searcher import Searcher
from shared.retrieval.describer import ScoreCalibration
from shared.retrieval.histogram import color_histogram
from tests.crossmodal.color_embedder import ColorEmbedder


class ColorExtractor:
    """Extractor of color histograms.

    Attributes:
        described: Number of images that were described.
        delay: Seconds that an image takes.
    """

    head = SimpleNamespace(dims=128)
    worker_pool = WorkerPool(2)

    def __init__(self, delay=0.0):
        self.described, self.delay = 0, delay

    def __call__(self, image):
        return color_histogram(open_image(image))

    def batch(self, images):
        self.described += len(images)
        time.sleep(self.delay)
        return np.stack([color_histogram(image) for image in images]).astype(np.float32)


def load_models(extractor, fingerprint=7):
    """Return loaders of both kinds of models."""

    def load_text(spec):
        return models.TextModel(spec, CrossModalSearch(spec.engine, ColorEmbedder(fingerprint)))

    def load_image(spec):
        return models.ImageModel(spec, extractor, ScoreCalibration(), fingerprint << 40)

    return {models.IMAGE: load_image, models.TEXT: load_text}


def replace_models(extractor, fingerprint=7, attribute=setattr):
    """Let libraries load these models in place of the project's.

    Args:
        extractor: Extractor of images.
        fingerprint: Number of the weights.
        attribute: `setattr`, or that of pytest's `monkeypatch`.
    """
    attribute(models, "LOADERS", load_models(extractor, fingerprint))
    attribute(models, "_loaded", weakref.WeakValueDictionary())


class FakeSearcher(Searcher):
    """Search of a replica with these models, which takes a moment, so that a replica can die meanwhile."""

    def __init__(self, uri):
        replace_models(ColorExtractor())
        super().__init__(uri)

    def search(self, image, text, top_k, where):
        time.sleep(0.2)
        return super().search(image, text, top_k, where)
