"""FLUX.2 klein: edits by words and by further images, and inpaints, in four steps.

Black Forest Labs, "FLUX.2 [klein]: Towards Interactive Visual Intelligence", 2026: a rectified flow
transformer, distilled to few steps, which attends to the tokens of an image and of references. Qwen3 reads
its words.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PIL import Image

from shared.core.diffusion.loading import find_files
from shared.core.diffusion.monitor import Monitor
from shared.core.diffusion.pipeline import ComponentFiles, DiffusionModel
from shared.core.diffusion.repositories import PipelineRepository

if TYPE_CHECKING:
    import torch

#: Tokens of the longest text, with the form of a chat around it.
MAX_TOKENS = 512


class Flux2Klein:
    """FLUX.2 klein on its device; `Flux2Klein.load` returns one.

    Sizes of images must be multiples of 16, of at least 64 pixels and at most a megapixel, as those of
    `shared.core.diffusion.canvas.Canvas` are.

    Args:
        model: Pipeline of class `Flux2KleinPipeline`.
        inpainting: Pipeline of class `Flux2KleinInpaintPipeline` on the same networks.
    """

    def __init__(self, model: DiffusionModel, inpainting: Any) -> None:
        self._model = model
        self._inpainting = inpainting

    @classmethod
    def load(
        cls,
        name: str,
        revision: str | None,
        *,
        parameters: int = 0,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
    ) -> Flux2Klein:
        """Load the model from a folder, the local cache or the Hub.

        Args:
            name: Repository.
            revision: Commit of the repository.
            parameters: Number of weights, to check the memory before a download.
            folder: Folder of the files, if it is known.
            device: Device of the model; by default the fastest.

        Raises:
            WeightsError: See `find_files` and `DiffusionModel.load`.
        """
        networks = ("text_encoder", "transformer", "vae")
        repository = PipelineRepository(
            name, revision, networks, ("scheduler", "tokenizer"), parameters=parameters
        )
        path, parameters = find_files(repository, folder=folder, device=device)
        from diffusers import (  # only once the files are there, since this takes seconds
            AutoencoderKLFlux2,
            FlowMatchEulerDiscreteScheduler,
            Flux2KleinInpaintPipeline,
            Flux2KleinPipeline,
            Flux2Transformer2DModel,
        )
        from transformers import Qwen2TokenizerFast, Qwen3ForCausalLM

        classes = {
            "scheduler": FlowMatchEulerDiscreteScheduler,
            "text_encoder": Qwen3ForCausalLM,
            "tokenizer": Qwen2TokenizerFast,
            "transformer": Flux2Transformer2DModel,
            "vae": AutoencoderKLFlux2,
        }
        model = DiffusionModel.load(
            Flux2KleinPipeline,
            {component: ComponentFiles(kind, path / component) for component, kind in classes.items()},
            device=device,
            parameters=parameters,
            is_distilled=True,
        )
        return cls(model, model.add_pipeline(Flux2KleinInpaintPipeline, is_distilled=True))

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of a text, with the form of a chat around it."""
        tokenizer = self._model.pipeline.tokenizer
        chat = tokenizer.apply_chat_template(
            [{"role": "user", "content": text}],
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=False,
        )
        return len(tokenizer(chat)["input_ids"])

    def edit(
        self,
        images: Sequence[Image.Image],
        prompt: str,
        *,
        steps: int = 4,
        seed: int = 0,
        monitor: Monitor | None = None,
    ) -> Image.Image:
        """Make an image from noise, words and other images, which is how the model was trained to edit.

        Args:
            images: The image to edit, and further ones that the words can refer to.
            prompt: Words, of at most `MAX_TOKENS` tokens.
            steps: Number of denoising steps.
            seed: Seed of the noise.
            monitor: Observer of the steps.

        Returns:
            An image of the size of the first one.

        Raises:
            GenerationError: See `DiffusionModel.__call__`.
        """
        width, height = images[0].size
        arguments = {
            "image": list(images),
            "prompt": prompt,
            "num_inference_steps": steps,
            "guidance_scale": 1.0,  # a distilled model has none
            "width": width,
            "height": height,
        }
        return self._model(arguments, seed=seed, monitor=monitor)

    def inpaint(
        self,
        image: Image.Image,
        mask: Image.Image,
        prompt: str,
        *,
        reference: Image.Image | None = None,
        strength: float = 1.0,
        steps: int = 4,
        seed: int = 0,
        monitor: Monitor | None = None,
    ) -> Image.Image:
        """Change a part of an image, which starts from the noised image itself.

        Args:
            image: Image.
            mask: Part that changes, of mode L and the image's size, white.
            prompt: Words, of at most `MAX_TOKENS` tokens.
            reference: Further image that the words can refer to, such as a garment.
            strength: Amount of noise, 0..1; it also scales the number of steps.
            steps: Number of denoising steps at full strength.
            seed: Seed of the noise.
            monitor: Observer of the steps.

        Returns:
            An image of the same size; outside the mask it is close to the input, but not the same.

        Raises:
            GenerationError: See `DiffusionModel.__call__`.
        """
        width, height = image.size
        arguments = {
            "image": image,
            "mask_image": mask,
            "image_reference": reference,
            "prompt": prompt,
            "strength": strength,
            "num_inference_steps": steps,
            "guidance_scale": 1.0,  # a distilled model has none
            "width": width,
            "height": height,
        }
        return self._model(arguments, seed=seed, monitor=monitor, pipeline=self._inpainting)
