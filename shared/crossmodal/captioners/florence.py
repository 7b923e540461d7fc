"""Florence-2 as a captioner.

Xiao et al., "Florence-2: Advancing a Unified Representation for a Variety of Vision Tasks", CVPR 2024.
"""

from __future__ import annotations

from typing import Any

import torch
from PIL import Image

from shared.core.calls import check_call
from shared.core.hub_networks.network import HubModel
from shared.crossmodal.captioners.captioner import Captioner, Captions

#: Tasks of the network, and the largest number of word pieces that are written for each.
SENTENCE, PARAGRAPH = ("<CAPTION>", 48), ("<MORE_DETAILED_CAPTION>", 256)
BEAMS = 3


class FlorenceCaptioner(HubModel, Captioner):
    """Captioner with Florence-2; `FlorenceCaptioner.load` returns one.

    Args:
        files: `Florence2ForConditionalGeneration` with its processor.
    """

    @staticmethod
    def import_classes() -> tuple[Any, Any]:
        from transformers import Florence2ForConditionalGeneration, Florence2Processor

        return Florence2ForConditionalGeneration, Florence2Processor

    def __call__(self, image: Image.Image) -> Captions:
        return Captions(self._write(image, *SENTENCE), self._write(image, *PARAGRAPH))

    def _write(self, image: Image.Image, task: str, max_pieces: int) -> str:
        """Return the network's answer to a task.

        Raises:
            GenerationError: The call that runs here must end, which is looked up before each word piece.
        """
        processor = self.files.processor
        batch = self.files.inputs(processor(text=task, images=image, return_tensors="pt"))
        numbers = self.files.run(
            lambda network: network.generate(
                **batch,
                max_new_tokens=max_pieces,
                num_beams=BEAMS,
                do_sample=False,
                stopping_criteria=[_check],
            )
        )
        return clean(processor.batch_decode(numbers, skip_special_tokens=True)[0])


def clean(text: str) -> str:
    """Return a text with single spaces, a capital letter and a full stop.

    >>> clean(" a cat  on a sofa")
    'A cat on a sofa.'
    """
    text = " ".join(text.split())
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) or not text else ".")


def _check(numbers: torch.Tensor, scores: Any, **settings: Any) -> torch.Tensor:
    """Return False for each text, which keeps the generation going, unless the call must end."""
    check_call(may_wait=False)
    return torch.zeros(len(numbers), dtype=torch.bool, device=numbers.device)
