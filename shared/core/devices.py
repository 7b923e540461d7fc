"""The door for devices: the CPU, a CUDA GPU, or ZeroGPU, the shared GPUs of Hugging Face Spaces.

On ZeroGPU a process owns a GPU only inside functions that carry the decorator of Hugging Face's package
`spaces`, and a model must be on `cuda` when the app starts. Elsewhere a model is loaded when first needed.
"""

from __future__ import annotations

import ctypes
import functools
import os
import threading
from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

#: For every Gradio event that runs a network: all of them share one lane, and one job is in it at a time.
LANE = MappingProxyType({"concurrency_id": "accelerator", "concurrency_limit": 1})


def on_zero_gpu() -> bool:
    """Tells whether the process runs on a ZeroGPU Space, which says so in the variable `SPACES_ZERO_GPU`."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def default_device() -> torch.device:
    """Gives the device to run on: `cuda` where there is one, else `cpu`.

    ZeroGPU counts as `cuda` at any time; outside of a `gpu` function its package emulates the device.
    """
    import torch  # not at the top: a page needs this module before it needs torch, which is slow to import

    return torch.device("cuda" if on_zero_gpu() or torch.cuda.is_available() else "cpu")


def use_one_core() -> None:
    """Has torch run on one core from now on in the calling thread; all other threads stay as they are.

    Several such threads, each with a picture of its own, get more done than all cores on one picture after
    another.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)  # for this thread, and for all that begin later
    other = threading.Thread(target=torch.set_num_threads, args=(before,))  # which sets the latter right
    other.start()
    other.join()


@functools.cache
def keep_freed_memory() -> bool:
    """Lets the C library keep the memory of a network's maps for the next layer and the next call.

    By default glibc asks the system for every map of a few megabytes and gives it back at once, and the
    system then clears each page anew: a quarter of the time of an edge detector at 481 x 321. Maps of more
    than 32 MB, which only very large pictures have, are still given back at once, and of the rest at most
    512 MB stay.

    Returns:
        Whether the C library knows these settings; only glibc does.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    # One arena for all threads: those of other threads than the main one cannot hold maps of this size.
    mmap_threshold, trim_threshold, most_arenas = (-3, 32 << 20), (-1, 512 << 20), (-8, 1)  # malloc.h
    return all(mallopt(*setting) == 1 for setting in (mmap_threshold, trim_threshold, most_arenas))


def gpu(duration: int = 30) -> Callable[[Callable], Callable]:
    """Marks a function that runs a network.

    Args:
        duration: The most seconds that a call may take on ZeroGPU. Short calls come first in its queue, and a
            visitor with little quota left is turned away from long ones.

    Returns:
        A decorator. On ZeroGPU it borrows a GPU for each call; elsewhere it returns the function itself.

    >>> @gpu(duration=10)
    ... def double(x):
    ...     return 2 * x
    >>> double(21)
    42
    """

    def decorate(function: Callable) -> Callable:
        if not on_zero_gpu():
            return function
        import spaces  # Hugging Face's package, which is there on every ZeroGPU Space and optional elsewhere

        return spaces.GPU(duration=duration)(function)

    return decorate
