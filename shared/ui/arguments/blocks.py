"""Blocks that check the arguments of each call, and answer unusable ones with a sentence."""

from __future__ import annotations

import html
import logging
from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.exceptions import ComponentProcessingError
from gradio.state_holder import SessionState
from httpx import HTTPError

from shared.core.errors import InputError
from shared.ui.arguments.signatures import check_values
from shared.ui.errors import TITLE, UNEXPECTED

UNUSABLE_FILE = "A file of this call cannot be read: please upload it first, or send it as a data URL."
#: Errors of files that callers send: unknown paths, addresses that cannot be fetched, wrong fields.
CALLER_ERRORS = (ValueError, TypeError, LookupError, AttributeError, HTTPError)

log = logging.getLogger("image_spaces")


class CheckedBlocks(gr.Blocks):
    """`gr.Blocks` whose calls fail with one sentence where an argument is unusable.

    Gradio (6.31) checks few arguments, hides the reason, and writes a trace to the log for each; a page shows
    the message of an error as HTML.
    """

    async def process_api(self, block_fn: BlockFunction | int, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Call a function; in the error of a page's function a visitor's text stays as it was typed."""
        try:
            return await super().process_api(block_fn, *args, **kwargs)
        except gr.Error as error:
            function = self.fns[block_fn] if isinstance(block_fn, int) else block_fn
            if function.api_visibility == "private":
                error.message = html.escape(error.message, quote=False)
            raise

    async def preprocess_data(
        self,
        block_fn: BlockFunction,
        inputs: list[Any],
        state: SessionState | None,
        explicit_call: bool = False,
    ) -> list[Any]:
        """Return the arguments of a function from the values of its inputs.

        Raises:
            gr.Error: A value cannot be used.
        """
        try:
            check_values(block_fn, inputs, state)
            return await super().preprocess_data(block_fn, inputs, state, explicit_call)
        except gr.Error as error:
            error.print_exception = False
            raise
        except InputError as error:
            raise gr.Error(str(error), title=TITLE, print_exception=False) from error
        except Exception as error:
            raise gr.Error(_sentence(error), title=TITLE, print_exception=False) from error


def _sentence(error: Exception) -> str:
    """Return the sentence for an error of preprocessing; one that is no caller's fault is logged."""
    cause = error.__cause__ if isinstance(error, ComponentProcessingError) and error.__cause__ else error
    if isinstance(cause, CALLER_ERRORS):
        return UNUSABLE_FILE
    log.error("the arguments of a call could not be read", exc_info=cause)
    return UNEXPECTED
