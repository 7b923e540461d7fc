"""Calls whose work can be ended or held up from outside: it checks between two steps whether it may go on.

What takes long, such as a download, tells the call how far it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

from shared.core.errors import StoppedError


class CallControl(Protocol):
    """Control of the work of one call, such as that of a visitor who may leave."""

    def check(self, *, may_wait: bool) -> None:
        """Return as soon as the work may go on.

        Args:
            may_wait: False where the caller holds a lock.

        Raises:
            GenerationError: The work must end.
        """

    def report(self, done: int, total: int, title: str, unit: str) -> None:
        """Show how far the work is.

        Args:
            done: Number of finished units.
            total: Number of all units.
            title: A few words about the work.
            unit: Name of a unit, such as `"MB"`.
        """


@dataclass(frozen=True)
class _StoppableCall:
    """Control that also ends the work on request.

    Attributes:
        is_stopped: Returns True if a stop is requested.
        outer: Control of the call around it, if there is one.
    """

    is_stopped: Callable[[], bool]
    outer: CallControl | None

    def check(self, *, may_wait: bool) -> None:
        if self.is_stopped():
            raise StoppedError("Stopped: no picture was made.")
        if self.outer is not None:
            self.outer.check(may_wait=may_wait)

    def report(self, done: int, total: int, title: str, unit: str) -> None:
        if self.outer is not None:
            self.outer.report(done, total, title, unit)


_control: ContextVar[CallControl | None] = ContextVar("call control", default=None)


@contextmanager
def controlled_call(control: CallControl) -> Iterator[None]:
    """Put the work inside the block under a control, also that in the threads of `anyio` begun there."""
    token = _control.set(control)
    try:
        yield
    finally:
        _control.reset(token)


@contextmanager
def stoppable_call(is_stopped: Callable[[], bool]) -> Iterator[None]:
    """End the work inside the block on request, at its next check, beside what else controls it.

    Args:
        is_stopped: Returns True if a stop is requested.
    """
    with controlled_call(_StoppableCall(is_stopped, _control.get())):
        yield


def check_call(*, may_wait: bool = True) -> None:
    """Check between two steps, such as tiles, that the call which runs here may go on; others always may.

    Args:
        may_wait: False where the caller holds a lock, which a call that goes first may need.

    Raises:
        GenerationError: The call must end: nobody waits for it, or its time is up.
    """
    control = _control.get()
    if control is not None:
        control.check(may_wait=may_wait)


def report_progress(done: int, total: int, title: str, *, unit: str) -> None:
    """Tell the call that runs here how far its work is, see `CallControl.report`; others are told nothing."""
    control = _control.get()
    if control is not None:
        control.report(done, total, title, unit)
