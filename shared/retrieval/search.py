"""Image retrieval: the pictures of a gallery that look like another, with any engine.

search = ImageSearch.load()
search.add("holiday/")
for hit in search("query.jpg").hits:
    print(hit.rank, hit.name, round(hit.score, 3))
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch

from shared.core import engines
from shared.core.images import Box, Source
from shared.core.weights import WeightsError
from shared.gallery.gallery import Gallery
from shared.gallery.index import GalleryIndex, MismatchError, VectorGallery
from shared.gallery.ingest import Added, Described, Given, Skipped
from shared.gallery.results import Hit, Results, check_settings, features_of
from shared.gallery.search import GalleryEngine
from shared.gallery.snapshot import Snapshot
from shared.retrieval.deepindex.gallery_index import WordGallery
from shared.retrieval.descriptor.describer import COLOR, DESCRIPTOR, HASH, Describer
from shared.retrieval.descriptor.extractor import Folders
from shared.retrieval.duplicates import near_duplicates
from shared.retrieval.engines import ENGINES
from shared.retrieval.explanation.explain import explain
from shared.retrieval.explanation.regions import Explanation

__all__ = ["Added", "Explanation", "Hit", "ImageSearch", "MismatchError", "Results"]

_describers: weakref.WeakValueDictionary[tuple, Describer] = weakref.WeakValueDictionary()
_loading = threading.Lock()


class ImageSearch(GalleryEngine):
    """Searches galleries. `ImageSearch.load` makes one; calls may come from many threads at once.

    All engines search what `describe` says of a picture: a gallery that was filled with one can be searched
    with another.

    Attributes:
        engine: The name of the engine.
        gallery: What is searched where a call does not say.
        threshold: Score from which on a picture counts as a good match; None where the engine has none.
        grades: What scores mean in words; None where the engine has no words.
        describer: What describes pictures.

    Args:
        engine: See above; one of `shared.retrieval.engines.ENGINES`.
        describer: See above.
        gallery: See above; by default a new one.

    Raises:
        ValueError: There is no such engine.
        WeightsError: The engine needs words, and the describer has none.
    """

    def __init__(self, engine: str, describer: Describer, gallery: Gallery | None = None) -> None:
        engines.find(ENGINES, engine)
        if engine.startswith("deepindex") and describer.words is None:
            raise WeightsError(
                "There are no words for this network: learn with `python -m shared.retrieval.train words`."
            )
        super().__init__(engine, gallery)
        self.describer = describer
        if _by_descriptor(engine):
            self.threshold, self.grades = describer.threshold, describer.grades

    @classmethod
    def load(
        cls,
        name: str = "exact",
        *,
        folder: str | os.PathLike | None = None,
        network: Folders | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
        gallery: Gallery | None = None,
    ) -> ImageSearch:
        """Loads an engine. Engines that describe pictures in the same way share what does it.

        Args:
            name: One of `shared.retrieval.engines.ENGINES`.
            folder: Weights to use in place of the engine's own: a trained descriptor, or for DeepIndex its
                words.
            network: Weights of the network, or of each of several, to use in place of its own.
            device: Where the network runs; by default the best there is.
            allow_hub: Whether weights that are not on this machine may be downloaded.
            gallery: What is searched where a call does not say; by default a new one.

        Raises:
            ValueError: There is no such engine.
            WeightsError: Weights cannot be used, or do not go together.
        """
        engines.find(ENGINES, name)
        words = name.startswith("deepindex")
        own = {"words" if words else "head": folder, "network": network, "device": device}
        key = tuple((kind, str(value)) for kind, value in sorted(own.items()) if value is not None)
        with _loading:
            describer = _describers.get(key)
            if describer is None or (words and describer.words is None):
                describer = Describer.load(**own, allow_hub=allow_hub, need_words=words)
                _describers[key] = describer
        return cls(name, describer, gallery)

    def describe(self, image: Source, box: Box | None = None) -> dict[str, np.ndarray]:
        """All that any engine wants to know of a picture, for `Gallery.add`; see `Describer`.

        Args:
            image: Anything that `shared.core.images.open_image` takes.
            box: A part of it: left, top, right and bottom in pixels; by default the whole.

        Raises:
            ImageError: The picture cannot be used, or the box has no part in it.
        """
        return self.describer(image, box)

    @property
    def made(self) -> np.ndarray:
        """Which weights describe pictures; see `Describer`."""
        return self.describer.made

    def stream(
        self, photos: Iterable[tuple[str, Given]], skipped: Skipped, *, ahead: int = 8
    ) -> Iterator[Described]:
        """Describes many pictures; see `Describer.stream`."""
        return self.describer.stream(photos, skipped=skipped, ahead=ahead)

    def __call__(
        self,
        image: Source,
        box: Box | None = None,
        count: int = 20,
        least: float | None = None,
        hide_duplicates: bool = False,
        gallery: Gallery | None = None,
    ) -> Results:
        """Finds the pictures that are most like another.

        Args:
            image: Anything that `shared.core.images.open_image` takes.
            box: The part of it to search with: left, top, right and bottom in pixels; by default the whole.
            count: How many hits at most, 1..1000.
            least: Leave out what has a lower score.
            hide_duplicates: Whether to show one of several pictures that are the same but for small changes.
            gallery: What to search; by default the own one.

        Raises:
            ImageError: The picture cannot be used, or the box has no part in it.
            ValueError: `count` or `least` is out of range.
            MismatchError: The gallery was described with other weights.
        """
        started = time.perf_counter()
        check_settings(count, least)
        query, groups = self.describe(image, box), _duplicates if hide_duplicates else None
        return self._find(query, count, least, gallery, started, groups=groups)

    def like(
        self,
        id: int,
        count: int = 20,
        least: float | None = None,
        hide_duplicates: bool = False,
        gallery: Gallery | None = None,
    ) -> Results:
        """Finds the pictures that are most like one of the gallery, which itself is left out.

        Args:
            id: Of that picture.
            count: See `__call__`, as for all others.

        Raises:
            ImageError: There is no such picture.
            ValueError: `count` or `least` is out of range.
            MismatchError: The gallery was described with other weights.
        """
        started = time.perf_counter()
        check_settings(count, least)
        own, groups = self._or_own(gallery), _duplicates if hide_duplicates else None
        return self._find(features_of(own, id), count, least, own, started, without=id, groups=groups)

    def explain(
        self, image: Source, id: int, box: Box | None = None, gallery: Gallery | None = None
    ) -> Explanation:
        """Shows why a picture of the gallery looks like another: which regions of the two match.

        Args:
            image: What was searched with; anything that `shared.core.images.open_image` takes.
            id: Of the picture that was found.
            box: The part of `image` that was searched with; by default the whole.
            gallery: What was searched; by default the own one.

        Raises:
            ImageError: The picture cannot be used, the box has no part in it, or nothing is under the id.
            MismatchError: The gallery was described with other weights.
        """
        return explain(self, image, id, box, gallery)

    def make_index(self) -> GalleryIndex:
        """An empty index of this engine."""
        if self.engine == "histogram":
            return VectorGallery("exact", COLOR, None)
        if _by_descriptor(self.engine):
            return VectorGallery(self.engine, DESCRIPTOR, self.describer.made * np.array([1, 0], np.uint64))
        levels = list(self.describer.words.codebooks)
        settings = self.describer.settings
        if self.engine == "deepindex-single":
            levels, settings = levels[-1:], replace(settings, assignments=settings.assignments[-1:])
        if self.engine != "deepindex-signature":
            settings = replace(settings, signature=0.0)
        return WordGallery(self.describer, levels, settings)


def _by_descriptor(engine: str) -> bool:
    return ENGINES[engine].weights == "retrieval-descriptor"


def _duplicates(gallery: Snapshot, ids: Sequence[int]) -> list[int]:
    """For each picture the number of its group of near duplicates."""
    if not ids:
        return []
    return near_duplicates(gallery.features(HASH, ids)[1], gallery.features(DESCRIPTOR, ids)[1]).tolist()
