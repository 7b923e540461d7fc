"""The whole suite on one server: a home page and one page per space.

    python app.py

The environment sets what a host needs; each has a default that is right for one's own machine.

    IMAGE_SPACES_HOST       address to listen on: 127.0.0.1, or 0.0.0.0 for the whole network
    IMAGE_SPACES_PORT       port: 7860
    IMAGE_SPACES_ROOT_PATH  path under which a proxy serves the suite, for example /images
    IMAGE_SPACES_AUTH       user:password, several with commas between; without it everybody may come in
    IMAGE_SPACES_QUEUE      how many calls may wait before the next one is turned away: 32

On Hugging Face, Gradio's own GRADIO_SERVER_NAME, GRADIO_SERVER_PORT and GRADIO_ROOT_PATH count as well.

Besides the pages there are /healthz (one tiny real prediction per space: 200, or 503 when one fails),
/metrics (Prometheus) and /cards/<space>.jpg (the home page's pictures, made when they are first asked for).
"""

import gc
import os
from contextlib import suppress

if __name__ == "__main__":
    # All that starting up makes is there to stay: to look for garbage in it costs a second.
    gc.disable()

os.environ.setdefault(
    "GRADIO_ANALYTICS_ENABLED", "False"
)  # read when the packages are imported, so set before
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
with suppress(ImportError):
    import spaces  # noqa: F401  Hugging Face's package: on ZeroGPU it must be imported before torch

import asyncio
import importlib.util
import io
import logging
import socket
import sys
import time
import warnings
from functools import cache
from pathlib import Path
from types import ModuleType

import uvicorn
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from huggingface_hub import metadata_load
from PIL import Image

from shared.core.devices import on_zero_gpu
from shared.core.gradio_workarounds import without_servers, without_stubs
from shared.core.images import open_image
from shared.ui import telemetry

with without_stubs():
    import gradio as gr

from shared.ui import before_and_after, page, sample_images
from shared.ui.home import home
from shared.ui.page import queue_size, server_settings

FOLDER = Path(__file__).resolve().parent / "spaces"
ORDER = ("recognition", "edges", "retrieval", "crossmodal", "translation", "restyle")
NAMES = [name for name in ORDER if (FOLDER / name / "app.py").is_file()]

log = logging.getLogger("image_spaces")


def setting(name: str, default: str) -> str:
    """One of the settings above: ours, else Gradio's, else the default."""
    gradios = {"HOST": "GRADIO_SERVER_NAME", "PORT": "GRADIO_SERVER_PORT", "ROOT_PATH": "GRADIO_ROOT_PATH"}
    return os.environ.get(f"IMAGE_SPACES_{name}") or os.environ.get(gradios.get(name, ""), "") or default


def address(host: str, port: int, root_path: str) -> str:
    """Where a browser on this machine finds the suite."""
    if "://" in root_path:  # Gradio takes whole addresses, too
        return root_path.rstrip("/")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{root_path.rstrip('/')}"


def load_space(name: str) -> ModuleType:
    """Import `spaces/<name>/app.py` by its path: `spaces` is no package, for that name is Hugging Face's."""
    spec = importlib.util.spec_from_file_location(f"space_{name}", FOLDER / name / "app.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where inspect and pickle look functions up
    spec.loader.exec_module(module)
    return module


def build_suite(modules: dict[str, ModuleType], url: str) -> gr.Blocks:
    """All pages in one Blocks: the home page at /, each space at /<name>."""
    fronts = {name: metadata_load(FOLDER / name / "README.md") for name in modules}
    with without_servers():
        with page("Image Spaces") as suite:
            home(suite, fronts, url)
        for name, module in modules.items():
            with suite.route(fronts[name]["title"], name):
                module.demo.render()
    return suite.queue(max_size=queue_size())


def add_routes(server: FastAPI, modules: dict[str, ModuleType]) -> None:
    """Add the routes that are no pages: /healthz, /metrics and /cards."""

    @server.get("/healthz")
    def healthz() -> JSONResponse:
        report, healthy = {}, True
        for name, module in modules.items():
            start = time.perf_counter()
            try:
                module.preview(Image.new("RGB", (32, 32), "grey"))
                report[name] = {"ok": True, "seconds": round(time.perf_counter() - start, 3)}
            except Exception:
                log.exception("the check of %s failed", name)
                report[name], healthy = {"ok": False}, False
        return JSONResponse({"ok": healthy, "spaces": report}, status_code=200 if healthy else 503)

    @server.get("/metrics")
    def metrics() -> Response:
        text, content_type = telemetry.exposition()
        return Response(text, media_type=content_type)

    @cache
    def card(name: str) -> bytes:
        samples = sample_images()
        path = samples.get(modules[name].CARD_IMAGE) or next(iter(samples.values()))
        photo, buffer = open_image(path), io.BytesIO()
        before_and_after(photo, modules[name].preview(photo)).save(buffer, "JPEG", quality=88)
        return buffer.getvalue()

    @server.get("/cards/{name}.jpg")
    def cards(name: str) -> Response:
        if name not in modules:
            return Response(status_code=404)
        return Response(card(name), media_type="image/jpeg", headers={"Cache-Control": "max-age=3600"})


def build_server(suite: gr.Blocks, modules: dict[str, ModuleType]) -> FastAPI:
    """The web server: our own routes first, then Gradio at /."""
    server = FastAPI(title="Image Spaces", docs_url=None, redoc_url=None, openapi_url=None)
    add_routes(server, modules)
    # Gradio checks the paths that callers send only "after launch", and a mounted app is never launched:
    # without this line anybody could have files read from anywhere on the server (tests/test_security.py).
    suite.has_launched = True
    warnings.filterwarnings("ignore", "SSR mode is not supported")  # said even when it is off
    people = [tuple(pair.split(":", 1)) for pair in setting("AUTH", "").split(",") if pair]
    return gr.mount_gradio_app(
        server,
        suite,
        path="/",
        auth=people or None,
        root_path=setting("ROOT_PATH", "") or None,
        **server_settings(),
    )


def require_free(host: str, port: int) -> None:
    """Stop with a plain sentence when something else listens on the port already."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SystemExit(
                f"Image Spaces cannot listen on {host}:{port} ({error.strerror}). "
                f"Choose another port: IMAGE_SPACES_PORT={port + 1} python app.py"
            ) from None


def is_no_goodbye(record: logging.LogRecord) -> bool:
    """Whether a line of the log is news: open pages hold a connection, and to cut it at the end is none."""
    cut = record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not cut and "graceful shutdown" not in record.getMessage()


def main() -> None:
    """Serve until Ctrl-C."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    host, port = setting("HOST", "127.0.0.1"), int(setting("PORT", "7860"))
    require_free(host, port)
    with without_servers():
        modules = {name: load_space(name) for name in NAMES}
    url = address(host, port, setting("ROOT_PATH", ""))
    suite = build_suite(modules, url)
    gc.freeze()
    gc.enable()
    if on_zero_gpu():  # its package tells the platform from within launch() that the app is ready
        suite.launch(server_name=host, server_port=port, **server_settings())
        return
    server = build_server(suite, modules)
    print(f"Image Spaces: {url}  (Ctrl-C ends it)", flush=True)
    logging.getLogger("uvicorn.error").addFilter(is_no_goodbye)
    uvicorn.run(server, host=host, port=port, log_level="warning", timeout_graceful_shutdown=1)


if __name__ == "__main__":
    main()
