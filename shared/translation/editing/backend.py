"""Common form of editors, so that one predictor serves all of them."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from PIL import Image

from shared.core.diffusion.monitor import Monitor
from shared.translation.editing.engine import EditorEngine

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class EditRequest:
    """Checked input of a backend; all images but the references have the size of the canvas.

    Attributes:
        image: Image to edit, RGB.
        prompt: Words of the edit.
        negative_prompt: Words for what must not be in the result.
        references: Further images, RGB, at their own size.
        mask: Part that may change, of mode L, white; None for the whole image.
        seed: Seed of the noise.
        steps: Number of denoising steps.
        guidance: Weight of the words; without meaning for an engine that has no such setting.
        strength: Freedom of the result, 0..1; without meaning for an engine that has no such setting.
    """

    image: Image.Image
    prompt: str
    negative_prompt: str = ""
    references: Sequence[Image.Image] = ()
    mask: Image.Image | None = None
    seed: int = 0
    steps: int = 1
    guidance: float = 1.0
    strength: float = 1.0


class EditBackend(ABC):
    """Editor on a diffusion pipeline.

    Attributes:
        resample: Filter that brings an image to the canvas.
        max_tokens: Largest number of tokens of an instruction.
    """

    resample: ClassVar[Image.Resampling] = Image.Resampling.LANCZOS
    max_tokens: ClassVar[int]

    @classmethod
    @abstractmethod
    def load(
        cls,
        engine: EditorEngine,
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
    ) -> EditBackend:
        """Load the model from a folder, the local cache or the Hub.

        Args:
            engine: Row of the engine.
            folder: Folder of the pipeline, in place of the local cache and the Hub.
            device: Device of the model; by default the fastest.

        Raises:
            WeightsError: The package, the memory or the weights are missing, or the weights cannot be used.
        """

    @abstractmethod
    def count_tokens(self, text: str) -> int:
        """Return the number of tokens that the pipeline makes of a text."""

    @abstractmethod
    def edit(self, request: EditRequest, monitor: Monitor) -> Image.Image:
        """Return the edited canvas, RGB, of the size of the request's image.

        Raises:
            GenerationError: See `DiffusionModel.__call__`.
        """
