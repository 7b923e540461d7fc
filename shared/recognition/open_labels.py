"""Labels that a visitor writes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from shared.core.errors import InputError

#: Class of an image that none of the labels fits.
NONE = "none of these"
MAX_LABELS, MAX_CHARACTERS = 100, 100


def check_labels(labels: str | Sequence[str] | None) -> tuple[str, ...]:
    r"""Return distinct labels without surrounding spaces.

    Args:
        labels: Labels, or a text with one a line or commas between them.

    Raises:
        InputError: There are too many, or one is too long.

    >>> check_labels("my cat, her dog\nmy cat"), check_labels(None)
    (('my cat', 'her dog'), ())
    """
    entries = re.split(r"[,;\n]", labels) if isinstance(labels, str) else labels or ()
    distinct = tuple(dict.fromkeys(" ".join(entry.split()) for entry in entries if entry.strip()))
    if len(distinct) > MAX_LABELS:
        raise InputError(f"At most {MAX_LABELS} labels can be compared; these are {len(distinct)}.")
    longest = max(map(len, distinct), default=0)
    if longest > MAX_CHARACTERS:
        raise InputError(f"A label may have {MAX_CHARACTERS} letters, and one of these has {longest}.")
    return distinct
