"""Engines of edge detection. A new engine is a class in the form of `backend.EdgeBackend` and a row here."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from shared.core.engines import Engine, table

if TYPE_CHECKING:
    import torch
    from torch import nn

    from shared.edges.backend import EdgeBackend
    from shared.edges.canny import CannyBackend
    from shared.edges.network_backend import NetworkBackend
    from shared.networks.fcfn import FCFNEdges
    from shared.networks.rds import RDS

#: Scales of the image by level of detail. The ODS of both scales is 0.800 on 30 images of BSDS500 val and
#: 0.795 on UDED, that of one scale 0.795 and 0.792; a scale of 0.5 loses fine lines.
SCALES = MappingProxyType({"standard": (1.0,), "high": (1.0, 1.5)})


def _rds() -> type[RDS]:
    from shared.networks.rds import RDS  # deferred: torch is slow to import

    return RDS


def _fcfn() -> type[FCFNEdges]:
    from shared.networks.fcfn import FCFNEdges  # deferred: torch is slow to import

    return FCFNEdges


def network(name: str, import_network: Callable[[], type[nn.Module]]) -> Callable[..., NetworkBackend]:
    """Return the factory of an engine whose weights belong to a network.

    Args:
        name: Name of the engine in `ENGINES`.
        import_network: Imports the network's class when the engine is first needed.
    """

    def load(
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> NetworkBackend:
        from shared.edges.network_backend import NetworkBackend  # deferred: torch is slow to import

        return NetworkBackend.load(
            ENGINES[name], import_network(), folder=folder, device=device, allow_hub=allow_hub
        )

    return load


def canny(
    *,
    folder: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
    allow_hub: bool = False,
) -> CannyBackend:
    """Return Canny's detector, which has no weights and runs on the CPU."""
    from shared.edges.canny import CannyBackend  # deferred: torch is slow to import

    return CannyBackend()


ENGINES: Mapping[str, Engine[EdgeBackend]] = table(
    Engine(
        name="rds",
        title="Best lines (RDS)",
        description="Learned from edges that people drew; works offline.",
        weights="edges-rds",
        load=network("rds", _rds),
        licence="cc-by-nc-4.0",
        parameters=1_049_211,
    ),
    Engine(
        name="hed",
        title="Older training (HED)",
        description="The same network, trained the way that came before.",
        weights="edges-hed",
        load=network("hed", _rds),
        licence="cc-by-nc-4.0",
        parameters=1_049_211,
    ),
    Engine(
        name="fcfn",
        title="Second opinion (FCFN)",
        description="A different network, almost as good.",
        weights="edges-fcfn",
        load=network("fcfn", _fcfn),
        licence="cc-by-nc-4.0",
        parameters=1_052_222,
    ),
    Engine(
        name="canny",
        title="Classical formula (Canny)",
        description="Draws every strong contrast; a formula from 1986 that has learned nothing.",
        load=canny,
    ),
)
