"""Images edited by a sentence: any image in, one of the same size out."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from PIL import Image

from shared.core.diffusion.canvas import Canvas
from shared.core.diffusion.monitor import Monitor, Progress, StopRequest
from shared.core.diffusion.prompts import check_prompt
from shared.core.engines import find
from shared.core.errors import InputError
from shared.core.images import Source, open_image
from shared.translation.editing.backend import EditBackend, EditRequest
from shared.translation.editing.engine import EditorEngine, Setting
from shared.translation.engines import EDITORS
from shared.translation.result import Translation

if TYPE_CHECKING:
    import torch

#: Seeds are below this number.
SEEDS = 2**32


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
            mask: Part that may change, white on black, of the image's size; pixels where it is black stay
                exactly as they are.
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
                does not have, or the mask has another size.
            GenerationError: There is no result, such as for lack of memory.
            StoppedError: The visitor stopped it.
        """
        start = time.perf_counter()
        options = self.engine.options
        if not 0 <= seed < SEEDS:
            raise InputError(f"The seed must be from 0 to {SEEDS - 1}, received {seed}.")
        original = open_image(image)
        canvas = Canvas.fit(original.size, self.engine.limits)
        part = self._open_mask(mask, original)
        request = EditRequest(
            image=canvas.draw(original, self._backend.resample),
            prompt=check_prompt(prompt, self._backend.count_tokens, self._backend.max_tokens),
            negative_prompt=self._check_negative_prompt(negative_prompt),
            references=self._open_references(references),
            mask=None if part is None else canvas.draw(part),
            seed=seed,
            steps=round(options.steps.resolve(steps, "number of steps")),
            guidance=self._resolve(options.guidance, guidance, "guidance"),
            strength=self._resolve(options.strength, strength, "strength"),
        )
        result = canvas.restore(self._backend.edit(request, Monitor(progress, stop)))
        if part is not None:
            result = Image.composite(result, original, part)
        return Translation(result, self.engine.name, time.perf_counter() - start)

    def _resolve(self, setting: Setting | None, value: float | None, name: str) -> float:
        if setting is None and value is not None:
            raise InputError(f"The engine {self.engine.title} has no {name}: please leave it out.")
        return 1.0 if setting is None else setting.resolve(value, name)

    def _check_negative_prompt(self, text: str) -> str:
        text = text.strip()
        if text and not self.engine.options.negative_prompt:
            raise InputError(
                f"The engine {self.engine.title} reads no unwanted words: please leave them out."
            )
        if text:
            check_prompt(text, self._backend.count_tokens, self._backend.max_tokens)
        return text

    def _open_references(self, references: Iterable[Source]) -> list[Image.Image]:
        sources, limit = list(references), self.engine.options.max_references
        if len(sources) > limit:
            allowed = f"at most {limit}" if limit else "no"
            raise InputError(f"This engine takes {allowed} further pictures, received {len(sources)}.")
        images = [open_image(source) for source in sources]
        canvases = [Canvas.fit(image.size, self.engine.limits) for image in images]
        return [canvas.draw(image) for canvas, image in zip(canvases, images, strict=True)]

    def _open_mask(self, mask: Source | None, image: Image.Image) -> Image.Image | None:
        if mask is None:
            return None
        if not self.engine.options.mask:
            raise InputError(f"The engine {self.engine.title} takes no mask: please remove it.")
        part = open_image(mask).convert("L")
        if part.size != image.size:
            raise InputError(
                f"The mask must have the size of the picture, {image.width} x {image.height}, and has "
                f"{part.width} x {part.height}: please paint it anew."
            )
        if part.getextrema()[1] == 0:
            raise InputError("The mask marks no part of the picture: please paint over what should change.")
        return part
