"""Menu of the page's tasks, and the panel of each."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import gradio as gr

from shared.core.models import has_weights
from shared.translation.drawing.styles import STYLES as DRAWING_STYLES
from shared.translation.editing.engine import EditorEngine
from shared.translation.engines import COLORIZERS, SKETCHERS, STYLIZERS
from shared.translation.tabs.edit_panel import edit_panel
from shared.translation.tabs.learned_panels import (
    areas_editor,
    drawn_panel,
    facade_editor,
    face_editor,
    photo_panel,
    sheet_editor,
    street_editor,
)
from shared.translation.tabs.photo_panels import color_panel, drawing_panel, painting_panel
from shared.translation.tabs.pictures import read_picture, sample_pictures
from shared.translation.tabs.runners import Runners, offered_editors
from shared.translation.tabs.task_panel import TaskPanel, TaskPanels
from shared.translation.tabs.translations import TRANSLATIONS, available_translations
from shared.ui.components.image_inputs import image_examples, image_input
from shared.ui.components.picture_menu import PictureChoice, open_panels, panel, picture_menu


class MenuTask(NamedTuple):
    """Task in the menu.

    Attributes:
        title: Name on the page.
        text: A few words about the result.
    """

    title: str
    text: str


#: Tasks by name, in page order. The picture of each is `pictures/<name>.webp`.
MENU = {
    "draw": MenuTask("Draw it", "Pencil, ink, charcoal"),
    "color": MenuTask("Color it", "Old photos and drawings"),
    "paint": MenuTask("Paint it", "In a painter’s style"),
    "facade": MenuTask("House front", "Draw it, get a photo"),
    "street": MenuTask("Street", "Draw it, get a photo"),
    "face": MenuTask("Face", "Sketch it, get a photo"),
    "labels": MenuTask("Photo to labels", "Or a face to a sketch"),
    "edit": MenuTask("Say what to change", "Any change, in words"),
    "describe": MenuTask("Draw and describe", "Lines and words to a photo"),
    "areas": MenuTask("Color areas", "Areas and words to a photo"),
}
#: Translation and editor of the tasks that start from a drawing.
DRAWN: dict[str, tuple[str, Callable[[], gr.HTML]]] = {
    "facade": ("labels-to-facade", facade_editor),
    "street": ("labels-to-street", street_editor),
    "face": ("sketch-to-face", face_editor),
}
#: Translations of the task that starts from a photo.
PHOTO_TRANSLATIONS = ("facade-to-labels", "street-to-labels", "face-to-sketch")


class EditTask(NamedTuple):
    """Task whose result is described in words.

    Attributes:
        input_kind: Kind of image that its engines expect.
        label: Label of the words.
        examples: Words to try.
        editor: Editor of the drawing; None for a photo.
    """

    input_kind: str
    label: str
    examples: tuple[str, ...]
    editor: Callable[[], gr.HTML] | None = None


#: Tasks whose results are described in words, by name.
EDITED = {
    "edit": EditTask(
        "photo", "What to change", ("make it winter", "turn it into a watercolor", "as if it were night")
    ),
    "describe": EditTask(
        "drawing",
        "What the drawing shows",
        ("a lighthouse by the sea, in the evening", "a red teapot on a wooden table"),
        sheet_editor,
    ),
    "areas": EditTask(
        "color areas",
        "What the picture shows",
        ("a village by a lake, on a clear morning", "a street in an old town, after rain"),
        areas_editor,
    ),
}


def task_menu() -> gr.HTML:
    """Create the menu of the tasks that have an engine, whose value is the name of a task."""
    choices = [
        PictureChoice(name, MENU[name].title, read_picture(name), MENU[name].text)
        for name in available_tasks()
    ]
    return picture_menu(choices, "Task")


def available_tasks() -> list[str]:
    """Return the names of the tasks with the weights of an engine, in page order."""
    translations = available_translations()
    engines = {
        "draw": any(map(has_weights, SKETCHERS.values())),
        "color": any(map(has_weights, COLORIZERS.values())),
        "paint": any(map(has_weights, STYLIZERS.values())),
        "facade": "labels-to-facade" in translations,
        "street": "labels-to-street" in translations,
        "face": "sketch-to-face" in translations,
        "labels": any(name in translations for name in PHOTO_TRANSLATIONS),
        **{name: bool(_editors(task)) for name, task in EDITED.items()},
    }
    return [name for name in MENU if engines[name]]


def _editors(task: EditTask) -> dict[str, EditorEngine]:
    return {name: row for name, row in offered_editors().items() if row.options.input_kind == task.input_kind}


def task_panels(menu: gr.HTML, runners: Runners) -> TaskPanels:
    """Create the inputs and settings of all tasks, of which those of the pressed one are shown.

    Args:
        menu: From `task_menu`.
        runners: Functions that run the engines.
    """
    learned = available_translations()
    from_photo = [row for name, row in learned.items() if name in PHOTO_TRANSLATIONS]
    with panel(menu, "draw", "color", "paint", "labels", "edit"):
        photo = image_input()
    with panel(menu, "draw", "paint", "edit"):
        image_examples(photo)
    with panel(menu, "color"):
        image_examples(photo, images=sample_pictures("grey-*", "drawing-*"))
    with panel(menu, "labels"):
        image_examples(photo, images=sample_pictures("photo-*"))
    builders: dict[str, Callable[[], TaskPanel]] = {
        "draw": lambda: drawing_panel(photo, runners.sketch, list(DRAWING_STYLES)),
        "color": lambda: color_panel(photo, runners.colorize, runners.color_drawing),
        "paint": lambda: painting_panel(photo, runners.paint),
        "labels": lambda: photo_panel(photo, from_photo, runners),
    }
    for name, (translation, editor) in DRAWN.items():
        builders[name] = partial(_drawn, translation, editor, runners)
    for name, task in EDITED.items():
        builders[name] = partial(_edited, task, photo)
    panels = {}
    for name in available_tasks():
        with panel(menu, name):
            panels[name] = builders[name]()
    with panel(menu, *(name for name in panels if name not in EDITED)):
        button = gr.Button("Make the picture", variant="primary")
    open_panels(menu)
    return TaskPanels(menu, panels, button)


def _drawn(translation: str, editor: Callable[[], gr.HTML], runners: Runners) -> TaskPanel:
    return drawn_panel(TRANSLATIONS[translation], editor(), runners)


def _edited(task: EditTask, photo: gr.Image) -> TaskPanel:
    if task.editor is None:
        return TaskPanel(photo, edit=edit_panel(_editors(task), task.label, task.examples, photo))
    return TaskPanel(task.editor(), edit=edit_panel(_editors(task), task.label, task.examples))
