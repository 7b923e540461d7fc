"""Adding of a folder in a process of its own: speed, memory over time, a kill in the middle, and the rest.

The process is killed (SIGKILL) when a share of the photos is done. A second one adds the same folder, which
must find all that the first wrote but the batch that it had in hand. Memory is that of the process (RSS).
`--without-networks` gives photos random vectors: what remains is reading, decoding and storing them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from shared.evaluation import reports
from shared.library.benchmarks.report import finish, photo_files
from shared.library.library import Library

MODULE = "shared.library.benchmark adding"

_CHILD = """
import json, sys
from shared.library.benchmarks.random_models import use_random_models
from shared.library.library import Library
if sys.argv[1] == "random":
    use_random_models()
library = Library.open(sys.argv[2])
progress = lambda done, total, left: print(done, flush=True)
report = library.add(sys.argv[3:], progress)
print(json.dumps(report.as_dict()), flush=True)
"""


def run(
    library: Path, sources: Sequence[str], stop_at: int | None = None, *, networks: bool = True
) -> tuple[list[dict], dict]:
    """Add photos in a process of their own.

    Args:
        library: Folder of the library.
        sources: Folders and files.
        stop_at: Number of finished photos after which the process is killed; None lets it end.
        networks: False gives photos random vectors.

    Returns:
        Samples, each with the seconds since the start, finished photos and resident bytes; and the report,
        empty after a kill.
    """
    command = [sys.executable, "-c", _CHILD, "ours" if networks else "random", str(library), *sources]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    begin, samples, report = time.monotonic(), [], {}
    for line in process.stdout:
        if line.startswith("{"):
            report = json.loads(line)
            continue
        done = int(line)
        samples.append({"s": time.monotonic() - begin, "done": done, "bytes": resident_bytes(process.pid)})
        if stop_at is not None and done >= stop_at:
            process.kill()
            break
    process.wait()
    return samples, report


def resident_bytes(process: int) -> int:
    """Return the resident memory of a process (Linux only)."""
    pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096


def steady_memory(samples: Sequence[dict], fractions: Sequence[float]) -> list[float]:
    """Return the memory in MB when fractions of the photos were done."""
    return [samples[min(int(part * len(samples)), len(samples) - 1)]["bytes"] / 1e6 for part in fractions]


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = _parser()
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    files = photo_files(parser, options)
    sources = [str(image.path) for image in files] if options.limit else [str(options.data)]
    networks = not options.without_networks
    metrics: dict[str, reports.Metrics] = {}
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        library = Path(folder) / "library"
        first, _ = run(library, sources, int(options.kill_at * len(files)), networks=networks)
        with Library.open(library, create=False) as opened:
            stored = opened.stats().photos
        second, report = run(library, sources, networks=networks)
        described = [sample for sample in second if sample["done"] > stored]
        metrics["first run, killed"] = {
            "photos": first[-1]["done"],
            "stored": stored,
            "lost": first[-1]["done"] - stored,
            "photos_per_s": _rate(first),
            **_memory(first),
        }
        metrics["second run"] = {
            "photos": report["added"],
            "unchanged": report["unchanged"],
            "skipped": len(report["skipped"]),
            "photos_per_s": _rate(described),
            **_memory(described),
        }
        with Library.open(library, create=False) as opened:
            stats = opened.stats()
            paths = list(opened.paths())
        metrics["library"] = {
            "photos": stats.photos,
            "distinct_paths": len(set(paths)),
            "disk_bytes_per_photo": (stats.disk_bytes or 0) / max(stats.photos, 1),
        }
        metrics["nothing to do"] = {"s": _timed(lambda: run(library, sources, networks=networks))}
    return finish(MODULE, arguments, options, metrics, len(files), started)


def _parser() -> argparse.ArgumentParser:
    parser = reports.benchmark_parser("Measure the addition of photos to a library.", MODULE)
    parser.add_argument("--kill-at", type=float, default=0.4, help="share of the photos, 0..1 (%(default)s)")
    parser.add_argument("--without-networks", action="store_true", help="random vectors in their place")
    parser.add_argument("--folder", type=Path, help="folder for the library, by default that of the system")
    return parser


def _rate(samples: Sequence[dict]) -> float:
    """Return photos per second between the first and the last sample."""
    seconds = samples[-1]["s"] - samples[0]["s"]
    return (samples[-1]["done"] - samples[0]["done"]) / max(seconds, 1e-9)


def _memory(samples: Sequence[dict]) -> dict[str, float]:
    quarter, half, end = steady_memory(samples, (0.25, 0.5, 1))
    return {"MB_at_1/4": quarter, "MB_at_1/2": half, "MB_at_end": end}


def _timed(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin
