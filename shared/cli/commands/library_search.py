"""Commands `find`, `similar` and `duplicates`: searches of the photo library."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from shared.cli.arguments import add_text_options, add_top_k_option, number
from shared.cli.command import Command
from shared.cli.console import Console
from shared.cli.errors import UsageError
from shared.cli.inputs import STDIN, read_picture
from shared.cli.library_place import add_library_option, open_library

if TYPE_CHECKING:
    from PIL import Image

    from shared.library.results import LibraryHit, LibraryHits

GROUP = "Find pictures"
FOUND, NOTHING = 0, 1
#: One less than the library returns at most, so that a picture can be left out of its own hits.
MAX_HITS = 999


def add_find_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `find`."""
    parser.add_argument("words", nargs="+", metavar="WORDS", help="what is in the picture")
    parser.add_argument("--like", metavar="PICTURE", help="a picture that the hits shall resemble as well")
    _add_search_options(parser)


def find(arguments: argparse.Namespace, console: Console) -> int:
    """Print the pictures that fit some words."""
    image = read_picture(arguments.like) if arguments.like else None
    hits = _search(arguments, image, " ".join(arguments.words), arguments.top_k)
    if hits.read_as:
        console.note(f"Searched for: {hits.read_as}")
    if hits.unknown_words:
        console.note(f"Unknown words: {', '.join(hits.unknown_words)}")
    if hits.hint:
        console.note(hits.hint)
    return _print_hits(hits, arguments, console)


def add_similar_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `similar`."""
    parser.add_argument("picture", metavar="PICTURE", help="picture, or - for stdin")
    _add_search_options(parser)


def similar(arguments: argparse.Namespace, console: Console) -> int:
    """Print the pictures that resemble a picture, itself left out."""
    image = read_picture(arguments.picture)
    hits = _search(arguments, image, "", arguments.top_k + 1)
    own = None if arguments.picture == STDIN else os.path.realpath(arguments.picture)
    others = [hit for hit in hits if os.path.realpath(hit.path) != own]
    return _print_hits(others[: arguments.top_k], arguments, console)


def add_duplicates_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `duplicates`."""
    add_library_option(parser)
    parser.add_argument("-0", "--null", action="store_true", help="end each path with a zero byte")
    add_text_options(parser)


def duplicates(arguments: argparse.Namespace, console: Console) -> int:
    """Print groups of pictures that are the same or nearly so."""
    with open_library(arguments) as library:
        groups = library.duplicates()
    for position, paths in enumerate(groups):
        if console.json_lines:
            console.result("", {"paths": paths})
            continue
        if position:
            console.result("", {})
        for path in paths:
            console.result(path, {})
    if not groups:
        console.note("There are no duplicates in the library.")
    return FOUND if groups else NOTHING


def _add_search_options(parser: argparse.ArgumentParser) -> None:
    add_library_option(parser)
    add_top_k_option(parser, 20, "largest number of pictures", largest=MAX_HITS)
    parser.add_argument(
        "--min-score",
        type=number(0, 1),
        default=0.0,
        metavar="X",
        help="leave out hits that are less probable (with a picture: less similar), 0 (default) to 1",
    )
    parser.add_argument(
        "--where",
        metavar="FILTER",
        help="condition in SQL on path, taken, width, latitude or others: \"taken >= '2024-06'\"",
    )
    parser.add_argument("-l", "--long", action="store_true", help="print score, verdict, date and size, too")
    parser.add_argument("-0", "--null", action="store_true", help="end each path with a zero byte")
    add_text_options(parser)


def _search(arguments: argparse.Namespace, image: Image.Image | None, words: str, top_k: int) -> LibraryHits:
    """Search the library.

    Raises:
        UsageError: The words or the condition cannot be used.
        LibraryError: The library cannot be used.
    """
    from shared.crossmodal.text.queries import QueryError  # deferred: it needs numpy
    from shared.library.errors import ConditionError

    with open_library(arguments) as library:
        try:
            return library.search(image=image, text=words, top_k=top_k, where=arguments.where)
        except (QueryError, ConditionError) as error:
            raise UsageError(str(error)) from error


def _print_hits(hits: Iterable[LibraryHit], arguments: argparse.Namespace, console: Console) -> int:
    good = [hit for hit in hits if _score(hit) >= arguments.min_score]
    for hit in good:
        console.result(_long_line(hit) if arguments.long else hit.path, hit.as_dict())
    if not good:
        console.note("No picture in the library fits.")
    return FOUND if good else NOTHING


def _score(hit: LibraryHit) -> float:
    return hit.score if hit.probability is None else hit.probability


def _long_line(hit: LibraryHit) -> str:
    taken = f"{hit.taken:%Y-%m-%d %H:%M}" if hit.taken else "-"
    size = f"{hit.size[0]}x{hit.size[1]}"
    return f"{_score(hit):5.3f}  {hit.confidence or '-':<23}  {taken:<16}  {size:<11}  {hit.path}"


FIND = Command(
    name="find",
    group=GROUP,
    summary="Find the pictures of your library that fit some words.",
    arguments="WORDS...",
    examples=(
        ("find two dogs on a beach", "the best twenty, one path a line"),
        ("find 'dog - beach + 2:snow' -l", "takes away, adds and weighs; with scores and dates"),
        ("find at night --like tower.jpg -0 | xargs -0 feh", "like a picture, but at night"),
    ),
    add_arguments=add_find_arguments,
    run=find,
)

SIMILAR = Command(
    name="similar",
    group=GROUP,
    summary="Find the pictures of your library that look like a picture.",
    arguments="PICTURE",
    examples=(
        ("similar photo.jpg", "the picture need not be in the library"),
        ("similar - -k 1 < photo.jpg", "the best one, for a picture from a pipe"),
    ),
    add_arguments=add_similar_arguments,
    run=similar,
)

DUPLICATES = Command(
    name="duplicates",
    group=GROUP,
    summary="List the pictures of your library that are the same or nearly so.",
    arguments="",
    examples=(
        ("duplicates", "groups, with an empty line between them"),
        ("duplicates --json", "a group a line, for other programs"),
    ),
    add_arguments=add_duplicates_arguments,
    run=duplicates,
)
