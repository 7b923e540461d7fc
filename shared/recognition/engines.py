"""Engines of recognition. A new engine is a class in the form of `backends` and a row here."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from shared.core.engines import Engine, deferred_row, table
from shared.core.hub_networks.revisions import pinned

if TYPE_CHECKING:
    import torch

    from shared.recognition.backends import ClassifierBackend, SegmenterBackend
    from shared.recognition.cfn_backend import CFNBackend
    from shared.recognition.fcfn_backend import FCFNBackend
    from shared.recognition.hub.dinov2 import Dinov2Classifier
    from shared.recognition.hub.eomt import EomtSegmenter
    from shared.recognition.hub.grounding_dino import GroundingDinoDetector
    from shared.recognition.hub.sam2 import Sam2Finder
    from shared.recognition.hub.siglip import SiglipClassifier


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


SIGLIP, DINOV2, EOMT = "siglip2", "dinov2", "eomt"
WORDS, CLICK = "grounding-dino", "sam2"
SIGLIP_REPOSITORY = "google/siglip2-base-patch16-224"
DINOV2_REPOSITORY = "facebook/dinov2-large-imagenet1k-1-layer"
EOMT_REPOSITORY = "tue-mps/ade20k_semantic_eomt_large_512"
GROUNDING_DINO_REPOSITORY = "IDEA-Research/grounding-dino-tiny"
SAM2_REPOSITORY = "facebook/sam2.1-hiera-small"


def _siglip() -> type[SiglipClassifier]:
    """Import SigLIP 2, which takes any labels."""
    from shared.recognition.hub.siglip import SiglipClassifier  # deferred: torch is slow to import

    return SiglipClassifier


def _dinov2() -> type[Dinov2Classifier]:
    """Import DINOv2, a large classifier."""
    from shared.recognition.hub.dinov2 import Dinov2Classifier  # deferred: torch is slow to import

    return Dinov2Classifier


def _fcfn() -> type[FCFNBackend]:
    """Import FCFN, a segmenter."""
    from shared.recognition.fcfn_backend import FCFNBackend  # deferred: torch is slow to import

    return FCFNBackend


def _eomt() -> type[EomtSegmenter]:
    """Import EoMT, a large segmenter."""
    from shared.recognition.hub.eomt import EomtSegmenter  # deferred: torch is slow to import

    return EomtSegmenter


def _grounding_dino() -> type[GroundingDinoDetector]:
    """Import Grounding DINO, which finds the boxes of things by words."""
    from shared.recognition.hub.grounding_dino import (
        GroundingDinoDetector,  # deferred: torch is slow to import
    )

    return GroundingDinoDetector


def _sam2() -> type[Sam2Finder]:
    """Import SAM 2, which finds the thing at a point or in a box."""
    from shared.recognition.hub.sam2 import Sam2Finder  # deferred: torch is slow to import

    return Sam2Finder


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
    Engine(
        name=DINOV2,
        title="Large network (DINOv2)",
        description="The same 1,000 kinds, by a public network 50 times as large; 1.2 GB to download.",
        weights=DINOV2_REPOSITORY,
        load=deferred_row(_dinov2, lambda: CLASSIFIERS[DINOV2]),
        from_hub=True,
        revision=pinned(DINOV2_REPOSITORY),
        licence="apache-2.0",
        parameters=306_417_640,
        download_gb=1.2,
        published="ImageNet top-1 86.3%, with a linear head on frozen features",
    ),
    Engine(
        name=SIGLIP,
        title="Your own labels (SigLIP 2)",
        description="Chooses between the labels that you write, in many languages; 1.5 GB to download.",
        weights=SIGLIP_REPOSITORY,
        load=deferred_row(_siglip, lambda: CLASSIFIERS[SIGLIP]),
        from_hub=True,
        full_precision=True,
        revision=pinned(SIGLIP_REPOSITORY),
        licence="apache-2.0",
        parameters=375_187_970,
        download_gb=1.5,
        published="ImageNet top-1 78.2% without training on its labels",
    ),
)
#: Classifiers that take a visitor's labels, and cannot explain their answers.
OPEN_CLASSIFIERS = (SIGLIP,)
#: Classifiers whose weights are part of the project.
OFFLINE_CLASSIFIERS = tuple(name for name, engine in CLASSIFIERS.items() if not engine.from_hub)

SEGMENTERS: Mapping[str, Engine[SegmenterBackend]] = table(
    Engine(
        name="fcfn",
        title="People and things (FCFN)",
        description="Finds people, animals, vehicles and furniture, 20 classes in all; works offline.",
        weights="recognition-fcfn",
        load=deferred_row(_fcfn, lambda: SEGMENTERS["fcfn"]),
        licence="cc-by-nc-4.0",
        parameters=2_169_821,
    ),
    Engine(
        name="streets",
        title="Streets (FCFN)",
        description="For photos from a car: road, cars, people and eight more classes; works offline.",
        weights="recognition-fcfn-streets",
        load=deferred_row(_fcfn, lambda: SEGMENTERS["streets"]),
        licence="cc-by-nc-4.0",
        parameters=1_937_731,
    ),
    Engine(
        name=EOMT,
        title="Everything (EoMT)",
        description="Names every part of a scene, from sky to sofa, 150 kinds in all; 1.3 GB to download.",
        weights=EOMT_REPOSITORY,
        load=deferred_row(_eomt, lambda: SEGMENTERS[EOMT]),
        from_hub=True,
        revision=pinned(EOMT_REPOSITORY),
        licence="mit",
        parameters=316_020_887,
        download_gb=1.3,
        published="ADE20K mIoU 58.4 at 512 pixels",
    ),
)
#: Segmenters whose weights are part of the project.
OFFLINE_SEGMENTERS = tuple(name for name, engine in SEGMENTERS.items() if not engine.from_hub)

#: Parts of `shared.recognition.finder.Finder`: boxes of things by words, and masks in boxes or at points.
FINDERS: Mapping[str, Engine[Any]] = table(
    Engine(
        name=WORDS,
        title="By words (Grounding DINO and SAM 2)",
        description="Finds whatever you name, in English; 900 MB to download.",
        weights=GROUNDING_DINO_REPOSITORY,
        load=deferred_row(_grounding_dino, lambda: FINDERS[WORDS]),
        from_hub=True,
        full_precision=True,
        revision=pinned(GROUNDING_DINO_REPOSITORY),
        licence="apache-2.0",
        parameters=172_250_626,
        download_gb=0.7,
        published="COCO box AP 48.4 without training on COCO",
    ),
    Engine(
        name=CLICK,
        title="By a click (SAM 2)",
        description="Finds the thing at a point; 200 MB to download.",
        weights=SAM2_REPOSITORY,
        load=deferred_row(_sam2, lambda: FINDERS[CLICK]),
        from_hub=True,
        full_precision=True,
        revision=pinned(SAM2_REPOSITORY),
        licence="apache-2.0",
        parameters=38_538_577,
        download_gb=0.2,
        published="any thing at a click or in a box, of kinds that it was never trained on",
    ),
)
