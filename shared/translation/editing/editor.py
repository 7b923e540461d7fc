"""Images edited by a sentence: any image in, one of the same size out."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from PIL import Image

from shared.core.diffusion.canvas import Canvas
from shared.core.diffusion.monitor import Monitor, Progress, StopRequest
from shared.core.diffusion.prompts import check_prompt
from shared.core.engines import find
from shared.core.errors import InputError
from shared.core.images import Source, open_image
from shared.translation.editing.backend import EditBackend, EditRequest
from shared.translation.editing.engine import EditorEngine
from shared.translation.engines import EDITORS
from shared.translation.result import Translation

if TYPE_CHECKING:
    import torch


class ImageEditor:
    """Predictor that edits images by words; `ImageEditor.load` returns one.

    Args:
        engine: Row of the engine.
        backend: Its model.
    """

    def __init__(self, engine: EditorEngine, backend: EditBackend) -> None:
        self.engine = engine
        self._backend = backend

    @classmethod
    def load(
        cls,
        engine: str = "flux2-klein",
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = True,
    ) -> ImageEditor:
        """Load an editor.

        Args:
            engine: Name of a row of `EDITORS`.
            folder: Folder of the pipeline, in place of the local cache and the Hub.
            device: Device of the model; by default the fastest.
            allow_hub: Accepted as by all predictors, and not used: choosing an engine from the Hub permits
                its download.

        Raises:
            ValueError: No engine has this name.
            WeightsError: The package, the memory or the weights are missing, or the weights cannot be used.
        """
        row = find(EDITORS, engine)
        return cls(row, row.load(folder=folder, device=device, allow_hub=allow_hub))

    def __call__(
        self,
        image: Source,
        prompt: str,
        *,
        negative_prompt: str = "",
        references: Iterable[Source] = (),
        mask: Source | None = None,
        seed: int = 0,
        steps: int | None = None,
        guidance: float | None = None,
        strength: float | None = None,
        progress: Progress | None = None,
        stop: StopRequest | None = None,
    ) -> Translation:
        """Edit an image.

        Args:
            image: Image of any size.
            prompt: Words of the edit, or of the picture that a drawing becomes.
            negative_prompt: Words for what must not be in the result.
            references: Further images that the words can refer to.
            mask: Part that may change, white on black, of the image's shape; pixels where it is black stay
                exactly as they are. It is scaled to the image's size.
            seed: Seed of the noise, at least 0; the same one gives the same result.
            steps: Number of denoising steps. This and the next two are None for the engine's default; their
                ranges are in its row.
            guidance: Weight of the words.
            strength: Freedom of the result, up to 1: higher keeps less of the image.
            progress: Called with the number of finished steps and of all steps, after each.
            stop: Read before each step; once it is set, no result is made.

        Returns:
            The result, of the image's size.

        Raises:
            ImageError: An image cannot be opened.
            InputError: The words are missing or too long, a setting is out of range or one that the engine
                does not have, or the mask has another shape.
            GenerationError: There is no result, such as for lack of memory.
            StoppedError: The visitor stopped it.
        """
        start = time.perf_counter()
        options, references = self.engine.options, list(references)
        self.engine.check(
            prompt,
            negative_prompt=negative_prompt,
            references=references,
            mask=mask,
            seed=seed,
            steps=steps,
            guidance=guidance,
            strength=strength,
        )
        original = open_image(image)
        canvas = Canvas.fit(original.size, self.engine.limits)
        part = None if mask is None else open_mask(mask, original.size)
        request = EditRequest(
            image=canvas.draw(original, self._backend.resample),
            prompt=check_prompt(prompt, self._backend.count_tokens, self._backend.max_tokens),
            negative_prompt=self._check_negative_prompt(negative_prompt),
            references=self._open_references(references),
            mask=None if part is None else canvas.draw(part),
            seed=seed,
            steps=round(options.steps.resolve(steps, "number of steps")),
            guidance=self.engine.resolve(options.guidance, guidance, "guidance"),
            strength=self.engine.resolve(options.strength, strength, "strength"),
        )
        result = canvas.restore(self._backend.edit(request, Monitor(progress, stop)))
        if part is not None:
            result = Image.composite(result, original, part)
        return Translation(result, self.engine.name, time.perf_counter() - start)

    def _check_negative_prompt(self, text: str) -> str:
        text = text.strip()
        return text and check_prompt(text, self._backend.count_tokens, self._backend.max_tokens)

    def _open_references(self, references: Sequence[Source]) -> list[Image.Image]:
        images = [open_image(source) for source in references]
        canvases = [Canvas.fit(image.size, self.engine.limits) for image in images]
        return [canvas.draw(image) for canvas, image in zip(canvases, images, strict=True)]


def open_mask(mask: Source, size: tuple[int, int]) -> Image.Image:
    """Open a mask and scale it to the size of its image.

    Args:
        mask: White on black, of the image's shape.
        size: Width and height of the image.

    Returns:
        The mask, of mode L.

    Raises:
        ImageError: The mask cannot be opened.
        InputError: The mask has another shape than the image, or is black all over.
    """
    opened = open_image(mask).convert("L")
    # A scaled mask has whole pixels, so that its shape may be off by the half of one on each side.
    if abs(opened.width * size[1] - opened.height * size[0]) > max(size):
        raise InputError(
            f"The mask must have the shape of the picture, {size[0]} × {size[1]} pixels, and has "
            f"{opened.width} × {opened.height}: please paint it anew."
        )
    if opened.getextrema()[1] == 0:
        raise InputError("The mask marks no part of the picture: please paint over what should change.")
    return opened if opened.size == size else opened.resize(size, Image.Resampling.BILINEAR)
