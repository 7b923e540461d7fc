"""Metrics for operators: requests, failures and seconds per endpoint and engine.

`prometheus_client` keeps the counts in memory; they are read at `/metrics`. Nothing about a visitor or an
image is recorded.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest

REQUESTS = Counter("image_spaces_requests_total", "Calls that were started.", ["endpoint", "engine"])
FAILURES = Counter(
    "image_spaces_failures_total",
    "Calls that failed; `kind` is `expected` (wrong input) or `internal` (a defect).",
    ["endpoint", "engine", "kind"],
)
SECONDS = Histogram(
    "image_spaces_seconds",
    "Seconds that a call took, failed calls included.",
    ["endpoint", "engine"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)


@contextmanager
def measure(endpoint: str, engine: str, expected: tuple[type[BaseException], ...] = ()) -> Iterator[None]:
    """Count one call, its seconds and its failure.

    Args:
        endpoint: Space and function, for example `edges/detect_edges`.
        engine: Name of the engine of the call, or `none`; from a closed list, since every value starts a new
            time series.
        expected: Exceptions that wrong input causes. All others count as `internal`.
    """
    REQUESTS.labels(endpoint, engine).inc()
    start = time.perf_counter()
    try:
        yield
    except Exception as error:
        kind = "expected" if isinstance(error, expected) else "internal"
        FAILURES.labels(endpoint, engine, kind).inc()
        raise
    finally:
        SECONDS.labels(endpoint, engine).observe(time.perf_counter() - start)


def exposition() -> tuple[bytes, str]:
    """Return the metrics in Prometheus' text format, and the content type."""
    return generate_latest(), CONTENT_TYPE_LATEST
