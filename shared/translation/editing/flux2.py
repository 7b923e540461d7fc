"""FLUX.2 klein 4B: edits by words, by further images, and within a mask, in four steps.

Black Forest Labs, "FLUX.2 [klein]: Towards Interactive Visual Intelligence", 2026: a rectified flow
transformer, distilled to few steps, which attends to the tokens of an image and of references. Qwen3 reads
its words.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from PIL import Image

from shared.core.diffusion.monitor import Monitor
from shared.core.diffusion.pipeline import ComponentFiles, DiffusionModel
from shared.core.diffusion.repositories import PipelineRepository
from shared.core.errors import InputError
from shared.translation.editing.backend import EditBackend, EditRequest
from shared.translation.editing.loading import find_files

if TYPE_CHECKING:
    import torch

    from shared.translation.editing.engine import EditorEngine

NETWORKS = ("text_encoder", "transformer", "vae")


class Flux2KleinBackend(EditBackend):
    """Editor with FLUX.2 klein; `Flux2KleinBackend.load` returns one.

    Without a mask and at full strength the image is only a reference and the result starts from noise, which
    is how the model was trained to edit. Otherwise the result starts from the noised image itself.

    Args:
        model: Pipeline of class `Flux2KleinPipeline`.
        inpainting: Pipeline of class `Flux2KleinInpaintPipeline` on the same networks.
    """

    max_tokens = 512

    def __init__(self, model: DiffusionModel, inpainting: Any) -> None:
        super().__init__(model)
        self._inpainting = inpainting

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
            WeightsError: See `find_files` and `DiffusionModel.load`.
        """
        repository = PipelineRepository(
            engine.weights or "", engine.revision, NETWORKS, ("scheduler", "tokenizer")
        )
        path, parameters = find_files(engine, repository, folder=folder, device=device)
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
            {name: ComponentFiles(component, path / name) for name, component in classes.items()},
            device=device,
            parameters=parameters,
            is_distilled=True,
        )
        return cls(model, model.add_pipeline(Flux2KleinInpaintPipeline, is_distilled=True))

    def count_tokens(self, text: str) -> int:
        chat = self.model.pipeline.tokenizer.apply_chat_template(
            [{"role": "user", "content": text}],
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=False,
        )
        return super().count_tokens(chat)

    def edit(self, request: EditRequest, monitor: Monitor) -> Image.Image:
        width, height = request.image.size
        arguments = {
            "prompt": request.prompt,
            "num_inference_steps": request.steps,
            "guidance_scale": 1.0,
            "width": width,
            "height": height,
        }
        if request.mask is None and request.strength >= 1:
            arguments["image"] = [request.image, *request.references]
            return self.model(arguments, seed=request.seed, monitor=monitor)
        if len(request.references) > 1:
            raise InputError(
                "With a mask or less strength this engine takes one further picture at most: please remove "
                "the others."
            )
        arguments |= {
            "image": request.image,
            "mask_image": request.mask or Image.new("L", request.image.size, 255),
            "image_reference": next(iter(request.references), None),
            "strength": request.strength,
        }
        return self.model(arguments, seed=request.seed, monitor=monitor, pipeline=self._inpainting)
