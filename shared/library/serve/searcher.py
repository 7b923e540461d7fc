"""Search of one replica: it imports neither Gradio nor Ray, so that replicas start quickly."""

from __future__ import annotations

from contextlib import suppress

from PIL import Image

from shared.core.errors import InputError
from shared.core.images import ImageError
from shared.core.weights import WeightsError
from shared.library.library import Library
from shared.library.results import LibraryHits

#: Errors whose sentences are for whoever asked.
_EXPECTED = (InputError, ImageError, WeightsError)


class Searcher:
    """Search of a library in a process of its own, which loads the models when it starts.

    Args:
        uri: Folder or address of the library, as seen from the node.

    Raises:
        LibraryError: The library cannot be opened.
    """

    def __init__(self, uri: str) -> None:
        self._library = Library.open(uri, create=False)
        for query in ({"image": Image.new("RGB", (64, 64))}, {"text": "a photo"}):
            with suppress(*_EXPECTED):  # visitors are told: a library may have the weights of one kind alone
                self._library.search(**query, top_k=1)

    def search(
        self, image: Image.Image | None, text: str, top_k: int, where: str | None
    ) -> LibraryHits | Exception:
        """Return the hits of a query, see `Library.search`, or the error that tells why there are none.

        Such an error is a value, since Ray would add its trace to one that is raised.
        """
        try:
            return self._library.search(image, text, top_k, where)
        except _EXPECTED as error:
            return error

    def check_health(self) -> None:
        """Read the library; Ray Serve starts a new replica in place of one whose checks fail or hang."""
        self._library.count()
