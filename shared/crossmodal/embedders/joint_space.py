"""A trained joint space: pictures and texts in, vectors and probabilities out."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from shared.core import weights
from shared.core.calibration import probability
from shared.core.engines import Engine
from shared.core.models import load_network
from shared.core.scheduling import InferenceScheduler
from shared.crossmodal.embedders.embedder import MADE, PICTURE, Embedder
from shared.crossmodal.embedders.features import SINGLE_VIEW, load_backbone, looks, windows
from shared.crossmodal.engines import ENSEMBLE, ENGINES
from shared.crossmodal.text.normalization import unknown
from shared.crossmodal.text.tokenizer import SubwordTokenizer
from shared.crossmodal.training.calibration import GALLERY
from shared.gallery.snapshot import GallerySnapshot
from shared.networks.backbones.onednn import fuse_convolutions
from shared.networks.joint import JointSpace
from shared.networks.regions import RegionBackbone

#: Texts that one core embeds sooner than all.
FEW = 4


class JointSpaceEmbedder(Embedder):
    """Embeds pictures and texts with networks of ours. `JointSpaceEmbedder.load` makes one.

    Args:
        network: The joint space on its device, in eval mode.
        base: What describes pictures.
        config: Of the weights: `words` and `buckets` of the text encoder; for each engine `calibration`
            (scale and offset of `shared.core.calibration.probability`) and `threshold`; for galleries of how
            many pictures that is (`gallery`); and `looks`, see the function.
        stamp: A number that tells these weights from others.

    Attributes:
        network: See above.
        tokens: What turns texts into rows.
    """

    own_galleries = True

    def __init__(self, network: JointSpace, base: RegionBackbone, config: dict, stamp: int = 0) -> None:
        self.network, self.base, self.config = network, base, config
        self.engines = network.engines
        self.meant_for = config.get("gallery", GALLERY)
        self.model_fingerprint = np.array([stamp], np.uint64)
        self.tokens = SubwordTokenizer(config["words"], config["buckets"])
        self._device = next(network.parameters()).device
        self._looks = config.get("looks", SINGLE_VIEW)
        sides = sorted({side for side, _ in self._looks}, reverse=True)
        self._fused = fuse_convolutions(base, [(side, side) for side in sides])
        self._scheduler = InferenceScheduler(self._device)
        self.worker_pool = self._scheduler.worker_pool

    @classmethod
    def load(
        cls,
        engine: Engine = ENGINES[ENSEMBLE],
        *,
        folder: str | os.PathLike | None = None,
        base: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> JointSpaceEmbedder:
        """Loads what an engine needs; engines with the same weights are one space.

        Args:
            engine: One of `shared.crossmodal.engines`.
            folder: Weights to use in place of the engine's own.
            base: Weights of the network that describes pictures, in place of the recognition network's own.
            device: Where it runs; by default the best there is.
            allow_hub: Whether weights that are not on this machine may be downloaded.

        Raises:
            WeightsError: Weights cannot be used, or were trained on another network's descriptions.
        """
        network, found = load_network(engine, JointSpace, folder=folder, device=device, allow_hub=allow_hub)
        config = weights.read_config(found)
        if network.base is not None:
            reader = network.base.to(memory_format=torch.channels_last)
        else:
            reader, digest = load_backbone(base, device=device, allow_hub=allow_hub)
            if config.get("network") != digest:
                raise weights.WeightsError(
                    f"The joint space in {found.name} was trained for other weights than those of the "
                    "recognition network: train it anew with `python -m shared.crossmodal.train`."
                )
        return cls(network, reader, config, int(weights.digest(found)[:16], 16))

    def describe(self, pictures: Sequence[Image.Image]) -> list[dict[str, np.ndarray]]:
        return [self._described(picture) for picture in pictures]

    def _described(self, picture: Image.Image) -> dict[str, np.ndarray]:
        with self._scheduler.slot():
            found = looks(self._fused, self.network.image, picture, self._looks)
        return {PICTURE: found.half().cpu().numpy(), MADE: self.model_fingerprint}

    def gallery_vectors(self, gallery: GallerySnapshot, ids: Sequence[int], engine: str) -> np.ndarray:
        return self.pictures(gallery.features(PICTURE, ids)[1], engine)

    def pictures(self, rows: np.ndarray, engine: str) -> np.ndarray:
        return self._each(lambda part: self.network.embed_images(part, engine), rows)

    def regions(self, picture: Image.Image, engine: str) -> np.ndarray:
        with self._scheduler.slot():
            found = windows(self._fused, self.network.image, picture).cpu().numpy()
        return self.pictures(found, engine)

    def texts(self, texts: Sequence[str], engine: str) -> np.ndarray:
        def embed(part: Tensor) -> Tensor:
            return self.network.embed_texts(self.network.text(part), engine)

        if len(texts) > FEW:
            return self._each(embed, texts)
        return self._scheduler.run_on_one_core(lambda: self._each(embed, texts))

    def unknown(self, texts: Sequence[str]) -> tuple[str, ...]:
        return tuple(unknown(texts, self.tokens.words))

    def probability(self, scores: np.ndarray | float, engine: str) -> np.ndarray:
        """How likely it is that a text and a picture belong together whose vectors have this dot product.

        Calibrated on the validation split, as if half of all pairs belonged together. Where the weights know
        nothing of it, 0.5 for all.
        """
        return probability(scores, *self.config.get("calibration", {}).get(engine, (0, 0)))

    def false_accept_rate(self, engine: str) -> float | None:
        return self.config.get("false_accepts", {}).get(engine)

    def threshold(self, engine: str) -> float:
        return self.config.get("threshold", {}).get(engine, 0.5)

    @torch.inference_mode()
    def _each(self, embed: Callable[[Tensor], Tensor], given: Sequence) -> np.ndarray:
        """float32 vectors of length 1, some at a time."""
        found = []
        for start in range(0, len(given), 64):
            part = given[start : start + 64]
            with self._scheduler.slot():
                found.append(embed(self._tensor(part)).float().cpu().numpy())
        return np.concatenate(found)

    def _tensor(self, part: Sequence) -> Tensor:
        if isinstance(part, np.ndarray):
            return torch.from_numpy(part.astype(np.float32)).to(self._device)
        return torch.from_numpy(self.tokens(part)).to(self._device)
