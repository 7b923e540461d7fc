"""Steps that all pipelines share before their networks are loaded."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from shared.core import devices
from shared.core.diffusion.memory import check_memory
from shared.core.diffusion.repositories import PipelineRepository, check_packages


def find_files(
    repository: PipelineRepository,
    *,
    folder: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
) -> tuple[Path, int]:
    """Find the files of a pipeline that a visitor has chosen, and download them if they are missing.

    Args:
        repository: The files.
        folder: Folder of the files, if it is known.
        device: Device of the pipeline; by default the fastest.

    Returns:
        The folder of the files, and the number of their weights.

    Raises:
        WeightsError: A package is missing, the machine has too little memory, which is known before gigabytes
            are downloaded, or the files cannot be found.
    """
    check_packages(repository.packages)
    if folder is None and not repository.is_cached():
        device = torch.device(device or devices.default_device())
        check_memory(repository.parameters, device, repository.name)
    path = repository.find(folder, allow_hub=True)
    return path, repository.count_parameters(path)
