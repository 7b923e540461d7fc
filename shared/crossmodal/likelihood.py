"""Evidence that a text describes an image, from the probability that a caption decoder gives to the text.

A decoder gives a high probability to any text that is common. The pointwise mutual information,
log p(text | image) - log p(text), has no such bias; p(text) is the mean of p(text | image) over reference
images (Lin et al., "Revisiting the Role of Language Priors in Vision-Language Models", ICML 2024). It tells
apart what the vectors of a joint space confuse, such as a red bus and a street with red cars.
"""

from __future__ import annotations

import math
import os
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from torch import Tensor

from shared.core.weights import WeightsError
from shared.crossmodal.text.words import split_words
from shared.networks.crossmodal.captions import UNKNOWN, CaptionDecoder, word_numbers

#: File with the references, in the folder of a joint space, and the name of its only tensor.
REFERENCES_FILE, REFERENCES = "references.safetensors", "memory"
#: Limit of the evidence of a text, in nats: one word that does not fit must not outweigh everything.
MAX_EVIDENCE = 10.0
#: Images that pass through the decoder at once.
BATCH_SIZE = 64
#: Texts whose probability for any image is kept: visitors turn pages, and ask why.
CACHED_TEXTS = 256


class TextLikelihood:
    """Compute the evidence of texts for images.

    Args:
        network: Decoder in eval mode, on the CPU.
        references: What the decoder attends to in the reference images, `[N, R, width]`.
        fingerprint: Number that identifies the weights of the decoder, 64 bits.

    Attributes:
        network: See above.
        references: See above; float32.
        fingerprint: See above.
    """

    def __init__(self, network: CaptionDecoder, references: np.ndarray, fingerprint: int = 0) -> None:
        self.network, self.fingerprint = network, fingerprint
        self.references = torch.from_numpy(np.asarray(references, np.float32))
        self._numbers = word_numbers(network.words)
        self._encoded = lru_cache(maxsize=CACHED_TEXTS)(self._encode)

    @torch.inference_mode()
    def describe(self, regions: Tensor) -> np.ndarray:
        """Return what the decoder attends to in an image, float16 `[R * width]`.

        Args:
            regions: Region features `[R, K]`.
        """
        return self.network.memory(regions[None]).flatten().half().numpy()

    @torch.inference_mode()
    def evidence(self, text: str, images: np.ndarray) -> np.ndarray:
        """Return the pointwise mutual information of a text and images over the root of the number of words.

        Args:
            text: Text in English.
            images: What the decoder attends to in each image, `[N, R * width]`.

        Returns:
            float32 `[N]`, between `-MAX_EVIDENCE` and `MAX_EVIDENCE`; 0 for a text of which the decoder knows
            no word.
        """
        ids, prior = self._encoded(text)
        if prior is None:
            return np.zeros(len(images), np.float32)
        rows = torch.from_numpy(np.asarray(images, np.float32)).unflatten(1, self.references.shape[1:])
        likelihood = torch.cat(
            [self.network.log_probability(batch, ids) for batch in rows.split(BATCH_SIZE)]
            or [rows.sum((1, 2))]
        )
        return ((likelihood - prior).clamp(-MAX_EVIDENCE, MAX_EVIDENCE) / math.sqrt(len(ids))).numpy()

    def _encode(self, text: str) -> tuple[Tensor, float | None]:
        """Return the ids of a text and its log probability for any image; None if no word is known."""
        words = split_words(text)[: self.network.max_length]
        ids = torch.tensor([self._numbers.get(word, UNKNOWN) for word in words], dtype=torch.long)
        if not (ids != UNKNOWN).any():
            return ids, None
        likelihood = self.network.log_probability(self.references, ids)
        return ids, float(likelihood.logsumexp(0)) - math.log(len(self.references))


def save_references(folder: str | os.PathLike, memory: np.ndarray) -> Path:
    """Write the references `[N, R, width]` of a joint space to its folder as float16; return the file."""
    path = Path(folder) / REFERENCES_FILE
    save_file({REFERENCES: np.asarray(memory, np.float16)}, path)
    return path


def load_references(folder: str | os.PathLike, regions: int, width: int) -> np.ndarray:
    """Read the references of a joint space, float16 `[N, regions, width]`.

    Raises:
        WeightsError: There are none, or they cannot be used.
    """
    path = Path(folder) / REFERENCES_FILE
    try:
        memory = load_file(path)[REFERENCES]
    except Exception as error:  # safetensors raises its own exceptions, OSError and KeyError
        raise WeightsError(f"{path.name} of {path.parent.name} cannot be read ({error}).") from error
    if memory.shape[1:] != (regions, width) or not len(memory) or not np.isfinite(memory).all():
        raise WeightsError(f"{path.name} of {path.parent.name} does not fit the caption decoder.")
    return memory
