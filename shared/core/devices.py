"""Devices: the CPU, a CUDA GPU, or ZeroGPU, the shared GPUs of Hugging Face Spaces.

On ZeroGPU a process owns a GPU only inside functions with the decorator of Hugging Face's package `spaces`,
and a model must be on `cuda` when the app starts. Elsewhere a model is loaded on first use.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import pickle
import threading
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    import torch

Function = TypeVar("Function", bound=Callable[..., Any])


def on_zero_gpu() -> bool:
    """Return True on a ZeroGPU Space, which sets the environment variable `SPACES_ZERO_GPU`."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def default_device() -> torch.device:
    """Return the fastest available device: `cuda` or `cpu`.

    ZeroGPU counts as `cuda` at any time; outside of a `gpu` function its package emulates the device.
    """
    import torch  # deferred: a page needs this module before it needs torch, which is slow to import

    return torch.device("cuda" if on_zero_gpu() or torch.cuda.is_available() else "cpu")


def use_one_core() -> None:
    """Limit torch to one core in the calling thread; other threads keep their setting.

    Several such threads, each with an image of its own, have a higher throughput than all cores on one image
    after another.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # for this thread, and for all that start later
    restore = threading.Thread(target=torch.set_num_threads, args=(threads,))  # resets the latter
    restore.start()
    restore.join()


@functools.cache
def keep_freed_memory() -> bool:
    """Let the C library reuse the memory of a network's maps in the next layer and the next call.

    By default glibc requests every map of a few megabytes from the system and returns it at once, and the
    system then clears each page anew: a quarter of the time of an edge detector at 481 x 321. Maps of more
    than 32 MB, which only very large images have, are still returned at once, and of the others at most
    512 MB stay.

    Returns:
        True if the C library supports these settings, which only glibc does.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    # One arena for all threads: an arena of a thread other than the main one cannot hold maps of this size.
    mmap_threshold, trim_threshold, max_arenas = (-3, 32 << 20), (-1, 512 << 20), (-8, 1)  # malloc.h
    return all(mallopt(*setting) == 1 for setting in (mmap_threshold, trim_threshold, max_arenas))


def release_freed_memory() -> None:
    """Return the memory that the C library keeps for later calls to the system, after a very large call.

    Between the maps of large images it keeps about a gigabyte in pieces. Only glibc has this function.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def gpu(duration: int = 30) -> Callable[[Function], Function]:
    """Decorate a function that runs a network.

    Args:
        duration: Largest number of seconds of a call on ZeroGPU. Short calls come first in its queue, and
            long ones are refused to visitors with little quota left.

    Returns:
        A decorator. On ZeroGPU it borrows a GPU for each call, which runs in a process of its own: arguments,
        results and errors are pickled, and changes of globals are lost. Elsewhere it returns the function
        itself.

    >>> @gpu(duration=10)
    ... def double(x):
    ...     return 2 * x
    >>> double(21)
    42
    """

    def decorate(function: Function) -> Function:
        if not on_zero_gpu():
            return function
        # Hugging Face's package, on every ZeroGPU Space; it shares its name with the folder of the apps.
        import spaces

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> tuple[Any, Exception | None, str]:
            try:
                return function(*args, **kwargs), None, ""
            except Exception as error:  # or all that arrives is the name of its class
                return None, _portable(error), traceback.format_exc()

        borrow = spaces.GPU(duration=duration)(run)  # type: ignore[attr-defined]

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            result, error, trace = borrow(*args, **kwargs)
            if error is not None:
                raise error from RuntimeError(f"on the GPU:\n{trace}")
            return result

        return cast(Function, call)

    return decorate


def _portable(error: Exception) -> Exception:
    """Return an error that another process can read: the same, or its text where it cannot be pickled."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # of its own methods, which may raise anything
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
