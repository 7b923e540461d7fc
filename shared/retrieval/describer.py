"""Describer of gallery images: all features that any search strategy needs, from one pass of the network."""

from __future__ import annotations

import hashlib
import os
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from shared.core import weights
from shared.core.calibration import ConfidenceBands
from shared.core.images import Box, crop, shrink
from shared.gallery.index import FINGERPRINT, Features
from shared.gallery.ingest import DescribedImage, ImageInput, SkipCallback, decode_stream
from shared.retrieval.deepindex.patches import Bag, PatchHead, WholeImageHead
from shared.retrieval.deepindex.vocabulary import Vocabulary
from shared.retrieval.descriptor.extractor import HEAD, Extractor, Folders, MapHead, network_inputs
from shared.retrieval.duplicates import perceptual_hash
from shared.retrieval.histogram import color_histogram

#: Names of features; patches have one per level, see `patch_feature`.
DESCRIPTOR, COLOR, HASH, WHOLE_PATCH = "descriptor", "color", "hash", "patches whole"


_describers: weakref.WeakValueDictionary[tuple[str, ...], Describer] = weakref.WeakValueDictionary()
_load_lock = threading.Lock()


def patch_feature(level: str) -> str:
    """Return the name of the patch feature of a level."""
    return f"patches {level}"


@dataclass(frozen=True)
class DescriberWeights:
    """Origin of the weights of a describer.

    Attributes:
        head: Folder of the descriptor, by default `weights/retrieval-descriptor`; its configuration names the
            extractor that it was trained for.
        vocabulary: Folder of the vocabulary, by default `weights/retrieval-words`.
        backbone_folders: Folders of the backbones, see `Extractor.load`.
        device: Device of the network; by default the best available.
        allow_hub: True if missing weights may be downloaded.
    """

    head: str | os.PathLike | None = None
    vocabulary: str | os.PathLike | None = None
    backbone_folders: Folders | None = None
    device: str | torch.device | None = None
    allow_hub: bool = False


@dataclass(frozen=True)
class ScoreCalibration:
    """Calibration of the cosines of descriptors.

    Attributes:
        threshold: Score from which on two images match; None where none has been measured.
        false_accept_rate: Fraction of queries without a match in the gallery whose best hit reaches the
            threshold, 0..1; None where it has not been measured.
        confidence_bands: Bands of the scores; None where none have been measured.
    """

    threshold: float | None = None
    false_accept_rate: float | None = None
    confidence_bands: ConfidenceBands | None = None

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ScoreCalibration:
        """Read the calibration from the configuration of a descriptor."""
        bands = ConfidenceBands.from_config(config)
        return cls(config.get("threshold"), config.get("false_accepts"), bands)


class Describer:
    """Describer of images. Calls may come from many threads at once.

    Features of an image by name:

    * `descriptor`, float32 `[D]` of unit length: see `shared.retrieval.descriptor.extractor.Extractor`.
    * `color`, float32 `[128]` of unit length: see `shared.retrieval.histogram`.
    * `hash`, uint64 `[]`: see `shared.retrieval.duplicates`.
    * `made`, uint64 `[2]`: fingerprints of the weights of descriptor and patches; 0 for no patches.
    * `patches LEVEL`, float16 `[P, D]`, and `patches whole`, float16 `[D]`: patches and whole image after the
      whitening of DeepIndex's codebooks. A patch without positive values is 0.

    Attributes:
        extractor: Extractor of descriptors.
        vocabulary: Vocabulary for the patches as they are stored, which are whitened already; None without
            patches.
        calibration: Calibration of the cosines of descriptors.
        model_fingerprint: Feature `made` of every image that it describes.

    Args:
        extractor: See above.
        vocabulary: Vocabulary as it was learned.
        calibration: See above; by default there is none.
    """

    def __init__(
        self,
        extractor: Extractor,
        vocabulary: Vocabulary | None = None,
        calibration: ScoreCalibration | None = None,
    ) -> None:
        self.extractor = extractor
        self.calibration = calibration or ScoreCalibration()
        self.vocabulary = vocabulary and vocabulary.without_whitening()
        self._heads: dict[str, MapHead] = {DESCRIPTOR: extractor.head}
        self._whitenings: dict[str, _TorchWhitening | None] = {}
        self._sizes = extractor.head.sizes
        if vocabulary:
            boxes, power, size = vocabulary.boxes, vocabulary.power, vocabulary.size
            self._sizes = tuple(dict.fromkeys([*self._sizes, size]))
            for level, codebook in vocabulary.codebooks.items():
                self._heads[patch_feature(level)] = PatchHead(level, boxes, power, size)
                self._whitenings[patch_feature(level)] = _TorchWhitening(
                    codebook.whitening.mean, codebook.whitening.projection
                )
            # the whole image is seen at all levels of the descriptor, whose whitening it may share
            self._heads[WHOLE_PATCH] = WholeImageHead(extractor.head.levels, power, size)
            self._whitenings[WHOLE_PATCH] = None
            if vocabulary.signature:
                whitening = vocabulary.signature.whitening
                self._whitenings[WHOLE_PATCH] = _TorchWhitening(whitening.mean, whitening.projection)
        patch_weights = _fingerprint(vocabulary.digest() + str(vocabulary.size)) if vocabulary else 0
        self.model_fingerprint = np.array([_fingerprint(_digest(extractor)), patch_weights], np.uint64)

    @classmethod
    def load(cls, sources: DescriberWeights | None = None, *, require_vocabulary: bool = False) -> Describer:
        """Load a describer.

        Args:
            sources: Origin of the weights.
            require_vocabulary: True to fail, rather than to go without patches, where no vocabulary fits the
                network.

        Raises:
            WeightsError: Weights cannot be used, or do not fit together.
        """
        sources = sources or DescriberWeights()
        allow_hub = sources.allow_hub
        folder = weights.find(HEAD, folder=sources.head, allow_hub=allow_hub)
        config = weights.read_config(folder)
        engine = config.get("engine", "cfn")
        extractor = Extractor.load(
            engine, folder=sources.backbone_folders, head=folder, device=sources.device, allow_hub=allow_hub
        )
        vocabulary = None
        try:
            vocabulary = Vocabulary.load(
                sources.vocabulary, network=extractor.network_digest, allow_hub=allow_hub
            )
        except weights.WeightsError:
            if require_vocabulary or sources.vocabulary is not None:
                raise
        return cls(extractor, vocabulary, ScoreCalibration.from_config(config))

    @classmethod
    def shared(
        cls, sources: DescriberWeights | None = None, *, require_vocabulary: bool = False
    ) -> Describer:
        """Return the describer of these weights that is in use, or load it; see `load`."""
        sources = sources or DescriberWeights()
        key = tuple(map(str, (sources.head, sources.vocabulary, sources.backbone_folders, sources.device)))
        with _load_lock:
            describer = _describers.get(key)
            if describer is None or (require_vocabulary and describer.vocabulary is None):
                describer = _describers[key] = cls.load(sources, require_vocabulary=require_vocabulary)
            return describer

    def __call__(self, image: Image.Image, box: Box | None = None) -> dict[str, np.ndarray]:
        """Describe an image, or a part of it.

        Args:
            image: RGB image, see `shared.core.images.open_image`.
            box: The part in pixels, see `shared.core.images.crop`; by default the whole.

        Raises:
            ImageError: The box lies outside of the image.
        """
        return dict(self._describe(self._prepare("", crop(image, box))).features)

    def describe_stream(
        self,
        images: Iterable[tuple[str, ImageInput]],
        on_skip: SkipCallback,
        *,
        buffer_size: int = 8,
    ) -> Iterator[DescribedImage]:
        """Describe many images, several at a time, in bounded memory.

        Args:
            images: Pairs of name and image, see `shared.gallery.ingest.decode_stream`.
            on_skip: Called for each image that cannot be used.
            buffer_size: Largest number of images that are ready at a time.
        """
        pool = self.extractor.worker_pool
        if pool is None:
            prepared = decode_stream(images, self._prepare, on_skip=on_skip, buffer_size=buffer_size)
            return map(self._describe, prepared)

        def describe(name: str, image: Image.Image) -> DescribedImage:
            return self._describe(self._prepare(name, image))

        return decode_stream(images, describe, on_skip=on_skip, buffer_size=buffer_size, pool=pool)

    @property
    def descriptor_fingerprint(self) -> np.ndarray:
        """Fingerprint that accepts any weights of the patches."""
        return self.model_fingerprint * np.array([1, 0], np.uint64)

    @property
    def patch_features(self) -> tuple[str, ...]:
        """Names of the features that `to_bag` reads."""
        return tuple(self._whitenings)

    def to_bag(self, features: Features) -> Bag:
        """Return the bag in the features of an image, for an index over `vocabulary`.

        Raises:
            ValueError: The describer has no vocabulary.
        """
        if self.vocabulary is None:
            raise ValueError("a bag needs a vocabulary: load the describer with one")
        patches = {
            level: features[patch_feature(level)].astype(np.float32) for level in self.vocabulary.codebooks
        }
        return Bag(self.vocabulary.boxes, patches, features[WHOLE_PATCH].astype(np.float32))

    def _prepare(self, name: str, image: Image.Image) -> _PreparedImage:
        """Compute everything that needs no network."""
        small = shrink(image)
        features = {
            COLOR: color_histogram(small),
            HASH: np.array(perceptual_hash(small), np.uint64),
            FINGERPRINT: self.model_fingerprint,
        }
        described = DescribedImage(name, image.size, small, features)
        return _PreparedImage(described, network_inputs(image, self._sizes))

    def _describe(self, prepared: _PreparedImage) -> DescribedImage:
        rows = self.extractor.apply_heads([prepared.inputs], self._heads)
        features = {DESCRIPTOR: rows[DESCRIPTOR][0], **prepared.described.features}
        for name, whitening in self._whitenings.items():
            features[name] = _whitened_patches(rows[name][0], whitening)
        return replace(prepared.described, features=features)


@dataclass(frozen=True, eq=False)
class _PreparedImage:
    """Image ready for the network."""

    described: DescribedImage
    inputs: dict[int, Tensor]


class _TorchWhitening:
    """Whitening in torch, which keeps to the cores of the calling thread.

    NumPy would occupy all cores, and they would spin for as long as a network takes.

    Args:
        mean: `[K]`, see `shared.retrieval.descriptor.whitening.Whitening`.
        projection: `[D, K]`.
    """

    def __init__(self, mean: np.ndarray, projection: np.ndarray) -> None:
        self._mean = torch.tensor(mean)
        self._projection = torch.tensor(projection.T)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Normalise and whiten float32 `[N, K]` to `[N, D]` of unit length."""
        rows = F.normalize(torch.from_numpy(x), dim=1) - self._mean
        return F.normalize(rows @ self._projection, dim=1).numpy()


def _whitened_patches(pooled: np.ndarray, whitening: _TorchWhitening | None) -> np.ndarray:
    """Whiten patches `[P, K]`, or the whole image `[K]`, for storage as float16."""
    if whitening is None:
        return pooled.astype(np.float16)
    patches = np.atleast_2d(pooled)
    embedded = whitening(patches)
    if pooled.ndim == 2:
        embedded[~(patches > 0).any(1)] = 0
    return embedded.reshape(*pooled.shape[:-1], -1).astype(np.float16)


def _digest(extractor: Extractor) -> str:
    """Return the digest of the weights of a network and its head, and of the settings of the head."""
    head = extractor.head
    digest = hashlib.sha256(repr([head.levels, head.sizes, head.pooling, head.power, head.root]).encode())
    for module in (extractor.network, head):
        for name, tensor in module.state_dict().items():
            digest.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _fingerprint(text: str) -> int:
    """Return the hash of a text as an odd 64-bit number."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") | 1
