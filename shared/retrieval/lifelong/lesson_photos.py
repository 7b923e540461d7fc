"""Photos of a lesson: their views for the network, and their place in the gallery."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from shared.networks.lifelong.embedder import EmbeddingNetwork
from shared.retrieval.lifelong.gallery import LearnedGallery
from shared.retrieval.lifelong.memory import Learner
from shared.retrieval.lifelong.photos import distinct_photos, hold_out
from shared.retrieval.lifelong.results import Progress
from shared.retrieval.lifelong.views import Views, center_view, compute_views, random_views

VIEWS = 4  # random views of a photo
VIEW_SHARE = 0.3  # of a lesson's time that the views take, for the progress


@dataclass(frozen=True)
class LessonPhotos:
    """Different photos of new classes, some of them held out to measure recall.

    Attributes:
        images: Photos of mode RGB.
        labels: Name of the class of each photo.
        held_out: True for the photos from which the network does not learn.
    """

    images: Sequence[Image.Image]
    labels: Sequence[str]
    held_out: Sequence[bool]

    @classmethod
    def choose(cls, images: Sequence[Image.Image], labels: Sequence[str]) -> LessonPhotos:
        """Leave out copies, and hold out a quarter of each class.

        Args:
            images: Photos of mode RGB.
            labels: Name of the class of each photo, from `shared.retrieval.lifelong.photos.check_labels`.

        Raises:
            InputError: Too few different photos of a class, or photos that show nothing.
        """
        distinct = distinct_photos(images, labels)
        labels = [labels[index] for index in distinct]
        return cls([images[index] for index in distinct], labels, hold_out(labels))

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their first photos."""
        return tuple(dict.fromkeys(self.labels))

    def compute_views(self, learner: Learner, on_progress: Progress) -> tuple[Views, Views]:
        """Compute the centers of all photos, and random views of those that are not held out.

        Args:
            learner: Network before the lesson, and its memory.
            on_progress: Called with shares up to `VIEW_SHARE`; may raise to stop.
        """
        rng = np.random.default_rng(0)
        network, classes = learner.network, [*learner.memory.classes, *self.classes]
        numbers = [classes.index(label) for label in self.labels]
        learned = [index for index, is_held_out in enumerate(self.held_out) if not is_held_out]
        total = len(self.images) + len(learned)

        def report(offset: int) -> Callable[[int], None]:
            return lambda done: on_progress(VIEW_SHARE * (offset + done) / total, "Looking at the photos")

        centers = compute_views(network, self.images, numbers, center_view, report(0))
        views = compute_views(
            network,
            [self.images[index] for index in learned],
            [numbers[index] for index in learned],
            lambda image: random_views(image, VIEWS, rng),
            report(len(self.images)),
        )
        return centers, views

    def add_to(self, gallery: LearnedGallery, centers: Views, network: EmbeddingNetwork) -> LearnedGallery:
        """Return a gallery with these photos as well.

        Args:
            gallery: Gallery that the network has described.
            centers: Centers of the photos, from `compute_views`.
            network: The network.
        """
        names = [f"{label} {index + 1}" for index, label in enumerate(self.labels)]
        return gallery.add(self.images, names, self.labels, centers.maps[:, 0], network, self.held_out)
