"""Work of Gradio's that nobody needs while a suite starts: without it, the first page comes in half the time.

Both context managers are for the main thread, before the server listens: other threads would get what they
change as well.
"""

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch


@contextmanager
def without_stubs() -> Iterator[None]:
    """Keeps Gradio from writing a `.pyi` file beside the source of each component class that is defined.

    For that it reads and parses the source of every component, anew in each process: a second. It leaves out
    classes that have no file, so inside this block they have none as far as it can see.

    >>> with without_stubs():
    ...     import gradio
    """
    find = inspect.getfile

    def getfile(thing: Any) -> str:
        if sys._getframe(1).f_code.co_name == "create_or_modify_pyi":
            raise OSError("no stub is wanted")
        return find(thing)

    with patch("inspect.getfile", getfile):
        yield


@contextmanager
def without_servers() -> Iterator[None]:
    """Keeps Gradio from making a web server for each of the pages that become parts of one suite.

    It makes one when blocks begin, one when they end and one for their queue, and uses none of them: the
    suite's own is made when it is queued and mounted, which must be done outside.
    """
    with patch("gradio.routes.App.create_app", lambda *_, **__: None):
        yield
