"""Lifelong search: a retrieval model that is taught new classes and still finds the old ones.

search = LifelongSearch.load()
search.learn(photos, ["my cat"] * len(photos))
for hit in search.search("query.jpg"):
    print(hit.rank, hit.label, round(hit.score, 3))
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch

from shared.core import weights
from shared.core.errors import InputError
from shared.core.images import Source, open_image, shrink
from shared.core.models import load_on_device
from shared.networks.lifelong.embedder import EmbeddingNetwork
from shared.retrieval.lifelong.gallery import LearnedGallery
from shared.retrieval.lifelong.lesson import Lesson, LessonSettings, teach
from shared.retrieval.lifelong.lesson_photos import VIEW_SHARE, LessonPhotos
from shared.retrieval.lifelong.memory import Learner, Memory
from shared.retrieval.lifelong.methods import DEFAULT_METHOD, METHODS
from shared.retrieval.lifelong.model_file import read_model, write_model
from shared.retrieval.lifelong.photos import MAX_SIDE, check_labels
from shared.retrieval.lifelong.recall_curve import RecallCurve
from shared.retrieval.lifelong.results import LearnedHit, LessonReport, Progress, Recall, no_progress
from shared.retrieval.lifelong.teacher import embed
from shared.retrieval.lifelong.views import center_view, compute_views

WEIGHTS = "retrieval-lifelong"
BATCH = 40  # photos of a step
STEPS_PER_CLASS, MIN_STEPS, MAX_STEPS = 6, 60, 200
RATE = 1e-4  # lower than with many classes: the photos of one thing teach little about all others
MEASUREMENTS = 8  # of recall during a lesson
MAX_UNDO = 3
BUSY = "A lesson is going on: wait for its end, or stop it."


class LifelongSearch:
    """Search in images by a network that is taught. Safe to call from many threads.

    Searches go on during a lesson, with the network before it. Any other change during a lesson is refused.

    Args:
        learner: The starter network and its memory.
        fingerprint: Identifies the starter's weights.
        gallery: Images to search; by default none.

    Attributes:
        learner: Present network and memory.
        gallery: Images to search.
    """

    def __init__(
        self, learner: Learner, fingerprint: str = "", gallery: LearnedGallery | None = None
    ) -> None:
        self._starter, self._fingerprint = learner, fingerprint
        self.learner, self.gallery = learner, gallery or LearnedGallery()
        self._before: tuple[EmbeddingNetwork, np.ndarray] | None = None
        self._history: list[tuple[bytes, LearnedGallery]] = []
        self._lock = threading.Lock()  # of the attributes, for moments
        self._change_lock = threading.Lock()  # of a whole lesson

    @classmethod
    def load(
        cls,
        name: str = WEIGHTS,
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> LifelongSearch:
        """Load the starter network.

        Args:
            name: Name of the weights, see `shared.core.weights.find`.
            folder: Path of the weight folder, if it is known.
            device: Device of the network, by default `shared.core.devices.default_device()`.
            allow_hub: True to download weights that are not on this machine.

        Raises:
            WeightsError: The weights cannot be used.
        """
        network, path = load_on_device(
            EmbeddingNetwork, name, folder=folder, device=device, allow_hub=allow_hub
        )
        config = weights.read_config(path)
        memory = Memory(tuple(config["class_names"]), config["images"])
        return cls(Learner(network, memory), weights.digest(path))

    def fork(self) -> LifelongSearch:
        """Return a search of its own that starts from the same network and gallery."""
        with self._lock:
            copy = LifelongSearch(self._starter, self._fingerprint, self.gallery)
            copy.learner = self.learner
            return copy

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes that the network was taught."""
        return self.learner.memory.classes

    @property
    def new_classes(self) -> tuple[str, ...]:
        """Names of those that the starter network does not know."""
        starter = set(self._starter.memory.classes)
        return tuple(name for name in self.classes if name not in starter)

    @property
    def can_undo(self) -> bool:
        """True if `undo` has something to undo."""
        return bool(self._history)

    @property
    def can_compare(self) -> bool:
        """True if `search` can use the network before the last lesson."""
        return self._before is not None

    def embed(self, images: Sequence[Source]) -> np.ndarray:
        """Compute vectors of images.

        Args:
            images: Anything that `shared.core.images.open_image` takes.

        Returns:
            float32 `[N, D]`, of length 1.

        Raises:
            ImageError: An image cannot be used.
        """
        network = self.learner.network
        if not images:
            return np.zeros((0, network.embed.out_features), np.float32)
        views = compute_views(network, map(open_image, images), [0] * len(images), center_view)
        unit: np.ndarray = embed(network, views.maps[:, 0]).unit.numpy()
        return unit

    def add(
        self,
        images: Sequence[Source],
        names: Sequence[str],
        labels: Sequence[str] | None = None,
        on_image: Callable[[int], None] = lambda done: None,
    ) -> None:
        """Add images to the gallery; the network learns nothing from them.

        Args:
            images: N images.
            names: N names for people.
            labels: N names of classes, where they are known; recall is measured with these images.
            on_image: Called with the number of images so far; may raise to stop.

        Raises:
            ImageError: An image cannot be used; none is added.
            InputError: A lesson is going on.
        """
        if not images:
            return
        with self._changing():
            network = self.learner.network
            opened = [shrink(open_image(image), MAX_SIDE) for image in images]
            views = compute_views(network, opened, [0] * len(opened), center_view, on_image)
            labels = list(labels) if labels is not None else [""] * len(opened)
            queries = [label != "" for label in labels]
            gallery = self.gallery.add(opened, names, labels, views.maps[:, 0], network, queries)
            with self._lock:
                self.gallery, self._before = gallery, None

    def search(self, image: Source, top_k: int = 10, *, before: bool = False) -> list[LearnedHit]:
        """Find the most similar images of the gallery.

        Args:
            image: The query.
            top_k: Largest number of hits.
            before: True to search with the network before the last lesson.

        Returns:
            The hits, best first.

        Raises:
            ImageError: The image cannot be used.
            InputError: There was no lesson, for `before`.
        """
        with self._lock:
            gallery, network, vectors = self.gallery, self.learner.network, self.gallery.vectors
            if before:
                if self._before is None:
                    raise InputError("There is nothing to compare with: teach it something first.")
                network, vectors = self._before
        if not gallery.images:
            return []
        views = compute_views(network, [open_image(image)], [0], center_view)
        scores = vectors @ embed(network, views.maps[:, 0]).unit.numpy()[0]
        order = np.argsort(-scores, kind="stable")[: max(top_k, 0)]
        return [
            LearnedHit(
                int(index),
                rank,
                float(scores[index]),
                gallery.images[index].name,
                gallery.images[index].label,
            )
            for rank, index in enumerate(order, start=1)
        ]

    def learn(
        self,
        images: Sequence[Source],
        labels: Sequence[str],
        method: str = DEFAULT_METHOD,
        *,
        settings: LessonSettings | None = None,
        on_progress: Progress = no_progress,
        on_recall: Callable[[Recall], None] = lambda recall: None,
    ) -> LessonReport:
        """Teach new classes; the images join the gallery afterwards.

        A quarter of each class is held out, and recall is measured with it. A lesson that fails or is stopped
        leaves everything as it was.

        Args:
            images: Photos of the new classes, at least `shared.retrieval.lifelong.photos.MIN_PHOTOS` of each.
            labels: Name of the class of each photo.
            method: One of `shared.retrieval.lifelong.methods.METHODS`.
            settings: Settings of the lesson; by default they follow from its size.
            on_progress: See `Progress`.
            on_recall: Called with each measurement of recall.

        Raises:
            ImageError: A photo cannot be used.
            InputError: Too few photos, a class that is known already, photos that show nothing, or a lesson
                is going on.
            ValueError: There is no such method, or it needs what the memory lacks.
        """
        if method not in METHODS:
            raise ValueError(f"the method must be one of {', '.join(METHODS)}, got {method!r}")
        started = time.perf_counter()
        labels = check_labels(labels, self.classes)  # before any photo is opened
        with self._changing():
            opened = [shrink(open_image(image), MAX_SIDE) for image in images]
            photos = LessonPhotos.choose(opened, labels)
            learner, gallery = self.learner, self.gallery
            centers, views = photos.compute_views(learner, on_progress)
            settings = settings or lesson_settings(len(photos.classes))
            larger = photos.add_to(gallery, centers, learner.network)
            curve = RecallCurve(larger, photos.classes, on_recall)
            curve.measure(0, learner.network)
            interval = max(settings.steps // MEASUREMENTS, 1)

            def on_step(step: int, student: EmbeddingNetwork) -> None:
                on_progress(VIEW_SHARE + (1 - VIEW_SHARE) * step / settings.steps, "Learning")
                if step % interval == 0 and step < settings.steps:
                    curve.measure(step, student.eval())

            def on_dream(step: int) -> None:
                on_progress(VIEW_SHARE, f"Dreaming up old things, {step} of {settings.dream_steps}")

            lesson = Lesson(views, photos.classes, METHODS[method], settings)
            taught = teach(learner, lesson, on_step, on_dream)
            described = photos.add_to(gallery.describe(taught.network), centers, taught.network)
            curve.measure(settings.steps, taught.network)
            before = larger.describe(learner.network).vectors
            with self._lock:
                self._remember_state()
                self.learner, self.gallery = taught, described
                self._before = learner.network, before
        return LessonReport(
            method,
            photos.classes,
            len(views),
            tuple(curve.points),
            curve.forgotten(before, described.vectors),
            time.perf_counter() - started,
        )

    def undo(self) -> None:
        """Go back to the network and the gallery before the last lesson.

        Raises:
            InputError: There is no lesson to undo, or a lesson is going on.
        """
        with self._changing():
            if not self._history:
                raise InputError("There is no lesson to undo.")
            state, gallery = self._history[-1]
            learner = self._read(state)
            with self._lock:
                del self._history[-1]
                self.learner, self.gallery, self._before = learner, gallery, None

    def save(self) -> bytes:
        """Return the file of the taught network, safetensors with its classes; without any photo."""
        return write_model(self.learner, self._fingerprint)

    def restore(self, path: str | os.PathLike) -> None:
        """Replace the network by a taught one; the gallery stays and is described anew.

        Args:
            path: File that `save` returned.

        Raises:
            InputError: The file cannot be used, or a lesson is going on.
        """
        with self._changing():
            learner = read_model(os.fspath(path), self._starter.network, self._fingerprint)
            gallery = self.gallery.describe(learner.network)
            with self._lock:
                self._remember_state()
                self.learner, self.gallery, self._before = learner, gallery, None

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Refuse other changes while the block runs.

        Raises:
            InputError: One is going on.
        """
        if not self._change_lock.acquire(blocking=False):
            raise InputError(BUSY)
        try:
            yield
        finally:
            self._change_lock.release()

    def _remember_state(self) -> None:
        """Keep the present state for `undo`."""
        self._history.append((self.save(), self.gallery))
        del self._history[:-MAX_UNDO]

    def _read(self, state: bytes) -> Learner:
        """Return the network of a file in memory."""
        with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
            file.write(state)
            file.flush()
            return read_model(file.name, self._starter.network, self._fingerprint)


def lesson_settings(classes: int) -> LessonSettings:
    """Return the settings of a lesson of some classes."""
    steps = min(max(STEPS_PER_CLASS * classes, MIN_STEPS), MAX_STEPS)
    batch = min(classes, LessonSettings.classes)
    images = max(BATCH // batch, LessonSettings.images)
    return LessonSettings(steps=steps, images=images, rate=RATE)
