"""Error of the photo library, and the check for the packages that it needs."""

from __future__ import annotations

from importlib.util import find_spec

from shared.core.errors import InputError


class LibraryError(InputError):
    """Library, or request to one, that cannot be used; the text is one sentence for whoever asked."""


def require_packages() -> None:
    """Check that the packages of the library are installed.

    Raises:
        LibraryError: They are not.
    """
    if find_spec("lancedb") is None or find_spec("lance") is None:
        raise LibraryError("The photo library needs further packages: run pip install -e '.[scale]' first.")
