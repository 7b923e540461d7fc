"""A list of whole numbers, as a program sends it."""

from typing import Any

import gradio as gr

from shared.core.gradio_workarounds import without_stubs

with without_stubs():  # which would lie beside this file; events are as Gradio has them

    class _Numbers(gr.JSON):
        """`gr.JSON` that says what it takes; agents are told nothing valid by the original."""

        is_template = True

        def api_info(self) -> dict[str, Any]:
            return {"type": "array", "items": {"type": "integer"}, "description": "whole numbers"}


def integer_list(label: str) -> gr.JSON:
    """A hidden field for a list of whole numbers, empty at first. What comes is not checked.

    Args:
        label: What the API calls it.
    """
    return _Numbers([], label=label, visible=False)
