"""Network of transformers on a device: strict loading, the right type of numbers, bounded waiting."""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import torch

from shared.core import devices
from shared.core.diffusion.loading import find_files
from shared.core.diffusion.memory import choose_dtype, is_out_of_memory, needs_offload
from shared.core.diffusion.pipeline import ComponentFiles, load_component
from shared.core.diffusion.repositories import PipelineRepository
from shared.core.engines import Engine
from shared.core.errors import GenerationError
from shared.core.scheduling import InferenceScheduler
from shared.core.weights import WeightsError

T = TypeVar("T")
Model = TypeVar("Model", bound="HubModel")

#: Package that these networks need: `pip install image-spaces[hub]`.
PACKAGES = ("transformers",)


class HubNetwork:
    """Network with its processor; safe to call from many threads, whose runs take turns.

    Args:
        network: Network on its device, in eval mode.
        processor: Tokenizer or processor of the network; None for a network that needs none.
        folder: Folder of its files.

    Attributes:
        config: Configuration of the network.
        device: Device of the network.
        dtype: Type of its weights.
        folder: Folder of its files.
        fingerprint: Number of 64 bits that identifies the files: a snapshot's folder is named by its commit.
    """

    def __init__(self, network: Any, processor: Any = None, folder: Path = Path()) -> None:
        self.network = network
        self.processor = processor
        self.folder = folder
        self.config = network.config
        parameter = next(network.parameters())
        self.device, self.dtype = parameter.device, parameter.dtype
        digest = hashlib.sha256("/".join(folder.parts[-3:]).encode()).hexdigest()
        self.fingerprint = int(digest[:16], 16) or 1
        self._scheduler = InferenceScheduler(self.device)

    @classmethod
    def load(
        cls,
        engine: Engine[Any],
        import_classes: Callable[[], tuple[Any, Any]],
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
    ) -> HubNetwork:
        """Load the network of an engine's row, whose choice permits the download.

        Args:
            engine: Row with a repository, a revision and the number of parameters.
            import_classes: Imports the classes of network and processor, which takes seconds, once the files
                are there. They are never those that a repository names. None for no processor.
            folder: Folder in the layout of the repository, if it is known.
            device: Device of the network; by default the fastest. A GPU that is too small is left alone.

        Raises:
            WeightsError: The package is missing, the files cannot be found or used, or the machine has too
                little memory.
        """
        repository = PipelineRepository(
            engine.weights or "", engine.revision, ("",), parameters=engine.parameters or 0, packages=PACKAGES
        )
        path, parameters = find_files(repository, folder=folder, device=device)
        device = torch.device(device or devices.default_device())
        if needs_offload(parameters, device):
            device = torch.device("cpu")
        network_class, processor_class = import_classes()
        dtype = torch.float32 if engine.full_precision else choose_dtype(device)
        try:
            network = load_component(ComponentFiles(network_class, path), dtype, device)
            if processor_class is None:
                return cls(network, folder=path)
            processor = load_component(ComponentFiles(processor_class, path), dtype, device)
        except (MemoryError, RuntimeError) as error:
            if is_out_of_memory(error):
                raise WeightsError(
                    f"There is too little free memory for {repository.name}: please close other programs, or "
                    "choose a smaller engine."
                ) from error
            raise
        return cls(network, processor, path)

    def inputs(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Return a processor's output on the device; floating-point tensors get the type of the weights."""
        return {
            name: value.to(self.device, self.dtype if value.is_floating_point() else None)
            for name, value in batch.items()
            if isinstance(value, torch.Tensor)
        }

    def run(self, function: Callable[[Any], T]) -> T:
        """Run a function of the network without gradients, when it is this thread's turn.

        Args:
            function: Function of the network.

        Raises:
            GenerationError: The device has too little memory, or the call that runs here must end.
        """
        try:
            with self._scheduler.slot(), torch.inference_mode():
                return function(self.network)
        except (MemoryError, RuntimeError) as error:
            if is_out_of_memory(error):
                raise GenerationError(
                    "This device ran out of memory: please take a smaller picture or another engine."
                ) from error
            raise


class HubModel(ABC):
    """Model around one network of transformers; a derived class names its classes and what it does.

    Args:
        files: The network with its processor.

    Attributes:
        files: See above.
        class_set: Data set whose classes the network must have, and their number; None for a network without
            classes.
    """

    class_set: ClassVar[tuple[str, int] | None] = None

    def __init__(self, files: HubNetwork) -> None:
        self.files = files

    @staticmethod
    @abstractmethod
    def import_classes() -> tuple[Any, Any]:
        """Import the classes of network and processor; None for no processor."""

    @classmethod
    def load(
        cls: type[Model],
        engine: Engine[Any],
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
    ) -> Model:
        """Load the network of a row; see `HubNetwork.load`.

        Raises:
            WeightsError: See there; or the network has another number of classes.
        """
        files = HubNetwork.load(engine, cls.import_classes, folder=folder, device=device)
        if cls.class_set is not None:
            (name, count), classes = cls.class_set, files.config.num_labels
            if classes != count:
                raise WeightsError(
                    f"The network {engine.weights} has {classes} classes in place of {name}'s {count:,}: "
                    "please choose another engine."
                )
        return cls(files)
