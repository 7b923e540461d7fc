"""Sessions without a description of every component, which Gradio (6.31) makes at the first call of each.

It needs them for its deep links, which no page here offers. For the pages of a suite they took 1.7 MB of each
session, and a twentieth of a second of each call of a program, which begins a session of its own.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
from gradio import state_holder
from gradio.state_holder import SessionState


class LightSession(SessionState):
    """Values of one visitor's session: states, and components that a call has changed.

    Args:
        blocks: The page or pages.
    """

    def __init__(self, blocks: gr.Blocks) -> None:
        # components that are missing from `blocks` are not described
        super().__init__(cast(Any, SimpleNamespace(default_config=blocks.default_config, blocks={})))

    def __setitem__(self, key: int, value: Any) -> None:
        super().__setitem__(key, value)
        self.config_values.clear()

    def _update_config(self, key: int) -> None:
        """Describe nothing."""

    def _update_value_in_config(self, key: int, value: Any) -> None:
        """Keep no value, which may be a photo as a data URL."""


def use_light_sessions() -> None:
    """Have Gradio begin a `LightSession` wherever it begins a session."""
    state_holder.SessionState = LightSession  # type: ignore[misc]
