"""Error messages for visitors, with counts and a log for operators.

A page shows the sentence of an error once, in a message: `assets/errors.css` hides Gradio's badges.
"""

import functools
import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import gradio as gr

from shared.core.errors import GenerationError, InputError
from shared.core.images import ImageError
from shared.core.weights import WeightsError
from shared.ui.monitoring import telemetry

#: Errors whose messages are written for visitors.
EXPECTED = (ImageError, InputError, GenerationError, WeightsError, gr.Error)
MAX_LENGTH = 400  # characters of a message
#: Above a sentence that tells a visitor what to do; Gradio would write "Error".
TITLE = "Please note"
UNEXPECTED = "Something went wrong on our side. Please try again, perhaps with another picture."

log = logging.getLogger("image_spaces")
Function = TypeVar("Function", bound=Callable[..., Any])


def shortened(text: str) -> str:
    """Return a message of at most `MAX_LENGTH` characters; a longer one loses its middle."""
    half = MAX_LENGTH // 2
    return text if len(text) <= MAX_LENGTH else f"{text[: half - 1]}…{text[-half:]}"


def user_facing(space: str) -> Callable[[Function], Function]:
    """Decorate a function or generator that a page or the API calls: readable errors, counted and logged.

    `EXPECTED` errors keep their message. All others become one neutral sentence, and the log gets the trace.

    Args:
        space: Name of the space, under which calls are counted in /metrics. The function's argument `engine`,
            if any, is counted too.
    """

    def decorate(function: Function) -> Function:
        endpoint = f"{space}/{function.__name__.lstrip('_')}"
        signature = inspect.signature(function)

        @contextmanager
        def readable_errors(*args: Any, **kwargs: Any) -> Iterator[None]:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            try:
                with telemetry.measure(endpoint, bound.arguments.get("engine", "none"), EXPECTED):
                    yield
            except gr.Error:
                raise
            except EXPECTED as error:
                raise gr.Error(shortened(str(error)), title=TITLE, print_exception=False) from error
            except Exception as error:
                log.exception("%s failed", endpoint)
                raise gr.Error(UNEXPECTED, print_exception=False) from error

        @functools.wraps(function)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            with readable_errors(*args, **kwargs):
                return function(*args, **kwargs)

        @functools.wraps(function)
        def guarded_generator(*args: Any, **kwargs: Any) -> Any:
            with readable_errors(*args, **kwargs):
                yield from function(*args, **kwargs)

        return cast(Function, guarded_generator if inspect.isgeneratorfunction(function) else guarded)

    return decorate
