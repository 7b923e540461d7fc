"""Diffusion pipelines on a device: strict loading, bounded memory, one run at a time."""

from __future__ import annotations

import textwrap
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from shared.core import devices
from shared.core.diffusion.memory import check_memory, choose_dtype, is_out_of_memory, needs_offload
from shared.core.diffusion.monitor import Monitor
from shared.core.errors import GenerationError
from shared.core.images import to_image
from shared.core.weights import WeightsError

_OUT_OF_MEMORY = (
    "This device ran out of memory: please take a smaller picture, fewer references or another engine."
)


@dataclass(frozen=True)
class ComponentFiles:
    """Class and folder of a component of a pipeline: a network, a tokenizer or a scheduler.

    Attributes:
        component_class: Class of diffusers or transformers with `from_pretrained`.
        folder: Folder of its configuration and weights.
        variant: See `PipelineRepository.variant`.
    """

    component_class: Any
    folder: Path
    variant: str | None = None


class DiffusionModel:
    """Diffusion pipeline on its device; safe to call from many threads, which wait for each other.

    Args:
        pipeline: Pipeline of diffusers.
        device: Device of its runs.
        offload: True keeps its networks in main memory, and moves one at a time to the GPU.
    """

    def __init__(self, pipeline: Any, device: torch.device, *, offload: bool = False) -> None:
        self.pipeline = pipeline
        self._lock = threading.Lock()  # a run changes the state of the pipeline's scheduler
        pipeline.set_progress_bar_config(disable=True)
        if offload:
            pipeline.enable_model_cpu_offload(device=device)
        else:
            pipeline.to(device)

    @classmethod
    def load(
        cls,
        pipeline_class: Any,
        components: Mapping[str, ComponentFiles],
        *,
        device: str | torch.device | None = None,
        parameters: int = 0,
        **settings: Any,
    ) -> DiffusionModel:
        """Load a pipeline; every weight must be there.

        Args:
            pipeline_class: Pipeline of diffusers.
            components: All its components, by the names of its constructor's arguments.
            device: Device of its runs; by default the fastest.
            parameters: Number of weights, see `PipelineRepository.count_parameters`.
            **settings: Further arguments of the constructor.

        Raises:
            WeightsError: A file cannot be used, or the machine has too little memory for the weights.
        """
        device = torch.device(device or devices.default_device())
        check_memory(parameters, device, pipeline_class.__name__)
        offload = needs_offload(parameters, device)
        # Each network moves on at once, so that main memory never holds more than one of those of a GPU.
        first_device = torch.device("cpu") if offload else device
        try:
            loaded = {
                name: load_component(files, choose_dtype(device), first_device)
                for name, files in components.items()
            }
            return cls(pipeline_class(**loaded, **settings), device, offload=offload)
        except (MemoryError, RuntimeError) as error:
            if is_out_of_memory(error):
                raise WeightsError(
                    f"There is too little free memory for {pipeline_class.__name__}: please close other "
                    "programs, or choose a smaller engine."
                ) from error
            raise

    def add_pipeline(self, pipeline_class: Any, **settings: Any) -> Any:
        """Return a pipeline of another class on the same networks, for the argument `pipeline` of a run.

        Args:
            pipeline_class: Pipeline of diffusers with the same components.
            **settings: Further arguments of its constructor.
        """
        pipeline = pipeline_class(**self.pipeline.components, **settings)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def __call__(
        self,
        arguments: Mapping[str, Any],
        *,
        seed: int = 0,
        monitor: Monitor | None = None,
        pipeline: Any = None,
    ) -> Image.Image:
        """Run the pipeline.

        Args:
            arguments: Arguments of the pipeline's call, without those that all pipelines share.
            seed: Seed of the noise, which does not depend on the device.
            monitor: Observer of the steps.
            pipeline: From `add_pipeline`; by default the pipeline itself.

        Returns:
            The image, of mode RGB.

        Raises:
            GenerationError: The device has too little memory, the result holds values that are not numbers,
                or the pipeline's own filter refuses it.
            StoppedError: The monitor requested a stop; nothing half-finished is returned.
        """
        monitor = monitor or Monitor()
        generator = torch.Generator("cpu").manual_seed(seed)
        with self._lock:
            monitor.check()
            try:
                output = (pipeline or self.pipeline)(
                    **arguments,
                    generator=generator,
                    output_type="np",
                    callback_on_step_end=monitor.on_step_end,
                )
            except (MemoryError, RuntimeError) as error:
                if is_out_of_memory(error):
                    raise GenerationError(_OUT_OF_MEMORY) from error
                raise
            finally:  # after a stop or an error, too, offloaded networks must leave the GPU
                self.pipeline.maybe_free_model_hooks()
            monitor.check()
        if any(getattr(output, "nsfw_content_detected", None) or ()):
            raise GenerationError(
                "The engine's own safety filter held this result back: please change the words or the seed."
            )
        values = torch.from_numpy(output.images[0]).permute(2, 0, 1)
        if not values.isfinite().all():
            raise GenerationError("The engine's result holds no valid colors: please try another seed.")
        return to_image(values)


def load_component(files: ComponentFiles, dtype: torch.dtype, device: torch.device) -> Any:
    """Load a component, a network in eval mode and on a device.

    Raises:
        WeightsError: A file cannot be used, or lacks weights, where the libraries would put random ones.
    """
    try:
        if not issubclass(files.component_class, torch.nn.Module):
            return files.component_class.from_pretrained(files.folder, local_files_only=True)
        network, report = files.component_class.from_pretrained(
            files.folder,
            dtype=dtype,
            variant=files.variant,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
        missing = [*report["missing_keys"], *report["mismatched_keys"]]
        if missing:
            raise ValueError(f"{len(missing)} weights are missing, such as {missing[0]}")
    except Exception as error:  # diffusers and transformers raise errors of any type
        if is_out_of_memory(error):
            raise
        reason = textwrap.shorten(str(error), 160, placeholder=" ...").rstrip(".")
        raise WeightsError(
            f"What is in {files.folder} is no {files.component_class.__name__}, or only a part of it "
            f"({reason}): delete the folder, and it will be downloaded again."
        ) from error
    return network.eval().requires_grad_(False).to(device)
