"""Models behind the tabs, each loaded when it is first used."""

from typing import TYPE_CHECKING

from shared.core.models import Lazy
from shared.crossmodal.engines import CLASSIFIERS, ENGINES, JMC
from shared.ui.engines import lazy_models

if TYPE_CHECKING:  # which bring torch
    from shared.crossmodal.products.joint_classifier import JointClassifier
    from shared.crossmodal.search import CrossModalSearch


def lazy_searches(device: str | None = None) -> dict[str, Lazy["CrossModalSearch"]]:
    """Return the search of each engine.

    Args:
        device: Device of the networks; by default the best available.
    """

    def load(engine: str) -> "CrossModalSearch":
        from shared.crossmodal.search import CrossModalSearch

        return CrossModalSearch.load(engine, device=device)

    return lazy_models(load, ENGINES)


def lazy_classifier(device: str | None = None) -> Lazy["JointClassifier"]:
    """Return the product classifier.

    Args:
        device: Device of the networks; by default the best available.
    """

    def load(engine: str) -> "JointClassifier":
        from shared.crossmodal.products.joint_classifier import JointClassifier

        return JointClassifier.load(engine, device=device)

    return lazy_models(load, CLASSIFIERS)[JMC]
