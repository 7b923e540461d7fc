"""Engines of recognition. A new engine is a class in the form of `backends` and a row here."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from shared.core.engines import Engine, table

if TYPE_CHECKING:
    import torch

    from shared.recognition.backends import ClassifierBackend, SegmenterBackend
    from shared.recognition.cfn_backend import CFNBackend
    from shared.recognition.fcfn_backend import FCFNBackend


def cfn(name: str, *, fused: bool = True) -> Callable[..., CFNBackend]:
    """Return the factory of a classifier of `CLASSIFIERS`.

    Args:
        name: Name of the classifier.
        fused: False leaves out the side branches and the fusion of the same weights.
    """

    def load(
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> CFNBackend:
        from shared.recognition.cfn_backend import CFNBackend  # deferred: torch is slow to import

        return CFNBackend.load(
            CLASSIFIERS[name], folder=folder, device=device, allow_hub=allow_hub, fused=fused
        )

    return load


def fcfn(name: str) -> Callable[..., FCFNBackend]:
    """Return the factory of a segmenter of `SEGMENTERS`."""

    def load(
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> FCFNBackend:
        from shared.recognition.fcfn_backend import FCFNBackend  # deferred: torch is slow to import

        return FCFNBackend.load(SEGMENTERS[name], folder=folder, device=device, allow_hub=allow_hub)

    return load


CLASSIFIERS: Mapping[str, Engine[ClassifierBackend]] = table(
    Engine(
        name="lite",
        title="Best answers (CFN)",
        description="Knows 1,000 kinds of animals, plants, things and places; works offline.",
        weights="recognition-lite",
        load=cfn("lite"),
        licence="cc-by-nc-4.0",
        parameters=6_319_024,
    ),
    Engine(
        name="plain",
        title="Plain network",
        description="The same network without its fusion, as its authors published it, for comparison.",
        weights="recognition-lite",
        load=cfn("plain", fused=False),
        licence="cc-by-nc-4.0",
        parameters=6_063_024,
    ),
    Engine(
        name="cfn",
        title="Smaller network (CFN)",
        description="The fusion on a smaller network: quicker, and right less often.",
        weights="recognition-cfn",
        load=cfn("cfn"),
        licence="cc-by-nc-4.0",
        parameters=3_692_616,
    ),
)

SEGMENTERS: Mapping[str, Engine[SegmenterBackend]] = table(
    Engine(
        name="fcfn",
        title="People and things (FCFN)",
        description="Finds people, animals, vehicles and furniture, 20 classes in all; works offline.",
        weights="recognition-fcfn",
        load=fcfn("fcfn"),
        licence="cc-by-nc-4.0",
        parameters=2_169_821,
    ),
    Engine(
        name="streets",
        title="Streets (FCFN)",
        description="For photos from a car: road, cars, people and eight more classes; works offline.",
        weights="recognition-fcfn-streets",
        load=fcfn("streets"),
        licence="cc-by-nc-4.0",
        parameters=1_937_731,
    ),
)
