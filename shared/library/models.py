"""Models of a library: retrieval and cross-modal search, with the columns that hold their vectors."""

from __future__ import annotations

import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image

from shared.core.images import Source, open_image, shrink
from shared.core.scheduling import WorkerPool
from shared.crossmodal.embedders.embedder import IMAGE_FEATURE
from shared.crossmodal.engines import ENSEMBLE
from shared.crossmodal.query import Query
from shared.crossmodal.search import CrossModalSearch
from shared.gallery.search import EncodedQuery
from shared.retrieval.describer import ScoreCalibration
from shared.retrieval.descriptor.extractor import Extractor
from shared.retrieval.search import ImageSearch

#: Kinds of models.
IMAGE, TEXT = "image", "text"
#: First parts of the names of columns with vectors, by kind.
VECTOR_PREFIXES = {IMAGE: ("image_",), TEXT: ("text_", "features_")}
#: Engine of the first pass among those with the shortest vectors. For 408 texts and 1,000 photos of Flickr8k
#: all ten best of the default engine are among its twenty best.
FIRST_PASS = "itmeetsal"


@dataclass(frozen=True)
class ModelSpec:
    """Choice of a model; it can be pickled, and loads the model where it is needed.

    Attributes:
        kind: `IMAGE` or `TEXT`.
        engine: Name of an engine of `shared.retrieval.engines` or of `shared.crossmodal.engines`.
        folder: Weights in place of the engine's own.
    """

    kind: str
    engine: str
    folder: str | None = None

    def load(self) -> LibraryModel:
        """Load the model, or return the one that is in use in this process.

        Raises:
            ValueError: There is no such engine.
            WeightsError: The weights cannot be used.
        """
        with _load_lock:
            model = _loaded.get(self)
            if model is None:
                model = _loaded[self] = LOADERS[self.kind](self)
            return model


DEFAULT_MODELS = (ModelSpec(IMAGE, "exact"), ModelSpec(TEXT, ENSEMBLE))


class LibraryModel(ABC):
    """Model that describes photos for one kind of search. Calls may come from many threads at once.

    Attributes:
        spec: Choice that it was loaded for.
        fingerprint: 16 hexadecimal digits that identify the weights.
        worker_pool: Threads that describe images in parallel; None on other devices than the CPU.
        columns: Length of each vector of a photo, by the name of its column; the first is searched.
    """

    spec: ModelSpec
    fingerprint: str
    worker_pool: WorkerPool | None
    columns: dict[str, int]

    @property
    def column(self) -> str:
        """Name of the searched column."""
        return next(iter(self.columns))

    @abstractmethod
    def describe(self, images: Sequence[Image.Image]) -> list[dict[str, np.ndarray]]:
        """Return the vectors of RGB images by column, float16."""

    def tags(self, row: dict[str, np.ndarray]) -> list[str]:
        """Return the names of things that are probably in a described image; by default none."""
        return []

    @property
    def has_tags(self) -> bool:
        """True if `tags` returns any."""
        return self.spec.kind == TEXT


class ImageModel(LibraryModel):
    """Descriptors of image retrieval, of unit length."""

    def __init__(
        self, spec: ModelSpec, extractor: Extractor, calibration: ScoreCalibration, fingerprint: int
    ) -> None:
        self.spec, self.extractor, self.calibration = spec, extractor, calibration
        self.fingerprint = f"{fingerprint:016x}"
        self.worker_pool = extractor.worker_pool
        self.columns = {f"image_{self.fingerprint[:8]}": extractor.head.dims}

    @classmethod
    def load(cls, spec: ModelSpec) -> ImageModel:
        """Load the model of an engine of `shared.retrieval.engines`."""
        strategy = ImageSearch.load(spec.engine, folder=spec.folder).strategy
        fingerprint = int(strategy.describer.model_fingerprint[0])
        return cls(spec, strategy.describer.extractor, strategy.calibration, fingerprint)

    def describe(self, images: Sequence[Image.Image]) -> list[dict[str, np.ndarray]]:
        rows = self.extractor.batch(images).astype(np.float16)
        return [{self.column: row} for row in rows]

    def encode(self, image: Source) -> np.ndarray:
        """Return the descriptor of a query, float32 `[D]`.

        Raises:
            ImageError: The image cannot be used.
        """
        return self.extractor(image)


class TextModel(LibraryModel):
    """Vectors of cross-modal search: short ones for the first pass, and features for the engine's own scores.

    The vector of the default engine has 4,480 numbers, since it adds up the scores of three networks in two
    spaces. A library searches the vectors of the shortest engine of the same weights, and ranks the best of
    them by the chosen engine, whose vectors are computed from the features that all engines share.
    """

    def __init__(self, spec: ModelSpec, search: CrossModalSearch) -> None:
        self.spec, self.search, self.embedder = spec, search, search.embedder
        self.calibration = self.embedder.query_calibration(spec.engine)
        self.worker_pool = self.embedder.worker_pool
        # an image of a single color has all the shapes
        features = self.embedder.describe([Image.new("RGB", (64, 64))])[0][IMAGE_FEATURE]
        lengths = {
            engine: self.embedder.embed_features(features[None], engine).shape[1]
            for engine in self.embedder.engines
        }
        shortest = min(lengths, key=lambda engine: (lengths[engine], engine != FIRST_PASS))
        self.first_pass = spec.engine if lengths[spec.engine] <= lengths[shortest] else shortest
        self.fingerprint = f"{int(self.embedder.model_fingerprint[0]):016x}"
        suffix = f"{self.first_pass}_{self.fingerprint[:8]}"
        self.columns = {f"text_{suffix}": lengths[self.first_pass]}
        if self.first_pass != spec.engine:
            self.columns[f"features_{self.fingerprint[:8]}"] = len(features)

    @classmethod
    def load(cls, spec: ModelSpec) -> TextModel:
        """Load the model of an engine of `shared.crossmodal.engines`."""
        return cls(spec, CrossModalSearch.load(spec.engine, folder=spec.folder))

    @property
    def feature_column(self) -> str | None:
        """Name of the column with the features; None if the searched vectors are the engine's own."""
        names = list(self.columns)
        return names[1] if len(names) > 1 else None

    def describe(self, images: Sequence[Image.Image]) -> list[dict[str, np.ndarray]]:
        features = self.features(images)
        values = [self.embedder.embed_features(features, self.first_pass).astype(np.float16), features]
        return [
            {name: value[index] for name, value in zip(self.columns, values, strict=False)}
            for index in range(len(images))
        ]

    def features(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Return the features of RGB images that all engines share, float16 `[N, F]`."""
        described = self.embedder.describe([shrink(image) for image in images])
        return np.stack([row[IMAGE_FEATURE] for row in described])

    def tags(self, row: dict[str, np.ndarray]) -> list[str]:
        column = self.feature_column
        vector = self.scored(row[column][None])[0] if column else row[self.column].astype(np.float32)
        return [tag.name for tag in self.search.describer.tags(vector)]

    def scored(self, features: np.ndarray) -> np.ndarray:
        """Return the vectors of the engine from features, float32 `[N, D]`."""
        return self.embedder.embed_features(features, self.spec.engine)

    def encode(self, text: str, image: Source | None) -> tuple[np.ndarray, EncodedQuery]:
        """Encode a query for the first pass, float32 `[D]`, and for the engine.

        Raises:
            QueryError: The text cannot be used.
            ImageError: The image cannot be used.
        """
        query = Query(text, image=None if image is None else open_image(image))
        encoded = self.search.encode(query)
        if self.feature_column is None:
            return encoded.features[IMAGE_FEATURE], encoded
        return self._first_search.encode(query).features[IMAGE_FEATURE], encoded

    @cached_property
    def _first_search(self) -> CrossModalSearch:
        return CrossModalSearch(self.first_pass, self.embedder)


#: Loaders of models by kind.
LOADERS: dict[str, Callable[[ModelSpec], LibraryModel]] = {IMAGE: ImageModel.load, TEXT: TextModel.load}
_loaded: weakref.WeakValueDictionary[ModelSpec, LibraryModel] = weakref.WeakValueDictionary()
_load_lock = threading.Lock()
