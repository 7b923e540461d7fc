"""Weights of networks in a file that is mapped into memory.

OpenVINO has weights of its own. PyTorch's are needed again for gradients, or after a failure; until then they
take no memory that the system could not use otherwise.
"""

from __future__ import annotations

import mmap
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor, nn

#: Smallest size in bytes of a tensor that is moved.
MIN_BYTES = 1 << 14
ALIGNMENT = 64  # bytes, of vector instructions

_files: weakref.WeakKeyDictionary[nn.Module, mmap.mmap] = weakref.WeakKeyDictionary()


def unload_weights(network: nn.Module, folder: Path) -> None:
    """Move the weights of a network to a file, from where the system reads what is used.

    The file has no name and ends with the process. Where it cannot be written, the weights stay in memory.

    Args:
        network: Network on the CPU.
        folder: Folder on a disk, which is created.
    """
    with suppress(OSError, ValueError):  # of a folder, and of an empty file
        if network not in _files:
            _files[network] = _map_weights(network, folder)
        if hasattr(mmap, "MADV_DONTNEED"):  # not on Windows; pages of a shared map stay in the system's cache
            _files[network].madvise(mmap.MADV_DONTNEED)


def _map_weights(network: nn.Module, folder: Path) -> mmap.mmap:
    folder.mkdir(parents=True, exist_ok=True)
    offsets: list[tuple[Tensor, int]] = []
    # Written rather than mapped at once: a disk that is full is then an error, not the end of the process.
    with tempfile.TemporaryFile(dir=folder) as file:
        for tensor in _whole_tensors(network):
            offsets.append((tensor, file.tell()))
            file.write(_bytes_of(tensor))
            file.write(bytes(-file.tell() % ALIGNMENT))
        file.flush()
        mapped = mmap.mmap(file.fileno(), file.tell())
    with torch.inference_mode(False):  # tensors of inference mode have no gradients
        for tensor, offset in offsets:
            values = torch.frombuffer(mapped, dtype=tensor.dtype, count=tensor.numel(), offset=offset)
            tensor.data = values.as_strided(tensor.size(), tensor.stride())
    return mapped


def _whole_tensors(network: nn.Module) -> Iterator[Tensor]:
    """Yield the large parameters and buffers that share their memory with no other tensor."""
    for tensor in (*network.parameters(), *network.buffers()):
        size = tensor.numel() * tensor.element_size()
        if size >= MIN_BYTES and size == tensor.untyped_storage().nbytes():
            yield tensor


def _bytes_of(tensor: Tensor) -> memoryview:
    """Return the memory of a tensor, in any order of its dimensions."""
    return torch.empty(0, dtype=torch.uint8).set_(tensor.untyped_storage()).numpy().data
