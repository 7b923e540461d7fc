"""Strategies of image search: for each, the index of a gallery and the evidence for a match."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, Generic, TypeVar

import torch
from PIL import Image

from shared.core.weights import WeightsError
from shared.gallery.gallery import Gallery
from shared.gallery.index import Features, GalleryIndex, VectorGalleryIndex
from shared.gallery.snapshot import GallerySnapshot
from shared.retrieval.deepindex.gallery_index import WordGalleryIndex
from shared.retrieval.describer import (
    COLOR,
    DESCRIPTOR,
    Describer,
    DescriberWeights,
    Folders,
    ScoreCalibration,
)
from shared.retrieval.explanation.evidence import (
    Evidence,
    color_evidence,
    descriptor_evidence,
    word_evidence,
)

Index = TypeVar("Index", bound=GalleryIndex)


@dataclass(frozen=True, eq=False)
class Match:
    """Query and an image of the gallery that matches it.

    Attributes:
        query: Image, or the part of it that was searched with.
        image: Thumbnail of the match.
        image_id: Id of the match in the gallery.
        gallery: The searched gallery.
    """

    query: Image.Image
    image: Image.Image
    image_id: int
    gallery: Gallery


class SearchStrategy(ABC, Generic[Index]):
    """Strategy of an image search over the features of a describer.

    Attributes:
        describer: Describer of queries and images; strategies with the same one can search the same gallery.
        index_type: Type of vector index over descriptors, one of `shared.index.INDEX_TYPES`; None for a
            strategy that compares anything else.
        calibration: Calibration of the scores.
        requires_vocabulary: True if the strategy cannot work without a vocabulary.

    Args:
        describer: See above.
    """

    requires_vocabulary: ClassVar[bool] = False
    index_type: str | None = None
    calibration = ScoreCalibration()

    def __init__(self, describer: Describer) -> None:
        self.describer = describer

    @classmethod
    def load_describer(
        cls,
        *,
        describer: Describer | None = None,
        folder: str | os.PathLike | None = None,
        backbone_folders: Folders | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> Describer:
        """Return a describer for this strategy; strategies with the same weights share one.

        Args:
            describer: Describer that is loaded already, to be returned as it is.
            folder: Folder of the strategy's own weights: of the descriptor, or for visual words of the
                vocabulary.
            backbone_folders: Weights of the backbones, see `Extractor.load`.
            device: Device of the network; by default the best available.
            allow_hub: True if missing weights may be downloaded.

        Raises:
            WeightsError: Weights cannot be used, or do not fit together.
        """
        if describer is not None:
            return describer
        sources = DescriberWeights(
            head=None if cls.requires_vocabulary else folder,
            vocabulary=folder if cls.requires_vocabulary else None,
            backbone_folders=backbone_folders,
            device=device,
            allow_hub=allow_hub,
        )
        return Describer.shared(sources, require_vocabulary=cls.requires_vocabulary)

    def encode(self, image: Image.Image) -> Features:
        """Compute the features of a query, by default all of the describer."""
        return self.describer(image)

    def encode_stored(self, snapshot: GallerySnapshot, image_id: int) -> Features:
        """Return the features of an image of a gallery as a query, by default those that are stored."""
        return snapshot.image_features(image_id)

    @abstractmethod
    def new_index(self) -> Index:
        """Return an empty index of a gallery."""

    @abstractmethod
    def evidence(self, match: Match, index: Index) -> Evidence:
        """Find the evidence for a match.

        Args:
            match: Query and matched image.
            index: Index of the gallery.

        Raises:
            ImageError: The matched image is no longer in the gallery.
        """

    @abstractmethod
    def bytes_per_image(self, index: Index) -> float:
        """Return the mean bytes of an image in the memory of an index."""


class _VectorStrategy(SearchStrategy[VectorGalleryIndex]):
    """Strategy over one vector per image."""

    def bytes_per_image(self, index: VectorGalleryIndex) -> float:
        """Return the mean bytes of an image in the memory of an index."""
        return index.index.bytes_per_vector if index.index else 0.0


class DescriptorStrategy(_VectorStrategy):
    """Global descriptors in a vector index.

    Args:
        describer: Describer of the images.
        index_type: One of `shared.index.INDEX_TYPES`.
    """

    def __init__(self, describer: Describer, index_type: str = "exact") -> None:
        super().__init__(describer)
        self.index_type = index_type
        self.calibration = describer.calibration

    def new_index(self) -> VectorGalleryIndex:
        """Return an empty vector index over descriptors."""
        index_type = self.index_type or "exact"
        return VectorGalleryIndex(index_type, DESCRIPTOR, self.describer.descriptor_fingerprint)

    def evidence(self, match: Match, index: VectorGalleryIndex) -> Evidence:
        """Find the parts of both images that contribute to the cosine of their descriptors."""
        return descriptor_evidence(self.describer.extractor, match.query, match.image)


class VisualWordStrategy(SearchStrategy[WordGalleryIndex]):
    """DeepIndex, an inverted file over the visual words of patches.

    Args:
        describer: Describer with a vocabulary.
        levels: Number of the vocabulary's levels to use, the highest ones: 1 for a single index, 2 for a
            multiple index.
        signature: True adds the cosine of the whole images' signatures to the scores.

    Raises:
        WeightsError: The describer has no vocabulary.
    """

    requires_vocabulary = True

    def __init__(self, describer: Describer, levels: int = 2, *, signature: bool = True) -> None:
        super().__init__(describer)
        if describer.vocabulary is None:
            raise WeightsError(
                "There are no words for this network: learn them with "
                "`python -m shared.retrieval.train words`."
            )
        names = list(describer.vocabulary.codebooks)[-levels:]
        settings = describer.vocabulary.settings
        settings = replace(
            settings,
            assignments=settings.assignments[-levels:],
            signature=settings.signature if signature else 0.0,
        )
        self._vocabulary = replace(describer.vocabulary.select(*names), settings=settings)

    def new_index(self) -> WordGalleryIndex:
        """Return an empty inverted file."""
        return WordGalleryIndex(
            self._vocabulary,
            self.describer.to_bag,
            self.describer.patch_features,
            self.describer.model_fingerprint,
        )

    def evidence(self, match: Match, index: WordGalleryIndex) -> Evidence:
        """Find the patches of both images that share words."""
        query = self.describer(match.query)
        return word_evidence(index.patch_matches(match.gallery, query, match.image_id))

    def bytes_per_image(self, index: WordGalleryIndex) -> float:
        """Return the mean bytes of an image in the memory of an index."""
        return index.index.bytes_per_image()


class HistogramStrategy(_VectorStrategy):
    """Color histograms, all compared."""

    def new_index(self) -> VectorGalleryIndex:
        """Return an empty vector index over histograms, which depend on no weights."""
        return VectorGalleryIndex("exact", COLOR, None)

    def evidence(self, match: Match, index: VectorGalleryIndex) -> Evidence:
        """Find the colors that both images share."""
        return color_evidence(match.query, match.image)
