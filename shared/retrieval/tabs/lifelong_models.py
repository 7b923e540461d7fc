"""Taught models of all visitors of a page, and the starter model that everybody begins with."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from PIL import Image

from shared.core import weights
from shared.core.errors import InputError
from shared.core.images import ImageError, open_image, shrink
from shared.core.uploads import UploadReader
from shared.retrieval.lifelong.photos import MAX_PHOTOS, MAX_SIDE
from shared.retrieval.lifelong.results import Progress, no_progress
from shared.retrieval.lifelong.samples import KNOWN, LESSONS, QUERIES, Sample, read_samples
from shared.ui.gallery.session_store import SessionStore
from shared.ui.gallery.visitor_key import session_key

if TYPE_CHECKING:  # needs torch, for which the first page must not wait
    from shared.retrieval.lifelong.search import LifelongSearch

WEIGHTS = "retrieval-lifelong"
MAX_MODELS = 16  # of all visitors, each of up to 70 MB
UNKNOWN_KEY = "There is no taught model behind this key, or no longer: please teach it again."


class LearnedModels:
    """Taught models of all visitors of a page.

    A visitor uses the starter model until the first lesson. The taught model is stored behind a secret key,
    which a page keeps in the visitor's session and a program may keep itself. It is deleted an hour after its
    last use, or when `MAX_MODELS` others were used since.

    Args:
        device: Device of the networks; by default the fastest.
    """

    def __init__(self, device: str | None = None) -> None:
        self._device = device
        self._models = SessionStore(self.starter, max_count=MAX_MODELS)
        self._lock = threading.Lock()
        self._starter: LifelongSearch | None = None

    def samples(self, group: str) -> list[Sample]:
        """Return the sample photos of a group; needs no network.

        Args:
            group: See `shared.retrieval.lifelong.samples.read_samples`.

        Raises:
            WeightsError: The starter model is not on this machine.
        """
        return self._samples[group]

    def starter(self, on_progress: Progress = no_progress) -> LifelongSearch:
        """Return the starter model, whose gallery is the sample photos of what it knows; never change it.

        Raises:
            WeightsError: Its weights cannot be used.
        """
        with self._lock:
            if self._starter is None:
                on_progress(0.0, "Loading the model")
                from shared.retrieval.lifelong.search import LifelongSearch  # deferred: it brings torch

                search, samples = LifelongSearch.load(WEIGHTS, device=self._device), self.samples(KNOWN)
                labels = [sample.label for sample in samples]

                def report(done: int) -> None:
                    on_progress(done / len(samples), "Looking at what it knows")

                search.add([sample.image for sample in samples], labels, labels, report)
                self._starter = search
            return self._starter

    def taught(self, session: str) -> LifelongSearch | None:
        """Return the taught model of a session, if there is one; loads nothing."""
        return self._models.get(session_key(session))

    def get(self, session: str, key: str = "", on_progress: Progress = no_progress) -> LifelongSearch:
        """Return a model to search with: of the key, else of the session, else the starter model.

        Raises:
            InputError: The key has no model.
        """
        model = self._models.get(key or session_key(session))
        if key and model is None:
            raise InputError(UNKNOWN_KEY)
        return self.starter(on_progress) if model is None else model

    def get_to_change(
        self, session: str, key: str = "", on_progress: Progress = no_progress
    ) -> LifelongSearch:
        """Return a model to change, at first a copy of the starter model; `keep` stores it afterwards.

        Raises:
            InputError: The key has no model.
        """
        model = self.get(session, key, on_progress)
        return model.fork() if model is self._starter else model

    def keep(self, model: LifelongSearch, session: str, key: str = "") -> str:
        """Store a changed model, and return its key."""
        key = key or session_key(session) or SessionStore.new_key()
        self._models.set(key, model)
        return key

    @cached_property
    def _samples(self) -> dict[str, list[Sample]]:
        folder = weights.find(WEIGHTS)
        return {group: read_samples(folder, group) for group in (KNOWN, LESSONS, QUERIES)}


def read_photos(paths: Sequence[str]) -> tuple[list[Image.Image], list[tuple[str, str]]]:
    """Read the photos of a lesson, made small, from files and ZIP archives.

    Args:
        paths: The files.

    Returns:
        The photos, mode RGB, and name and reason of each file that was skipped.

    Raises:
        InputError: Too many files, or none that can be used.
    """
    uploads = UploadReader(paths)
    if len(uploads) > MAX_PHOTOS:
        raise InputError(f"These are {len(uploads):,} photos; a lesson takes at most {MAX_PHOTOS}.")
    images: list[Image.Image] = []
    skipped: list[tuple[str, str]] = []
    for name, file in uploads:
        try:
            images.append(shrink(open_image(file), MAX_SIDE))
        except ImageError as error:
            skipped.append((name, str(error)))
    skipped += uploads.skipped
    if skipped and not images:
        raise InputError(skipped[0][1])
    return images, skipped
