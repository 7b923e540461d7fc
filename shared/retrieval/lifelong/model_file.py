"""File of a taught network: safetensors with its trainable weights, and its memory as text."""

from __future__ import annotations

import copy
import json
import math

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from shared.core.errors import InputError
from shared.networks.lifelong.embedder import EmbeddingNetwork
from shared.retrieval.lifelong.memory import Learner, Memory

FORMAT = "lifelong-search-1"
MAX_BYTES = 40_000_000
MAX_CLASSES, MAX_NAME = 2_000, 80
MAX_IMAGES = 10**9  # of all lessons


def write_model(learner: Learner, fingerprint: str) -> bytes:
    """Return the file of a taught network.

    Args:
        learner: Network and memory.
        fingerprint: Identifies the starter network, whose frozen blocks the file leaves out.
    """
    tensors = {name: value.half() for name, value in _trained(learner.network).items()}
    tensors |= {name: value.detach().contiguous() for name, value in learner.network.named_buffers()}
    memory = learner.memory
    metadata = {
        "format": FORMAT,
        "starter": fingerprint,
        "classes": json.dumps(memory.classes),
        "images": str(memory.images),
        "bounds": json.dumps(memory.bounds),
    }
    return save(tensors, metadata)


def read_model(path: str, starter: EmbeddingNetwork, fingerprint: str) -> Learner:
    """Read the file of a taught network.

    Args:
        path: The file.
        starter: Starter network, which is not changed.
        fingerprint: Identifies it.

    Raises:
        InputError: The file is not one, is damaged, or belongs to another starter.
    """
    try:
        with open(path, "rb") as file:
            if len(file.read(MAX_BYTES + 1)) > MAX_BYTES:
                raise InputError("This file is too large to be a taught model.")
        with safe_open(path, "pt") as tensors:
            metadata = tensors.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise InputError("This file is no taught model: use one that was downloaded here.")
            if metadata.get("starter") != fingerprint:
                raise InputError("This model was taught from another starter model and does not fit.")
            memory = _read_memory(metadata)
            network = copy.deepcopy(starter)
            network.add_classes(len(memory.classes) - network.classifier.out_features)
            state = {name: tensors.get_tensor(name).float() for name in tensors.keys()}  # noqa: SIM118
    except InputError:
        raise
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise InputError("This file is damaged, or no taught model.") from error
    expected = {**_trained(network), **dict(network.named_buffers())}
    shapes = {name: value.shape for name, value in state.items()}
    if shapes != {name: value.shape for name, value in expected.items()}:
        raise InputError("This file does not fit the network: it was made with another version.")
    if not all(bool(torch.isfinite(value).all()) for value in state.values()):
        raise InputError("This file is damaged: some of its weights are not numbers.")
    network.load_state_dict(state, strict=False)
    return Learner(network.eval(), memory)


def _trained(network: EmbeddingNetwork) -> dict[str, torch.Tensor]:
    return {
        name: value.detach().contiguous() for name, value in network.named_parameters() if value.requires_grad
    }


def _read_memory(metadata: dict[str, str]) -> Memory:
    """Return the memory of a file's header.

    Raises:
        InputError: The names are not usable.
        ValueError: The header is damaged.
    """
    classes = json.loads(metadata["classes"])
    bounds = tuple((float(low), float(high)) for low, high in json.loads(metadata["bounds"]))
    usable = isinstance(classes, list) and 0 < len(classes) <= MAX_CLASSES and len(bounds) <= MAX_CLASSES
    if not usable or not all(isinstance(name, str) and 0 < len(name) <= MAX_NAME for name in classes):
        raise InputError("The names in this file cannot be used.")
    if len(set(classes)) < len(classes) or not all(map(math.isfinite, sum(bounds, ()))):
        raise ValueError("names repeat, or bounds are not numbers")
    return Memory(tuple(classes), min(max(int(metadata["images"]), 1), MAX_IMAGES), bounds)
