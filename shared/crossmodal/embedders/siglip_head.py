"""SigLIP 2 with RRF-Net on top: frozen features of the public network, matched by a head of ours."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

from shared.core import weights
from shared.core.engines import Engine
from shared.core.hub_networks.fitted import check_network
from shared.crossmodal.embedders.embedder import MatchCalibration
from shared.crossmodal.embedders.hub_embedder import HubEmbedder
from shared.crossmodal.embedders.joint_space import read_calibration
from shared.crossmodal.embedders.siglip import SiglipEmbedder
from shared.networks.crossmodal.hub_head import FrozenFeatureHead


class SiglipHeadEmbedder(HubEmbedder):
    """Embedder whose vectors are those of SigLIP 2 after the branches of RRF-Net.

    A gallery that SigLIP 2 has described is not described anew: the features are the same.

    Args:
        engine: Name of its engine.
        towers: Embedder with SigLIP 2.
        head: Head in eval mode, on the CPU.
        calibration: Calibration of its scores.
    """

    def __init__(
        self, engine: str, towers: SiglipEmbedder, head: FrozenFeatureHead, calibration: MatchCalibration
    ) -> None:
        super().__init__(engine, int(towers.model_fingerprint[0]), on_cpu=towers.on_cpu)
        self._towers, self._head, self._calibration = towers, head, calibration

    @classmethod
    def load(
        cls,
        engine: Engine,
        towers: Engine,
        *,
        folder: str | os.PathLike | None = None,
        network: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
    ) -> SiglipHeadEmbedder:
        """Load a head, and the network that it was trained on.

        Args:
            engine: Row of the engine, which names the weights of the head.
            towers: Row of SigLIP 2, whose choice permits its download.
            folder: Folder of the head, if it is known.
            network: Snapshot of SigLIP 2, if it is known.
            device: Device of SigLIP 2; by default the best available.

        Raises:
            WeightsError: Weights cannot be used, or the head was trained on another network.
        """
        name, repository = engine.weights or "", towers.weights or ""
        path = weights.find(name, folder=folder)
        head = weights.load(FrozenFeatureHead, name, folder=path)
        snapshot = weights.find(repository, folder=network, allow_hub=True, revision=towers.revision)
        check_network(path, towers, snapshot)
        embedder = SiglipEmbedder.load(towers.name, repository, folder=snapshot, device=device)
        return cls(engine.name, embedder, head, read_calibration(weights.read_config(path), engine.name))

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        return self._towers.encode_images(images)

    def embed_features(self, features: np.ndarray, engine: str) -> np.ndarray:
        return self._images(super().embed_features(features, engine))

    def embed_regions(self, image: Image.Image, engine: str) -> np.ndarray:
        return self._images(self._towers.embed_regions(image, engine))

    def embed_texts(self, texts: Sequence[str], engine: str) -> np.ndarray:
        vectors = torch.from_numpy(self._towers.embed_texts(texts, engine))
        with torch.inference_mode():
            return self._head.texts(vectors).numpy()

    def calibration(self, engine: str) -> MatchCalibration:
        return self._calibration

    def _images(self, vectors: np.ndarray) -> np.ndarray:
        """Apply the branch of images to vectors of length 1."""
        with torch.inference_mode():
            return self._head.images(torch.from_numpy(vectors)).numpy()
