"""Filter of a visitor by date and folder, as a condition of the library; visitors never write SQL."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.core.file_names import display_name
from shared.library.errors import LibraryError
from shared.library.filters import below, quoted
from shared.library.walk import is_below

MAX_FOLDER_LETTERS = 100

#: Date of a photo: by its camera, or else that of its file.
_DATE = "coalesce(taken, modified)"
_FORM = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")


@dataclass(frozen=True)
class VisitorFilter:
    """Filter of photos.

    Attributes:
        since: First year, month or day, such as 2020, 2020-05 or 2020-05-17; empty for no limit.
        until: Last year, month or day, which is included; empty for no limit.
        folder: Part of the name of a folder; empty for all folders.
    """

    since: str = ""
    until: str = ""
    folder: str = ""

    def condition(self, sources: Sequence[str]) -> str | None:
        """Return the condition; None without a filter.

        Folders above those of the library are neither compared nor shown, since they belong to the server.

        Args:
            sources: Folders of the library.

        Raises:
            LibraryError: A date is none, or the folder's name is too long.
        """
        parts = []
        if self.since.strip():
            parts.append(f"{_DATE} >= timestamp '{_period(self.since)[0].isoformat()}'")
        if self.until.strip():
            parts.append(f"{_DATE} < timestamp '{_period(self.until)[1].isoformat()}'")
        if self.folder.strip():
            parts.append(_folder_condition(self.folder.strip(), sources))
        return " and ".join(parts) or None


def relative_folder(path: str, sources: Sequence[str]) -> str:
    """Return the folder of a photo for visitors, from the library's own folder on.

    >>> relative_folder("/media/photos/rome/1.jpg", ["/media/photos"])
    'photos/rome'
    """
    folder = os.path.dirname(path)
    parents = [source for source in sources if is_below(folder, [source])]
    start = os.path.dirname(min(parents, key=len)) if parents else os.path.dirname(folder)
    return display_name(os.path.relpath(folder, start))


def _period(text: str) -> tuple[datetime, datetime]:
    """Return the begin of a year, month or day, and that of the following one.

    >>> _period("2020-12")
    (datetime.datetime(2020, 12, 1, 0, 0), datetime.datetime(2021, 1, 1, 0, 0))
    """
    match = _FORM.fullmatch(text.strip())
    try:
        if match is None:
            raise ValueError
        year, month, day = (int(number) if number else None for number in match.groups())
        assert year is not None
        begin = datetime(year, month or 1, day or 1)
        if day is not None:
            return begin, begin + timedelta(days=1)
        if month is not None:
            return begin, datetime(year + month // 12, month % 12 + 1, 1)
        return begin, datetime(year + 1, 1, 1)
    except (ValueError, OverflowError) as error:
        raise LibraryError(
            f"“{display_name(text.strip(), 40)}” is no date: write a year, a month or a day, such as 2020, "
            "2020-05 or 2020-05-17."
        ) from error


def _folder_condition(text: str, sources: Sequence[str]) -> str:
    """Return the condition that the visible part of a folder contains a text, in small or large letters."""
    if len(text) > MAX_FOLDER_LETTERS:
        raise LibraryError(f"Please write at most {MAX_FOLDER_LETTERS} letters of the folder's name.")
    literal = quoted("".join(letter for letter in text if letter.isprintable()).lower())
    tops = [path for path in sources if not is_below(path, [source for source in sources if source != path])]
    inside = [f"(folder = {quoted(top)} or {below('folder', top)})" for top in tops]
    parts = []
    for top, condition in zip(tops, inside, strict=True):
        start = len(os.path.dirname(top).rstrip(os.sep)) + 2  # SQL counts from 1
        parts.append(f"({condition} and contains(lower(substr(folder, {start})), {literal}))")
    last = (
        f"contains(lower(regexp_replace(folder, '.*/', '')), {literal})"  # of photos that were added singly
    )
    parts.append(f"(not ({' or '.join(inside)}) and {last})" if inside else last)
    return f"({' or '.join(parts)})"
