"""The web server: settings for Gradio, further routes, and a single space or the whole suite."""

import io
import logging
import socket
import threading
import warnings
from collections.abc import Mapping
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol

import gradio as gr
import uvicorn
from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import JSONResponse
from gradio.routes import App
from PIL import Image
from starlette.middleware import Middleware

from shared.core.images import MAX_FILE_BYTES, open_image
from shared.ui import assets
from shared.ui.components.results import before_and_after
from shared.ui.gallery.visitor_key import VisitorCookie
from shared.ui.gradio_workarounds import check_caller_paths, get_upload_folder, without_page_servers
from shared.ui.home import DESCRIPTION, home
from shared.ui.lean_gradio import use_lean_gradio
from shared.ui.middleware.access import PasswordAccess, basic_authorization
from shared.ui.middleware.call_arguments import CallArguments
from shared.ui.middleware.file_headers import FileHeaders
from shared.ui.middleware.page_heads import SUITE, PageHead, PageHeads
from shared.ui.middleware.previews import ImagePreviews
from shared.ui.monitoring import telemetry
from shared.ui.monitoring.health import HealthMonitor
from shared.ui.monitoring.temp_folder import TempFolder
from shared.ui.page import page
from shared.ui.queueing.fair_queue import FairQueue, use_fair_queue
from shared.ui.queueing.graceful_server import GracefulServer, drain_on_signals, is_relevant
from shared.ui.sample_images import sample_images
from shared.ui.server_settings import ServerSettings, read_number
from shared.ui.theme import theme
from shared.ui.tool_server import ToolServer, use_tool_server

CARD_SPACE = "restyle"  # whose card stands for the suite in messengers

#: Visitors whose values Gradio keeps, 46 kB for each and what is in them; a call without a session counts as
#: one.
MAX_SESSIONS = 500
#: Endpoints that each space with a gallery or a library offers, and that work on the same in all of them.
GALLERY_ENDPOINTS = (
    *("add_images", "remove_images", "save_gallery"),
    *("search_library", "get_library_photo", "list_library_duplicates"),
)


class Space(Protocol):
    """Module `spaces/<name>/app.py`.

    Attributes:
        demo: The page.
        CARD_IMAGE: Name of the sample photo on the home page's card.
    """

    demo: gr.Blocks
    CARD_IMAGE: str

    def preview(self, image: Image.Image, /) -> Image.Image:
        """Run the space's model with its default settings and return an image of the result."""


def gradio_settings() -> dict[str, Any]:
    """Return the arguments that `launch()` and `mount_gradio_app()` share: look, limits, MCP, no records."""
    return {
        "theme": theme(),
        "css": assets.style_sheet(),
        "js": assets.all_of(
            assets.script("file_inputs", limit=MAX_FILE_BYTES),
            assets.script("scroll_to_results"),
            assets.script("paste_picture"),
            assets.script("alt_texts"),
        ),
        "max_file_size": MAX_FILE_BYTES,
        "footer_links": ["api", "settings"],
        "run_history": False,
        "enable_monitoring": False,
        "show_error": False,
        "mcp_server": True,
        "pwa": False,
        "ssr_mode": False,
    }


def queue_size() -> int:
    """Return the number of calls that may wait before the next one is rejected: IMAGE_SPACES_QUEUE, or 32."""
    return read_number("QUEUE", 32)


def launch(demo: gr.Blocks) -> None:
    """Serve a single space, as Hugging Face does; Gradio's environment variables set host and port."""
    use_tool_server()
    use_fair_queue()
    use_lean_gradio()
    app = {"middleware": middleware(demo)}
    TempFolder(Path(get_upload_folder()), demo.temp_file_sets).start()
    demo.queue(max_size=queue_size(), api_open=False)
    assert isinstance(demo._queue, FairQueue)
    if threading.current_thread() is threading.main_thread():
        drain_on_signals(demo._queue)
    demo.launch(app_kwargs=app, state_session_capacity=MAX_SESSIONS, **gradio_settings())


def middleware(blocks: gr.Blocks) -> list[Middleware]:
    """Return the middleware of a single space and of the suite, the outermost first."""
    return [
        Middleware(FileHeaders),
        Middleware(ImagePreviews),
        Middleware(VisitorCookie),
        Middleware(CallArguments, blocks=blocks),
    ]


def build_suite(
    spaces: Mapping[str, Space], front_matter: Mapping[str, Mapping[str, Any]], url: str
) -> gr.Blocks:
    """Return one Blocks with all pages: the home page at `/`, each space at `/<name>`.

    Args:
        spaces: Modules of the spaces by name.
        front_matter: Front matter of each space's README, by name.
        url: Address of the suite, for the examples on the home page.
    """
    with without_page_servers():
        with page(SUITE) as suite:
            home(suite, front_matter, url)
        for name, space in spaces.items():
            with suite.route(front_matter[name]["title"], name):
                space.demo.render()
    hide_repeated_endpoints(suite)
    use_fair_queue()
    use_lean_gradio()
    suite.state_session_capacity = MAX_SESSIONS
    return suite.queue(max_size=queue_size(), api_open=False)  # or calls could go round the queue


def page_heads(front_matter: Mapping[str, Mapping[str, Any]]) -> dict[str, PageHead]:
    """Return the head of each page of the suite, by its path."""
    heads = {"/": PageHead(SUITE, DESCRIPTION, f"cards/{CARD_SPACE}.jpg")}
    for name, values in front_matter.items():
        title, description = f"{values['title']} - {SUITE}", f"{values['short_description']}."
        heads[f"/{name}"] = PageHead(title, description, f"cards/{name}.jpg")
    return heads


def hide_repeated_endpoints(suite: gr.Blocks) -> None:
    """Keep one endpoint of each kind that works on the gallery of all spaces, in place of one per space."""
    for function in suite.fns.values():
        name, _, number = str(function.api_name).rpartition("_")
        if name in GALLERY_ENDPOINTS and number.isdigit():
            function.api_visibility = "private"


def build_server(
    suite: gr.Blocks,
    spaces: Mapping[str, Space],
    front_matter: Mapping[str, Mapping[str, Any]],
    settings: ServerSettings,
) -> FastAPI:
    """Return the web server: `/livez`, `/healthz`, `/metrics` and `/cards` first, then Gradio at `/`.

    Args:
        suite: All pages.
        spaces: Modules of the spaces by name.
        front_matter: Front matter of each space's README, by name.
        settings: Address, access and load.
    """
    server = FastAPI(title="Image Spaces", docs_url=None, redoc_url=None, openapi_url=None)
    server.add_middleware(PageHeads, heads=page_heads(front_matter))
    for layer in reversed(middleware(suite)):  # the last one that is added is the outermost
        server.add_middleware(layer.cls, *layer.args, **layer.kwargs)
    add_routes(server, spaces)
    check_caller_paths(suite)
    TempFolder(Path(get_upload_folder()), suite.temp_file_sets).start()
    # Gradio (6.31) warns about server-side rendering even when it is off, and about the sessions of agents,
    # who use keys instead (see `shared.ui.gallery.gallery_store`).
    warnings.filterwarnings("ignore", "SSR mode is not supported")
    warnings.filterwarnings("ignore", "This MCP server includes a tool that has a gr.State input")
    use_tool_server()
    gr.mount_gradio_app(
        server,
        suite,
        path="/",
        auth=list(settings.accounts) or None,
        root_path=settings.root_path or None,
        **gradio_settings(),
    )
    headers = {}
    if settings.accounts:
        apps = [getattr(route, "app", None) for route in server.routes]
        gradio_app = next(app for app in apps if isinstance(app, App))
        server.add_middleware(PasswordAccess, gradio_app=gradio_app, accounts=settings.accounts)
        headers = {"authorization": basic_authorization(settings.accounts[0])}
    tool_server = suite.mcp_server_obj
    assert isinstance(tool_server, ToolServer)
    tool_server.set_own_server(settings.local_url, headers)
    return server


def add_routes(server: FastAPI | APIRouter, spaces: Mapping[str, Space]) -> None:
    """Add `/livez`, `/healthz`, `/metrics` and `/cards/<space>.jpg` to a server."""
    image = Image.new("RGB", (32, 32), "grey")
    checks = {name: partial(space.preview, image) for name, space in spaces.items()}
    health = HealthMonitor(checks, Path(get_upload_folder()))

    @server.get("/livez")
    async def livez() -> JSONResponse:
        return JSONResponse({"ok": True})

    @server.get("/healthz")
    async def healthz() -> JSONResponse:
        report = await health.report()
        return JSONResponse(report, status_code=200 if report["ok"] else 503)

    @server.get("/metrics")
    def metrics() -> Response:
        text, content_type = telemetry.exposition()
        return Response(text, media_type=content_type)

    @cache
    def card_image(name: str) -> bytes:
        return draw_card(spaces[name])

    @server.get("/cards/{name}.jpg")
    def card(name: str) -> Response:
        if name not in spaces:
            return Response(status_code=404)
        headers = {"Cache-Control": "max-age=3600"}
        return Response(card_image(name), media_type="image/jpeg", headers=headers)


def draw_card(space: Space) -> bytes:
    """Return the image of a space's card on the home page, a JPEG file: a sample photo and its result."""
    samples = sample_images()
    image = open_image(samples.get(space.CARD_IMAGE) or next(iter(samples.values())))
    stream = io.BytesIO()
    before_and_after(image, space.preview(image)).save(stream, "JPEG", quality=88)
    return stream.getvalue()


def require_free_port(host: str, port: int) -> None:
    """Exit with one sentence if another program listens on the port."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SystemExit(
                f"Image Spaces cannot listen on {host}:{port} ({error.strerror}). "
                f"Choose another port: image-spaces serve --port {port + 1}, or "
                f"IMAGE_SPACES_PORT={port + 1} python app.py"
            ) from None


def serve(server: FastAPI, suite: gr.Blocks, settings: ServerSettings) -> None:
    """Run the server until SIGTERM or Ctrl-C; calls that run then have ten seconds to finish."""
    print(f"Image Spaces: {settings.url}  (Ctrl-C ends it)", flush=True)
    logging.getLogger("uvicorn.error").addFilter(is_relevant)
    config = uvicorn.Config(
        server, host=settings.host, port=settings.port, log_level="warning", timeout_graceful_shutdown=1
    )
    queue = suite._queue
    assert isinstance(queue, FairQueue)
    with suppress(KeyboardInterrupt):
        GracefulServer(config, queue).run()
