"""Contract of the models behind cross-modal search, and the calibration of their scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from shared.core.calibration import prior_correction, probability
from shared.core.scheduling import WorkerPool
from shared.gallery.snapshot import GallerySnapshot

#: Name of the feature of an image in `Embedder.describe`; the value is part of saved galleries.
IMAGE_FEATURE = "picture"
#: Match probability, as if half of all pairs matched, from which on a match is possible. Chosen on validation
#: photos of things, of whose right answers fewer than 1 in 100 stay below, see
#: `shared.crossmodal.benchmarks.wording`.
POSSIBLE_PROBABILITY = 0.75
#: Number of images in the galleries for which thresholds are measured.
CALIBRATION_GALLERY_SIZE = 24


@dataclass(frozen=True)
class MatchCalibration:
    """Calibration from the scores of one engine to match probabilities.

    Attributes:
        scale: Slope of the logistic curve, see `shared.core.calibration.probability`.
        offset: Intercept of the logistic curve.
        threshold: Lowest match probability of a good match in a gallery of `gallery_size` images, as if half
            of all pairs matched; None where none has been measured.
        false_accept_rate: Fraction of queries without a match whose best hit in such a gallery reaches the
            threshold, 0..1; None where it has not been measured.
        gallery_size: See above.
        size_exponent: Power of the number of candidates that the odds of a match fall with. With 1, one of
            them is expected to match; less keeps the rate of false accepts in galleries of any size.
    """

    scale: float = 0.0
    offset: float = 0.0
    threshold: float | None = None
    false_accept_rate: float | None = None
    gallery_size: int = CALIBRATION_GALLERY_SIZE
    size_exponent: float = 1.0

    def probability(self, scores: np.ndarray | float, count: int | None = None) -> np.ndarray:
        """Return the probability that a text and an image with these scores match, 0..1.

        Args:
            scores: Dot products of their vectors.
            count: Number of candidates of which one is expected to match; None stands for even odds.
        """
        even_odds = probability(scores, self.scale, self.offset)
        return even_odds if count is None else self._corrected(even_odds, count)

    @property
    def corrected_threshold(self) -> float | None:
        """`threshold` converted to the scale of `probability(scores, count)`; None without a threshold."""
        if self.threshold is None:
            return None
        return float(self._corrected(self.threshold, self.gallery_size))

    @property
    def possible_threshold(self) -> float | None:
        """`POSSIBLE_PROBABILITY` on the same scale; None without a threshold."""
        if self.threshold is None:
            return None
        return float(self._corrected(min(POSSIBLE_PROBABILITY, self.threshold), self.gallery_size))

    def _corrected(self, even_odds: np.ndarray | float, count: int) -> np.ndarray:
        """Return probabilities among `count` candidates from those at even odds."""
        return prior_correction(even_odds, count**self.size_exponent)


@dataclass(frozen=True)
class WrittenSentence:
    """Sentence that a model wrote about an image.

    Attributes:
        text: The sentence.
        score: Logarithm of its probability over its length, see `shared.crossmodal.captioning`.
    """

    text: str
    score: float


class Embedder(ABC):
    """Model that maps images and texts into one vector space. Calls may come from many threads at once.

    It may offer several engines, which share what is computed once per image (`describe`). All vectors have
    length 1; the dot product of those of an image and a text is the score of an engine.

    A new model is a class derived from this one, or from
    `shared.crossmodal.embedders.hub_embedder.HubEmbedder`, and a row in `shared.crossmodal.engines`.

    Attributes:
        engines: Names of its engines.
        model_fingerprint: Number that identifies the weights, uint64 `[1]`, not 0, since 0 turns the check of
            galleries off.
        worker_pool: Threads on which `describe` runs faster in parallel; None where it does not.
        accepts_any_gallery: True if `gallery_vectors` also works for images that other weights described.
        english_only: True if it reads English alone: queries in the languages of
            `shared.crossmodal.text.dictionary` are then translated for it.
    """

    engines: tuple[str, ...]
    model_fingerprint: np.ndarray
    worker_pool: WorkerPool | None = None
    accepts_any_gallery: bool = False
    english_only: bool = True

    @abstractmethod
    def describe(self, images: Sequence[Image.Image]) -> list[dict[str, np.ndarray]]:
        """Compute the features that all engines of this model share, for `Gallery.add`.

        Args:
            images: RGB images.

        Returns:
            For each image `IMAGE_FEATURE`, float16 `[F]`, and `shared.gallery.index.FINGERPRINT`, uint64
            `[1]`.
        """

    def gallery_vectors(self, gallery: GallerySnapshot, ids: Sequence[int], engine: str) -> np.ndarray:
        """Return the vectors of images of a gallery, float32 `[N, D]`.

        Raises:
            MismatchError: The images cannot be embedded.
        """
        return self.embed_features(gallery.features(IMAGE_FEATURE, ids)[1], engine)

    def embed_images(self, images: Sequence[Image.Image], engine: str) -> np.ndarray:
        """Return the vectors of RGB images, float32 `[N, D]`."""
        return self.embed_features(np.stack([row[IMAGE_FEATURE] for row in self.describe(images)]), engine)

    @abstractmethod
    def embed_features(self, features: np.ndarray, engine: str) -> np.ndarray:
        """Return the vectors of images, float32 `[N, D]`.

        Args:
            features: `IMAGE_FEATURE` of the images, `[N, F]`.
            engine: One of `engines`, as in all other methods.
        """

    @abstractmethod
    def embed_regions(self, image: Image.Image, engine: str) -> np.ndarray:
        """Return the vectors of overlapping regions on a square grid, row by row, float32 `[cells^2, D]`.

        Args:
            image: RGB image.
            engine: See `embed_features`.
        """

    @abstractmethod
    def embed_texts(self, texts: Sequence[str], engine: str) -> np.ndarray:
        """Return the vectors of texts of any length and script, float32 `[N, D]`.

        Args:
            texts: Texts; each may be empty.
            engine: See `embed_features`.
        """

    @abstractmethod
    def calibration(self, engine: str) -> MatchCalibration:
        """Return the calibration of the scores of an engine."""

    def query_calibration(self, engine: str) -> MatchCalibration:
        """Return the calibration of the scores of texts that `evidence` has been added to."""
        return self.calibration(engine)

    def has_evidence(self, engine: str) -> bool:
        """Return True if `evidence` says more than the vectors do; by default it does not."""
        return False

    def evidence(self, text: str, features: np.ndarray, engine: str) -> np.ndarray:
        """Return what the score of a text and each of some images gains by a slower comparison.

        Args:
            text: See `embed_texts`.
            features: `IMAGE_FEATURE` of the images, `[N, F]`.
            engine: See `embed_features`.

        Returns:
            float32 `[N]`; by default zeros.
        """
        return np.zeros(len(features), np.float32)

    def write_sentences(self, features: np.ndarray) -> tuple[WrittenSentence, ...]:
        """Write sentences about an image, the likeliest first; by default none.

        Args:
            features: `IMAGE_FEATURE` of the image, `[F]`.
        """
        return ()

    def unknown_words(self, texts: Sequence[str]) -> tuple[str, ...]:
        """Return the distinct content words of texts that the model's vocabulary lacks; by default none."""
        return ()
