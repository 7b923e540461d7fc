"""Panels of the learned translations: drawn labels or a sketch to a photo, and a photo to labels."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import gradio as gr
from PIL import Image

from shared.core.images import open_image
from shared.translation.editing.labels import LABEL_COLORS
from shared.translation.palettes import FACADES, STREETS, Palette
from shared.translation.result import Translation
from shared.translation.tabs.example_drawings import FACADE_DRAWINGS, STREET_DRAWINGS
from shared.translation.tabs.pictures import sample_pictures
from shared.translation.tabs.runners import Runners
from shared.translation.tabs.task_panel import TaskPanel
from shared.translation.tabs.translations import TRANSLATIONS, LearnedTranslation, systems
from shared.ui.components.drawing_editor import Brush, Canvas, drawing_editor
from shared.ui.engines import engine_menu
from shared.ui.events import on_event

if TYPE_CHECKING:  # which brings torch
    from shared.translation.translator import Cycle


#: Names of classes for visitors, where they differ from those of the data set.
_NAMES = {
    "background": "Outside",
    "blind": "Shutter",
    "decoration": "Ornament",
    "vegetation": "Trees",
    "terrain": "Grass",
    "traffic sign": "Sign",
}
#: Color of the car with the camera, and of all that has no class.
_NOTHING = Brush("Nothing", STREETS.void[0])


def _brushes(palette: Palette) -> dict[str, Brush]:
    return {
        name: Brush(_NAMES.get(name, name.capitalize()), color) for name, color in palette.classes.items()
    }


_PENS = [
    Brush("Pencil", (60, 60, 60)),
    Brush("Soft pencil", (130, 130, 130)),
    Brush("Shading", (195, 195, 195)),
    Brush("Eraser", (255, 255, 255)),
]


def facade_editor() -> gr.HTML:
    """Create the editor of house fronts with the twelve colors of their parts."""
    outside, *parts = _brushes(FACADES).values()
    examples = [(name, draw()) for name, draw in FACADE_DRAWINGS.items()]
    return drawing_editor(
        "Drawing of a house front", Canvas((256, 256), outside), [*parts, outside], examples
    )


def street_editor() -> gr.HTML:
    """Create the editor of streets with the colors of what is on them."""
    brushes = _brushes(STREETS)
    canvas = Canvas((256, 256), brushes["sky"], ("brush", "box", "fill"), stroke=12)
    examples = [(name, draw()) for name, draw in STREET_DRAWINGS.items()]
    return drawing_editor("Drawing of a street", canvas, [*brushes.values(), _NOTHING], examples)


def face_editor() -> gr.HTML:
    """Create the editor of faces with pencils and an eraser."""
    canvas = Canvas((256, 320), _PENS[-1], ("brush",), stroke=3, smooth=True)
    examples = [("A face", open_image(path)) for path in sample_pictures("sketch-*")]
    return drawing_editor("Sketch of a face", canvas, _PENS, examples)


def sheet_editor() -> gr.HTML:
    """Create the editor of any drawing, with pencils and an eraser."""
    return drawing_editor("Drawing", Canvas((512, 512), _PENS[-1], ("brush",), stroke=4, smooth=True), _PENS)


def areas_editor() -> gr.HTML:
    """Create the editor of areas in the colors of things."""
    brushes = {name: Brush(name.capitalize(), color) for name, color in LABEL_COLORS.items()}
    canvas = Canvas((512, 512), brushes["sky"], ("brush", "box", "fill"), stroke=24)
    return drawing_editor("Color areas", canvas, list(brushes.values()))


def drawn_panel(translation: LearnedTranslation, editor: gr.HTML, runners: Runners) -> TaskPanel:
    """Create the panel of a translation that starts from a drawing.

    Args:
        translation: The translation.
        editor: Editor of the drawing.
        runners: Functions that run the engines.
    """
    rows = systems(translation.task)
    system = engine_menu(rows, "Network")
    direction = translation.direction

    def translate_image(image: Image.Image, system: str) -> Translation:
        return runners.translate(image, translation.engine(system), direction)

    def cycle_image(image: Image.Image, system: str) -> "Cycle":
        return runners.cycle(image, translation.engine(system), direction)

    def variants(_: str) -> list[tuple[str, Sequence[object]]]:
        return [(row.title, (name,)) for name, row in rows.items()]

    return TaskPanel(editor, [system], translate_image, cycle_image, variants, [system.change])


def photo_panel(photo: gr.Image, translations: Sequence[LearnedTranslation], runners: Runners) -> TaskPanel:
    """Create the panel of the translations that start from a photo of a kind.

    Args:
        photo: Input of the photo.
        translations: Translations to choose from; the first one is chosen at the start.
        runners: Functions that run the engines.
    """
    choices = [(row.title, row.name) for row in translations]
    kind = gr.Radio(choices, value=translations[0].name, label="What the photo shows")
    system = engine_menu(systems(translations[0].task), "Network")

    def offer_systems(kind: str, system: str) -> gr.Dropdown:
        rows = systems(TRANSLATIONS[kind].task)
        return gr.Dropdown(
            [(row.title, name) for name, row in rows.items()], value=engine_of(kind, system)[0]
        )

    def engine_of(kind: str, system: str) -> tuple[str, str, str]:
        """Return system, engine and direction: those of the menu, or the first system that the kind has."""
        row = TRANSLATIONS[kind]
        names = systems(row.task)
        system = system if system in names else next(iter(names))
        return system, row.engine(system), row.direction

    def translate_image(image: Image.Image, kind: str, system: str) -> Translation:
        return runners.translate(image, *engine_of(kind, system)[1:])

    def cycle_image(image: Image.Image, kind: str, system: str) -> "Cycle":
        return runners.cycle(image, *engine_of(kind, system)[1:])

    def variants(kind: str, _: str) -> list[tuple[str, Sequence[object]]]:
        return [(engine.title, (kind, name)) for name, engine in systems(TRANSLATIONS[kind].task).items()]

    on_event([kind.change], offer_systems, [kind, system], system, concurrency=None)
    triggers = [kind.change, system.change]
    return TaskPanel(photo, [kind, system], translate_image, cycle_image, variants, triggers)
