"""Command `serve`: the pages of all spaces on one server."""

from __future__ import annotations

import argparse
import gc
import importlib.util
import os
import sys
import threading
import time
import urllib.error
import urllib.request
import webbrowser
from pathlib import Path

from shared.cli.arguments import whole_number
from shared.cli.command import Command
from shared.cli.console import Console
from shared.cli.errors import CommandError

ROOT = Path(__file__).resolve().parents[3]
#: Seconds for which `--open` waits for the server.
START_TIMEOUT = 300


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("--host", help="address to listen on: 127.0.0.1 (default), or 0.0.0.0 for all")
    parser.add_argument(
        "--port", type=whole_number(1, 65535), metavar="N", help="port to listen on (default: 7860)"
    )
    parser.add_argument("--open", action="store_true", help="open the home page in a browser")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Serve the suite until Ctrl-C."""
    app = ROOT / "app.py"
    if not app.is_file() or not (ROOT / "spaces").is_dir():
        raise CommandError(
            "The pages are not part of an installed package: run pip install -e . in the repository."
        )
    for name, value in (("HOST", arguments.host), ("PORT", arguments.port)):
        if value is not None:
            os.environ[f"IMAGE_SPACES_{name}"] = str(value)
    gc.disable()  # until the server runs, see app.py
    spec = importlib.util.spec_from_file_location("app", app)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["app"] = module
    spec.loader.exec_module(module)
    if arguments.open:
        from shared.ui.server_settings import ServerSettings

        url = ServerSettings.from_environment().local_url
        threading.Thread(target=open_when_ready, args=[url], daemon=True).start()
    module.main()
    return 0


def open_when_ready(url: str) -> None:
    """Open an address in the browser as soon as its server answers."""
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/livez", timeout=5):
                webbrowser.open(url)
                return
        except urllib.error.HTTPError:  # a password is asked for
            webbrowser.open(url)
            return
        except OSError:
            time.sleep(0.2)


SERVE = Command(
    name="serve",
    group="Pages",
    summary="Serve the pages of all spaces, for a browser, programs and agents.",
    arguments="",
    examples=(
        ("serve --open", "on this computer alone, at http://127.0.0.1:7860"),
        ("serve --host 0.0.0.0 --port 8000", "for all computers of the network"),
    ),
    details="The head of app.py lists the environment variables for passwords, proxies and the queue.",
    add_arguments=add_arguments,
    run=run,
)
