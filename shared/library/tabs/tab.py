"""Contents of the library's tab, and its endpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from shared.core.errors import InputError
from shared.core.file_names import safe_stem
from shared.core.images import ImageError, open_image
from shared.core.weights import WeightsError
from shared.library.errors import LibraryError
from shared.library.results import LibraryPhoto
from shared.library.tabs.results import (
    count_photos,
    describe_photo,
    duplicates_as_dict,
    duplicates_html,
    hit_files,
    hits_as_dict,
    hits_html,
    name_of,
    photos_html,
    summarize_hits,
)
from shared.library.tabs.shared_library import LibraryQuery, SharedLibrary
from shared.library.tabs.visitor_filter import VisitorFilter
from shared.ui import assets
from shared.ui.components.results import display_image, download_button, result_file
from shared.ui.errors import user_facing
from shared.ui.events import LONG_RUNNING, endpoint, on_event
from shared.ui.search.hit_grid import Hits
from shared.ui.search.image_grid import grid_message, image_grid
from shared.ui.tabs import LazyTab

BROWSED = 24  # photos that are shown before there is a query
QUERY_SIDE = 1024  # pixels of a photo that becomes the query
HINT = "Photos of the library that this server shares. Choose a photo or type some words to search it."


@dataclass(frozen=True)
class QueryInputs:
    """Components of a query.

    Attributes:
        image: Query image.
        text: Words.
        box: Part of the image to search with.
        top_k: Largest number of hits.
        min_score: Lowest score of a hit.
    """

    image: gr.Image
    text: gr.Textbox
    box: gr.Textbox
    top_k: gr.Slider
    min_score: gr.Slider

    @property
    def values(self) -> list[Component]:
        """All components, in the order of the attributes."""
        return [self.image, self.text, self.box, self.top_k, self.min_score]


@dataclass(frozen=True)
class _Components:
    """Components of the tab.

    Attributes:
        filters: First date, last date, and folder.
        summary: Sentences about the results.
        panel: Column with an opened photo.
        details: Its name, date and size.
        opened: The photo.
        original: Download of its file.
        close: Button that closes the column.
        grid: Hits.
        review: Button that looks for duplicates.
        duplicates: Groups of duplicates.
    """

    filters: list[gr.Textbox]
    summary: gr.Markdown
    panel: gr.Column
    details: gr.Markdown
    opened: gr.Image
    original: gr.DownloadButton
    close: gr.Button
    grid: gr.HTML
    review: gr.Button
    duplicates: gr.HTML


def fill_tab(tab: gr.Tab, space: str, library: SharedLibrary, inputs: QueryInputs) -> LazyTab:
    """Create the components of the tab, which must be open, and the endpoints.

    Args:
        tab: The tab.
        space: Name of the space, under which calls are counted in /metrics.
        library: Library that is searched.
        inputs: Components of the page's query.
    """
    components = _create_components()
    # The file that a press on a photo made the query, and the photo's digest: it is no hit of itself.
    origin = gr.State(("", ""))
    _create_endpoints(space, library, inputs, components.filters)

    @user_facing(space)
    def show_library(
        origin: tuple[str, str], since: str, until: str, folder: str, *values: Any
    ) -> list[object]:
        closed = gr.Column(visible=False)
        try:
            query = _query(VisitorFilter(since, until, folder), *values, origin=origin)
            if query.is_empty:
                photos = library.browse(query.filter, BROWSED)
                summary = f"{HINT} It has {count_photos(library.count())}; here are some of them."
                return [summary, closed, photos_html(photos)]
            hits = library.search(query)
            return [summarize_hits(hits), closed, hits_html(hits)]
        except (ImageError, InputError, WeightsError) as error:
            return ["", closed, grid_message(str(error))]

    @user_facing(space)
    def more_like_this(event: gr.EventData) -> list[object]:
        photo = library.photo(str(event.tag))
        path = _query_file(library, photo)
        return [path, (_fingerprint(path), photo.content), ""]

    @user_facing(space)
    def open_photo(event: gr.EventData) -> list[object]:
        photo = library.photo(str(event.tag))
        text = describe_photo(photo, library.sources())
        name = name_of(photo.path)
        try:
            content = library.original(photo)
            image = display_image(open_image(content), safe_stem(name))
        except (LibraryError, ImageError) as error:
            image = result_file(photo.thumbnail, f"{safe_stem(name)}.webp")
            return [gr.Column(visible=True), f"{text}  \n{error}", image, download_button()]
        return [gr.Column(visible=True), text, image, download_button(content, name)]

    @user_facing(space)
    def show_duplicates() -> str:
        return duplicates_html(library.duplicates(), library.sources())

    panel = [components.panel, components.details, components.opened, components.original]
    on_event([components.grid.select], more_like_this, [], [inputs.image, origin, inputs.text])
    on_event(
        [components.grid.click, components.duplicates.click],
        open_photo,
        [],
        panel,
        progress_on=components.summary,  # the panel is hidden at first
    )
    on_event(
        [components.close.click], lambda: gr.Column(visible=False), [], components.panel, concurrency=None
    )
    components.opened.change(None, js=assets.script("scroll_to_explanation"))
    on_event([components.review.click], show_duplicates, [], components.duplicates, concurrency=LONG_RUNNING)
    return LazyTab(
        tab,
        show_library,
        [origin, *components.filters, *inputs.values],
        [components.summary, components.panel, components.grid],
        triggers=[event for item in components.filters for event in (item.submit, item.blur)],
        progress_on=components.grid,
    )


def _create_components() -> _Components:
    with gr.Row(elem_classes="is-row"):
        filters = [
            gr.Textbox("", label="From", placeholder="2020-05", max_lines=1, min_width=90),
            gr.Textbox("", label="To", placeholder="2020-08-31", max_lines=1, min_width=90),
            gr.Textbox(
                "", label="Folder", placeholder="part of its name", max_lines=1, min_width=150, scale=2
            ),
        ]
    summary = gr.Markdown(HINT, elem_classes="is-note")
    with gr.Column(visible=False, elem_classes="is-why") as panel:
        details = gr.Markdown()
        opened = gr.Image(interactive=False, buttons=["fullscreen"], show_label=False, height=420)
        with gr.Row(elem_classes="is-row"):
            original = gr.DownloadButton("Download the original", size="sm", interactive=False)
            close = gr.Button("Close", size="sm")
    grid = image_grid()
    with gr.Accordion("Duplicates to review", open=False):
        review = gr.Button("Look for photos that are the same", size="sm")
        duplicates = image_grid()
    return _Components(filters, summary, panel, details, opened, original, close, grid, review, duplicates)


def _create_endpoints(
    space: str, library: SharedLibrary, inputs: QueryInputs, filters: Sequence[gr.Textbox]
) -> None:
    """Offer `search_library`, `get_library_photo` and `list_library_duplicates`."""

    @user_facing(space)
    def search_library(
        text: str,
        since: str,
        until: str,
        folder: str,
        top_k: int,
        min_score: float,
        box: str,
        image: str | None = None,
    ) -> Hits:
        """Find photos of this server's library by words, by a picture that they resemble, or by both.

        Args:
            text: Words, at most 500 letters; "dog - beach + 2:snow" takes away, adds and weighs. May be empty
                if there is a picture.
            since: First year, month or day, such as 2020, 2020-05 or 2020-05-17; empty for no limit.
            until: Last year, month or day, which is included; empty for no limit.
            folder: Part of the name of a folder of the library; empty for all.
            top_k: Largest number of photos, from 1 to 100.
            min_score: Leave out photos that are less probable, from 0 (keep all) to 1.
            box: Part of the picture to search with, "left, top, right, bottom" in pixels; empty for all.
            image: Picture that the photos shall resemble: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF.

        Returns:
            The photos, best first, each with the id that get_library_photo takes; and their thumbnails.
        """
        visitor_filter = VisitorFilter(since, until, folder)
        hits = library.search(_query(visitor_filter, image, text, box, top_k, min_score))
        return hits_as_dict(hits, library.sources()), hit_files(hits)

    @user_facing(space)
    def get_library_photo(photo_id: str) -> str:
        """Return the file of a photo of this server's library, as it was added.

        Args:
            photo_id: Id of the photo, from search_library.

        Returns:
            The file.
        """
        photo = library.photo(photo_id)
        return result_file(library.original(photo), name_of(photo.path))

    @user_facing(space)
    def list_library_duplicates() -> dict[str, Any]:
        """List groups of photos of this server's library that are the same or nearly so.

        Returns:
            The groups, the largest first, at most 100, and the number of all groups.
        """
        return duplicates_as_dict(library.duplicates(), library.sources())

    photo_id = gr.Textbox("", label="Id", visible=False)
    searched = [inputs.text, *filters, inputs.top_k, inputs.min_score, inputs.box, inputs.image]
    hits = {"Photos": gr.JSON, "Pictures": gr.Gallery}
    endpoint(search_library, searched, hits, concurrency=library.concurrency)
    endpoint(get_library_photo, [photo_id], {"File": gr.File})
    endpoint(list_library_duplicates, [], {"Groups": gr.JSON}, concurrency=LONG_RUNNING)


def _query(
    photo_filter: VisitorFilter,
    image: str | None,
    text: str,
    box: str,
    top_k: float,
    min_score: float,
    *,
    origin: tuple[str, str] = ("", ""),
) -> LibraryQuery:
    exclude = origin[1] if image and origin[1] and not box and _fingerprint(image) == origin[0] else ""
    return LibraryQuery(image, box, text, photo_filter, int(top_k), min_score, exclude)


def _query_file(library: SharedLibrary, photo: LibraryPhoto) -> str:
    """Write a photo as a query and return the path; of a photo whose file is gone, its thumbnail."""
    stem = safe_stem(photo.path)
    try:
        return display_image(open_image(library.original(photo)), stem, QUERY_SIDE)
    except (LibraryError, ImageError):
        return result_file(photo.thumbnail, f"{stem}.webp")


def _fingerprint(path: str) -> str:
    from shared.library.describe import content_digest  # deferred: it needs torch

    return content_digest(Path(path).read_bytes())
