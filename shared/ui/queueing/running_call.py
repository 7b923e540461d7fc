"""Running calls: each ends soon after its client has left or its time is up, and waits for shorter ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import gradio as gr
from gradio.queueing import Event

from shared.core.errors import StoppedError, TimeLimitError

MAX_WAIT = 10.0  # seconds at a time, so that a call which holds something that others need goes on
MIN_PATIENCE = 5.0  # seconds that a call waits for shorter ones in any case; else as long as it has run

GONE = "Stopped: nobody waits for this result any more."


class RunningCall:
    """Control of a call that runs, see `shared.core.calls.CallControl`.

    Args:
        events: Events of the queue that it answers, mostly one.
        cost: Expected seconds.
        time_limit: Seconds that it may run, waits not counted; None without a limit.
    """

    def __init__(self, events: Sequence[Event], cost: float, time_limit: float | None) -> None:
        self.events, self.cost = events, cost
        self._time_limit = time_limit
        self._started = time.monotonic()
        self._waited = 0.0
        self._way_is_free = threading.Event()
        self._way_is_free.set()
        self._sentence: str | None = None

    @property
    def seconds(self) -> float:
        """Seconds that the call has run, waits not counted."""
        return time.monotonic() - self._started - self._waited

    @property
    def is_patient(self) -> bool:
        """True as long as shorter calls may go first."""
        return self._waited < max(MIN_PATIENCE, self.seconds)

    def hold(self) -> None:
        """Have the call wait at its next check until `release`."""
        self._way_is_free.clear()

    def release(self) -> None:
        """Let the call go on."""
        self._way_is_free.set()

    def end(self, sentence: str) -> None:
        """Have the call fail at its next check."""
        self._sentence = sentence
        self.release()

    def check(self, *, may_wait: bool) -> None:
        """Return as soon as the call may go on.

        Raises:
            StoppedError: It must end, since its client has left or the server ends.
            TimeLimitError: Its time is up.
        """
        self._check_end()
        if may_wait and not self._way_is_free.is_set():
            started = time.monotonic()
            self._way_is_free.wait(MAX_WAIT)
            self._waited += time.monotonic() - started
            self._check_end()

    def report(self, done: int, total: int, title: str, unit: str) -> None:
        """Show how far the call is, in the progress bar of the event that runs on this thread."""
        gr.Progress()((done, total), desc=title, unit=unit)

    def _check_end(self) -> None:
        if self._sentence is not None:
            raise StoppedError(self._sentence)
        if not any(event.alive for event in self.events):
            raise StoppedError(GONE)
        if self._time_limit is not None and self.seconds > self._time_limit:
            raise TimeLimitError(
                f"This takes more than {self._time_limit:.0f} seconds here, which is the limit: please "
                "choose a smaller picture, fewer of them, or less detail."
            )
