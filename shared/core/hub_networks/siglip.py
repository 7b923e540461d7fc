"""SigLIP 2: vectors of images and of texts in one space, and the odds that a pair of them matches.

Tschannen et al., "SigLIP 2: Multilingual Vision-Language Encoders with Improved Semantic Understanding,
Localization, and Dense Features", 2025. Its sigmoid gives the odds of a match among the pairs of a batch of
its training, where one pair in `TRAINING_BATCH` matches.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from shared.core.calls import check_call
from shared.core.hub_networks.network import HubModel, HubNetwork
from shared.core.hub_networks.pixels import SYMMETRIC, network_pixels

#: Number of pairs in a batch of its training.
TRAINING_BATCH = 32_768
BATCH_SIZE = 16


class SiglipTowers(HubModel):
    """Encoders of images and texts; safe to call from many threads.

    Args:
        files: `SiglipModel` with its tokenizer.
    """

    def __init__(self, files: HubNetwork) -> None:
        super().__init__(files)
        self._image_side = files.config.vision_config.image_size
        self._text_length = files.config.text_config.max_position_embeddings

    @staticmethod
    def import_classes() -> tuple[Any, Any]:
        from transformers import AutoTokenizer, SiglipModel

        return SiglipModel, AutoTokenizer

    def encode_images(self, images: Sequence[Image.Image]) -> Tensor:
        """Return the vectors of RGB images, float32 `[N, D]` of unit length."""
        size = (self._image_side, self._image_side)
        bilinear = Image.Resampling.BILINEAR
        pixels = torch.cat(
            [network_pixels(image, size, colors=SYMMETRIC, resample=bilinear) for image in images]
        )
        batch = self.files.inputs({"pixel_values": pixels})
        output = self.files.run(lambda network: network.vision_model(**batch).pooler_output)
        return F.normalize(output.float(), dim=1).cpu()

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Return the vectors of texts, float32 `[N, D]` of unit length; long texts are cut off."""
        vectors = []
        for start in range(0, len(texts), BATCH_SIZE):
            check_call()
            # The network was trained on lower-case texts padded to its full length.
            tokens = self.files.processor(
                [text.lower() for text in texts[start : start + BATCH_SIZE]],
                padding="max_length",
                max_length=self._text_length,
                truncation=True,
                return_tensors="pt",
            )
            batch = self.files.inputs({"input_ids": tokens["input_ids"]})
            vectors.append(self._encode_tokens(batch))
        return torch.cat(vectors)

    def _encode_tokens(self, batch: dict[str, Any]) -> Tensor:
        output = self.files.run(lambda network: network.text_model(**batch).pooler_output)
        return F.normalize(output.float(), dim=1).cpu()

    def log_odds(self, images: Tensor, texts: Tensor) -> Tensor:
        """Return the log odds of matches, `[N, M]`, where as many pairs match as do not.

        Args:
            images: From `encode_images`, `[N, D]`.
            texts: From `encode_texts`, `[M, D]`.
        """
        scale, bias = (
            float(getattr(self.files.network, name).detach()) for name in ("logit_scale", "logit_bias")
        )
        return images @ texts.T * math.exp(scale) + bias + math.log(TRAINING_BATCH - 1)
