"""Memory of devices: the type of a pipeline's weights, and the place where they fit.

Networks that a machine cannot hold are refused, since systems end a process that takes too much memory.
"""

from __future__ import annotations

import os

import torch

from shared.core import devices
from shared.core.weights import WeightsError

#: Bytes beside the weights that a run at one megapixel needs.
WORKING_BYTES = 3 * 2**30


def choose_dtype(device: torch.device) -> torch.dtype:
    """Return the type of a pipeline's weights: float32 on a CPU, else bfloat16, or float16 on older GPUs."""
    if device.type != "cuda":
        return torch.float32
    if devices.on_zero_gpu() or torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.bfloat16
    return torch.float16


def needs_offload(parameters: int, device: torch.device) -> bool:
    """Return True for a GPU that cannot hold all networks at once beside `WORKING_BYTES`."""
    memory = total_memory(device)
    if device.type != "cuda" or memory is None:
        return False
    return memory < parameters * choose_dtype(device).itemsize + WORKING_BYTES


def check_memory(parameters: int, device: torch.device, name: str) -> None:
    """Check that main memory can hold the networks that stay in it.

    Args:
        parameters: Number of weights.
        device: Device of the runs.
        name: Name of the pipeline, for the error.

    Raises:
        WeightsError: It is smaller.
    """
    memory = total_memory(torch.device("cpu"))
    in_main_memory = device.type == "cpu" or needs_offload(parameters, device)
    weight_bytes = parameters * choose_dtype(device).itemsize
    if in_main_memory and memory is not None and weight_bytes > 0.9 * memory:
        raise WeightsError(
            f"{name} takes {weight_bytes / 2**30:.0f} GB of memory and this machine has "
            f"{memory / 2**30:.0f} GB: please choose a smaller engine, or use a machine with a larger GPU."
        )


def total_memory(device: torch.device) -> int | None:
    """Return the memory of a device in bytes; None where it is unknown, as on ZeroGPU before a call."""
    if device.type == "cuda":
        return None if devices.on_zero_gpu() else torch.cuda.get_device_properties(device).total_memory
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # not on Windows
        return None


def is_out_of_memory(error: BaseException) -> bool:
    """Return True if an error says that a CPU or a GPU has too little memory.

    >>> is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ..."))
    True
    """
    texts = ("can't allocate memory", "not enough memory", "out of memory")
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(
        text in str(error) for text in texts
    )
