"""The networks and losses that the theses compare, as variants to train beside each other."""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.crossmodal.training.objectives import Ranking


@dataclass(frozen=True)
class Variant:
    """One row of a comparison.

    Attributes:
        head: One of `shared.networks.joint.HEAD_CLASSES`.
        ranking: Which parts of its paper's loss count.
        settings: Of the head.
        scores: Names of CycleMatch's scores that are averaged in the end; all where there are none.
    """

    head: str
    ranking: Ranking = field(default_factory=Ranking)
    settings: dict[str, object] = field(default_factory=dict)
    scores: tuple[str, ...] = ()


_DUAL = ("dual i2t", "dual t2i")
_CYCLE = (*_DUAL, "reconstructed image", "reconstructed text")

VARIANTS = {
    "two layers, triplet loss": Variant("plain"),
    # RRF-Net's chapter: how often to repeat, how to fuse, which terms of the loss
    **{f"RRF-Net, T={steps}": Variant("rrf", settings={"recurrences": steps}) for steps in (1, 2, 3, 4)},
    "RRF-Net, T=3, locally connected fusion": Variant("rrf", settings={"fusion": "lc"}),
    "RRF-Net, T=3, triplet loss": Variant("rrf", Ranking(bi_rank=None)),
    "RRF-Net, T=3, pictures to text only": Variant("rrf", Ranking(bi_rank=(1.0, 0.5, 0.0, 0.0))),
    "RRF-Net, T=3, text to pictures only": Variant("rrf", Ranking(bi_rank=(0.0, 0.0, 2.0, 1.0))),
    # CycleMatch's chapter: what the cycles add
    "CycleMatch, dual": Variant("cyclematch", Ranking(cycle=(1.0, 0.0, 0.0)), scores=_DUAL),
    "CycleMatch, dual and reconstructed": Variant("cyclematch", Ranking(cycle=(1, 1, 0)), scores=_CYCLE),
    "CycleMatch": Variant("cyclematch"),
    # ITMeetsAL: each term
    "ITMeetsAL, without entropy": Variant("itmeetsal", Ranking(entropy=0.0)),
    "ITMeetsAL, without KL inside modalities": Variant("itmeetsal", Ranking(within=0.0)),
    "ITMeetsAL, without both": Variant("itmeetsal", Ranking(entropy=0.0, within=0.0)),
    "ITMeetsAL": Variant("itmeetsal"),
}

#: The mean of these rows' scores is a row of its own, as in RRF-Net's paper.
TOGETHER = {"RRF-Net, T=1 to 4 together": tuple(f"RRF-Net, T={steps}" for steps in (1, 2, 3, 4))}
