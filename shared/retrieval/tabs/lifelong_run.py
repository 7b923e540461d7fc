"""A lesson as a generator: it runs in a thread of its own, and its progress can be shown and stopped."""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from shared.core.diffusion.monitor import StopRequest
from shared.core.errors import StoppedError
from shared.retrieval.lifelong.results import Progress, Recall

STOPPED = "Stopped: the model is as it was before."


@dataclass(frozen=True)
class LessonState:
    """State of a lesson that goes on.

    Attributes:
        share: Share that is done, 0..1.
        text: A few words about the present step.
        curve: Recall so far.
    """

    share: float = 0.0
    text: str = "Waiting"
    curve: tuple[Recall, ...] = field(default_factory=tuple)


#: Function that teaches, with functions to call with its progress and with each measurement of recall.
Teach: TypeAlias = Callable[[Progress, Callable[[Recall], None]], None]


def observe_lesson(teach: Teach, stop: StopRequest) -> Iterator[LessonState]:
    """Run a lesson and yield its state as it changes; a consumer that is slower misses some.

    The lesson stops when it is asked to, and when the generator is closed.

    Args:
        teach: See `Teach`.
        stop: Request to stop it.

    Raises:
        StoppedError: It was stopped.
        Exception: Any other error of `teach`.
    """
    states: queue.SimpleQueue[LessonState | None] = queue.SimpleQueue()
    closed = threading.Event()
    latest = LessonState()
    errors: list[BaseException] = []

    def publish(state: LessonState) -> None:
        nonlocal latest
        if stop.is_set() or closed.is_set():
            raise StoppedError(STOPPED)
        latest = state
        states.put(state)

    def run() -> None:
        try:
            teach(
                lambda share, text: publish(replace(latest, share=share, text=text)),
                lambda recall: publish(replace(latest, curve=(*latest.curve, recall))),
            )
        except BaseException as error:  # raised again in the thread of the consumer
            errors.append(error)
        finally:
            states.put(None)

    context = contextvars.copy_context()  # the request, which tells agents from visitors
    thread = threading.Thread(target=context.run, args=(run,), daemon=True)
    thread.start()
    try:
        while (state := _newest(states)) is not None:
            yield state
    finally:
        closed.set()
        thread.join()  # the next lesson must not begin before
    if errors:
        raise errors[0]


def _newest(states: queue.SimpleQueue[LessonState | None]) -> LessonState | None:
    """Wait for a state and return the newest one, or None at the end of the lesson."""
    state = states.get()
    while state is not None and not states.empty():
        state = states.get()
    return state
