"""Progress of a run, and requests to stop it."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from shared.core.calls import check_call
from shared.core.errors import StoppedError

#: Function of the number of finished steps and of all steps.
Progress: TypeAlias = Callable[[int, int], None]


class StopRequest(Protocol):
    """Request to stop a run, such as a `threading.Event`."""

    def is_set(self) -> bool:
        """Return True if the run must stop."""


@dataclass(frozen=True)
class StopFile:
    """Request to stop a run in this process or in another one, such as those of ZeroGPU.

    Attributes:
        path: Empty file that is there while the request is set.
    """

    path: Path = field(default_factory=lambda: Path(tempfile.gettempdir(), f"stop-{uuid.uuid4().hex}"))

    def set(self) -> None:
        """Ask the run to stop before its next step."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.touch()

    def is_set(self) -> bool:
        """Return True if the run must stop."""
        return self.path.exists()

    def clear(self) -> None:
        """Withdraw the request, and delete its file."""
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Monitor:
    """Observer of a run.

    Attributes:
        progress: Called after each step.
        stop: Read before each step.
    """

    progress: Progress | None = None
    stop: StopRequest | None = None

    def check(self) -> None:
        """Check that the run may go on.

        Raises:
            StoppedError: A stop is requested.
            GenerationError: The call that runs here must end, see `shared.core.calls`.
        """
        check_call()
        if self.stop is not None and self.stop.is_set():
            raise StoppedError("Stopped: no picture was made.")

    def on_step_end(self, pipeline: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        """Report a step of a pipeline, in the form of its argument `callback_on_step_end`.

        A pipeline's own flag for interruption would still decode a half-finished image, and not all have one.

        Raises:
            StoppedError: A stop is requested.
        """
        self.check()
        if self.progress is not None:
            self.progress(step + 1, pipeline.num_timesteps)
        return tensors
