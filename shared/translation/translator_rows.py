"""Engines of `Translator`: a row for every set of images and system with embedded weights."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from shared.core.engines import Engine, table
from shared.translation.tasks import TASKS

if TYPE_CHECKING:
    import torch
    from torch import nn

    from shared.translation.generator_backend import GeneratorBackend


def pix2pix() -> type[nn.Module]:
    """Return the network of pix2pix."""
    from shared.networks.pix2pix import Pix2pix  # deferred: torch is slow to import

    return Pix2pix


def cyclegan() -> type[nn.Module]:
    """Return the network of CycleGAN, Long and Nest CycleGAN."""
    from shared.networks.cyclegan import CycleGAN  # deferred: torch is slow to import

    return CycleGAN


def generators(
    name: str, task: str, network_class: Callable[[], type[nn.Module]]
) -> Callable[..., GeneratorBackend]:
    """Return the factory of an engine of `TRANSLATOR_ROWS`.

    Args:
        name: Name of the engine.
        task: Name of its task.
        network_class: Imports the class of its network.
    """

    def load(
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> GeneratorBackend:
        from shared.translation.generator_backend import GeneratorBackend  # deferred: torch is slow to import

        return GeneratorBackend.load(
            TRANSLATOR_ROWS[name],
            network_class(),
            TASKS[task],
            folder=folder,
            device=device,
            allow_hub=allow_hub,
        )

    return load


def rows(task: str, *systems: str) -> list[Engine[GeneratorBackend]]:
    """Return the engines of a task, one for each system of `SYSTEMS`."""
    engines = []
    for system in systems:
        title, description, network_class, parameters = SYSTEMS[system]
        name = f"{task}-{system}"
        engine: Engine[GeneratorBackend] = Engine(
            name=name,
            title=title,
            description=description,
            weights=f"translation-{name}",
            load=generators(name, task, network_class),
            licence="cc-by-nc-4.0",
            parameters=parameters,
        )
        engines.append(engine)
    return engines


#: Title, description, network and number of parameters by system.
SYSTEMS: Mapping[str, tuple[str, str, Callable[[], type[nn.Module]], int]] = {
    "pix2pix": (
        "Learned from pairs (pix2pix)",
        "Saw every example together with its counterpart; comes closest to the original.",
        pix2pix,
        6_006_822,
    ),
    "cyclegan": (
        "There and back (CycleGAN)",
        "Learned without pairs: all that it makes must lead back to where it came from.",
        cyclegan,
        991_878,
    ),
    "long": (
        "Two steps (Long CycleGAN)",
        "Two smaller networks in a row, without pairs; the way back has two steps as well.",
        cyclegan,
        946_188,
    ),
    "nest": (
        "Two steps, each checked (Nest CycleGAN)",
        "Two networks in a row, without pairs; each step must lead back by itself.",
        cyclegan,
        946_188,
    ),
}

TRANSLATOR_ROWS: Mapping[str, Engine[GeneratorBackend]] = table()
