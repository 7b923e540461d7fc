"""Engines of restyling: one table for each predictor of this package.

A new engine is a predictor in the form of the other ones of its table and a row in it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.core.engines import Engine, table

if TYPE_CHECKING:
    import torch

    from shared.restyle.parsing.parser import OutfitParser
    from shared.restyle.pose.estimator import PoseEstimator
    from shared.restyle.similar.descriptor import GarmentDescriber
    from shared.restyle.swap.swapper import OutfitSwapper


def outfit(
    *,
    folder: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
    allow_hub: bool = False,
) -> OutfitParser:
    """Return the network that finds garments."""
    from shared.restyle.parsing.parser import OutfitParser  # deferred: torch is slow to import

    return OutfitParser.load(folder=folder, device=device, allow_hub=allow_hub)


def pose(
    *,
    folder: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
    allow_hub: bool = False,
) -> PoseEstimator:
    """Return the network that finds joints."""
    from shared.restyle.pose.estimator import PoseEstimator  # deferred: torch is slow to import

    return PoseEstimator.load(folder=folder, device=device, allow_hub=allow_hub)


def swapgan(
    *,
    folder: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
    allow_hub: bool = False,
) -> OutfitSwapper:
    """Return the networks that dress a person in garments of another photo."""
    from shared.restyle.swap.swapper import OutfitSwapper  # deferred: torch is slow to import

    return OutfitSwapper.load(folder=folder, device=device, allow_hub=allow_hub)


def garments(
    *,
    folder: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
    allow_hub: bool = False,
) -> GarmentDescriber:
    """Return the network that describes garments."""
    from shared.restyle.similar.descriptor import GarmentDescriber  # deferred: torch is slow to import

    return GarmentDescriber.load(folder=folder, device=device, allow_hub=allow_hub)


#: `shared.restyle.parsing.parser.OutfitParser`: the garments of people.
PARSERS: Mapping[str, Engine[OutfitParser]] = table(
    Engine(
        name="outfit",
        title="Clothes",
        description="Finds tops, coats, dresses, trousers, shoes and more on people; works offline.",
        weights="restyle-parsing",
        load=outfit,
        licence="cc-by-nc-4.0",
        parameters=3_135_084,
    ),
)

#: `shared.restyle.pose.estimator.PoseEstimator`: the joints of a person.
POSES: Mapping[str, Engine[PoseEstimator]] = table(
    Engine(
        name="pose",
        title="Pose",
        description="Finds 17 joints of a person; works offline.",
        weights="restyle-pose",
        load=pose,
        licence="cc-by-nc-4.0",
        parameters=1_410_497,
    ),
)

#: `shared.restyle.swap.swapper.OutfitSwapper`: a person in the garments of another photo.
SWAPPERS: Mapping[str, Engine[OutfitSwapper]] = table(
    Engine(
        name="swapgan",
        title="Made to fit (SwapGAN)",
        description="Bends the garments into the pose of the person; works offline.",
        weights="restyle-swapgan",
        load=swapgan,
        licence="cc-by-nc-4.0",
        parameters=2_334_308,
    ),
)

#: `shared.restyle.similar.descriptor.GarmentDescriber`: the descriptors of garments.
DESCRIBERS: Mapping[str, Engine[GarmentDescriber]] = table(
    Engine(
        name="garments",
        title="Similar outfits",
        description="Compares garments by cut, pattern and color; works offline.",
        weights="retrieval-lite",
        load=garments,
        licence="cc-by-nc-4.0",
        parameters=4_782_024,
    ),
)
