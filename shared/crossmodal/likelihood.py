"""Evidence that a text describes an image, from the probability that a caption decoder gives to the text.

A decoder gives a high probability to any text that is common. The pointwise mutual information,
log p(text | image) - log p(text), has no such bias; p(text) is the mean of p(text | image) over reference
images (Lin et al., "Revisiting the Role of Language Priors in Vision-Language Models", ICML 2024). It tells
apart what the vectors of a joint space confuse, such as a red bus and a street with red cars.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
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
#: Images that pass through the decoder at once: half of the references and of the best hits of a search, so
#: that two cores share the work.
BATCH_SIZE = 16
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
        self._prior = lru_cache(maxsize=CACHED_TEXTS)(self._log_prior)

    @torch.inference_mode()
    def describe(self, regions: Tensor) -> np.ndarray:
        """Return what the decoder attends to in an image, float16 `[R * width]`.

        Args:
            regions: Region features `[R, K]`.
        """
        return self.network.memory(regions[None]).flatten().half().numpy()

    def memory(self, images: np.ndarray) -> Tensor:
        """Return what the decoder attends to, float32 `[N, R, width]`, of images as `describe` returns it."""
        return torch.from_numpy(np.asarray(images, np.float32)).unflatten(1, self.references.shape[1:])

    def evidence(
        self,
        text: str,
        images: np.ndarray,
        run: Callable[[Sequence[Callable[[], Tensor]]], list[Tensor]] | None = None,
    ) -> np.ndarray:
        """Return the pointwise mutual information of a text and images over the root of the number of words.

        Args:
            text: Text in English.
            images: What the decoder attends to in each image, `[N, R * width]`.
            run: Runs computations and returns their results; by default one after another.

        Returns:
            float32 `[N]`, between `-MAX_EVIDENCE` and `MAX_EVIDENCE`; 0 for a text of which the decoder knows
            no word.
        """
        ids = self._ids(text)
        if not (ids != UNKNOWN).any():
            return np.zeros(len(images), np.float32)
        rows = self.memory(images)
        batches = rows.split(BATCH_SIZE) if len(rows) else ()
        computations = [
            partial(self._prior, text),
            *(partial(self._log_probability, batch, ids) for batch in batches),
        ]
        prior, *likelihoods = run(computations) if run else [compute() for compute in computations]
        gain = torch.cat([rows.new_zeros(0), *likelihoods]) - prior
        return (gain.clamp(-MAX_EVIDENCE, MAX_EVIDENCE) / math.sqrt(len(ids))).numpy()

    def _ids(self, text: str) -> Tensor:
        words = split_words(text)[: self.network.max_length]
        return torch.tensor([self._numbers.get(word, UNKNOWN) for word in words], dtype=torch.long)

    def _log_prior(self, text: str) -> Tensor:
        """Return the log probability of a text for any image, a scalar."""
        ids = self._ids(text)
        batches = [self._log_probability(batch, ids) for batch in self.references.split(BATCH_SIZE)]
        return torch.cat(batches).logsumexp(0) - math.log(len(self.references))

    @torch.inference_mode()
    def _log_probability(self, rows: Tensor, ids: Tensor) -> Tensor:
        return self.network.log_probability(rows, ids)


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
