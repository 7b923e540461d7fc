"""Engines of `Translator`: a row for every set of images and system with embedded weights."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

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


class System(NamedTuple):
    """Way of training generators, as the page names it.

    Attributes:
        title: Name for visitors.
        description: One line for visitors.
        network_class: Imports the class of the network.
    """

    title: str
    description: str
    network_class: Callable[[], type[nn.Module]]


SYSTEMS: Mapping[str, System] = {
    "pix2pix": System(
        "Learned from pairs (pix2pix)",
        "Saw every example together with its counterpart; comes closest to the original.",
        pix2pix,
    ),
    "cyclegan": System(
        "There and back (CycleGAN)",
        "Learned without pairs: all that it makes must lead back to where it came from.",
        cyclegan,
    ),
    "long": System(
        "Two steps (Long CycleGAN)",
        "Two smaller networks in a row, without pairs; the way back has two steps as well.",
        cyclegan,
    ),
    "nest": System(
        "Two steps, each checked (Nest CycleGAN)",
        "Two networks in a row, without pairs; each step must lead back by itself.",
        cyclegan,
    ),
}


def rows(task: str, **parameters: int) -> list[Engine[GeneratorBackend]]:
    """Return the engines of a task.

    Args:
        task: Name of a row of `shared.translation.tasks.TASKS`.
        **parameters: Number of parameters by the name of the system, in page order.
    """
    engines = []
    for system, count in parameters.items():
        title, description, network_class = SYSTEMS[system]
        name = f"{task}-{system}"
        engine: Engine[GeneratorBackend] = Engine(
            name=name,
            title=title,
            description=description,
            weights=f"translation-{name}",
            load=generators(name, task, network_class),
            licence="cc-by-nc-4.0",
            parameters=count,
        )
        engines.append(engine)
    return engines


TRANSLATOR_ROWS: Mapping[str, Engine[GeneratorBackend]] = table(
    *rows("facades", pix2pix=4_179_186, cyclegan=991_878, long=946_188, nest=946_188),
    *rows("streets", pix2pix=4_179_186, cyclegan=991_878, long=946_188, nest=946_188),
    *rows("faces", pix2pix=991_878, cyclegan=991_878, long=946_188, nest=946_188),
)
