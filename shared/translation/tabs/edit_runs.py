"""Runs of editors: long, with progress, and until they end or the visitor stops them."""

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from shared.core.diffusion.monitor import StopFile
from shared.core.errors import InputError, StoppedError
from shared.core.file_names import safe_stem
from shared.core.images import open_image
from shared.translation.tabs.edit_panel import EditPanel
from shared.translation.tabs.results import NO_PICTURE, ResultView
from shared.translation.tabs.runners import EditValues, Translate
from shared.translation.tabs.task_panel import TaskPanels
from shared.ui.batch import PROGRESS
from shared.ui.errors import user_facing
from shared.ui.events import Concurrency

#: Editors run one at a time; each takes minutes without a GPU, and much memory.
EDITING = Concurrency("editing", 1)


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
        image, stop = open_image(path), stop_file(request)
        stop.clear()

        def report(step: int, total: int) -> None:
            progress((step, total), desc="Changing the picture", unit="steps")

        progress(0, desc="Loading the engine; the first time, this is a large download")
        try:
            settings = EditValues(negative_prompt, references, seed, steps, guidance, strength, mask)
            result = edit(image, engine, prompt or "", settings, progress=report, stop=stop)
        except StoppedError as error:
            return view.empty(str(error))
        finally:
            stop.clear()
        return view.values(image, result, f"{safe_stem(path)}-edited.png")

    def ask_to_stop(request: gr.Request) -> None:
        stop_file(request).set()

    at_once: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    buttons = [panel.start, panel.stop]
    triggers = [panel.start.click, panel.settings.prompt.submit]
    # One after the other: a run may fail before the browser has heard that it began.
    busy = gr.on(triggers, lambda: _buttons(busy=True), None, buttons, **at_once)
    run = busy.then(
        edit_image,
        [source, *panel.settings],
        view.outputs,
        api_visibility="private",
        concurrency_id=EDITING.group,
        concurrency_limit=EDITING.limit,
        show_progress_on=view.slider,
    )
    for ended in (run.success, run.failure):  # Gradio (6.31) runs `then` after a success only
        ended(lambda: _buttons(busy=False), None, buttons, **at_once)
    panel.stop.click(ask_to_stop, **at_once)


def stop_file(request: gr.Request) -> StopFile:
    """Return the request to stop the run of a visitor's session."""
    name = hashlib.sha256((request.session_hash or "").encode()).hexdigest()
    return StopFile(Path(tempfile.gettempdir(), f"image-spaces-stop-{name}"))


def _buttons(*, busy: bool) -> list[gr.Button]:
    return [gr.Button(interactive=not busy), gr.Button(interactive=busy)]
