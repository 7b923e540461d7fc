"""The whole suite on one server: a home page and one page per space.

    python app.py

The environment sets what a host needs; the defaults suit a personal computer.

    IMAGE_SPACES_HOST       address to listen on: 127.0.0.1, or 0.0.0.0 for the whole network
    IMAGE_SPACES_PORT       port: 7860
    IMAGE_SPACES_ROOT_PATH  path under which a proxy serves the suite, such as /images, or its whole address
    IMAGE_SPACES_AUTH       user:password, several separated by commas; without it everybody has access
    IMAGE_SPACES_QUEUE      number of calls that may wait before the next one is rejected: 32
    IMAGE_SPACES_TIME_LIMIT seconds that a call may run: 120; galleries and large models have ten times that
    IMAGE_SPACES_CPU_RUNTIME    on a machine without a GPU: openvino; openvino-bf16, which some processors do
                                faster, with less exact results; or torch, which is slower
    IMAGE_SPACES_NETWORK_CACHE  folder of the networks converted for openvino: in the user's cache folder
    IMAGE_SPACES_LIBRARY    folder or address of a photo library (docs/library.md), for all visitors
    IMAGE_SPACES_HUB_ORG        owner, on the Hugging Face Hub, of weights that are missing here

At most a quarter of the places in the queue go to one network address. Behind a proxy on another machine,
set FORWARDED_ALLOW_IPS to the address of that proxy, so that visitors count by their own.

On Hugging Face, Gradio's own GRADIO_SERVER_NAME, GRADIO_SERVER_PORT and GRADIO_ROOT_PATH count as well.

Besides the pages there are /livez (200 as long as the server runs), /healthz (one small prediction per space
and room on the disk, the answer kept for ten seconds: 200, or 503 if one fails), /metrics (Prometheus) and
/cards/<space>.jpg (the home page's images, made when they are first requested).
"""

import gc
import os
from contextlib import suppress

if __name__ == "__main__":
    # Objects of the start-up live until the end: to search them for garbage costs a second.
    gc.disable()

# Read when the packages below are imported.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
with suppress(ImportError):
    import spaces  # noqa: F401  Hugging Face's package: on ZeroGPU it must be imported before torch

import importlib.util
import logging
import sys
from pathlib import Path
from typing import cast

from shared.core.devices import on_zero_gpu
from shared.core.front_matter import read_front_matter
from shared.ui.gradio_workarounds import without_page_servers
from shared.ui.server import (
    Space,
    build_server,
    build_suite,
    require_free_port,
    serve,
)
from shared.ui.server_settings import ServerSettings
from shared.ui.suite_launch import launch_suite

FOLDER = Path(__file__).resolve().parent / "spaces"
ORDER = ("recognition", "edges", "retrieval", "crossmodal", "translation", "restyle")
NAMES = [name for name in ORDER if (FOLDER / name / "app.py").is_file()]


def load_space(name: str) -> Space:
    """Import `spaces/<name>/app.py` by its path: the package name `spaces` is Hugging Face's."""
    spec = importlib.util.spec_from_file_location(f"space_{name}", FOLDER / name / "app.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"spaces/{name}/app.py cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # for inspect and pickle
    spec.loader.exec_module(module)
    return cast(Space, module)


def load_spaces() -> dict[str, Space]:
    """Import all spaces, in the order of the home page's cards."""
    with without_page_servers():
        return {name: load_space(name) for name in NAMES}


def front_matter() -> dict[str, dict]:
    """Return the front matter of each space's README."""
    return {name: read_front_matter(FOLDER / name / "README.md") for name in NAMES}


def main() -> None:
    """Serve the suite until Ctrl-C."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = ServerSettings.from_environment()
    require_free_port(settings.host, settings.port)
    modules = load_spaces()
    texts = front_matter()
    suite = build_suite(modules, texts, settings.url)
    gc.freeze()
    gc.enable()
    if on_zero_gpu():  # its package reports the app as ready from within launch()
        launch_suite(suite, modules, texts, settings)
        return
    serve(build_server(suite, modules, texts, settings), suite, settings)


if __name__ == "__main__":
    main()
