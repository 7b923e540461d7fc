"""SAM 2 as a finder of the thing at a point or inside a box.

Ravi et al., "SAM 2: Segment Anything in Images and Videos", 2024. An image is stretched to the network's
square input, and its maps are kept for the next point.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from shared.core.calls import check_call
from shared.core.hub_networks.network import HubModel, HubNetwork
from shared.core.hub_networks.pixels import network_pixels
from shared.core.images import Box

#: Boxes whose masks are computed in one pass.
BATCH_SIZE = 8


class Sam2Finder(HubModel):
    """Masks of things by points and boxes; safe to call from many threads. `Sam2Finder.load` returns one.

    Args:
        files: `Sam2Model`.
    """

    def __init__(self, files: HubNetwork) -> None:
        super().__init__(files)
        side = files.config.vision_config.backbone_config.image_size
        self.side: int = side if isinstance(side, int) else side[0]
        self._maps: tuple[bytes, list[Tensor]] | None = None  # of the last image, by its digest
        self._lock = threading.Lock()

    @staticmethod
    def import_classes() -> tuple[Any, Any]:
        from transformers import Sam2Model

        return Sam2Model, None

    def at_point(self, image: Image.Image, point: tuple[float, float]) -> tuple[Tensor, float]:
        """Find the thing at a point: of the three masks that the network proposes, the one it rates best.

        Args:
            image: RGB image.
            point: Pixel from the left and from the top.

        Returns:
            Mask, bool `[H, W]`, and the network's estimate of its overlap with the thing, 0..1.
        """
        position = self._scaled(torch.tensor([point]), image.size)
        prompt = {"input_points": position.view(1, 1, 1, 2), "input_labels": torch.ones(1, 1, 1).long()}
        masks, scores = self._predict(image, prompt, several=True)
        best = int(scores[0].argmax())
        return _upsample(masks[0, best], image.size), float(scores[0, best].clamp(0, 1))

    def in_boxes(self, image: Image.Image, boxes: Sequence[Box]) -> list[Tensor]:
        """Find the things in boxes.

        Returns:
            A mask for each box, bool `[H, W]`.
        """
        masks: list[Tensor] = []
        for start in range(0, len(boxes), BATCH_SIZE):
            check_call()
            corners = torch.tensor(boxes[start : start + BATCH_SIZE], dtype=torch.float32)
            corners = self._scaled(corners.view(-1, 2, 2), image.size).view(1, -1, 4)
            logits, _ = self._predict(image, {"input_boxes": corners}, several=False)
            masks.extend(_upsample(entry[0], image.size) for entry in logits)
        return masks

    def _scaled(self, points: Tensor, size: tuple[int, int]) -> Tensor:
        return points * self.side / torch.tensor(size)

    def _predict(
        self, image: Image.Image, prompt: dict[str, Tensor], *, several: bool
    ) -> tuple[Tensor, Tensor]:
        """Return the logits of masks, `[N, M, h, w]`, and their scores, `[N, M]`, for N prompts."""
        maps = self._image_maps(image)
        batch = self.files.inputs(prompt)
        output = self.files.run(
            lambda network: network(image_embeddings=list(maps), multimask_output=several, **batch)
        )
        return output.pred_masks[0].float().cpu(), output.iou_scores[0].float().cpu()

    def _image_maps(self, image: Image.Image) -> list[Tensor]:
        digest = hashlib.sha256(image.tobytes() + str(image.size).encode()).digest()
        with self._lock:
            if self._maps is not None and self._maps[0] == digest:
                return self._maps[1]
        pixels = network_pixels(image, (self.side, self.side), resample=Image.Resampling.BILINEAR)
        batch = self.files.inputs({"pixel_values": pixels})
        maps: list[Tensor] = self.files.run(lambda network: network.get_image_embeddings(**batch))
        with self._lock:
            self._maps = (digest, maps)
        return maps


def _upsample(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the mask of an image of a size (width, height), bool `[H, W]`."""
    plane = F.interpolate(logits[None, None], (size[1], size[0]), mode="bilinear", align_corners=False)
    return plane[0, 0] > 0
