"""Steps that all editors share before their networks are loaded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from shared.core.diffusion.repositories import PipelineRepository, check_packages
from shared.translation.editing.engine import EditorEngine

if TYPE_CHECKING:
    import torch


def find_files(
    engine: EditorEngine,
    repository: PipelineRepository,
    *,
    folder: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
) -> tuple[Path, int]:
    """Find the files of an editor, after a check that they can be used here.

    Args:
        engine: Row of the editor; choosing an engine from the Hub permits its download.
        repository: Its files.
        folder: Folder of the files, if it is known.
        device: Device of the editor; by default the fastest.

    Returns:
        The folder of the files, and the number of their weights.

    Raises:
        WeightsError: A package is missing, the machine has too little memory, or the files cannot be found.
    """
    check_packages()
    if folder is None and not repository.is_cached():
        check_machine(engine, device)
    path = repository.find(folder, allow_hub=True)
    return path, repository.count_parameters(path)


def check_machine(engine: EditorEngine, device: str | torch.device | None) -> None:
    """Check that the machine can hold an editor, before gigabytes are downloaded.

    Raises:
        WeightsError: It has too little memory.
    """
    import torch  # deferred: rows are listed before torch is loaded

    from shared.core.devices import default_device
    from shared.core.diffusion.memory import check_memory

    check_memory(engine.parameters or 0, torch.device(device or default_device()), engine.title)
