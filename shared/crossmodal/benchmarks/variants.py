"""Variants of the theses' networks and losses, for ablations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from shared.crossmodal.training.objectives import HeadLosses


@dataclass(frozen=True)
class Variant:
    """One row of a comparison.

    Attributes:
        head: One of `shared.networks.crossmodal.joint.HEAD_CLASSES`.
        losses: Loss of its paper, with the weights of its terms.
        settings: Arguments of the head.
        scores: Names of CycleMatch's scores that are averaged; all if there are none.
    """

    head: str
    losses: HeadLosses = field(default_factory=HeadLosses)
    settings: dict[str, Any] = field(default_factory=dict)
    scores: tuple[str, ...] = ()


_DUAL = ("dual i2t", "dual t2i")
_CYCLE = (*_DUAL, "reconstructed image", "reconstructed text")

VARIANTS = {
    "two layers, triplet loss": Variant("plain"),
    # RRF-Net's chapter: number of recurrences, fusion, terms of the loss
    **{f"RRF-Net, T={steps}": Variant("rrf", settings={"recurrences": steps}) for steps in (1, 2, 3, 4)},
    "RRF-Net, T=3, locally connected fusion": Variant("rrf", settings={"fusion": "lc"}),
    "RRF-Net, T=3, triplet loss": Variant("rrf", HeadLosses(bi_rank=None)),
    "RRF-Net, T=3, pictures to text only": Variant("rrf", HeadLosses(bi_rank=(1.0, 0.5, 0.0, 0.0))),
    "RRF-Net, T=3, text to pictures only": Variant("rrf", HeadLosses(bi_rank=(0.0, 0.0, 2.0, 1.0))),
    # CycleMatch's chapter: contribution of the cycles
    "CycleMatch, dual": Variant("cyclematch", HeadLosses(cycle=(1.0, 0.0, 0.0)), scores=_DUAL),
    "CycleMatch, dual and reconstructed": Variant("cyclematch", HeadLosses(cycle=(1, 1, 0)), scores=_CYCLE),
    "CycleMatch": Variant("cyclematch"),
    # ITMeetsAL: each term
    "ITMeetsAL, without entropy": Variant("itmeetsal", HeadLosses(entropy=0.0)),
    "ITMeetsAL, without KL inside modalities": Variant("itmeetsal", HeadLosses(within=0.0)),
    "ITMeetsAL, without both": Variant("itmeetsal", HeadLosses(entropy=0.0, within=0.0)),
    "ITMeetsAL": Variant("itmeetsal"),
}

#: Variants whose mean score is a row of its own, as in RRF-Net's paper.
ENSEMBLES = {"RRF-Net, T=1 to 4 together": tuple(f"RRF-Net, T={steps}" for steps in (1, 2, 3, 4))}
