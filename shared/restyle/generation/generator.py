"""Clothes painted by FLUX.2 klein: an outfit of another photo, or a garment that words describe."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PIL import Image

from shared.core.diffusion.canvas import Canvas, SizeLimits
from shared.core.diffusion.flux2 import MAX_TOKENS, Flux2Klein
from shared.core.diffusion.monitor import Monitor, Progress, StopRequest
from shared.core.diffusion.prompts import check_prompt
from shared.core.images import Source, open_image
from shared.restyle.arguments import Mask, mask_levels
from shared.restyle.editor import Restyling
from shared.restyle.generation.composite import context_box, soft_mask
from shared.restyle.generation.settings import GenerationSettings, check_words

if TYPE_CHECKING:
    pass

OUTFIT_PROMPT = (
    "Dress the person of the first picture in the clothes of the second picture. Keep the face, the hair, "
    "the pose, the hands and the background of the first picture exactly as they are. A photo."
)
GARMENT_PROMPT = (
    "Change the clothes of the person to this: {words}. Keep the person, the pose, the light and the "
    "background exactly as they are. A photo."
)
INSIDE = 8  # level of a soft mask, 0..255, from which a model paints


class OutfitGenerator:
    """Paints clothes with FLUX.2 klein; safe to call from many threads, which wait for each other.

    Args:
        model: The model on its device.
        limits: Image sizes on which it works.
    """

    def __init__(self, model: Flux2Klein, limits: SizeLimits | None = None) -> None:
        self.model = model
        self.limits = limits or SizeLimits()

    def dress(
        self,
        person: Source,
        outfit: Source,
        settings: GenerationSettings | None = None,
        *,
        progress: Progress | None = None,
        stop: StopRequest | None = None,
    ) -> Restyling:
        """Dress a person in the clothes of another photo.

        The whole image is painted, so that its fine detail is that of the model's working size.

        Args:
            person: Photo of the person.
            outfit: Photo of the clothes, on somebody or by themselves.
            settings: Settings of the run.
            progress: Called with the number of finished steps and of all steps, after each.
            stop: Read before each step; once it is set, no result is made.

        Returns:
            The result, of the size of the person's photo.

        Raises:
            ImageError: An image cannot be used.
            GenerationError: There is no result, such as for lack of memory.
            StoppedError: The visitor stopped it.
        """
        started = time.perf_counter()
        settings = settings or GenerationSettings()
        original, source = open_image(person), open_image(outfit)
        canvas = Canvas.fit(original.size, self.limits)
        pictures = [canvas.draw(original), Canvas.fit(source.size, self.limits).draw(source)]
        painted = self.model.edit(
            pictures, OUTFIT_PROMPT, steps=settings.steps, seed=settings.seed, monitor=Monitor(progress, stop)
        )
        return Restyling(canvas.restore(painted), "outfit", time.perf_counter() - started)

    def repaint(
        self,
        image: Source,
        mask: Mask,
        words: str,
        settings: GenerationSettings | None = None,
        *,
        progress: Progress | None = None,
        stop: StopRequest | None = None,
    ) -> Restyling:
        """Replace a garment by one that words describe.

        The model sees the garment and its surroundings; what it paints is laid into the mask alone.

        Args:
            image: Photo of somebody.
            mask: Garment, of the size of the photo, see `shared.restyle.arguments.Mask`.
            words: Description of the new garment, such as "a red wool coat".
            settings: Settings of the run.
            progress: Called with the number of finished steps and of all steps, after each.
            stop: Read before each step; once it is set, no result is made.

        Returns:
            The result, of the photo's size; beyond the soft border of the mask all pixels stay as they were.

        Raises:
            ImageError: The image or the mask cannot be used.
            InputError: There are no words, or too many.
            GenerationError: There is no result, such as for lack of memory.
            StoppedError: The visitor stopped it.
        """
        started = time.perf_counter()
        settings = settings or GenerationSettings()
        prompt = GARMENT_PROMPT.format(words=check_words(words))
        check_prompt(prompt, self.model.count_tokens, MAX_TOKENS)
        original = open_image(image)
        levels = Image.fromarray(mask_levels(mask, original.size))
        box = context_box(levels)
        part, area = original.crop(box), soft_mask(levels.crop(box))
        canvas = Canvas.fit(part.size, self.limits)
        painted = self.model.inpaint(
            canvas.draw(part),
            canvas.draw(area).point(lambda level: 255 if level >= INSIDE else 0),
            prompt,
            steps=settings.steps,
            seed=settings.seed,
            monitor=Monitor(progress, stop),
        )
        result = original.copy()
        result.paste(canvas.restore(painted), box[:2], area)
        return Restyling(result, "words", time.perf_counter() - started)
