"""Models behind the tabs, each loaded when it is first used."""

from typing import TYPE_CHECKING

from shared.core.devices import on_zero_gpu
from shared.core.models import Lazy
from shared.crossmodal.engines import CLASSIFIERS, ENGINES, JMC
from shared.ui.engines import lazy_models

if TYPE_CHECKING:  # which bring torch
    from shared.crossmodal.products.joint_classifier import JointClassifier
    from shared.crossmodal.search import CrossModalSearch


#: Galleries cannot follow to ZeroGPU's GPU, and the networks are small.
DEVICE = "cpu" if on_zero_gpu() else None


def lazy_searches() -> dict[str, Lazy["CrossModalSearch"]]:
    """Return the search of each engine."""

    def load(engine: str) -> "CrossModalSearch":
        from shared.crossmodal.search import CrossModalSearch

        return CrossModalSearch.load(engine, device=DEVICE)

    return lazy_models(load, ENGINES)


def lazy_classifier() -> Lazy["JointClassifier"]:
    """Return the product classifier."""

    def load(engine: str) -> "JointClassifier":
        from shared.crossmodal.products.joint_classifier import JointClassifier

        return JointClassifier.load(engine, device=DEVICE)

    return lazy_models(load, CLASSIFIERS)[JMC]
