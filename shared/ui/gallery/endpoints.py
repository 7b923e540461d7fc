"""API endpoints for a visitor's gallery, which a space offers besides its searches."""

from typing import Any

import gradio as gr

from shared.ui.batch import PROGRESS
from shared.ui.components.image_inputs import integer_list
from shared.ui.errors import user_facing
from shared.ui.events import LONG_RUNNING, endpoint
from shared.ui.gallery.entries import contents
from shared.ui.gallery.gallery_store import VisitorSession
from shared.ui.gallery.tab import save_gallery_file


def gallery_endpoints(space: str, visitor: VisitorSession, files: gr.File) -> None:
    """Offer `add_images`, `remove_images` and `save_gallery` through the API and as MCP tools.

    Args:
        space: Name of the space, under which calls are counted in /metrics; also for the name of a file.
        visitor: Session of the page's visitor.
        files: The page's input for images.
    """
    store = visitor.store

    @user_facing(space)
    def add_images(
        images: list, session: str, gallery: str, progress: gr.Progress = PROGRESS
    ) -> dict[str, Any]:
        """Add pictures to a gallery, which all searches use; it is deleted an hour after its last use.

        The first ones take the place of the sample photos.

        Args:
            images: Pictures or ZIP archives, at most 64 MB each, 2,000 pictures in all; or a saved gallery,
                which replaces the gallery. Files that are no pictures are skipped.
            session: Key of the session, which the page fills in.
            gallery: Key of the gallery; empty for your session's, at first the sample photos.
            progress: Progress bar, which the page fills in.

        Returns:
            The gallery's key for later calls, its contents, ids of the new pictures, and skipped files.
        """
        report = store.add(images, session, gallery, progress)
        return {**contents(report.key, store.get(session, report.key)), **report.as_dict()}

    @user_facing(space)
    def remove_images(image_ids: list, session: str, gallery: str) -> dict[str, Any]:
        """Remove pictures from a gallery, or list its contents.

        Args:
            image_ids: Ids of the pictures, as a search returns them; an empty list removes none.
            session: Key of the session, which the page fills in.
            gallery: Key of the gallery; empty for your session's, at first the sample photos.

        Returns:
            The gallery's key, and id, name and size of each picture that is left.
        """
        return contents(*store.remove(image_ids, session, gallery))

    @user_facing(space)
    def save_gallery(session: str, gallery: str) -> str:
        """Save a gallery with what is known about its pictures, for a quick return.

        Args:
            session: Key of the session, which the page fills in.
            gallery: Key of the gallery; empty for your session's or the sample photos.

        Returns:
            A file, which add_images takes again.
        """
        return save_gallery_file(store.get(session, gallery), space)

    keys = [visitor.session, visitor.key]
    endpoint(add_images, [files, *keys], {"Gallery": gr.JSON}, concurrency=LONG_RUNNING)
    endpoint(remove_images, [integer_list("Ids"), *keys], {"Gallery": gr.JSON})
    endpoint(save_gallery, keys, {"File": gr.File}, concurrency=LONG_RUNNING)
