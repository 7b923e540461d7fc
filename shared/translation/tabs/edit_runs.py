"""Runs of editors: long, with progress, and until they end or the visitor stops them."""

import gradio as gr
from gradio.components import Component

from shared.core.errors import InputError, StoppedError
from shared.core.file_names import safe_stem
from shared.core.images import open_image
from shared.translation.tabs.edit_panel import EditPanel
from shared.translation.tabs.results import NO_PICTURE, ResultView
from shared.translation.tabs.runners import EditValues, Translate
from shared.translation.tabs.task_panel import TaskPanels
from shared.ui.batch import PROGRESS
from shared.ui.errors import user_facing
from shared.ui.long_runs import connect_run, observe_run
from shared.ui.search.summary import escape_markdown


def connect_edits(space: str, tasks: TaskPanels, edit: Translate, view: ResultView) -> None:
    """Connect the buttons of all tasks that are described in words.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        tasks: Tasks of the page.
        edit: Function that runs an editor.
        view: Components that show the result.
    """
    for panel in tasks.panels.values():
        if panel.edit is not None:
            _connect(space, panel.source, panel.edit, edit, view)


def _connect(space: str, source: Component, panel: EditPanel, edit: Translate, view: ResultView) -> None:
    @user_facing(space)
    def edit_image(
        path: str | None,
        engine: str,
        prompt: str | None,
        negative_prompt: str,
        references: list[str],
        seed: int,
        steps: int,
        guidance: float,
        strength: float,
        mask: str | None,
        request: gr.Request,
        progress: gr.Progress = PROGRESS,
    ) -> list[object]:
        if not path:
            raise InputError(NO_PICTURE)
        image = open_image(path)
        settings = EditValues(negative_prompt, references, seed, steps, guidance, strength, mask)
        try:
            with observe_run(request, progress, "Changing the picture") as observers:
                result = edit(image, engine, prompt or "", settings, **observers)
        except StoppedError as error:
            return view.empty(escape_markdown(str(error)))
        return view.values(image, result, f"{safe_stem(path)}-edited.png")

    connect_run(
        edit_image,
        [source, *panel.settings],
        view.outputs,
        start=panel.start,
        stop=panel.stop,
        triggers=[panel.settings.prompt.submit],
        progress_on=view.slider,
    )
