"""Calls whose work can be ended or held up from outside: it checks between two steps whether it may go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class CallControl(Protocol):
    """Control of the work of one call, such as that of a visitor who may leave."""

    def check(self, *, may_wait: bool) -> None:
        """Return as soon as the work may go on.

        Args:
            may_wait: False where the caller holds a lock.

        Raises:
            GenerationError: The work must end.
        """


_control: ContextVar[CallControl | None] = ContextVar("call control", default=None)


@contextmanager
def controlled_call(control: CallControl) -> Iterator[None]:
    """Put the work inside the block under a control, also that in the threads of `anyio` begun there."""
    token = _control.set(control)
    try:
        yield
    finally:
        _control.reset(token)


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
