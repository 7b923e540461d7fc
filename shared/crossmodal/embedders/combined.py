"""Embedder that adds up the scores of two joint spaces, trained on different data and backbones.

A caption decoder adds its evidence to the score of a text, see `shared.crossmodal.likelihood`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from shared.core import weights
from shared.core.models import load_on_device
from shared.crossmodal.captioning import CaptionWriter
from shared.crossmodal.embedders.embedder import (
    IMAGE_FEATURE,
    Embedder,
    MatchCalibration,
    WrittenSentence,
)
from shared.crossmodal.embedders.joint_space import JointSpaceEmbedder, read_calibration
from shared.crossmodal.likelihood import TextLikelihood, load_references
from shared.gallery.index import FINGERPRINT
from shared.networks.crossmodal.captions import CaptionDecoder


class CombinedEmbedder(Embedder):
    """Embedder whose scores are weighted means of those of joint spaces with the same engines.

    Their vectors are concatenated, each scaled by the square root of its weight: the dot product of unit
    vectors so joined is the weighted mean of the single dot products.

    Args:
        parts: Embedders of the joint spaces; the configuration of the first one holds, under `combined`, the
            calibration of the combination (see `JointSpaceEmbedder`).
        shares: Weights of the parts, of sum 1.
        write: Writes sentences from the region features of the first part; None for no sentences.
        likelihood: Computes the evidence of texts; None for none.

    Raises:
        ValueError: The parts have different engines, or there is not one weight for each.

    Attributes:
        parts: See above.
        shares: See above.
    """

    def __init__(
        self,
        parts: Sequence[JointSpaceEmbedder],
        shares: Sequence[float],
        write: CaptionWriter | None = None,
        likelihood: TextLikelihood | None = None,
    ) -> None:
        if any(part.engines != parts[0].engines for part in parts):
            raise ValueError("joint spaces that are combined must have the same engines")
        if len(shares) != len(parts) or min(shares) < 0 or not np.isclose(sum(shares), 1):
            raise ValueError(f"{len(parts)} weights of sum 1 are needed, got {list(shares)}")
        self.parts, self.shares = tuple(parts), tuple(shares)
        self._write, self._likelihood = write, likelihood
        self.engines = parts[0].engines
        self.worker_pool = parts[0].worker_pool
        fingerprints = [int(part.model_fingerprint[0]) for part in parts]
        if likelihood is not None:
            fingerprints.append(likelihood.fingerprint)
        self.model_fingerprint = np.bitwise_xor.reduce(np.array(fingerprints, np.uint64), keepdims=True)
        config = parts[0].config
        self._calibrations, self._query_calibrations = (
            {engine: read_calibration(config.get(key, {}), engine) for engine in self.engines}
            for key in ("combined", "queries")
        )
        self._evidence_shares: Mapping[str, float] = config.get("evidence", {}) if likelihood else {}
        lengths = [part.network.image.score.in_features for part in parts]
        self._splits = np.cumsum(lengths).tolist()

    @classmethod
    def load(
        cls,
        name: str,
        *,
        backbone_folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> CombinedEmbedder:
        """Load a joint space and the one that its configuration names as its partner.

        Args:
            name: Name of the weights, whose configuration holds `partner` and `partner_share`, the weight of
                that one, and `captions`, the name of the decoder's weights.
            backbone_folder: See `JointSpaceEmbedder.load`.
            device: Device of the networks; by default the best available.
            allow_hub: True permits a download of weights that are not on this machine.

        Raises:
            WeightsError: Weights cannot be used.
        """
        first = JointSpaceEmbedder.load(
            name, backbone_folder=backbone_folder, device=device, allow_hub=allow_hub
        )
        config: Mapping[str, Any] = first.config
        partner = JointSpaceEmbedder.load(config["partner"], device=device, allow_hub=allow_hub)
        share = float(config["partner_share"])
        decoder, path = load_on_device(CaptionDecoder, config["captions"], device="cpu", allow_hub=allow_hub)
        if weights.read_config(path).get("network") != config["network"]:
            raise weights.WeightsError(
                f"The decoder in {path.name} was trained for another recognition network than {name}: train "
                "it anew with `python -m shared.crossmodal.train_captions`."
            )
        references = load_references(weights.find(name, allow_hub=allow_hub), *decoder.places.shape)
        likelihood = TextLikelihood(decoder, references, int(weights.digest(path)[:16], 16))
        return cls([first, partner], [1 - share, share], CaptionWriter(decoder), likelihood)

    def describe(self, images: Sequence[Image.Image]) -> list[dict[str, np.ndarray]]:
        return [
            {IMAGE_FEATURE: self._feature(image), FINGERPRINT: self.model_fingerprint} for image in images
        ]

    def _feature(self, image: Image.Image) -> np.ndarray:
        """Return the features of all parts and what the decoder attends to, float16 `[F]`."""
        (first, regions), *others = (part.features(image) for part in self.parts)
        pieces = [first, *(feature for feature, _ in others)]
        if self._likelihood is not None:
            pieces.append(self._likelihood.describe(regions.cpu()))
        return np.concatenate(pieces)

    def embed_features(self, features: np.ndarray, engine: str) -> np.ndarray:
        pieces = iter(np.split(features, self._splits, axis=1))
        return self._concatenated(lambda part: part.embed_features(next(pieces), engine))

    def has_evidence(self, engine: str) -> bool:
        return engine in self._evidence_shares

    def evidence(self, text: str, features: np.ndarray, engine: str) -> np.ndarray:
        likelihood, rows = self._likelihood, features[:, self._splits[-1] :]
        if likelihood is None or not self.has_evidence(engine):
            return super().evidence(text, features, engine)
        return self._evidence_shares[engine] * likelihood.evidence(
            text, rows, self.parts[0].run_on_single_cores
        )

    def query_calibration(self, engine: str) -> MatchCalibration:
        return self._query_calibrations[engine]

    def embed_regions(self, image: Image.Image, engine: str) -> np.ndarray:
        return self._concatenated(lambda part: part.embed_regions(image, engine))

    def embed_texts(self, texts: Sequence[str], engine: str) -> np.ndarray:
        return self._concatenated(lambda part: part.embed_texts(texts, engine))

    def write_sentences(self, features: np.ndarray) -> tuple[WrittenSentence, ...]:
        if self._write is None or self._likelihood is None:
            return ()
        memory = self._likelihood.memory(features[None, self._splits[-1] :])[0]
        write = self._write
        return self.parts[0].run_on_one_core(lambda: write(memory))

    def calibration(self, engine: str) -> MatchCalibration:
        return self._calibrations[engine]

    def unknown_words(self, texts: Sequence[str]) -> tuple[str, ...]:
        """Return the distinct content words of texts that no part's vocabulary holds."""
        first, *others = (part.unknown_words(texts) for part in self.parts)
        return tuple(word for word in first if all(word in words for words in others))

    def _concatenated(self, vectors: Callable[[JointSpaceEmbedder], np.ndarray]) -> np.ndarray:
        scaled = (np.sqrt(share) * vectors(part) for part, share in zip(self.parts, self.shares, strict=True))
        return np.concatenate(list(scaled), axis=1).astype(np.float32, copy=False)
