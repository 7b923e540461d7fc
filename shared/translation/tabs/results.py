"""Tabs of a translation's result: before and after, there and back, and all variants side by side."""

from typing import Any

import gradio as gr
from PIL.Image import Image

from shared.core.errors import InputError
from shared.core.file_names import safe_stem
from shared.core.images import encode_image, open_image
from shared.translation.result import Translation
from shared.translation.tabs.task_panel import TaskPanels
from shared.ui.batch import BatchResult, batch_tab, run_batch
from shared.ui.components.results import display_image, download_button, download_buttons
from shared.ui.errors import user_facing
from shared.ui.events import on_event
from shared.ui.tabs import LazyTab

HINT = "Choose a task above and give it a picture: the result appears here."
ON_DEMAND = "Say what to change and press the button: the result appears here, after a while."
NO_WAY_BACK = "This task goes one way only. There and back works for house fronts, streets and faces."
NO_VARIANTS = "This task has only one way to do it. Others show several here, side by side."
ONE_AT_A_TIME = "This task takes one picture at a time: please choose another task for several files."
NO_PICTURE = "There is no picture yet: please choose or draw one first."
UNFAMILIAR = "This picture is unlike those that this task was trained on, so the result may look odd."
#: Pictures of the training, by the name of the set.
TRAINED_ON = {
    "facades": "The networks know house fronts seen straight on, and drawings in the colors of the brushes.",
    "streets": "The networks know streets seen from a car, and drawings in the colors of the brushes.",
    "faces": "The networks know faces seen from the front before a plain wall, and shaded sketches of them.",
}
#: Familiarity below which a result carries a caution: its distance from the training data
#: is then four standard deviations or more.
MIN_FAMILIARITY = 0.5
MAX_VARIANTS = 8


class ResultView:
    """Components that show one result: a slider, notes, and the file to download."""

    def __init__(self) -> None:
        self.slider = gr.ImageSlider(label="Before and after", max_height=560, elem_classes="is-slider")
        self.note = gr.Markdown(HINT, elem_classes="is-note")
        self.caution = gr.Markdown(elem_classes=["is-note", "is-care"], visible=False)
        (self.button,) = download_buttons("PNG")
        self.outputs = [self.slider, self.note, self.caution, self.button]

    def empty(self, note: str = HINT) -> list[object]:
        """Return the values of the outputs without a result."""
        return [None, note, gr.Markdown(visible=False), download_button()]

    def values(self, before: Image, result: Translation, name: str) -> list[object]:
        """Return the values of the outputs.

        Args:
            before: Image to show on the left, of the result's size.
            result: Result.
            name: File name for the download.
        """
        size = f"{result.image.width} × {result.image.height} pixels"
        return [
            (display_image(before), display_image(result.image, safe_stem(name))),
            f"{size}, {result.seconds:.2f} s",
            caution(result),
            download_button(encode_image(result.image), name),
        ]


def caution(result: Translation) -> gr.Markdown:
    """Return the update of the sentence about an image that is unlike the training data."""
    unfamiliar = result.familiarity is not None and result.familiarity < MIN_FAMILIARITY
    text = f"{UNFAMILIAR} {TRAINED_ON.get(result.engine.partition('-')[0], '')}".strip()
    return gr.Markdown(text if unfamiliar else "", visible=unfamiliar)


def result_tab(space: str, tasks: TaskPanels) -> tuple[LazyTab, ResultView]:
    """Create the tab "Result".

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        tasks: Tasks of the page.
    """
    with gr.Tab("Result", elem_id="result") as tab:
        view = ResultView()

    @user_facing(space)
    def show_result(*values: object) -> list[object]:
        task = tasks.parse(*values)
        if task.panel.translate is None:
            return view.empty(ON_DEMAND)
        if not task.path:
            return view.empty()
        image = open_image(task.path)
        result = task.panel.translate(image, *task.settings)
        before = task.panel.shown_input(image)
        return view.values(before, result, f"{safe_stem(task.path)}-{task.name}.png")

    @user_facing(space)
    def require_picture(*values: object) -> None:
        if not tasks.parse(*values).path:
            raise InputError(NO_PICTURE)

    on_event([tasks.button.click], require_picture, tasks.inputs, [], concurrency=None)
    return LazyTab(tab, show_result, tasks.inputs, view.outputs), view


def cycle_tab(space: str, tasks: TaskPanels) -> LazyTab:
    """Create the tab "There and back": an image, its translation, the way back, and the difference.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        tasks: Tasks of the page.
    """
    with gr.Tab("There and back", elem_id="cycle") as tab:
        note = gr.Markdown(HINT, elem_classes="is-note")
        gallery = _image_row("There and back")

    @user_facing(space)
    def show_cycle(*values: object) -> list[object]:
        task = tasks.parse(*values)
        if task.panel.cycle is None:
            return [NO_WAY_BACK, _hidden_row()]
        if not task.path:
            return [HINT, _row({})]
        image = open_image(task.path)
        cycle = task.panel.cycle(image, *task.settings)
        images = {
            "The picture": image,
            "There": cycle.there.image,
            "And back": cycle.back.image,
            "Difference": cycle.difference,
        }
        text = "The more the way back finds the picture again, the darker the difference. "
        seconds = cycle.there.seconds + cycle.back.seconds
        return [f"{text}{seconds:.2f} s", _row(images)]

    return LazyTab(tab, show_cycle, tasks.inputs, [note, gallery])


def side_by_side_tab(space: str, tasks: TaskPanels) -> LazyTab:
    """Create the tab "Side by side" with a result of each variant of a task.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        tasks: Tasks of the page.
    """
    with gr.Tab("Side by side", elem_id="variants") as tab:
        note = gr.Markdown(HINT, elem_classes="is-note")
        gallery = _image_row("Side by side")

    @user_facing(space)
    def show_variants(*values: object) -> list[object]:
        task = tasks.parse(*values)
        if task.panel.variants is None or task.panel.translate is None:
            return [NO_VARIANTS, _hidden_row()]
        if not task.path:
            return [HINT, _row({})]
        image = open_image(task.path)
        images = {"The picture": task.panel.shown_input(image)}
        for caption, settings in task.panel.variants(*task.settings)[:MAX_VARIANTS]:
            images[caption] = task.panel.translate(image, *settings).image
        return ["", _row(images)]

    return LazyTab(tab, show_variants, tasks.inputs, [note, gallery])


def several_tab(space: str, tasks: TaskPanels) -> None:
    """Create the tab "Several photos", which does the pressed task with many files.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        tasks: Tasks of the page.
    """

    @user_facing(space)
    def translate_files(paths: list[str], *values: object, progress: gr.Progress) -> BatchResult:
        task = tasks.parse(*values)
        translate = task.panel.translate
        if translate is None:
            raise InputError(ONE_AT_A_TIME)
        name = f"{space}-{task.name}"
        return run_batch(paths, lambda image: translate(image, *task.settings).files(), name, progress)

    batch_tab(translate_files, tasks.batch_inputs, "Do it with all of them")


def _image_row(label: str) -> gr.Gallery:
    return gr.Gallery(
        label=label,
        buttons=["download_all", "download", "fullscreen"],
        columns=2,
        height="auto",
        object_fit="contain",
        elem_classes="is-variants",
    )


def _row(images: dict[str, Image]) -> dict[str, Any]:
    """Return the update of a row with captioned images; without any it is an empty frame."""
    captioned = [(display_image(image, safe_stem(caption)), caption) for caption, image in images.items()]
    return gr.update(value=captioned or None, visible=True)


def _hidden_row() -> dict[str, Any]:
    """Return the update of a row that a task does not fill: a sentence alone, without an empty frame."""
    return gr.update(value=None, visible=False)
