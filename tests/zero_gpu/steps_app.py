"""App with functions on ZeroGPU that take steps, for `tests/spaces/test_zero_gpu.py`."""

import time

import gradio as gr

from shared import ui
from shared.core.devices import gpu
from shared.core.errors import StoppedError
from shared.ui.long_runs import observe_run

COUNTS = {"calls": 0}


@gpu(duration=5)
def take_steps(count, *, progress, stop):
    COUNTS["calls"] += 1  # is lost with the process
    for step in range(1, count + 1):
        if stop.is_set():
            raise StoppedError("Stopped: no picture was made.")
        progress(step, count)
        time.sleep(0.5)
    return COUNTS["calls"]


@ui.user_facing("steps")
def walk(count: int, request: gr.Request, progress: gr.Progress = ui.PROGRESS) -> int:
    """Take some steps.

    Args:
        count: Number of steps.
        request: Request of the visitor.
        progress: Progress bar of the page.
    """
    with observe_run(request, progress, "Walking") as observers:
        return 10 * take_steps(int(count), **observers) + COUNTS["calls"]


def stream(count: int):
    """Yield numbers."""
    yield from count_on_gpu(int(count))


def _numbers(count):
    yield from range(count)


def count_on_gpu(count):
    """Return a generator whose values come from another process."""
    import spaces

    return spaces.GPU(duration=3)(_numbers)(count)


with ui.page("Steps") as demo:
    count = gr.Number(3)
    result = gr.Number()
    gr.on([], walk, [count], result)
    gr.on([], stream, [count], result)

if __name__ == "__main__":
    ui.launch(demo)
