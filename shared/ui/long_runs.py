"""Long runs of a page: they start with a button, show progress, and end or are stopped."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from shared.core.calls import stoppable_call
from shared.core.diffusion.monitor import StopFile
from shared.ui.events import LONG_RUNNING, Concurrency, Trigger
from shared.ui.gradio_workarounds import get_upload_folder

#: Large models run one at a time; each takes minutes without a GPU, and much memory.
LARGE_MODELS = Concurrency("editing", 1)
LOADING = "Loading the engine; the first time, this is a large download"


@dataclass(frozen=True)
class _StepReport:
    """Function that shows the steps of a run; it can go to another process, such as those of ZeroGPU."""

    progress: gr.Progress
    title: str

    def __call__(self, step: int, total: int) -> None:
        self.progress((step, total), desc=self.title, unit="steps")


@contextmanager
def observe_run(request: gr.Request, progress: gr.Progress, title: str) -> Iterator[dict[str, Any]]:
    """Show the progress of a run, and let the visitor stop it, also while its engine is being downloaded.

    Args:
        request: Request of the visitor.
        progress: Progress bar of the page.
        title: A few words about the run.

    Yields:
        The arguments `progress` and `stop` of the function that runs the model.
    """
    stop = stop_file(request)
    stop.clear()
    progress(0, desc=LOADING)
    try:
        with stoppable_call(stop.is_set):
            yield {"progress": _StepReport(progress, title), "stop": stop}
    finally:
        stop.clear()


def connect_run(
    function: Callable[..., Any],
    inputs: Sequence[Component],
    outputs: Sequence[Component],
    *,
    start: gr.Button,
    stop: gr.Button,
    triggers: Sequence[Trigger] = (),
    concurrency: Concurrency = LARGE_MODELS,
    progress_on: Component | None,
) -> None:
    """Connect the buttons of a long run.

    Args:
        function: Maps the values of the inputs to those of the outputs; see `observe_run`. It may be a
            generator.
        inputs: Components to read.
        outputs: Components to fill.
        start: Button that starts a run; it is off during one.
        stop: Button that stops it; it is on during one.
        triggers: Further events that start a run.
        concurrency: Number of runs at the same time.
        progress_on: Component that shows the progress; None for a function that shows it in its outputs.
    """

    def ask_to_stop(request: gr.Request) -> None:
        stop_file(request).set()

    at_once: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    buttons = [start, stop]
    # One after the other: a run may fail before the browser has heard that it began.
    busy = gr.on([start.click, *triggers], lambda: _buttons(busy=True), None, buttons, **at_once)
    run = busy.then(
        function,
        list(inputs),
        list(outputs),
        api_visibility="private",
        concurrency_id=concurrency.group,
        concurrency_limit=concurrency.limit,
        show_progress="hidden" if progress_on is None else "full",
        show_progress_on=progress_on,
    )
    for ended in (run.success, run.failure):  # Gradio (6.31) runs `then` after a success only
        ended(lambda: _buttons(busy=False), None, buttons, **at_once)
    stop.click(ask_to_stop, **at_once)


def connect_stoppable(
    triggers: Sequence[Trigger],
    function: Callable[..., Any],
    inputs: Sequence[Component],
    outputs: Sequence[Component],
    stop: gr.Button,
    *,
    concurrency: Concurrency = LONG_RUNNING,
    progress_on: Component,
) -> None:
    """Call a function after any of some events; a button that stops it is shown meanwhile.

    Args:
        triggers: Events that start a run.
        function: Maps the values of the inputs to those of the outputs; it reads `stop_file`.
        inputs: Components to read.
        outputs: Components to fill.
        stop: The button, hidden at first.
        concurrency: Number of runs at the same time.
        progress_on: Component that shows the progress.
    """

    def begin(request: gr.Request) -> gr.Button:
        stop_file(request).clear()
        return gr.Button(visible=True, interactive=True)

    def ask_to_stop(request: gr.Request) -> gr.Button:
        stop_file(request).set()
        return gr.Button(interactive=False)

    def end(request: gr.Request) -> gr.Button:
        stop_file(request).clear()
        return gr.Button(visible=False)

    at_once: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    run = gr.on(list(triggers), begin, None, stop, **at_once).then(
        function,
        list(inputs),
        list(outputs),
        api_visibility="private",
        concurrency_id=concurrency.group,
        concurrency_limit=concurrency.limit,
        show_progress_on=progress_on,
    )
    for ended in (run.success, run.failure):  # Gradio (6.31) runs `then` after a success only
        ended(end, None, stop, **at_once)
    stop.click(ask_to_stop, None, stop, **at_once)


def stop_file(request: gr.Request) -> StopFile:
    """Return the request to stop the run of a visitor's session."""
    name = hashlib.sha256((request.session_hash or "").encode()).hexdigest()
    return StopFile(Path(get_upload_folder(), name, "stop"))


def _buttons(*, busy: bool) -> list[gr.Button]:
    return [gr.Button(interactive=not busy), gr.Button(interactive=busy)]
