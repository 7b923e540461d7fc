"""Grounding DINO as a finder of the boxes of things that words name.

Liu et al., "Grounding DINO: Marrying DINO with Grounded Pre-Training for Open-Set Object Detection", ECCV
2024.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from shared.core.errors import InputError
from shared.core.hub_networks.network import HubModel
from shared.core.hub_networks.pixels import network_pixels
from shared.core.images import Box

#: Sides of the network's input in pixels: the shorter one, unless the longer one would exceed its limit.
SHORT_SIDE, LONG_SIDE = 800, 1333
#: Least score of a box, as its authors use it.
THRESHOLD = 0.3
MAX_BOXES = 30


@dataclass(frozen=True)
class Detection:
    """Thing that was found.

    Attributes:
        label: Index of the words that name it.
        score: Score of the words for the box, 0..1.
        box: Left, top, right, bottom in pixels.
    """

    label: int
    score: float
    box: Box


class GroundingDinoDetector(HubModel):
    """Detector of things by words; safe to call from many threads. `GroundingDinoDetector.load` returns one.

    Args:
        files: `GroundingDinoForObjectDetection` with its tokenizer.
    """

    @staticmethod
    def import_classes() -> tuple[Any, Any]:
        from transformers import AutoTokenizer, GroundingDinoForObjectDetection

        return GroundingDinoForObjectDetection, AutoTokenizer

    def __call__(self, image: Image.Image, words: Sequence[str]) -> list[Detection]:
        """Find things.

        Args:
            image: RGB image.
            words: Names of things, such as "red car".

        Returns:
            At most `MAX_BOXES` things, the most probable first.

        Raises:
            InputError: There are more words than the network reads.
        """
        text, spans = caption(words)
        tokens = self.files.processor(text, return_tensors="pt", return_offsets_mapping=True)
        limit = self.files.config.max_text_len
        if tokens["input_ids"].shape[1] > limit:
            raise InputError(
                f"These are more words than this engine reads, {limit} word pieces: leave some out."
            )
        pixels = network_pixels(image, working_size(image.size), resample=Image.Resampling.BILINEAR)
        batch = self.files.inputs(
            {
                "pixel_values": pixels,
                "pixel_mask": torch.ones(pixels.shape[0], *pixels.shape[2:], dtype=torch.long),
                "input_ids": tokens["input_ids"],
                "attention_mask": tokens["attention_mask"],
            }
        )
        output = self.files.run(lambda network: network(**batch))
        scores = label_scores(output.logits[0].float().cpu().sigmoid(), tokens["offset_mapping"][0], spans)
        best, labels = scores.max(1)
        order = best.argsort(descending=True)[:MAX_BOXES]
        return [
            Detection(
                int(labels[index]), float(best[index]), _pixels(output.pred_boxes[0, index], image.size)
            )
            for index in order.tolist()
            if best[index] > THRESHOLD
        ]


def caption(words: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Return the text that the network reads, and where in it the words stand.

    >>> caption(["Cat", "red car"])
    ('cat. red car.', [(0, 3), (5, 12)])
    """
    text, spans = "", []
    for entry in (name.lower().replace(".", " ").strip() for name in words):
        text += " " if text else ""
        spans.append((len(text), len(text) + len(entry)))
        text += f"{entry}."
    return text, spans


def label_scores(probabilities: Tensor, offsets: Tensor, spans: Sequence[tuple[int, int]]) -> Tensor:
    """Return the scores of words: the largest of their tokens.

    Args:
        probabilities: Probabilities of tokens, `[N, T]` or longer.
        offsets: Start and end of each token in the text, `[T, 2]`.
        spans: Start and end of each of M words.

    Returns:
        `[N, M]`.
    """
    columns = []
    for start, end in spans:
        inside = (offsets[:, 0] >= start) & (offsets[:, 1] <= end) & (offsets[:, 1] > offsets[:, 0])
        inside = torch.nn.functional.pad(inside, (0, probabilities.shape[1] - len(inside)))
        columns.append(probabilities.masked_fill(~inside, 0).amax(1))
    return torch.stack(columns, 1)


def working_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the width and height at which an image of a size is searched.

    >>> working_size((1600, 1200)), working_size((4000, 1000))
    ((1067, 800), (1333, 333))
    """
    scale = min(SHORT_SIDE / min(size), LONG_SIDE / max(size))
    # The network's coarsest map has a cell for 64 pixels.
    width, height = (max(round(length * scale), 64) for length in size)
    return width, height


def _pixels(box: Tensor, size: tuple[int, int]) -> Box:
    """Return the corners of a box given by its center and its sides, 0..1, in an image of a size."""
    x, y, width, height = (float(value) for value in box)
    corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    left, top, right, bottom = (min(max(value, 0.0), 1.0) for value in corners)
    return left * size[0], top * size[1], right * size[0], bottom * size[1]
