"""Commands `index`, `update`, `remove` and `stats`: what is in the photo library."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from shared.cli.arguments import add_text_options
from shared.cli.command import Command
from shared.cli.console import Console, count, duration
from shared.cli.inputs import expand
from shared.cli.library_place import add_library_option, open_library

if TYPE_CHECKING:
    from shared.library.library import Library
    from shared.library.results import LibraryReport, LibraryStats, Progress

GROUP = "Find pictures"
STOPPED = "Stopped: everything so far is kept, and the next run goes on from there."
INTERRUPTED = 130  # exit code, as in `shared.cli.main`


def add_index_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `index`."""
    parser.add_argument(
        "sources", nargs="+", metavar="FOLDER", help="folder, with all folders in it, or a picture or pattern"
    )
    add_library_option(parser)
    add_text_options(parser)


def index(arguments: argparse.Namespace, console: Console) -> int:
    """Add the pictures of folders to the library."""
    problems: list[str] = []
    sources = list(expand(arguments.sources, problems))
    for problem in problems:
        console.error(problem)
    if not sources:
        return 1
    report = _change(
        arguments, console, lambda library: library.add(sources, _progress(console)), create=True
    )
    return _print_report(report, console) or bool(problems)


def add_update_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `update`."""
    add_library_option(parser)
    add_text_options(parser)


def update(arguments: argparse.Namespace, console: Console) -> int:
    """Bring the library up to date with its folders."""
    report = _change(arguments, console, lambda library: library.update(_progress(console)))
    return _print_report(report, console)


def add_remove_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `remove`."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="picture, folder or pattern")
    add_library_option(parser)


def remove(arguments: argparse.Namespace, console: Console) -> int:
    """Take pictures out of the library."""
    missing: list[str] = []  # files that are gone from the disk may still be in the library
    paths = list(expand(arguments.paths, missing))
    paths += [path for path in arguments.paths if any(text.startswith(f"{path}: ") for text in missing)]
    with open_library(arguments) as library:
        removed = library.remove(paths)
    if not removed:
        console.error("None of these pictures is in the library.")
        return 1
    console.note(f"{count(removed, 'picture')} left the library; the files stay where they are.")
    return 0


def stats(arguments: argparse.Namespace, console: Console) -> int:
    """Print what is in the library."""
    with open_library(arguments) as library:
        values = library.stats()
    console.result("\n".join(_stats_lines(values)), values.as_dict())
    return 0


def _change(
    arguments: argparse.Namespace,
    console: Console,
    change: Callable[[Library], LibraryReport],
    *,
    create: bool = False,
) -> LibraryReport:
    """Change the library on a thread of its own, and end the process as soon as Ctrl-C is pressed.

    The main thread alone notices Ctrl-C, and not while it runs networks, or waits for threads that do. Tables
    are written batch by batch, each of them entirely or not at all, so that the process may end at any time.
    """

    def run() -> LibraryReport:
        with open_library(arguments, create=create) as library:
            return change(library)

    with ThreadPoolExecutor(1) as pool:
        try:
            return pool.submit(run).result()
        except KeyboardInterrupt:
            console.close()
            console.error(STOPPED)
            sys.stdout.flush()
            os._exit(INTERRUPTED)


def _progress(console: Console) -> Progress:
    return lambda finished, total, seconds_left: console.advance(finished, total)


def _print_report(report: LibraryReport, console: Console) -> int:
    console.close()
    for path, reason in report.skipped:
        console.error(f"{path}: {reason}")
    numbers = {
        "added": report.added,
        "changed": report.changed,
        "moved": report.moved,
        "deleted": report.deleted,
        "unchanged": report.unchanged,
        "skipped": len(report.skipped),
    }
    parts = [f"{number:,} {name}" for name, number in numbers.items() if number or name == "added"]
    if not console.quiet or console.json_lines:
        console.result(f"{', '.join(parts)} in {duration(report.seconds)}", report.as_dict())
    return 1 if report.skipped else 0


def _stats_lines(stats: LibraryStats) -> list[str]:
    rows = {
        "library": stats.uri,
        "photos": f"{stats.photos:,} in {count(stats.folders, 'folder')}, {stats.bytes / 1e6:,.1f} MB",
        "skipped": f"{stats.skipped:,}",
        "index": ", ".join(f"{kind}: {text}" for kind, text in stats.index.items()),
        "networks": ", ".join(stats.models.values()),
        "size": "" if stats.disk_bytes is None else f"{stats.disk_bytes / 1e6:,.1f} MB",
    }
    lines = [f"{name:<9} {text}" for name, text in rows.items() if text]
    names = ["folders", *[""] * len(stats.sources)]
    return lines + [f"{name:<9} {path}" for name, path in zip(names, stats.sources, strict=False)]


INDEX = Command(
    name="index",
    group=GROUP,
    summary="Add folders of pictures to your library, which find, similar and duplicates search.",
    arguments="FOLDER...",
    examples=(
        ("index ~/Pictures", "once; pictures that are in the library already cost no time"),
        ("index '/media/card/DCIM/**/*.jpg'", "the pictures of a pattern"),
        ("index trip/ --library trip-library", "a library of its own"),
    ),
    details="The pictures stay where they are. An interrupted run goes on where it was.",
    add_arguments=add_index_arguments,
    run=index,
)

UPDATE = Command(
    name="update",
    group=GROUP,
    summary="Look through the folders of your library again, for new, changed, moved and deleted pictures.",
    arguments="",
    examples=(("update", "after a trip"), ("update -q", "every night, in a crontab")),
    add_arguments=add_update_arguments,
    run=update,
)

REMOVE = Command(
    name="remove",
    group=GROUP,
    summary="Take pictures or folders out of your library; the files stay.",
    arguments="PATH...",
    examples=(
        ("remove ~/Pictures/scans", "a folder"),
        ("find -0 receipt --min-score 0.9 | xargs -0 image-spaces remove", "what a search finds"),
    ),
    add_arguments=add_remove_arguments,
    run=remove,
)

STATS = Command(
    name="stats",
    group=GROUP,
    summary="Tell what is in your library, and where it is.",
    arguments="",
    examples=(("stats", "numbers for people"), ("stats --json", "and for programs")),
    add_arguments=add_update_arguments,
    run=stats,
)
