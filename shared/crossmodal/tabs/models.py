"""Models behind the tabs, each loaded when it is first used."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias, cast

from PIL.Image import Image

from shared.core.devices import on_zero_gpu
from shared.core.engines import find
from shared.core.models import Lazy
from shared.crossmodal.captioners.captioner import Captioner, Captions
from shared.crossmodal.engines import CAPTIONERS, CLASSIFIERS, ENGINES, JMC, OWN_SENTENCES
from shared.ui.engines import inference_function, lazy_models

if TYPE_CHECKING:  # which bring torch
    from shared.crossmodal.products.joint_classifier import JointClassifier
    from shared.crossmodal.search import CrossModalSearch


#: Writes sentences about an image with one of `CAPTIONERS`; None for those of the search's engine.
WriteCaptions: TypeAlias = Callable[[Image, str], Captions | None]
#: Galleries cannot follow to ZeroGPU's GPU, and the networks are small.
DEVICE = "cpu" if on_zero_gpu() else None


def lazy_searches() -> dict[str, Lazy["CrossModalSearch"]]:
    """Return the search of each engine."""

    def load(engine: str) -> "CrossModalSearch":
        from shared.crossmodal.search import CrossModalSearch

        return CrossModalSearch.load(engine, device=DEVICE)

    return lazy_models(load, ENGINES, at_start=False)


def lazy_classifier() -> Lazy["JointClassifier"]:
    """Return the product classifier."""

    def load(engine: str) -> "JointClassifier":
        from shared.crossmodal.products.joint_classifier import JointClassifier

        return JointClassifier.load(engine, device=DEVICE)

    return lazy_models(load, CLASSIFIERS, at_start=False)[JMC]


def lazy_captioners() -> WriteCaptions:
    """Return the function that runs the captioners."""
    captioners = {name: row for name, row in CAPTIONERS.items() if name != OWN_SENTENCES}

    def load(name: str) -> Captioner:
        return cast(Captioner, find(CAPTIONERS, name).load())

    run = inference_function(lazy_models(load, captioners), duration=60)

    def write(image: Image, captioner: str) -> Captions | None:
        return run(image, captioner) if captioner in captioners else None

    return write
