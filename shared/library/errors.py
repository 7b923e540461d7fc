"""Error of the photo library, and the check for the packages that it needs."""

from __future__ import annotations

from importlib.util import find_spec

from shared.core.errors import InputError


class LibraryError(InputError):
    """Library, or request to one, that cannot be used; the text is one sentence for whoever asked."""


class ConditionError(LibraryError):
    """Condition on photos that cannot be read."""


def require_packages(*names: str) -> None:
    """Check that the packages of the library are installed.

    Args:
        names: Further packages that are needed, such as "ray".

    Raises:
        LibraryError: They are not.
    """
    if any(find_spec(name) is None for name in ("lancedb", "lance", *names)):
        raise LibraryError("The photo library needs further packages: run pip install -e '.[scale]' first.")
