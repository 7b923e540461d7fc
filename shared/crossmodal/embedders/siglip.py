"""SigLIP 2, a large public embedder of images and texts in many languages.

Zhai et al., "Sigmoid Loss for Language Image Pre-Training", ICCV 2023; Tschannen et al., "SigLIP 2:
Multilingual Vision-Language Encoders with Improved Semantic Understanding, Localization, and Dense Features",
2025. The network comes with the package transformers: `pip install image-spaces[hub]`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from shared.core import devices, weights
from shared.core.images import to_tensor
from shared.core.scheduling import InferenceScheduler
from shared.crossmodal.embedders.embedder import MatchCalibration
from shared.crossmodal.embedders.hub_embedder import HubEmbedder, batches

if TYPE_CHECKING:  # takes seconds to import
    from transformers import PreTrainedTokenizerBase, SiglipModel

#: Cells along each side of the grid of regions.
GRID_CELLS = 7
#: Number of pairs in a batch of its training, to which the probability of its sigmoid refers.
TRAINING_BATCH = 32_768


class SiglipEmbedder(HubEmbedder):
    """Embedder with SigLIP 2; `SiglipEmbedder.load` returns one.

    Args:
        engine: Name of its engine.
        network: Network on its device, in eval mode.
        tokenizer: Tokenizer of the network.
        fingerprint: Number that identifies the weights, see `HubEmbedder`.
    """

    def __init__(
        self, engine: str, network: SiglipModel, tokenizer: PreTrainedTokenizerBase, fingerprint: int
    ) -> None:
        self._network: Any = network
        self._tokenizer: Any = tokenizer
        self._device = next(network.parameters()).device
        super().__init__(engine, fingerprint, on_cpu=self._device.type == "cpu")
        self._image_side = network.config.vision_config.image_size
        self._text_length = network.config.text_config.max_position_embeddings
        # The sigmoid's prior is one match in `TRAINING_BATCH` pairs; even odds are that many times higher.
        self._calibration = MatchCalibration(
            scale=float(network.logit_scale.detach().exp()),
            offset=float(network.logit_bias.detach()) + math.log(TRAINING_BATCH - 1),
        )
        self._scheduler = InferenceScheduler(self._device)

    @classmethod
    def load(
        cls,
        engine: str,
        repository: str,
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
        revision: str | None = None,
    ) -> SiglipEmbedder:
        """Load a network from the Hub.

        Args:
            engine: Name of its engine.
            repository: Repository of the network.
            folder: Snapshot of the repository, if it is known.
            device: Device of the network; by default the best available.
            allow_hub: True permits a download from the Hub.
            revision: Commit of the repository.

        Raises:
            WeightsError: The package is missing, or the weights cannot be found or used.
        """
        if importlib.util.find_spec("transformers") is None:
            raise weights.WeightsError(
                "This engine needs the package transformers: pip install image-spaces[hub]"
            )
        path = weights.find(repository, folder=folder, allow_hub=allow_hub, revision=revision)
        # Imported only once the weights are there, since that takes seconds.
        from transformers import AutoTokenizer, SiglipModel

        try:
            network, report = SiglipModel.from_pretrained(
                path, local_files_only=True, use_safetensors=True, output_loading_info=True
            )
            tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
            if report["missing_keys"] or report["mismatched_keys"]:  # transformers would initialise them
                raise ValueError("the file lacks weights")
        except Exception as error:  # transformers raises errors of any type
            raise weights.WeightsError(
                f"What is in {path} is not SigLIP 2, or only a part of it: delete the folder, and it "
                "will be downloaded again."
            ) from error
        fingerprint = hashlib.sha256(f"{repository} {path.name}".encode()).hexdigest()
        network = network.eval().requires_grad_(False)
        network = network.to(torch.device(device or devices.default_device()))
        return cls(engine, network, tokenizer, int(fingerprint[:16], 16))

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        return self._encode(images)[0].half().cpu().numpy()

    def embed_regions(self, image: Image.Image, engine: str) -> np.ndarray:
        """Return the vectors of regions: the network's attention pooling over windows of its patch tokens."""
        _, tokens = self._encode([image])
        windows = window_positions(math.isqrt(tokens.shape[1]), GRID_CELLS)
        with self._scheduler.slot(), torch.inference_mode():
            regions = [self._network.vision_model.head(tokens[:, positions]) for positions in windows]
        return self.embed_features(torch.cat(regions).float().cpu().numpy(), engine)

    def embed_texts(self, texts: Sequence[str], engine: str) -> np.ndarray:
        """Return the vectors of texts, truncated to the length that the network reads."""
        vectors = []
        for batch in batches(texts):
            # The network was trained on lower-case texts padded to its full length.
            tokens = self._tokenizer(
                [text.lower() for text in batch],
                padding="max_length",
                max_length=self._text_length,
                truncation=True,
                return_tensors="pt",
            )
            with self._scheduler.slot(), torch.inference_mode():
                output = self._network.text_model(input_ids=tokens["input_ids"].to(self._device))
            vectors.append(output.pooler_output.float().cpu().numpy())
        return self.embed_features(np.concatenate(vectors), engine)

    def calibration(self, engine: str) -> MatchCalibration:
        return self._calibration

    def _encode(self, images: Sequence[Image.Image]) -> tuple[Tensor, Tensor]:
        """Return pooled features `[N, D]` and patch tokens `[N, side^2, D]` of up to a batch of images."""
        size = (self._image_side, self._image_side)
        pixels = torch.cat([to_tensor(image.resize(size, Image.Resampling.BILINEAR)) for image in images])
        with self._scheduler.slot(), torch.inference_mode():
            output = self._network.vision_model(pixel_values=pixels.to(self._device) * 2 - 1)
        return output.pooler_output, output.last_hidden_state


def window_positions(side: int, cells: int) -> list[list[int]]:
    """Return the positions of a square map that lie in the window around each cell of a grid, row by row.

    A window is a third of the map wide and high, and clipped at the border.

    Args:
        side: Positions along each side of the map.
        cells: Cells along each side of the grid.

    >>> window_positions(3, 3)[1], window_positions(6, 3)[4]
    ([1], [14, 15, 20, 21])
    """
    centers = [(cell + 0.5) * side / cells for cell in range(cells)]
    spans = [range(max(round(at - side / 6), 0), min(round(at + side / 6), side)) for at in centers]
    return [
        [row * side + column for row in rows for column in columns] for rows in spans for columns in spans
    ]
