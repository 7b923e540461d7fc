"""Functions of the page that run the engines, each loaded at its first call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL.Image import Image

from shared.core import weights
from shared.core.engines import Engine, find
from shared.matting.engine_rows import SUBJECTS
from shared.restyle.engines import PARSERS, POSES, SWAPPERS
from shared.ui.engines import inference_function, lazy_models

if TYPE_CHECKING:  # which brings torch; the engines import it when it is needed
    from shared.matting.matte import Matte
    from shared.restyle.parsing.outfit import Outfit
    from shared.restyle.pose.skeleton import Pose
    from shared.restyle.swap.result import OutfitSwap


class Runners(NamedTuple):
    """Functions that run engines.

    Attributes:
        subject: Finds the main subject of an image.
        outfit: Finds the garments in an image.
        pose: Finds the joints of a person: `(image, box)`; the box is in pixels of the image, or None.
        swap: Dresses a person: `(person, engine, source, garments, strength)`.
    """

    subject: Callable[[Image], Matte]
    outfit: Callable[[Image], Outfit]
    pose: Callable[..., Pose]
    swap: Callable[[Image, str, Image, Sequence[str], float], OutfitSwap]


def create_runners() -> Runners:
    """Return the functions; those without the name of an engine run the first one of its table."""
    return Runners(
        subject=_run_first(SUBJECTS),
        outfit=_run_first(PARSERS),
        pose=_run_first(POSES),
        swap=inference_function(lazy_models(lambda name: find(SWAPPERS, name).load(), SWAPPERS)),
    )


def available(engines: Mapping[str, Engine[Any]]) -> dict[str, Engine[Any]]:
    """Return the engines whose weights are on this machine, or are downloaded when they are chosen."""
    return {name: engine for name, engine in engines.items() if _has_weights(engine)}


def _has_weights(engine: Engine[Any]) -> bool:
    if engine.weights is None or engine.from_hub:
        return True
    try:
        return (weights.find(engine.weights) / weights.WEIGHTS).is_file()
    except weights.WeightsError:
        return False


def _run_first(engines: Mapping[str, Engine[Any]]) -> Callable[..., Any]:
    run = inference_function(lazy_models(lambda name: find(engines, name).load(), engines))

    def run_first(image: Image, *args: object) -> Any:
        return run(image, next(iter(engines)), *args)

    return run_first
