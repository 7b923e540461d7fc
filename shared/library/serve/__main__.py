"""The suite with a library that several processes search: `python -m shared.library.serve`.

Host, port, password and queue are set as for `app.py`, by environment variables.
"""

from __future__ import annotations

import argparse
import os
import runpy
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from shared.core.errors import InputError
from shared.evaluation.reports import positive_int
from shared.library import VARIABLE
from shared.library.errors import LibraryError, require_packages

APP = Path(__file__).resolve().parents[3] / "app.py"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM, and return the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    uri = options.library or os.environ.get(VARIABLE, "").strip()
    if not uri:
        parser.error(f"name the library: --library URI, or {VARIABLE}")
    try:
        serve(uri, options)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # before the pages were there
        return 130
    return 0


def serve(uri: str, options: argparse.Namespace) -> None:
    """Start the replicas, then the pages, and end with these.

    Raises:
        LibraryError: The library or the cluster cannot be used.
    """
    require_packages("ray")
    if not APP.is_file():
        raise LibraryError(
            "The pages are not part of an installed package: run pip install -e '.[scale]' in the repository."
        )
    # Ray reads it when it is imported. Workers of its default wait for all other programs.
    os.environ.setdefault("RAY_worker_niceness", "0")
    from shared.library.cluster.describer import connect
    from shared.library.library import Library
    from shared.library.serve.replicas import Replicas, replicated_search
    from shared.library.tabs.shared_library import shared_library

    with Library.open(uri, create=False) as library:
        uri = os.environ[VARIABLE] = library.uri
    connect(options.address)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # Ray's handler would make it a failure
    replicas = Replicas(options.replicas, options.cpus, options.gpus)
    print("Starting the replicas of the photo library...", file=sys.stderr)
    with replicated_search(shared_library(uri), replicas):
        runpy.run_path(str(APP), run_name="__main__")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m shared.library.serve", description=__doc__)
    parser.add_argument("--library", metavar="URI", help=f"folder or address; by default ${VARIABLE}")
    parser.add_argument("--replicas", type=positive_int, default=1, metavar="N", help="processes that search")
    parser.add_argument("--cpus", type=float, default=1, metavar="X", help="cores of each, such as 0.5")
    parser.add_argument("--gpus", type=float, default=0, metavar="X", help="GPUs of each, such as 0.5")
    parser.add_argument("--address", default="local", help="cluster: local (default), auto, or host:port")
    return parser


if __name__ == "__main__":
    sys.exit(main())
