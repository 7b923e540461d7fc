"""The functions for a visitor's gallery that an API and agents find beside a space's searches."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from shared.ui.batch import PROGRESS
from shared.ui.components.numbers import integer_list
from shared.ui.errors import user_facing
from shared.ui.events import LONG_RUNNING, endpoint
from shared.ui.gallery.gallery_store import VisitorSession, contents
from shared.ui.gallery.tab import added, saved_gallery


def gallery_endpoints(space: str, visit: VisitorSession, files: gr.File) -> None:
    """Offer `add_images`, `remove_images` and `save_gallery` through the API and as MCP tools.

    Args:
        space: The space's name, for the counts, the documentation and the name of a file.
        visit: What the page keeps of its visitor.
        files: The page's component for pictures.
    """
    galleries = visit.galleries

    def told(function: Callable) -> Callable:
        """Several spaces have such functions: each says whose it is."""
        function.__doc__ = function.__doc__.replace("this space", f"the space “{space}”")
        return user_facing(space)(function)

    @told
    def add_images(images: list, session: Any, gallery: Any, progress: gr.Progress = PROGRESS) -> dict:
        """Add pictures to a gallery of this space, gone an hour after its last use; what is none is skipped.

        Args:
            images: Pictures or ZIP archives, at most 64 MB each, 2,000 pictures in all; or a saved gallery,
                which takes the place of the one that was there.
            gallery: Key of the gallery; empty for your session's, which begins with the sample photos.

        Returns:
            The gallery's key for later calls, what is in it, ids of the new pictures, and what was skipped.
        """
        key, ids, skipped = galleries.add(images, session, gallery, progress)
        return {**contents(key, galleries.seen(session, key)), **added(ids, skipped)}

    @told
    def remove_images(ids: list, session: Any, gallery: Any) -> dict:
        """Remove pictures from a gallery of this space, or list what is in it.

        Args:
            ids: Numbers of the pictures, as a search answers them; an empty list removes none.
            gallery: Key of the gallery; empty for your session's, which begins with the sample photos.

        Returns:
            The gallery's key, and id, name and size of each picture that is in it now.
        """
        return contents(*galleries.remove(ids, session, gallery))

    @told
    def save_gallery(session: Any, gallery: Any) -> str:
        """Save a gallery of this space with all that is known of its pictures, to load it in a moment later.

        Args:
            gallery: Key of the gallery; empty for your session's or the sample photos.

        Returns:
            A file, which add_images takes again.
        """
        return saved_gallery(galleries.seen(session, gallery), space)

    key = [visit.session, visit.key]
    endpoint(add_images, [files, *key], {"Gallery": gr.JSON}, concurrency=LONG_RUNNING)
    endpoint(remove_images, [integer_list("Ids"), *key], {"Gallery": gr.JSON})
    endpoint(save_gallery, key, {"File": gr.File}, concurrency=LONG_RUNNING)
