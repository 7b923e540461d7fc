"""Endpoints of clothes that a large model paints: an outfit of another photo, and a garment in words."""

from __future__ import annotations

import gradio as gr
from PIL import Image

from shared.restyle.engines import GENERATORS
from shared.restyle.generation.settings import MAX_STEPS, MIN_STEPS, STEPS
from shared.restyle.tabs.dressing import paint
from shared.restyle.tabs.endpoints import ApiInputs
from shared.restyle.tabs.garment_arguments import find_mask
from shared.restyle.tabs.generation_panel import parse_settings
from shared.restyle.tabs.photos import Photos
from shared.restyle.tabs.runners import Runners
from shared.ui.errors import user_facing
from shared.ui.events import endpoint
from shared.ui.long_runs import LARGE_MODELS


def generation_endpoints(space: str, photos: Photos, run: Runners, inputs: ApiInputs) -> None:
    """Offer painted outfits and garments; they wait for each other, and not for the other endpoints.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        photos: Photos with what people wear.
        run: Functions that run the engines.
        inputs: Hidden inputs.
    """
    with gr.Row(visible=False):
        words = gr.Textbox("", label="Words")
        engine_settings = [
            gr.Dropdown(list(GENERATORS), label="Painter"),
            gr.Number(0, precision=0, minimum=0, label="Seed"),
            gr.Slider(MIN_STEPS, MAX_STEPS, STEPS, step=1, label="Steps"),
        ]

    @user_facing(space)
    def try_on_outfit(image: str, outfit: str, engine: str, seed: int, steps: int) -> Image.Image:
        """Paint the person of one photo in the clothes of another photo, with a large model; needs a GPU.

        Use photos of people who agreed.

        Args:
            image: Photo of the person who gets the clothes.
            outfit: Photo of the clothes, on somebody or by themselves.
            engine: The model; the first call downloads it.
            seed: Seed of the noise; another one gives another result.
            steps: Number of steps.

        Returns:
            A PNG image of the size of the first photo.
        """
        settings = parse_settings(seed, steps)
        return paint(run, photos.outfit(image), 1, photos.outfit(outfit), 1, engine, settings).image

    @user_facing(space)
    def replace_garment(
        image: str, garments: str, words: str, engine: str, seed: int, steps: int, mask: str | None = None
    ) -> Image.Image:
        """Replace clothes in a photo by what words describe, with a large model; needs a GPU.

        Args:
            image: The photo: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF.
            garments: What to replace, separated by commas: top, outerwear, dress, bottom, legwear, shoes,
                bag, accessory, hair; empty for the largest garment.
            words: Description of the new garment, such as "a red wool coat".
            engine: The model; the first call downloads it.
            seed: Seed of the noise; another one gives another result.
            steps: Number of steps.
            mask: Picture that is white where to change, in place of garments.

        Returns:
            A PNG image of the same size; what lies outside of the garments stays as it was.
        """
        photo, settings = photos.outfit(image), parse_settings(seed, steps)
        return run.repaint(photo.image, engine, find_mask(photo, garments, mask), words, settings).image

    result = {"Photo": gr.Image}
    endpoint(
        try_on_outfit, [inputs.image, inputs.outfit[0], *engine_settings], result, concurrency=LARGE_MODELS
    )
    endpoint(
        replace_garment,
        [inputs.image, inputs.garments, words, *engine_settings, inputs.mask],
        result,
        concurrency=LARGE_MODELS,
    )
