"""Arguments of calls by HTTP: unusable ones are answered at once, with one sentence and a status of 4xx.

Gradio (6.31) answers unknown names, and missing arguments of named calls, with 500 and a trace in the log,
and breaks off the answer to an unknown call.
"""

from __future__ import annotations

import json
import re
from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.server_messages import UnexpectedErrorMessage
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.core.errors import InputError
from shared.core.images import MAX_FILE_BYTES
from shared.ui.arguments.signatures import (
    arguments_clause,
    check_named_values,
    check_values,
    count_sentence,
)

MAX_BODY_BYTES = 2 * MAX_FILE_BYTES
_ROUTE = re.compile(r"/gradio_api/(?:(call/v2|call|run|api)/([^/]+)|queue/join)/?$")
_ANSWER_ROUTE = re.compile(r"/gradio_api/call/(?:v2/)?[^/]+/([^/]+)/?$")
_STREAM_ROUTE = "/gradio_api/queue/data"
_NO_SUCH_CALL = "There is no such call, or its answer has been fetched already."


class CallArguments:
    """ASGI middleware that checks the arguments of calls before they are queued.

    Args:
        app: The application.
        blocks: Its page or pages.
    """

    def __init__(self, app: ASGIApp, blocks: gr.Blocks) -> None:
        self._app, self._blocks = app, blocks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] == "http" and scope["method"] == "GET":
            await (self._refusal(scope) or self._app)(scope, receive, send)
            return
        route = _ROUTE.search(scope["path"]) if scope["type"] == "http" else None
        if route is None or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        body = await _read_body(receive)
        if body is None:
            status, sentence = 413, "This call is too large: please upload its files before the call."
        else:
            status, sentence = self._check(route[1] or "queue", route[2] or "", body)
        if sentence:
            await JSONResponse({"detail": sentence}, status)(scope, receive, send)
            return
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return messages.pop() if messages else await receive()

        await self._app(scope, replay, send)

    def _refusal(self, scope: Scope) -> Response | None:
        """Return the answer to a request for the result of an unknown call, or None."""
        queue = self._blocks._queue
        answer = _ANSWER_ROUTE.search(scope["path"])
        if answer:
            # Not `event_ids_to_events`: an event stays there for a moment after its answer has been fetched.
            is_pending = any(answer[1] in ids for ids in queue.pending_event_ids_session.values())
            return None if is_pending else JSONResponse({"detail": _NO_SUCH_CALL}, 404)
        session = Request(scope).query_params.get("session_hash")
        if not scope["path"].endswith(_STREAM_ROUTE) or session is None:
            return None
        if session in queue.pending_messages_per_session:
            return None
        message = UnexpectedErrorMessage(message=_NO_SUCH_CALL, session_not_found=True)
        return Response(f"data: {message.model_dump_json()}\n\n", media_type="text/event-stream")

    def _check(self, kind: str, name: str, body: bytes) -> tuple[int, str]:
        """Return a status and a sentence for a call that must not be made; an empty sentence for others."""
        try:
            values = json.loads(body)
        except (ValueError, RecursionError):
            return 422, "The body of the call must be JSON."
        if not isinstance(values, dict):
            return 422, "The body of the call must be a JSON object."
        function = self._function(kind, name, values)
        if function is None:
            return (
                404,
                f"There is no endpoint {name[:60]} here." if name else "There is no such function here.",
            )
        try:
            if kind == "call/v2":
                check_named_values(
                    function, {key: item for key, item in values.items() if key != "oauth_token"}
                )
            else:
                _check_data(function, values.get("data"), checks_values=not _is_from_page(kind, values))
        except InputError as error:
            return 422, str(error)
        return 200, ""

    def _function(self, kind: str, name: str, values: dict[str, Any]) -> BlockFunction | None:
        functions = self._blocks.fns
        if _is_from_page(kind, values):
            return functions.get(values["fn_index"])
        if kind == "queue":
            return None
        matches = [function for function in functions.values() if function.api_name == name]
        if kind == "call/v2":
            matches = [function for function in matches if function.api_visibility != "private"]
        return matches[0] if matches else None


def _is_from_page(kind: str, values: dict[str, Any]) -> bool:
    """Return True for an event of a page, which names its function by number, queued or not."""
    return kind in ("queue", "run", "api") and type(values.get("fn_index")) is int


def _check_data(function: BlockFunction, data: Any, *, checks_values: bool) -> None:
    """Check the list of values of a call; states may be left out of it.

    Raises:
        InputError: It is no list, or its values cannot be used.
    """
    if not isinstance(data, list):
        raise InputError(f"“data” must be a list with one value per argument: {arguments_clause(function)}.")
    if not checks_values:  # Gradio does it as well, and its answer is shown by the page
        return
    visible = [block for block in function.inputs if not block.skip_api]
    if len(data) == len(visible):
        remaining = iter(data)
        data = [None if block.skip_api else next(remaining) for block in function.inputs]
    elif len(data) != len(function.inputs):
        raise InputError(count_sentence(function, len(data)))
    check_values(function, data)


async def _read_body(receive: Receive) -> bytes | None:
    """Return the body of a request; None if it is too large."""
    chunks, size = [], 0
    while True:
        message = await receive()
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            return None
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)
