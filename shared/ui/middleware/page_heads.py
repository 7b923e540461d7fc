"""Heads of the suite's pages: title, description and preview image of each, and a page for unknown addresses.

Gradio (6.31) gives all pages of an app the same title and its own description, and answers unknown addresses
with JSON. Messengers and search engines read the head without running the page's script.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SUITE = "Image Spaces"
_SOCIAL_TAGS = re.compile(r'\s*<meta\s+(?:property|name)="(?:og|twitter):[^>]*>')
_CHARSET = re.compile(r"<meta charset[^>]*>")
_NOT_FOUND = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>No such page</title>
<style>
body {{ margin: 20vh auto; max-width: 30rem; padding: 0 1rem; font: 1.1rem/1.6 system-ui, sans-serif;
  color-scheme: light dark; }}
</style>
</head>
<body><h1>There is nothing here</h1><p>Maybe the address has a typo. <a href="{home}">All pages</a></p></body>
</html>
"""


@dataclass(frozen=True)
class PageHead:
    """Head of a page.

    Attributes:
        title: Title of the browser's tab.
        description: One sentence.
        image: Path of the preview image, without a slash at its start; empty for none.
    """

    title: str
    description: str
    image: str = ""


class PageHeads:
    """ASGI middleware that completes the heads of pages.

    Args:
        app: The application.
        heads: Head by path of the page, such as `/edges`.
    """

    def __init__(self, app: ASGIApp, heads: Mapping[str, PageHead]) -> None:
        self._app, self._heads = app, heads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        head = self._heads.get(scope["path"].rstrip("/") or "/")
        wants_page = "text/html" in request.headers.get("accept", "")
        if head is None and not wants_page:
            await self._app(scope, receive, send)
            return
        messages: list[Message] = []
        passes = False

        async def collect(message: Message) -> None:
            nonlocal passes
            if message["type"] == "http.response.start":
                is_page = head is not None and message["status"] == 200
                passes = not (is_page or (message["status"] == 404 and wants_page))
            if passes:  # everything else streams through
                await send(message)
            else:
                messages.append(message)

        plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        await self._app({**scope, "headers": plain}, receive, collect)
        if passes or not messages:
            return
        start = messages[0]
        if start["status"] == 404:
            home = html.escape(f"{request.scope.get('root_path', '').rstrip('/')}/")
            await HTMLResponse(_NOT_FOUND.format(home=home), 404)(scope, receive, send)
            return
        assert head is not None
        body = b"".join(message.get("body", b"") for message in messages[1:])
        response = Response(complete_head(body.decode("utf-8"), head, str(request.base_url)), start["status"])
        response.raw_headers = [
            *((name, value) for name, value in start["headers"] if name != b"content-length"),
            (b"content-length", str(len(response.body)).encode()),
        ]
        await response(scope, receive, send)


def complete_head(page: str, head: PageHead, base_url: str) -> str:
    """Return a page of Gradio with a head of its own.

    Args:
        page: HTML of the page.
        head: The head.
        base_url: Address of the suite, with a slash at its end.
    """
    title, description = html.escape(head.title), html.escape(head.description)
    image = html.escape(f"{base_url}{head.image}") if head.image else ""
    tags = [
        f"<title>{title}</title>",
        f'<meta name="description" content="{description}" />',
        f'<meta property="og:title" content="{title}" />',
        f'<meta property="og:description" content="{description}" />',
        '<meta property="og:type" content="website" />',
        f'<meta property="og:site_name" content="{SUITE}" />',
        f'<meta name="twitter:card" content="{"summary_large_image" if image else "summary"}" />',
    ]
    if image:
        tags.append(f'<meta property="og:image" content="{image}" />')
    page = _SOCIAL_TAGS.sub("", page)
    page = _CHARSET.sub(lambda match: "\n".join([match[0], *tags]), page, count=1)
    # The page's script sets the title of the app on every page.
    return page.replace(f'"title":"{SUITE}"', f'"title":{json.dumps(head.title)}', 1)
