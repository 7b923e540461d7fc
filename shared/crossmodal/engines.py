"""Engines of cross-modal search and of product classification, one row each, in page order.

A new engine is a class and a row: a class derived from `shared.crossmodal.embedders.embedder.Embedder` (or
from `shared.crossmodal.embedders.hub_embedder.HubEmbedder`, for a model from the Hub), and a row whose `load`
is a factory that imports this class.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.core import weights
from shared.core.engines import Engine, deferred_row, table
from shared.core.hub_networks.revisions import pinned

if TYPE_CHECKING:  # these modules bring torch, and a page lists engines before it needs torch
    import torch

    from shared.crossmodal.captioners.captioner import Captioner
    from shared.crossmodal.captioners.florence import FlorenceCaptioner
    from shared.crossmodal.embedders.embedder import Embedder
    from shared.crossmodal.embedders.joint_space import JointSpaceEmbedder
    from shared.crossmodal.embedders.siglip import SiglipEmbedder
    from shared.crossmodal.embedders.siglip_head import SiglipHeadEmbedder

ENSEMBLE = "ensemble"
SIGLIP = "siglip2"
SIGLIP_HEAD = "siglip2-rrf"
JMC = "jmc"
#: Weights with both encoders and a head for each of the three networks.
JOINT_WEIGHTS = "crossmodal-joint"
#: Joint space on the recognition network, for photos of all kinds, whose partner is `JOINT_WEIGHTS`.
OPEN_WEIGHTS = "crossmodal-open"
CAPTION_WEIGHTS = "crossmodal-captions"
PRODUCT_WEIGHTS = "crossmodal-jmc"
#: Head on SigLIP 2, which somebody has to train first: `shared.crossmodal.train_hub_head`.
SIGLIP_HEAD_WEIGHTS = "crossmodal-siglip2-rrf"
#: Weights whose cards the page shows.
CARDS = (OPEN_WEIGHTS, JOINT_WEIGHTS, CAPTION_WEIGHTS, PRODUCT_WEIGHTS)
SIGLIP_REPOSITORY = "google/siglip2-base-patch16-224"
OWN_SENTENCES, FLORENCE = "ours", "florence2"
FLORENCE_REPOSITORY = "florence-community/Florence-2-base"


def load_combined_space(
    *,
    folder: str | os.PathLike | None = None,
    backbone_folder: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
    allow_hub: bool = False,
) -> Embedder:
    """Load the joint spaces of photos of all kinds and of everyday scenes, whose scores are added up.

    Args:
        folder: Weights of one joint space to use alone in their place.
        backbone_folder: Weights in place of the recognition network's own.
        device: Device of the networks; by default the best available.
        allow_hub: True permits a download of weights that are not on this machine.
    """
    from shared.crossmodal.embedders.combined import CombinedEmbedder

    if folder is not None:
        return load_joint_space(
            folder=folder, backbone_folder=backbone_folder, device=device, allow_hub=allow_hub
        )
    return CombinedEmbedder.load(
        OPEN_WEIGHTS, backbone_folder=backbone_folder, device=device, allow_hub=allow_hub
    )


def load_joint_space(
    *,
    folder: str | os.PathLike | None = None,
    backbone_folder: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
    allow_hub: bool = False,
) -> JointSpaceEmbedder:
    """Load the joint space of images and sentences, which serves several engines."""
    from shared.crossmodal.embedders.joint_space import JointSpaceEmbedder

    return JointSpaceEmbedder.load(
        JOINT_WEIGHTS, folder=folder, backbone_folder=backbone_folder, device=device, allow_hub=allow_hub
    )


def load_product_space(
    *,
    folder: str | os.PathLike | None = None,
    backbone_folder: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
    allow_hub: bool = False,
) -> JointSpaceEmbedder:
    """Load the joint space of product images and product texts."""
    from shared.crossmodal.embedders.joint_space import JointSpaceEmbedder

    return JointSpaceEmbedder.load(
        PRODUCT_WEIGHTS, folder=folder, backbone_folder=backbone_folder, device=device, allow_hub=allow_hub
    )


def load_siglip(
    *,
    folder: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
    allow_hub: bool = True,
) -> SiglipEmbedder:
    """Load SigLIP 2.

    Args:
        folder: Snapshot of the repository, if it is known.
        device: Device of the network; by default the best available.
        allow_hub: Accepted as by all factories, and not used: the choice of an engine from the Hub permits
            its download.
    """
    from shared.crossmodal.embedders.siglip import SiglipEmbedder

    return SiglipEmbedder.load(
        SIGLIP,
        SIGLIP_REPOSITORY,
        folder=folder,
        device=device,
        allow_hub=True,
        revision=ENGINES[SIGLIP].revision,
    )


def load_siglip_head(
    *,
    folder: str | os.PathLike | None = None,
    network: str | os.PathLike | None = None,
    device: str | torch.device | None = None,
    allow_hub: bool = True,
) -> SiglipHeadEmbedder:
    """Load RRF-Net on SigLIP 2.

    Args:
        folder: Weights of the head in place of `SIGLIP_HEAD_WEIGHTS`.
        network: Snapshot of SigLIP 2, if it is known.
        device: Device of SigLIP 2; by default the best available.
        allow_hub: Accepted as by all factories, and not used, see `load_siglip`.
    """
    from shared.crossmodal.embedders.siglip_head import SiglipHeadEmbedder

    return SiglipHeadEmbedder.load(
        SIGLIP_HEAD_ROW, ENGINES[SIGLIP], folder=folder, network=network, device=device
    )


def load_no_captioner(**options: object) -> None:
    """Return None: the engine of the search writes its own sentences."""


def _florence() -> type[FlorenceCaptioner]:
    """Import Florence-2, which describes images."""
    from shared.crossmodal.captioners.florence import FlorenceCaptioner

    return FlorenceCaptioner


def trained_heads() -> tuple[Engine[Embedder], ...]:
    """Return the rows of the heads whose weights are on this machine; nothing is downloaded."""
    return () if weights.find_local(SIGLIP_HEAD_WEIGHTS) is None else (SIGLIP_HEAD_ROW,)


SIGLIP_HEAD_ROW: Engine[Embedder] = Engine(
    name=SIGLIP_HEAD,
    title="SigLIP 2 and ours (RRF-Net)",
    description="Our RRF-Net on that large network, which the first use downloads: 1.5 GB.",
    weights=SIGLIP_HEAD_WEIGHTS,
    from_hub=True,  # the network below the head, so that few stay in memory
    load=load_siglip_head,
    licence="apache-2.0",  # of that network
    parameters=381_501_968,
)
ENGINES: Mapping[str, Engine[Embedder]] = table(
    Engine(
        name=ENSEMBLE,
        title="Best of ours (all three)",
        description="Adds up the scores of CycleMatch, RRF-Net and ITMeetsAL; the writer of sentences then "
        "judges the best pictures. Nothing is downloaded.",
        weights=OPEN_WEIGHTS,
        load=load_combined_space,
        licence="cc-by-nc-4.0",
        parameters=20_593_046,
    ),
    Engine(
        name="cyclematch",
        title="Five comparisons (CycleMatch)",
        description="Goes from words to pictures and back, and compares on the way. Nothing is downloaded.",
        weights=OPEN_WEIGHTS,
        load=load_combined_space,
        licence="cc-by-nc-4.0",
        parameters=17_597_428,
    ),
    Engine(
        name="rrf",
        title="Simple design (RRF-Net)",
        description="Applies one layer again and again and combines the results. Nothing is downloaded.",
        weights=OPEN_WEIGHTS,
        load=load_combined_space,
        licence="cc-by-nc-4.0",
        parameters=18_041_616,
    ),
    Engine(
        name="itmeetsal",
        title="Nearly as good alone (ITMeetsAL)",
        description="Trained until a critic could not tell words from pictures. Nothing is downloaded.",
        weights=OPEN_WEIGHTS,
        load=load_combined_space,
        licence="cc-by-nc-4.0",
        parameters=17_121_398,
    ),
    Engine(
        name=SIGLIP,
        title="Many languages (SigLIP 2)",
        description="A large public network of 2025. The first use downloads 1.5 GB and takes a while.",
        weights=SIGLIP_REPOSITORY,
        from_hub=True,
        revision=pinned(SIGLIP_REPOSITORY),
        full_precision=True,
        load=load_siglip,
        licence="apache-2.0",
        parameters=375_187_970,
        download_gb=1.5,
        published="ImageNet top-1 78.2% without training on its labels; reads many languages",
    ),
    *trained_heads(),
)
#: Engines whose weights are part of the project.
OFFLINE_ENGINES = tuple(name for name, engine in ENGINES.items() if not engine.from_hub)

#: Writers of sentences about an image.
CAPTIONERS: Mapping[str, Engine[Captioner | None]] = table(
    Engine(
        name=OWN_SENTENCES,
        title="Ours",
        description="Short sentences by our decoder, and built-in ones that fit. Nothing is downloaded.",
        load=load_no_captioner,
    ),
    Engine(
        name=FLORENCE,
        title="In detail (Florence-2)",
        description="A large public network, which writes a paragraph too. The first use downloads 0.9 GB.",
        weights=FLORENCE_REPOSITORY,
        from_hub=True,
        revision=pinned(FLORENCE_REPOSITORY),
        load=deferred_row(_florence, lambda: CAPTIONERS[FLORENCE]),
        licence="mit",
        parameters=231_414_016,
        download_gb=0.9,
        published="COCO captions CIDEr 133.0 zero-shot",
    ),
)

CLASSIFIERS: Mapping[str, Engine[JointSpaceEmbedder]] = table(
    Engine(
        name=JMC,
        title="Groceries and fashion (JMC)",
        description="Matches a product's picture with its words and tells its class. Nothing is downloaded.",
        weights=PRODUCT_WEIGHTS,
        load=load_product_space,
        licence="cc-by-nc-4.0",
        parameters=925_884,
    ),
)
