"""State of the tab "Change clothes": what its components show, and the last results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from shared.restyle.tabs.photos import PARSER

MAX_HISTORY = 8


class Shown(NamedTuple):
    """Photos and regions that the components show, by which older choices are told from new ones.

    Attributes:
        path: Path of the photo.
        regions: Names of its chosen regions.
        source: Path of the second photo.
        parser: Name of the engine that found the regions.
    """

    path: str | None = None
    regions: tuple[str, ...] = ()
    source: str | None = None
    parser: str = PARSER


class Entry(NamedTuple):
    """Earlier result.

    Attributes:
        path: Path of a smaller copy.
        title: A few words about the change.
        shown: Photo and regions that it changed.
    """

    path: str
    title: str
    shown: Shown


def add_entry(history: Sequence[Entry], entry: Entry) -> list[Entry]:
    """Return the latest results, the newest first; one of the same change replaces the one before."""
    older = [item for item in history[:1] if item[1:] != entry[1:]] + list(history[1:])
    return [entry, *older][:MAX_HISTORY]


def thumbnails(history: Sequence[Entry]) -> list[tuple[str, str]]:
    """Return the path and the title of each result."""
    return [(entry.path, entry.title) for entry in history]
