"""Previews of uploads: the page shows the pixels that are worked on, for every kind of file.

Browsers show no TIFF or HEIC file, and read an orientation from JPEG files alone. For such an upload the
server answers with a JPEG of the opened image where the page asks for the file, which itself stays as it is.
In place of a file that cannot be opened, an image element gets a drawing that says so.
"""

from __future__ import annotations

from pathlib import Path

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.core.images.preview import encode_preview, is_unreadable, needs_preview
from shared.ui.gradio_workarounds import get_upload_folder

_ROUTE = "/gradio_api/file="
_MAX_DECODERS = 2  # images that are decoded at a time, in bounded memory
_PLACEHOLDER = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 240" width="640" height="480">
<rect width="320" height="240" fill="#8881"/>
<text x="160" y="124" font-family="sans-serif" font-size="14" fill="#888" text-anchor="middle">
This file cannot be shown as a picture</text></svg>"""
_HEADERS = {"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}


class ImagePreviews:
    """ASGI middleware that serves previews of uploads that browsers do not show as they are opened.

    Gradio decides first whether the caller may read the file.

    Args:
        app: The application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._limiter: CapacityLimiter | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        path = _uploaded_file(scope)
        response = None if path is None else await self._substitute(path, scope, receive)
        await (response or self._app)(scope, receive, send)

    async def _substitute(self, path: Path, scope: Scope, receive: Receive) -> Response | None:
        """Return what is served in place of an upload; None for the upload itself."""
        is_preview = await to_thread.run_sync(needs_preview, path)
        is_placeholder = _is_for_an_image_element(scope) and await to_thread.run_sync(is_unreadable, path)
        if not (is_preview or is_placeholder) or not await self._is_served(scope, receive):
            return None
        if is_placeholder:
            return Response(_PLACEHOLDER, media_type="image/svg+xml", headers=_HEADERS)
        self._limiter = self._limiter or CapacityLimiter(_MAX_DECODERS)
        preview = await to_thread.run_sync(encode_preview, path, limiter=self._limiter)
        return None if preview is None else Response(preview, media_type="image/jpeg", headers=_HEADERS)

    async def _is_served(self, scope: Scope, receive: Receive) -> bool:
        statuses: list[int] = []

        async def note_status(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        await self._app({**scope, "method": "HEAD"}, receive, note_status)
        return statuses in ([200], [206])


def _is_for_an_image_element(scope: Scope) -> bool:
    """Return True if a browser asks for a file to show it as an image, which its preferred kinds tell."""
    return Headers(scope=scope).get("accept", "").startswith("image/")


def _uploaded_file(scope: Scope) -> Path | None:
    """Return the upload that a request asks for, or None."""
    if scope["type"] != "http" or scope["method"] != "GET" or _ROUTE not in scope["path"]:
        return None
    path = Path(scope["path"].partition(_ROUTE)[2]).resolve()
    is_upload = path.is_relative_to(Path(get_upload_folder()).resolve()) and path.is_file()
    return path if is_upload else None
