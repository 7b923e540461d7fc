"""Access by password for programs: HTTP Basic authentication beside Gradio's login page."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Sequence
from http.cookies import CookieError, SimpleCookie

from gradio.routes import App
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_MCP_ROUTE = "/gradio_api/mcp"  # which Gradio (6.31) leaves open to everybody


class PasswordAccess:
    """ASGI middleware that lets programs in with `Authorization: Basic`, and keeps all others from MCP.

    A request with the name and password of an account is treated like one of a visitor who has logged in.

    Args:
        app: Web server with Gradio's app inside.
        gradio_app: Gradio's app, which keeps a token for each login.
        accounts: Pairs of user and password.
    """

    def __init__(self, app: ASGIApp, gradio_app: App, accounts: Sequence[tuple[str, str]]) -> None:
        self._app, self._gradio_app = app, gradio_app
        self._tokens: dict[bytes, str] = {}
        for account in accounts:
            token = self._tokens[":".join(account).encode()] = secrets.token_urlsafe(32)
            gradio_app.tokens[token] = account[0]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        token = self._token(headers.get(b"authorization", ""))
        if token is not None:
            cookie = f"access-token-{self._gradio_app.cookie_id}={token}".encode()
            others = [(name, value) for name, value in scope["headers"] if name.lower() != b"cookie"]
            scope = {**scope, "headers": [*others, (b"cookie", cookie)]}
        elif _MCP_ROUTE in scope["path"] and not self._logged_in(headers.get(b"cookie", "")):
            answer = PlainTextResponse(
                "Please send the name and password of an account: Authorization: Basic.",
                status_code=401,
                headers={"WWW-Authenticate": 'Basic realm="Image Spaces", charset="UTF-8"'},
            )
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _token(self, authorization: str) -> str | None:
        """Return the token of the account that a header names, or None."""
        scheme, _, credentials = authorization.partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            pair = base64.b64decode(credentials.strip(), validate=True)
        except binascii.Error:
            return None
        matches = [token for account, token in self._tokens.items() if secrets.compare_digest(account, pair)]
        return matches[0] if matches else None

    def _logged_in(self, cookie: str) -> bool:
        try:
            cookies = SimpleCookie(cookie)
        except CookieError:
            return False
        names = (
            f"access-token-{self._gradio_app.cookie_id}",
            f"access-token-unsecure-{self._gradio_app.cookie_id}",
        )
        return any(name in cookies and cookies[name].value in self._gradio_app.tokens for name in names)


def basic_authorization(account: tuple[str, str]) -> str:
    """Return the header `Authorization` of an account, a pair of user and password (RFC 7617)."""
    return "Basic " + base64.b64encode(":".join(account).encode()).decode()
