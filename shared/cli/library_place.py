"""Place of the photo library, and opening it."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from shared.library import VARIABLE

if TYPE_CHECKING:
    from shared.library.library import Library


def add_library_option(parser: argparse.ArgumentParser) -> None:
    """Add the place of the library."""
    parser.add_argument(
        "--library",
        metavar="URI",
        help=f"folder or address of the library; by default ${VARIABLE}, else {_shortened(default_folder())}",
    )


def library_uri(arguments: argparse.Namespace) -> str:
    """Return the place of the library: of the option, of the environment, or in the user's data folder."""
    return arguments.library or os.environ.get(VARIABLE) or str(default_folder())


def default_folder() -> Path:
    """Return the folder of the library in the user's data folder, as the system has it."""
    home = Path.home()
    if sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "image-spaces" / "library"


def open_library(arguments: argparse.Namespace, *, create: bool = False) -> Library:
    """Open the library.

    Args:
        arguments: Values of the options of `add_library_option`.
        create: True makes a new one where there is none.

    Raises:
        LibraryError: There is none, it cannot be read, or packages are missing.
    """
    from shared.library.library import Library  # deferred: it needs the packages of the extra `scale`

    uri = library_uri(arguments)
    if create and "://" not in uri:
        Path(uri).parent.mkdir(parents=True, exist_ok=True)
    return Library.open(uri, create=create)


def _shortened(path: Path) -> str:
    text, home = str(path), str(Path.home())
    return "~" + text.removeprefix(home) if text.startswith(home + os.sep) else text
