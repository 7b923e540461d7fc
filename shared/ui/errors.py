"""What a visitor reads when something fails: one sentence, never a trace; and each call is counted."""

import functools
import inspect
import logging
from collections.abc import Callable
from typing import TypeVar

import gradio as gr

from shared.core.errors import InputError
from shared.core.images import ImageError
from shared.core.weights import WeightsError
from shared.ui import telemetry

EXPECTED = (ImageError, InputError, WeightsError, gr.Error)
SORRY = "Something went wrong on our side. Please try again, perhaps with another picture."

log = logging.getLogger("image_spaces")
Function = TypeVar("Function", bound=Callable)


def user_facing(space: str) -> Callable[[Function], Function]:
    """Decorate a function that a page or the API calls: friendly errors outside, counts and a log inside.

    `ImageError`, `InputError` and `WeightsError` reach the visitor with their own sentence. Everything else
    becomes one neutral sentence, while the log keeps the trace.

    Args:
        space: The space's name, for the counts. The function's argument `engine`, if any, is counted too.
    """

    def decorate(function: Function) -> Function:
        endpoint = f"{space}/{function.__name__.lstrip('_')}"
        signature = inspect.signature(function)

        @functools.wraps(function)
        def guarded(*args, **kwargs):
            given = signature.bind(*args, **kwargs)
            given.apply_defaults()
            try:
                with telemetry.measure(endpoint, given.arguments.get("engine", "none"), EXPECTED):
                    return function(*args, **kwargs)
            except gr.Error:
                raise
            except EXPECTED as error:
                raise gr.Error(str(error), print_exception=False) from error
            except Exception as error:
                log.exception("%s failed", endpoint)
                raise gr.Error(SORRY, print_exception=False) from error

        return guarded

    return decorate
