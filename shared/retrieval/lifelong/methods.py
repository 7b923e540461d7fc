"""Methods of teaching new classes: which losses hold on to what was learned earlier.

W. Chen, "Exploring deep learning for intelligent image retrieval" (PhD thesis, Leiden 2021), chapters 5 to 7,
and the usual methods of comparison. Each is a row of weights: the loss of a lesson is that of its new classes
plus the weighted terms of the row. The weights were chosen on a quarter of the training images of Flowers-17
and of the Grocery Store set, which the network had not learned from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

ImportanceKind: TypeAlias = Literal["fisher", "sensitivity"]


@dataclass(frozen=True)
class Method:
    """Terms of a lesson's loss. A weight of 0 leaves a term out.

    Attributes:
        name: Name in code and in the API.
        title: Name for people.
        summary: One sentence for people.
        vectors: Weight of the distance to the earlier network's vectors.
        logits: Weight of the distillation of the classifier's outputs.
        discrepancy: Weight of the maximum mean discrepancy to the earlier network's vectors.
        correlations: Weight of the correlation distillation.
        estimation: True adds a correlation distillation for each network before the earlier one, estimated.
        generated: True adds images made from statistics to the correlation distillation.
        auxiliary: Weight of the correlation distillation from a second teacher that learns the new classes
            alone.
        importance: Kind of the importance of weights that must not move; None for none.
        importance_weight: Weight of its penalty.
        frozen: True keeps the network as it is.
    """

    name: str
    title: str
    summary: str
    vectors: float = 0.0
    logits: float = 0.0
    discrepancy: float = 0.0
    correlations: float = 0.0
    estimation: bool = False
    generated: bool = False
    auxiliary: float = 0.0
    importance: ImportanceKind | None = None
    importance_weight: float = 0.0
    frozen: bool = False

    @property
    def distils(self) -> bool:
        """True if a loss compares the network with the earlier one."""
        return any((self.vectors, self.logits, self.discrepancy, self.correlations))


METHODS = {
    method.name: method
    for method in (
        Method(
            "frozen",
            "Change nothing",
            "The network stays as it is and describes new things as well as it can.",
            frozen=True,
        ),
        Method(
            "finetune", "Learn and forget", "Learns the new things alone, with nothing against forgetting."
        ),
        Method(
            "l2",
            "Keep the vectors",
            "New photos keep the vectors that the earlier network gave them.",
            vectors=1.0,
        ),
        Method(
            "lwf",
            "Learning without Forgetting",
            "New photos keep what the earlier network said about the old classes.",
            logits=1.0,
        ),
        Method(
            "ewc",
            "Elastic weights (EWC)",
            "Weights that mattered for the old classes move less.",
            importance="fisher",
            importance_weight=3.0,
        ),
        Method(
            "mas",
            "Memory-aware synapses (MAS)",
            "Weights to which the vectors are sensitive move less.",
            importance="sensitivity",
            importance_weight=0.3,
        ),
        Method(
            "lwf-mmd",
            "Soft labels and MMD",
            "Learning without Forgetting, and vectors that stay alike as a whole.",
            logits=1.0,
            discrepancy=5.0,
        ),
        Method(
            "correlation",
            "Correlation distillation",
            "Photos stay as similar to each other as they were.",
            correlations=100.0,
        ),
        Method(
            "estimation",
            "Correlation and estimated features",
            "The same for all earlier networks, whose vectors are estimated.",
            correlations=100.0,
            estimation=True,
        ),
        Method(
            "dual",
            "Two teachers",
            "An earlier and a new teacher, and images that the earlier one dreams up of its classes.",
            correlations=100.0,
            generated=True,
            auxiliary=10.0,
        ),
    )
}
DEFAULT_METHOD = "lwf-mmd"
