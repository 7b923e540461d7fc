"""Secret keys of visitors: a cookie in a browser, the session of a program; none for agents.

The cookie outlives a reload and holds on all pages of a server, so that a visitor finds own pictures again.
It says nothing about the visitor, and ends with the browser.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import gradio as gr
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.ui.gallery.session_store import SessionStore
from shared.ui.gradio_workarounds import called_by_agent, request_header

COOKIE = "image-spaces"
_COOKIE_HEADER = re.compile(rf"(?:^|;\s*){COOKIE}=([0-9a-f]{{32}})(?:;|$)")


class SessionKey(str):
    """Secret key for `gr.State`, which copies its first value for every session: each copy is a new key."""

    def __deepcopy__(self, memo: dict[int, Any]) -> SessionKey:
        return SessionKey(SessionStore.new_key())


class VisitorCookie:
    """ASGI middleware that gives a browser a key with its first page.

    Args:
        app: The application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http" or _cookie_key(Request(scope).headers.get("cookie", "")):
            await self._app(scope, receive, send)
            return

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    headers.append("set-cookie", _cookie_header(Request(scope)))
            await send(message)

        await self._app(scope, receive, send_with_cookie)


def session_state() -> gr.State:
    """Add the state that holds a session's key to the page; all pages of a server share it."""
    state = _state()
    state.render()
    return state


def session_key(session: str) -> str:
    """Return the key of the caller: of the browser, else of the session; empty for agents.

    Agents share one session (see `shared.ui.gradio_workarounds.called_by_agent`), so they use other keys.

    Args:
        session: Value of `session_state`.
    """
    if called_by_agent():
        return ""
    return _cookie_key(request_header("cookie")) or session


@cache
def _state() -> gr.State:
    return gr.State(SessionKey(SessionStore.new_key()), render=False)


def _cookie_key(header: str) -> str:
    """Return the key in the header "Cookie" of a request; empty if there is none."""
    match = _COOKIE_HEADER.search(header)
    return match[1] if match else ""


def _cookie_header(request: Request) -> str:
    """Return a cookie with a new key; in a frame, as on Hugging Face, browsers want it `Partitioned`."""
    scheme = request.headers.get("x-forwarded-proto", request.url.scheme)
    rest = "Secure; SameSite=None; Partitioned" if scheme.startswith("https") else "SameSite=Lax"
    return f"{COOKIE}={SessionStore.new_key()}; Path=/; HttpOnly; {rest}"
