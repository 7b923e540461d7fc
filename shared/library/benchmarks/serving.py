"""Searches of several callers at once through the pages' API, with different numbers of replicas.

Each caller sends the next query as soon as the last one is answered: photos and words in turn. Callers,
pages and replicas share this machine.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from gradio_client import Client, handle_file  # type: ignore[import-untyped]

from shared.evaluation import reports
from shared.library import VARIABLE
from shared.library.benchmarks.report import finish, photo_files

MODULE = "shared.library.benchmark serving"
ROOT = Path(__file__).resolve().parents[3]
WORDS = ("a cat on a sofa", "two dogs", "a horse in a field", "a bird", "a man in a coat", "sheep on grass")
START_SECONDS, END_SECONDS = 600, 60


@contextmanager
def server(library: str, replicas: int, cpus: float) -> Iterator[str]:
    """Run the suite with replicas, and yield its address.

    Args:
        library: Folder or address of the library.
        replicas: Number of replicas; 0 for the suite without Ray.
        cpus: Cores that Ray reserves for each.

    Raises:
        RuntimeError: The server does not start, or does not end.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--replicas", str(replicas), "--cpus", str(cpus)]
    command = ["-m", "shared.library.serve", *options] if replicas else ["app.py"]
    # All callers have the same address, which may have a quarter of the places in the queue.
    settings = {VARIABLE: library, "IMAGE_SPACES_PORT": str(port), "IMAGE_SPACES_QUEUE": "256"}
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, **settings},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_live(url, process)
        yield url
        process.send_signal(signal.SIGTERM)
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"the server did not end within {END_SECONDS} s") from error
    finally:
        process.kill()


def wait_until_live(url: str, process: subprocess.Popen) -> None:
    """Wait until a server answers.

    Raises:
        RuntimeError: Its process has ended, or it does not answer in time.
    """
    begin = time.monotonic()
    while process.poll() is None and time.monotonic() - begin < START_SECONDS:
        try:
            urllib.request.urlopen(f"{url}/livez", timeout=5).close()
            return
        except OSError:
            time.sleep(0.5)
    raise RuntimeError("the server did not start")


def measure(client: Client, photos: Sequence[str], callers: int, queries: int) -> reports.Metrics:
    """Return the searches per second of all callers together, and the milliseconds of a search.

    Args:
        client: Client of the server.
        photos: Paths of the photos to search with.
        callers: Number of callers.
        queries: Number of searches of all of them together.
    """
    begin = time.perf_counter()
    with ThreadPoolExecutor(callers) as pool:
        times = list(pool.map(partial(search, client, photos), range(queries)))
    return {
        "searches_per_s": queries / (time.perf_counter() - begin),
        "median_ms": 1000 * statistics.median(times),
        "p95_ms": 1000 * sorted(times)[int(0.95 * len(times))],
    }


def search(client: Client, photos: Sequence[str], number: int) -> float:
    """Return the seconds of a search: by words if its number is odd, else by a photo."""
    begin = time.perf_counter()
    if number % 2:
        client.predict(text=WORDS[number // 2 % len(WORDS)], api_name="/search_library")
    else:
        client.predict(text="", image=handle_file(photos[number % len(photos)]), api_name="/search_library")
    return time.perf_counter() - begin


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = _parser()
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    files = photo_files(parser, options)
    photos = [str(image.path) for image in files]
    metrics: dict[str, reports.Metrics] = {}
    for replicas in options.replicas:
        with server(options.library, replicas, options.cpus) as url:
            client = Client(url, verbose=False, download_files=False)
            measure(client, photos, 4, 8)  # loads the models, and lets caches fill
            for callers in options.callers:
                name = f"{replicas} replicas" if replicas else "without Ray"
                row = measure(client, photos, callers, options.queries)
                metrics[f"{name}, {callers} callers"] = row
                print(f"{name}, {callers} callers: {row}", flush=True)
    return finish(MODULE, arguments, options, metrics, len(photos), started)


def _parser() -> argparse.ArgumentParser:
    parser = reports.benchmark_parser("Measure searches of several callers at once.", MODULE)
    parser.add_argument("--library", required=True, help="folder or address of the library")
    parser.add_argument("--replicas", type=int, nargs="+", default=[0, 1, 2, 4], help="0 is without Ray")
    parser.add_argument("--cpus", type=float, default=0.5, help="cores of each replica (%(default)s)")
    parser.add_argument("--callers", type=reports.positive_int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--queries", type=reports.positive_int, default=64, help="in a run (%(default)s)")
    return parser


if __name__ == "__main__":
    main()
