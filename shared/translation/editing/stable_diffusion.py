"""Editors on Stable Diffusion 1.5: InstructPix2Pix, and ControlNets that turn drawings into photos."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar

from PIL import Image, ImageChops

from shared.core.diffusion.loading import find_files
from shared.core.diffusion.monitor import Monitor
from shared.core.diffusion.pipeline import ComponentFiles, DiffusionModel
from shared.core.diffusion.repositories import PipelineRepository
from shared.core.hub_networks.revisions import pinned
from shared.translation.editing.backend import EditBackend, EditRequest

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from shared.translation.editing.engine import EditorEngine

NETWORKS = ("safety_checker", "text_encoder", "unet", "vae")
CONFIGURATIONS = ("feature_extractor", "scheduler", "tokenizer")
BASE_REPOSITORY = "stable-diffusion-v1-5/stable-diffusion-v1-5"
#: Network below the ControlNets, in half precision.
BASE = PipelineRepository(
    BASE_REPOSITORY,
    pinned(BASE_REPOSITORY),
    NETWORKS,
    CONFIGURATIONS,
    variant="fp16",
)
#: Contrast, 0..255, from which a pixel of a drawing is part of a line; thin lines turn pale when shrunk.
LINE_LEVEL = 64


class StableDiffusionBackend(EditBackend):
    """Editor on Stable Diffusion 1.5.

    Args:
        model: Pipeline on its device.
    """

    max_tokens = 77

    def __init__(self, model: DiffusionModel) -> None:
        self.model = model

    def count_tokens(self, text: str) -> int:
        return len(self.model.pipeline.tokenizer(text)["input_ids"])


class InstructPix2PixBackend(StableDiffusionBackend):
    """Editor with InstructPix2Pix, which follows commands such as "make it snow".

    Brooks et al., "InstructPix2Pix: Learning to Follow Image Editing Instructions", CVPR 2023.
    """

    @classmethod
    def load(
        cls,
        engine: EditorEngine,
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
    ) -> InstructPix2PixBackend:
        """Load the model from a folder, the local cache or the Hub.

        Raises:
            WeightsError: See `find_files` and `DiffusionModel.load`.
        """
        repository = PipelineRepository(
            engine.weights or "",
            engine.revision,
            NETWORKS,
            CONFIGURATIONS,
            parameters=engine.parameters or 0,
        )
        path, parameters = find_files(repository, folder=folder, device=device)
        from diffusers import (  # only once the files are there, since this takes seconds
            EulerAncestralDiscreteScheduler,
            StableDiffusionInstructPix2PixPipeline,
        )

        components = base_components(path, EulerAncestralDiscreteScheduler)
        return cls(
            DiffusionModel.load(
                StableDiffusionInstructPix2PixPipeline, components, device=device, parameters=parameters
            )
        )

    def edit(self, request: EditRequest, monitor: Monitor) -> Image.Image:
        arguments = {
            "prompt": request.prompt,
            "negative_prompt": request.negative_prompt,
            "image": request.image,
            "num_inference_steps": request.steps,
            "guidance_scale": request.guidance,
            # Weight of the image beside that of the words, 1..2; 1.5 is the authors' choice.
            "image_guidance_scale": 2 - request.strength,
        }
        return self.model(arguments, seed=request.seed, monitor=monitor)


class ControlNetBackend(StableDiffusionBackend):
    """Editor with a ControlNet, which makes a photo of a map; a subclass prepares the map.

    Zhang et al., "Adding Conditional Control to Text-to-Image Diffusion Models", ICCV 2023.
    """

    @classmethod
    def load(
        cls,
        engine: EditorEngine,
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
    ) -> ControlNetBackend:
        """Load the model from a folder, the local cache or the Hub.

        Args:
            engine: Row of the engine, with the repository of the ControlNet.
            folder: Folder of the whole pipeline, with the ControlNet in `controlnet`.
            device: Device of the engine; by default the fastest.

        Raises:
            WeightsError: See `find_files` and `DiffusionModel.load`.
        """
        control = PipelineRepository(
            engine.weights or "", engine.revision, ("",), parameters=engine.parameters or 0
        )
        control_folder = None if folder is None else os.path.join(folder, "controlnet")
        control_path, control_parameters = find_files(control, folder=control_folder, device=device)
        path, parameters = find_files(BASE, folder=folder, device=device)
        from diffusers import (
            ControlNetModel,
            StableDiffusionControlNetPipeline,
            UniPCMultistepScheduler,
        )

        # Needs 20 steps where the scheduler of the repository needs 50, and reads its configuration.
        components = base_components(path, UniPCMultistepScheduler, BASE.variant)
        components["controlnet"] = ComponentFiles(ControlNetModel, control_path)
        return cls(
            DiffusionModel.load(
                StableDiffusionControlNetPipeline,
                components,
                device=device,
                parameters=parameters + control_parameters,
            )
        )

    def edit(self, request: EditRequest, monitor: Monitor) -> Image.Image:
        arguments = {
            "prompt": request.prompt,
            "negative_prompt": request.negative_prompt,
            "image": self.prepare(request.image),
            "width": request.image.width,
            "height": request.image.height,
            "num_inference_steps": request.steps,
            "guidance_scale": request.guidance,
            # Weight of the map, 0.5..1.5; 1 is the authors' choice.
            "controlnet_conditioning_scale": 1.5 - request.strength,
        }
        return self.model(arguments, seed=request.seed, monitor=monitor)

    def prepare(self, image: Image.Image) -> Image.Image:
        """Return the map that the ControlNet was trained on, RGB."""
        return image


class ScribbleBackend(ControlNetBackend):
    """Editor that makes a photo of a line drawing."""

    def prepare(self, image: Image.Image) -> Image.Image:
        """Return white lines on black.

        Args:
            image: Dark lines on bright paper, or bright lines on a dark ground.
        """
        red, green, blue = image.split()
        gray = image.convert("L")
        histogram = gray.histogram()
        if sum(histogram[128:]) >= sum(histogram[:128]):
            darkest = ImageChops.darker(ImageChops.darker(red, green), blue)  # lines of any color
            lines = ImageChops.invert(darkest)
        else:
            lines = ImageChops.lighter(ImageChops.lighter(red, green), blue)
        return lines.point(lambda level: 255 if level >= LINE_LEVEL else 0).convert("RGB")


class SegmentationBackend(ControlNetBackend):
    """Editor that makes a photo of a label map in the colors of `LABEL_COLORS`."""

    resample: ClassVar[Image.Resampling] = Image.Resampling.NEAREST


def base_components(
    path: Path, scheduler_class: Any, variant: str | None = None
) -> dict[str, ComponentFiles]:
    """Return the components of Stable Diffusion in a folder, by name.

    Args:
        path: Folder of the pipeline.
        scheduler_class: Scheduler of diffusers, which may be another one than the repository's.
        variant: See `PipelineRepository.variant`.
    """
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
    from transformers import CLIPImageProcessor, CLIPTextModel, CLIPTokenizer

    classes: dict[str, Any] = {
        "feature_extractor": CLIPImageProcessor,
        "safety_checker": StableDiffusionSafetyChecker,
        "scheduler": scheduler_class,
        "text_encoder": CLIPTextModel,
        "tokenizer": CLIPTokenizer,
        "unet": UNet2DConditionModel,
        "vae": AutoencoderKL,
    }
    return {name: ComponentFiles(component, path / name, variant) for name, component in classes.items()}
