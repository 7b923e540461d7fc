"""Engines of restyling: one table for each predictor of this package.

A new engine is a predictor in the form of the other ones of its table and a row in it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.core.diffusion.models import FLUX2_KLEIN_4B
from shared.core.engines import Engine, deferred, table
from shared.core.hub_networks.revisions import pinned

if TYPE_CHECKING:
    import torch

    from shared.restyle.generation.generator import OutfitGenerator
    from shared.restyle.parsing.parser import OutfitParser
    from shared.restyle.parsing.segformer import SegformerParser
    from shared.restyle.pose.estimator import PoseEstimator
    from shared.restyle.similar.descriptor import GarmentDescriber
    from shared.restyle.swap.swapper import OutfitSwapper


def _outfit() -> type[OutfitParser]:
    """Import the network that finds garments."""
    from shared.restyle.parsing.parser import OutfitParser  # deferred: torch is slow to import

    return OutfitParser


def segformer(
    *,
    folder: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
    allow_hub: bool = True,  # the choice of an engine from the Hub permits its download
) -> SegformerParser:
    """Return SegFormer, a public network that finds garments."""
    from shared.restyle.parsing.segformer import SegformerParser  # deferred: torch is slow to import

    row = PARSERS["segformer"]
    return SegformerParser.load(
        row.weights or "", row.revision, parameters=row.parameters or 0, folder=folder, device=device
    )


def _pose() -> type[PoseEstimator]:
    """Import the network that finds joints."""
    from shared.restyle.pose.estimator import PoseEstimator  # deferred: torch is slow to import

    return PoseEstimator


def _swapgan() -> type[OutfitSwapper]:
    """Import the networks that dress a person in garments of another photo."""
    from shared.restyle.swap.swapper import OutfitSwapper  # deferred: torch is slow to import

    return OutfitSwapper


def _garments() -> type[GarmentDescriber]:
    """Import the network that describes garments."""
    from shared.restyle.similar.descriptor import GarmentDescriber  # deferred: torch is slow to import

    return GarmentDescriber


def flux2_klein(
    *,
    folder: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
    allow_hub: bool = True,  # the choice of an engine from the Hub permits its download
) -> OutfitGenerator:
    """Return FLUX.2 klein, which paints clothes."""
    from shared.core.diffusion.flux2 import Flux2Klein  # deferred: torch is slow to import
    from shared.restyle.generation.generator import OutfitGenerator

    row = GENERATORS["flux2-klein"]
    model = Flux2Klein.load(
        row.weights or "", row.revision, parameters=row.parameters or 0, folder=folder, device=device
    )
    return OutfitGenerator(model)


#: Functions of an image that return its `shared.restyle.parsing.outfit.Outfit`: the garments of people.
PARSERS: Mapping[str, Engine[OutfitParser | SegformerParser]] = table(
    Engine(
        name="outfit",
        title="Clothes",
        description="Finds tops, coats, dresses, trousers, shoes and more on people; works offline.",
        weights="restyle-parsing",
        load=deferred(_outfit),
        licence="cc-by-nc-4.0",
        parameters=3_135_084,
    ),
    Engine(
        name="segformer",
        title="Clothes (SegFormer)",
        description=(
            "A larger public network, which takes jackets for tops and has no socks; 110 MB to download, for "
            "research only (NVIDIA’s licence)."
        ),
        load=segformer,
        weights="mattmdjaga/segformer_b2_clothes",
        from_hub=True,
        revision=pinned("mattmdjaga/segformer_b2_clothes"),
        full_precision=True,
        download_gb=0.1,
        published="18 labels of ATR",
        # Its card says MIT, and under "License" that of SegFormer, from whose weights it was fine-tuned:
        # for research and evaluation alone.
        licence="other",
        parameters=27_360_466,
    ),
)

#: `shared.restyle.pose.estimator.PoseEstimator`: the joints of a person.
POSES: Mapping[str, Engine[PoseEstimator]] = table(
    Engine(
        name="pose",
        title="Pose",
        description="Finds 17 joints of a person; works offline.",
        weights="restyle-pose",
        load=deferred(_pose),
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
        load=deferred(_swapgan),
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
        load=deferred(_garments),
        licence="cc-by-nc-4.0",
        parameters=4_782_024,
    ),
)

#: `shared.restyle.generation.generator.OutfitGenerator`: clothes painted by large models.
GENERATORS: Mapping[str, Engine[OutfitGenerator]] = table(
    Engine(
        name="flux2-klein",
        title="Painted anew (FLUX.2 klein)",
        description=(
            f"A large public model; {FLUX2_KLEIN_4B.download_gb:g} GB to download, needs a GPU with "
            f"{FLUX2_KLEIN_4B.offload_gb:g} GB."
        ),
        load=flux2_klein,
        weights=FLUX2_KLEIN_4B.repository,
        from_hub=True,
        revision=FLUX2_KLEIN_4B.revision,
        licence=FLUX2_KLEIN_4B.licence,
        parameters=FLUX2_KLEIN_4B.parameters,
        download_gb=FLUX2_KLEIN_4B.download_gb,
        published="follows a photo of clothes or words, in four steps",
    ),
)
