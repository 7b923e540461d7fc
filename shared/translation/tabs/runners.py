"""Functions of the page that run the engines, each loaded at its first call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from PIL.Image import Image

from shared.core.devices import on_zero_gpu
from shared.core.diffusion.monitor import Progress, StopRequest
from shared.core.diffusion.pool import ModelPool
from shared.core.engines import Engine, find
from shared.translation.editing.engine import EditorEngine
from shared.translation.engines import (
    COLORIZERS,
    EDITORS,
    SKETCH_COLORIZERS,
    SKETCHERS,
    STYLIZERS,
    TRANSLATORS,
)
from shared.translation.result import Translation
from shared.ui.engines import inference_function, lazy_models

if TYPE_CHECKING:  # which brings torch; the functions below import it when it is needed
    from shared.translation.colorization.colorizer import Colorizer
    from shared.translation.drawing.coloring import SketchColorizer
    from shared.translation.drawing.sketcher import Sketcher
    from shared.translation.editing.editor import ImageEditor
    from shared.translation.painting.stylizer import Stylizer
    from shared.translation.translator import Cycle, Translator

#: Makes an image of another one: `(image, *settings)`.
Translate: TypeAlias = Callable[..., Translation]


class EditValues(NamedTuple):
    """Values of an edit's settings; a number of 0 stands for the engine's own.

    Attributes:
        negative_prompt: Words for what must not be in the result.
        references: Paths of further images that the words can refer to.
        seed: Seed of the noise.
        steps: Number of denoising steps.
        guidance: Weight of the words.
        strength: Freedom of the result.
        mask: Path of an image that is white where the result may differ; None for everywhere.
    """

    negative_prompt: str = ""
    references: Sequence[str] = ()
    seed: int = 0
    steps: int = 0
    guidance: float = 0
    strength: float = 0
    mask: str | None = None

    def arguments(self) -> dict[str, Any]:
        """Return the values as an editor takes them, with None for an engine's own number.

        Fields that a visitor emptied are None, whatever their type.
        """
        return {
            "negative_prompt": self.negative_prompt or "",
            "references": self.references or (),
            "seed": int(self.seed or 0),
            "steps": round(self.steps or 0) or None,
            "guidance": self.guidance or None,
            "strength": self.strength or None,
            "mask": self.mask,
        }


class Runners(NamedTuple):
    """Functions that run engines.

    Attributes:
        translate: `(image, engine, direction)`.
        cycle: `(image, engine, direction)`, there and back.
        sketch: `(image, style, detail, darkness)`.
        colorize: `(image, saturation)`, for grey photos.
        color_drawing: `(image, saturation, lines)`.
        paint: `(image, style, strength, keep_colors)`; the style is a name or an image.
        edit: `(image, engine, prompt, values, *, progress, stop)`; the values are an `EditValues`.
    """

    translate: Translate
    cycle: Callable[[Image, str, str], Cycle]
    sketch: Translate
    colorize: Translate
    color_drawing: Translate
    paint: Translate
    edit: Translate


def create_runners() -> Runners:
    """Return the functions; those of drawings, colors and paintings run the first engine of their table."""
    translators = lazy_models(_load_translator, TRANSLATORS)
    run_stylizer = _run_first(STYLIZERS, _load_stylizer)

    def paint(image: Image, style: str | Image, strength: float, keep_colors: bool) -> Translation:
        return run_stylizer(image, style, strength=strength, keep_colors=keep_colors)

    editors = ModelPool(offered_editors(), _load_editor).models()
    run_editor = inference_function(editors, _run_editor, duration=120)

    def edit(image: Image, engine: str, prompt: str, values: EditValues, **observers: Any) -> Translation:
        find(EDITORS, engine).check(prompt, **values.arguments())  # before the engine is downloaded
        return run_editor(image, engine, prompt, values, **observers)

    return Runners(
        translate=inference_function(translators),
        cycle=inference_function(translators, _run_cycle),
        sketch=_run_first(SKETCHERS, _load_sketcher),
        colorize=_run_first(COLORIZERS, _load_colorizer),
        color_drawing=_run_first(SKETCH_COLORIZERS, _load_sketch_colorizer),
        paint=paint,
        edit=edit,
    )


def offered_editors() -> dict[str, EditorEngine]:
    """Return the editors that a visitor can choose, by name.

    On ZeroGPU all models are loaded when the app starts, so only the first one is offered.
    """
    return dict(islice(EDITORS.items(), 1)) if on_zero_gpu() else dict(EDITORS)


def _run_first(engines: Mapping[str, Engine[Any]], load: Callable[[str], Translate]) -> Translate:
    run = inference_function(lazy_models(load, engines))

    def run_first(image: Image, *args: object, **kwargs: object) -> Translation:
        return run(image, next(iter(engines)), *args, **kwargs)

    return run_first


def _run_editor(
    editor: ImageEditor,
    image: Image,
    prompt: str,
    values: EditValues,
    *,
    progress: Progress | None = None,
    stop: StopRequest | None = None,
) -> Translation:
    return editor(image, prompt, **values.arguments(), progress=progress, stop=stop)


def _run_cycle(translator: Translator, image: Image, direction: str) -> Cycle:
    return translator.cycle(image, direction)


def _load_translator(engine: str) -> Translator:
    from shared.translation.translator import Translator

    return Translator.load(engine)


def _load_sketcher(engine: str) -> Sketcher:
    from shared.translation.drawing.sketcher import Sketcher

    return Sketcher.load(engine)


def _load_colorizer(engine: str) -> Colorizer:
    from shared.translation.colorization.colorizer import Colorizer

    return Colorizer.load(engine)


def _load_sketch_colorizer(engine: str) -> SketchColorizer:
    from shared.translation.drawing.coloring import SketchColorizer

    return SketchColorizer.load(engine)


def _load_stylizer(engine: str) -> Stylizer:
    from shared.translation.painting.stylizer import Stylizer

    return Stylizer.load(engine)


def _load_editor(engine: str) -> ImageEditor:
    from shared.translation.editing.editor import ImageEditor

    return ImageEditor.load(engine)
