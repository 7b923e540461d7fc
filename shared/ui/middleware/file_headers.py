"""Headers of files: browsers show images, and download all else, whatever a visitor has uploaded."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ROUTES = ("/gradio_api/file=", "/gradio_api/file/")
_SVG = "image/svg"  # which may hold a script


class FileHeaders:
    """ASGI middleware that keeps browsers from running files: no guessed types, only images are shown.

    Args:
        app: The application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http" or not any(route in scope["path"] for route in _ROUTES):
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-content-type-options"] = "nosniff"
                kind = headers.get("content-type", "").lower()
                disposition = headers.get("content-disposition", "")
                is_image = kind.startswith("image/") and not kind.startswith(_SVG)
                if not is_image and not disposition.startswith("attachment"):
                    _, _, name = disposition.partition(";")
                    headers["content-disposition"] = f"attachment;{name}" if name else "attachment"
            await send(message)

        await self._app(scope, receive, send_with_headers)
