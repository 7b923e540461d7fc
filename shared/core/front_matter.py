"""Front matter: the YAML block at the top of model cards and of the READMEs of Spaces."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_BLOCK = re.compile(r"\A\s*---[ \t]*\r?\n(.*?)^---[ \t]*$", re.DOTALL | re.MULTILINE)


class FrontMatterError(ValueError):
    """Front matter that cannot be read; the text names the file and the fix."""


def read_front_matter(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the front matter of a Markdown file.

    Args:
        path: The file.

    Returns:
        Its keys; none where the file has no front matter.

    Raises:
        FileNotFoundError: There is no such file.
        FrontMatterError: The front matter is no YAML mapping.
    """
    import yaml  # deferred: most callers of `shared.core` read no front matter

    block = _BLOCK.match(Path(path).read_text(encoding="utf-8-sig"))
    if block is None:
        return {}
    try:
        # the parser in C takes a tenth of the time of the one in Python
        keys = yaml.load(block[1], Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise FrontMatterError(
            f"the front matter of {path} cannot be read ({error}): correct it by hand"
        ) from error
    if not isinstance(keys, dict | None):
        raise FrontMatterError(f"the front matter of {path} must hold keys, not a {type(keys).__name__}")
    return keys or {}


def write_front_matter(path: str | os.PathLike[str], keys: Mapping[str, Any]) -> None:
    """Replace the front matter of a Markdown file, or put one above its text.

    Args:
        path: The file.
        keys: Plain values, written in this order.
    """
    text = Path(path).read_text(encoding="utf-8-sig")
    block = _BLOCK.match(text)
    front = "".join(_dump(key, value) for key, value in keys.items())
    body = text[block.end() :] if block else f"\n\n{text.lstrip()}"
    Path(path).write_text(f"---\n{front}---{body}", encoding="utf-8")


def read_licence(folder: str | os.PathLike[str]) -> str | None:
    """Return the licence that the model card of a weight folder names.

    Args:
        folder: Folder with a `README.md`.

    Returns:
        Identifier as the Hub writes it, such as `"cc-by-nc-4.0"`; None without a card or without a licence.

    Raises:
        FrontMatterError: The card's front matter cannot be read.
    """
    try:
        licence = read_front_matter(Path(folder) / "README.md").get("license")
    except FileNotFoundError:
        return None
    return None if licence is None else str(licence)


def _dump(key: str, value: Any) -> str:
    """Return a key as YAML, each leaf of its value in one line, so that a model index stays short."""
    import yaml

    flow = None if isinstance(value, dict | list) else False
    text: str = yaml.safe_dump(
        {key: value}, sort_keys=False, allow_unicode=True, default_flow_style=flow, width=4096
    )
    return text
