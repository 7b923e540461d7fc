"""Progress bars of downloads, which end a download when the call that it runs in must end."""

from __future__ import annotations

from contextvars import copy_context
from typing import Any

from huggingface_hub.utils import tqdm

from shared.core.calls import check_call


def interruptible_bar(*, hidden: bool = False) -> type[tqdm]:
    """Return a progress bar that ends a download when the caller's call must end, on whatever thread.

    Args:
        hidden: True for a bar that a terminal does not show.
    """
    context = copy_context()

    class InterruptibleBar(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **(kwargs | {"disable": True} if hidden else kwargs))

        def update(self, n: float | None = 1) -> bool | None:
            context.copy().run(check_call, may_wait=False)
            return super().update(n)

    return InterruptibleBar
