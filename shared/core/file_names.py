"""File names from visitors, cleaned for display and for archives."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

#: Characters of a name on display; a longer one loses its middle, and keeps its beginning and its suffix.
MAX_NAME_LENGTH = 200


def display_name(name: str, max_length: int = MAX_NAME_LENGTH) -> str:
    r"""Clean a file name for display: no invisible characters, which could deceive, and a bounded length.

    Args:
        name: Any text.
        max_length: Largest number of characters of the result.

    Returns:
        Printable text in Unicode's normal form C; `"picture"` if none is left.

    >>> display_name("a\u202eb\n.jpg"), len(display_name("x" * 1000 + ".jpg"))
    ('ab.jpg', 200)
    """
    name = unicodedata.normalize("NFC", str(name))
    name = "".join(character for character in name if character.isprintable()).strip() or "picture"
    half = max_length // 2
    return name if len(name) <= max_length else f"{name[: half - 1]}…{name[-half:]}"


def safe_stem(name: str) -> str:
    r"""Clean a file name for a member of a ZIP archive, on every system.

    Args:
        name: File name as a browser sent it; it may hold a path of any system.

    Returns:
        The name without folders, suffix, control characters and what a system reserves; at most 120 bytes of
        UTF-8, and `"picture"` if nothing is left.

    >>> safe_stem("../holiday/Été 2024.JPG"), safe_stem("C:\\a\\CON.png"), safe_stem("..")
    ('Été 2024', '_CON', 'picture')
    """
    stem = unicodedata.normalize("NFC", Path(re.split(r"[/\\]", name)[-1]).stem)
    stem = "".join(character for character in stem if unicodedata.category(character)[0] != "C")
    stem = re.sub(r'[<>:"|?*]', "_", stem).strip(". ")
    stem = stem.encode()[:120].decode(errors="ignore").rstrip(". ")
    reserved = re.fullmatch(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", stem, re.IGNORECASE)
    return f"_{stem}" if reserved else stem or "picture"
