"""FLUX.2 klein as an editor."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from PIL import Image

from shared.core.diffusion.flux2 import MAX_TOKENS, Flux2Klein
from shared.core.diffusion.monitor import Monitor
from shared.core.errors import InputError
from shared.translation.editing.backend import EditBackend, EditRequest

if TYPE_CHECKING:
    import torch

    from shared.translation.editing.engine import EditorEngine


class Flux2KleinBackend(EditBackend):
    """Editor with FLUX.2 klein; `Flux2KleinBackend.load` returns one.

    Args:
        model: The model on its device.
    """

    max_tokens = MAX_TOKENS

    def __init__(self, model: Flux2Klein) -> None:
        self.model = model

    @classmethod
    def load(
        cls,
        engine: EditorEngine,
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
    ) -> Flux2KleinBackend:
        """Load the model from a folder, the local cache or the Hub.

        Raises:
            WeightsError: See `Flux2Klein.load`.
        """
        return cls(
            Flux2Klein.load(
                engine.weights or "",
                engine.revision,
                parameters=engine.parameters or 0,
                folder=folder,
                device=device,
            )
        )

    def count_tokens(self, text: str) -> int:
        return self.model.count_tokens(text)

    def edit(self, request: EditRequest, monitor: Monitor) -> Image.Image:
        if request.mask is None and request.strength >= 1:
            return self.model.edit(
                [request.image, *request.references],
                request.prompt,
                steps=request.steps,
                seed=request.seed,
                monitor=monitor,
            )
        if len(request.references) > 1:
            raise InputError(
                "With a mask or less strength this engine takes one further picture at most: please remove "
                "the others."
            )
        return self.model.inpaint(
            request.image,
            request.mask or Image.new("L", request.image.size, 255),
            request.prompt,
            reference=next(iter(request.references), None),
            strength=request.strength,
            steps=request.steps,
            seed=request.seed,
            monitor=monitor,
        )
