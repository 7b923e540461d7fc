"""Conditions on photos in SQL, such as `taken > '2020-01-01' and folder like '%beach%'`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from datetime import datetime

from shared.library.errors import ConditionError

#: Columns that conditions may name.
COLUMNS = (
    *("path", "folder", "name", "bytes", "modified", "taken", "width", "height"),
    *("latitude", "longitude", "tags"),
)
EXAMPLE = "taken > '2020-01-01' and folder like '%beach%'"
MAX_CHARACTERS, MAX_SHOWN = 20_000, 100

_DATES = ("modified", "taken")
_LITERAL = re.compile(r"('(?:[^']|'')*')")
_COMPARISON = re.compile(
    rf"\b(?:{'|'.join(_DATES)})\s*(?:=|!=|<>|<=?|>=?|(?P<range>(?:not\s+)?between))\s*$", re.IGNORECASE
)
_AND = re.compile(r"\s*and\s*", re.IGNORECASE)
_YEAR_MONTH = re.compile(r"(\d{4})(?:-(\d\d))?")


def parse_condition(where: str | None) -> str | None:
    """Return a condition in LanceDB's SQL, in which dates need a type; None without one.

    Args:
        where: Condition on `COLUMNS`; dates are ISO dates, or years and months.

    Raises:
        ConditionError: It is too long, or a date is none.

    >>> parse_condition("taken >= '2020' and name like '%taken%'")
    "taken >= timestamp '2020-01-01T00:00:00' and name like '%taken%'"
    """
    if where is None or not where.strip():
        return None
    if len(where) > MAX_CHARACTERS:
        raise ConditionError(f"A condition may have {MAX_CHARACTERS:,} letters; this one has {len(where):,}.")
    pieces = _LITERAL.split(where)  # code, literal, code, literal, code
    if any(";" in code for code in pieces[::2]):
        raise ConditionError(f"“{where[:MAX_SHOWN]}” is more than one condition: join them by “and” or “or”.")
    upper_bound = False  # True where a literal may be the second date of a range
    for index in range(1, len(pieces), 2):
        code = pieces[index - 1]
        match = _COMPARISON.search(code)
        if match or (upper_bound and _AND.fullmatch(code)):
            pieces[index] = f"timestamp '{_date(pieces[index][1:-1])}'"
            upper_bound = bool(match and match["range"])
        else:
            upper_bound = False
    return "".join(pieces)


def is_condition_error(error: Exception) -> bool:
    """Return True if LanceDB refused a condition; its other errors are about files of the library."""
    return any(text in str(error) for text in ("Invalid input", "filter expression"))


def condition_error(where: str, error: Exception) -> ConditionError:
    """Return the error for a condition that LanceDB refused, in one sentence."""
    unknown = re.search(r"No field named `?\"?([\w.]*\w)", str(error))
    problem = f"There is no column {unknown[1]} in “{{}}”" if unknown else "“{}” is no condition on photos"
    shown = where if len(where) <= MAX_SHOWN else f"{where[:MAX_SHOWN]}…"
    return ConditionError(
        f"{problem.format(shown)}: write it as in {EXAMPLE}, and compare any of {', '.join(COLUMNS)}."
    )


def quoted(text: str) -> str:
    """Return a text as a literal of SQL.

    >>> quoted("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def one_of(column: str, values: Iterable[str]) -> str:
    """Return the condition that a column has one of some values.

    >>> one_of("path", ["a", "b"])
    "path in ('a', 'b')"
    """
    return f"{column} in ({', '.join(map(quoted, values))})"


def below(column: str, folder: str) -> str:
    """Return the condition that a path lies in a folder, at any depth.

    >>> below("path", "/photos")
    "starts_with(path, '/photos/')"
    """
    return f"starts_with({column}, {quoted(folder.rstrip(os.sep) + os.sep)})"


def _date(text: str) -> str:
    match = _YEAR_MONTH.fullmatch(text.strip())
    full = f"{match[1]}-{match[2] or '01'}-01" if match else text.strip()
    try:
        return datetime.fromisoformat(full).replace(tzinfo=None).isoformat()
    except ValueError as error:
        raise ConditionError(
            f"'{text}' is no date: write it as '2020-01-31' or '2020-01-31 18:30'."
        ) from error
