"""Report of a benchmark of the photo library."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence

from shared.core.image_files import ImageFile, read_images
from shared.evaluation import reports


def photo_files(parser: argparse.ArgumentParser, options: argparse.Namespace) -> list[ImageFile]:
    """Return the first `--limit` photos of `--data` that are files of their own, not parts of archives.

    The program ends with a sentence if they cannot be listed.
    """
    try:
        return [image for image in read_images([options.data]) if not image.member][: options.limit]
    except (OSError, ValueError) as error:
        parser.error(str(error))


def finish(
    module: str,
    arguments: Sequence[str] | None,
    options: argparse.Namespace,
    metrics: Mapping[str, reports.Metrics],
    items: int,
    started: float,
) -> reports.Report:
    """Print the report of a benchmark, and write it if its options name a file.

    Args:
        module: Full module name, and the name of the benchmark after a space.
        arguments: Arguments of the command, by default those of this process.
        options: Their values.
        metrics: Figures by the name of the run.
        items: Number of photos.
        started: `time.perf_counter()` at the start.
    """
    report = reports.Report(
        benchmark=module.split()[-1],
        data=options.data.name,
        split="all" if options.limit is None else f"first {items}",
        items=items,
        weights="library",
        metrics=dict(metrics),
        seconds=time.perf_counter() - started,
        command=reports.command_line(module, arguments),
    )
    return reports.finish(report, options.json)
