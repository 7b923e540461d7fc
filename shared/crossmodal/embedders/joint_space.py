"""Embedder with the project's own joint space of images and texts."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from shared.core import weights
from shared.core.cpu_runtime import compiled
from shared.core.models import load_on_device
from shared.core.scheduling import InferenceScheduler
from shared.crossmodal.embedders.embedder import (
    CALIBRATION_GALLERY_SIZE,
    IMAGE_FEATURE,
    Embedder,
    MatchCalibration,
)
from shared.crossmodal.embedders.region_features import (
    RECOGNITION,
    SINGLE_VIEW,
    View,
    embed_windows,
    load_backbone,
    view_features,
)
from shared.crossmodal.text.tokenizer import SubwordTokenizer
from shared.crossmodal.text.words import unknown_words
from shared.gallery.index import FINGERPRINT
from shared.networks.crossmodal.joint import JointSpace
from shared.networks.crossmodal.regions import RegionBackbone

R = TypeVar("R")
#: Largest number of texts for which one core is faster than all cores.
FEW_TEXTS = 4
#: Images or texts that pass through a network at once.
BATCH_SIZE = 64
#: Threshold where the weights name none.
DEFAULT_THRESHOLD = 0.5


class JointSpaceEmbedder(Embedder):
    """Embedder with a joint space; `JointSpaceEmbedder.load` returns one.

    Args:
        network: Joint space on its device, in eval mode.
        backbone: Network for region features.
        config: Configuration of the weights: `words` and `buckets` of the tokenizer; by engine `calibration`
            (scale and offset), `threshold` and `false_accepts` (see `MatchCalibration`); `gallery`, the
            number of images for which these hold; `looks`, the test-time augmentation views;
            `keeps_aspect`, see `shared.crossmodal.embedders.region_features.Framing`; `window_size`, the side
            of the square that regions are cut from, by default that of the first view.
        fingerprint: Number that identifies the weights, 64 bits; not 0, which turns the check of galleries
            off.

    Attributes:
        network: See above.
        backbone: See above.
        config: See above.
        views: Test-time augmentation views.
        tokenizer: Tokenizer of the text encoder.
    """

    def __init__(
        self,
        network: JointSpace,
        backbone: RegionBackbone,
        config: Mapping[str, Any],
        fingerprint: int,
    ) -> None:
        self.network, self.backbone, self.config = network, backbone, config
        self.tokenizer = SubwordTokenizer(config["words"], config["buckets"])
        self.engines = network.engines
        self.model_fingerprint = np.array([fingerprint], np.uint64)
        self._calibrations = {engine: read_calibration(config, engine) for engine in self.engines}
        self.views = config.get("looks", SINGLE_VIEW)
        self._window_size = config.get("window_size", self.views[0][0])
        self._keeps_aspect = config.get("keeps_aspect", False)
        self._features = compiled(backbone, parallel=True)
        self._feature_map = compiled(backbone, backbone.feature_map, parallel=True)
        self._device = next(network.parameters()).device
        self._scheduler = InferenceScheduler(self._device)
        self.worker_pool = self._scheduler.worker_pool

    @classmethod
    def load(
        cls,
        name: str,
        *,
        folder: str | os.PathLike | None = None,
        backbone_folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> JointSpaceEmbedder:
        """Load a joint space.

        Args:
            name: Name of the weights, see `shared.core.weights.find`.
            folder: Folder of the weights, if it is known.
            backbone_folder: Weights to use in place of the recognition network's own, for a joint space
                without a fine-tuned backbone.
            device: Device of the networks; by default the best available.
            allow_hub: True permits a download of weights that are not on this machine.

        Raises:
            WeightsError: Weights cannot be used, or were trained with another backbone.
        """
        network, path = load_on_device(JointSpace, name, folder=folder, device=device, allow_hub=allow_hub)
        config = weights.read_config(path)
        if network.base is not None:
            backbone = network.base.to(memory_format=torch.channels_last)
        else:
            backbone, digest, _ = load_backbone(
                backbone_folder,
                name=config.get("recognition", RECOGNITION),
                device=device,
                allow_hub=allow_hub,
            )
            if config.get("network") != digest:
                raise weights.WeightsError(
                    f"The joint space in {path.name} was trained for other weights than those of the "
                    "recognition network: train it anew with `python -m shared.crossmodal.train`."
                )
        return cls(network, backbone, config, int(weights.digest(path)[:16], 16))

    def describe(self, images: Sequence[Image.Image]) -> list[dict[str, np.ndarray]]:
        return [
            {IMAGE_FEATURE: self.features(image)[0], FINGERPRINT: self.model_fingerprint} for image in images
        ]

    @torch.inference_mode()
    def features(self, image: Image.Image) -> tuple[np.ndarray, Tensor]:
        """Return the feature of an RGB image, float16 `[F]`, and its region features in the first view.

        These are `[1 + cells^2, channels]`.
        """
        with self._scheduler.slot():
            regions = self._regions(image, self.views)
            embedding = self.network.image(regions).mean(0)
        return embedding.half().cpu().numpy(), regions[0]

    def region_rows(self, image: Image.Image) -> Tensor:
        """Return the region features of an RGB image in the first view, `[1 + cells^2, channels]`."""
        with self._scheduler.slot():
            return self._regions(image, self.views[:1])[0]

    def _regions(self, image: Image.Image, views: Sequence[View]) -> Tensor:
        """Return region features, `[views, 1 + cells^2, channels]`, on the device."""
        rows = view_features(
            self._features, image, views, keeps_aspect=self._keeps_aspect, device=self._device
        )
        return rows.to(self._device)

    def embed_features(self, features: np.ndarray, engine: str) -> np.ndarray:
        def embed(batch: np.ndarray) -> Tensor:
            x = torch.from_numpy(batch.astype(np.float32)).to(self._device)
            return self.network.embed_images(x, engine)

        return self._in_batches(embed, features)

    def embed_regions(self, image: Image.Image, engine: str) -> np.ndarray:
        with self._scheduler.slot():
            embeddings = embed_windows(
                self._feature_map, self.backbone, self.network.image, image, self._window_size
            )
        return self.embed_features(embeddings.cpu().numpy(), engine)

    def embed_texts(self, texts: Sequence[str], engine: str) -> np.ndarray:
        def embed(batch: Sequence[str]) -> Tensor:
            subword_ids = torch.from_numpy(self.tokenizer(batch)).to(self._device)
            return self.network.embed_texts(self.network.text(subword_ids), engine)

        if len(texts) > FEW_TEXTS:
            return self._in_batches(embed, texts)
        return self.run_on_one_core(lambda: self._in_batches(embed, texts))

    def run_on_one_core(self, function: Callable[[], R]) -> R:
        """Run a short computation, see `shared.core.scheduling.InferenceScheduler.run_on_one_core`."""
        return self._scheduler.run_on_one_core(function)

    def run_on_single_cores(self, functions: Sequence[Callable[[], R]]) -> list[R]:
        """Run short computations, see `shared.core.scheduling.InferenceScheduler.run_on_single_cores`."""
        return self._scheduler.run_on_single_cores(functions)

    def unknown_words(self, texts: Sequence[str]) -> tuple[str, ...]:
        return unknown_words(texts, self.tokenizer.word_ids)

    def calibration(self, engine: str) -> MatchCalibration:
        return self._calibrations[engine]

    @torch.inference_mode()
    def _in_batches(self, embed: Callable[[Any], Tensor], items: Sequence[str] | np.ndarray) -> np.ndarray:
        vectors = []
        for start in range(0, len(items), BATCH_SIZE):
            with self._scheduler.slot():
                vectors.append(embed(items[start : start + BATCH_SIZE]).float().cpu().numpy())
        return np.concatenate(vectors)


def read_calibration(config: Mapping[str, Any], engine: str) -> MatchCalibration:
    """Read the calibration of an engine; without one all probabilities are 0.5."""
    scale, offset = config.get("calibration", {}).get(engine, (0, 0))
    return MatchCalibration(
        scale,
        offset,
        threshold=config.get("threshold", {}).get(engine, DEFAULT_THRESHOLD),
        false_accept_rate=config.get("false_accepts", {}).get(engine),
        gallery_size=config.get("gallery", CALIBRATION_GALLERY_SIZE),
        size_exponent=config.get("size_exponent", {}).get(engine, 1.0),
    )
