"""Functions of the page that run the engines, each loaded at its first call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL.Image import Image

from shared.core.diffusion.monitor import Progress, StopRequest
from shared.core.diffusion.pool import ModelPool
from shared.core.engines import Engine, find
from shared.core.models import has_weights
from shared.matting.engine_rows import SUBJECTS
from shared.restyle.engines import GENERATORS, PARSERS, POSES, SWAPPERS
from shared.restyle.generation.settings import GenerationSettings, check_words
from shared.ui.engines import inference_function, lazy_models

if TYPE_CHECKING:  # which brings torch; the engines import it when it is needed
    from shared.matting.matte import Matte
    from shared.restyle.editor import Restyling
    from shared.restyle.generation.generator import OutfitGenerator
    from shared.restyle.parsing.outfit import Outfit
    from shared.restyle.pose.skeleton import Pose
    from shared.restyle.swap.result import OutfitSwap


class Runners(NamedTuple):
    """Functions that run engines.

    Attributes:
        subject: Finds the main subject of an image.
        outfit: Finds the garments in an image: `(image, engine)`.
        pose: Finds the joints of a person: `(image, box)`; the box is in pixels of the image, or None.
        swap: Dresses a person: `(person, engine, source, garments, strength)`.
        dress: Paints a person in another outfit: `(person, engine, outfit, settings, *, progress, stop)`.
        repaint: Paints a garment: `(image, engine, mask, words, settings, *, progress, stop)`.
    """

    subject: Callable[[Image], Matte]
    outfit: Callable[[Image, str], Outfit]
    pose: Callable[..., Pose]
    swap: Callable[[Image, str, Image, Sequence[str], float], OutfitSwap]
    dress: Callable[..., Restyling]
    repaint: Callable[..., Restyling]


def create_runners() -> Runners:
    """Return the functions; those without the name of an engine run the first one of its table."""
    generators = ModelPool(GENERATORS, lambda name: find(GENERATORS, name).load()).models()
    run_repaint = inference_function(generators, _repaint, duration=120)

    def repaint(
        image: Image, engine: str, mask: Image, words: str, settings: GenerationSettings, **observers: Any
    ) -> Restyling:
        check_words(words)  # before the engine is downloaded
        return run_repaint(image, engine, mask, words, settings, **observers)

    return Runners(
        subject=_run_first(SUBJECTS),
        outfit=inference_function(lazy_models(lambda name: find(PARSERS, name).load(), PARSERS)),
        pose=_run_first(POSES),
        swap=inference_function(lazy_models(lambda name: find(SWAPPERS, name).load(), SWAPPERS)),
        dress=inference_function(generators, _dress, duration=120),
        repaint=repaint,
    )


def available(engines: Mapping[str, Engine[Any]]) -> dict[str, Engine[Any]]:
    """Return the engines whose weights are on this machine, or are downloaded when they are chosen."""
    return {name: engine for name, engine in engines.items() if has_weights(engine)}


def _run_first(engines: Mapping[str, Engine[Any]]) -> Callable[..., Any]:
    run = inference_function(lazy_models(lambda name: find(engines, name).load(), engines))

    def run_first(image: Image, *args: object) -> Any:
        return run(image, next(iter(engines)), *args)

    return run_first


def _dress(
    generator: OutfitGenerator,
    person: Image,
    outfit: Image,
    settings: GenerationSettings,
    *,
    progress: Progress | None = None,
    stop: StopRequest | None = None,
) -> Restyling:
    return generator.dress(person, outfit, settings, progress=progress, stop=stop)


def _repaint(
    generator: OutfitGenerator,
    image: Image,
    mask: Image,
    words: str,
    settings: GenerationSettings,
    *,
    progress: Progress | None = None,
    stop: StopRequest | None = None,
) -> Restyling:
    return generator.repaint(image, mask, words, settings, progress=progress, stop=stop)
