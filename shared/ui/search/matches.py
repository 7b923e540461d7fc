"""The tab of a gallery search: the hits of a query, a search with a hit, and the explanation of a hit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import gradio as gr
from gradio.components import Component

from shared.core.engines import Engine
from shared.core.errors import InputError
from shared.core.file_names import safe_stem
from shared.core.images import ImageError
from shared.core.weights import WeightsError
from shared.gallery.gallery import Gallery
from shared.gallery.results import SearchResults
from shared.ui import assets
from shared.ui.components.results import result_file
from shared.ui.errors import user_facing
from shared.ui.events import Trigger, on_event
from shared.ui.gallery.entries import find_entry
from shared.ui.gallery.gallery_store import VisitorSession
from shared.ui.search.hit_grid import SELECT_TOOLTIP, side_by_side_html
from shared.ui.search.image_grid import GridImage, grid_message, image_grid, image_grid_html
from shared.ui.search.summary import summarize
from shared.ui.tabs import LazyTab

PREVIEW_SIZE = 24  # images of the gallery that are shown before there is a query
EMPTY_GALLERY = "The gallery is empty: add pictures under “Gallery”, or go back to the sample photos there."

#: Function `(gallery, image_id, *values)` that searches a gallery with the values of a query's inputs.
#: `image_id` is the id of the query image if it comes from the gallery, else None. It returns the results of
#: each engine that was asked, or none without a query.
Search: TypeAlias = Callable[..., Sequence[SearchResults]]


@dataclass(frozen=True)
class SearchQuery:
    """Components of a query.

    Attributes:
        engines: Engines by name.
        inputs: Components of the query and its settings.
        image: The input of the query image, one of `inputs`.
        texts: Inputs of query texts, which a search with a hit clears.
        triggers: Further events that refill the tab, see `LazyTab`.
    """

    engines: Mapping[str, Engine[Any]]
    inputs: Sequence[Component]
    image: gr.Image
    texts: Sequence[Component] = ()
    triggers: Sequence[Trigger] = ()


@dataclass(frozen=True)
class ExplanationPanel:
    """Components that explain a hit.

    Attributes:
        outputs: Components to fill.
        image: The one among them that shows an image.
        explain: Function `(gallery, entry, engine, *values)` that returns the values of the outputs: from the
            gallery, the hit's entry, the name of the engine and the values of the query's inputs.
    """

    outputs: Sequence[Component]
    image: gr.Image
    explain: Callable[..., Sequence[object]]


def matches_tab(
    space: str,
    visitor: VisitorSession,
    query: SearchQuery,
    search: Search,
    create_explanation: Callable[[], ExplanationPanel],
    *,
    hint: str,
    title: str = "Matches",
) -> LazyTab:
    """Create the tab of a search; a press on a hit searches with that image.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        visitor: Session of the page's visitor.
        query: Components of the query.
        search: See `Search`.
        create_explanation: Creates the components that explain a hit.
        hint: Text that says what to do first.
        title: Title of the tab.
    """
    store, session = visitor.store, visitor.session
    with gr.Tab(title, elem_id="matches") as tab:
        image_id = gr.State(None)  # id of the query image if it comes from the gallery
        summary = gr.Markdown(hint, elem_classes="is-note")
        with gr.Column(visible=False, elem_classes="is-why") as panel:
            explanation = create_explanation()
            close = gr.Button("Close", size="sm")
        grid = image_grid()

    image_position = list(query.inputs).index(query.image)

    @user_facing(space)
    def show(image_id: int | None, session: str, version: int, *values: Any) -> list[object]:
        gallery = store.get(session)
        closed = gr.Column(visible=False)
        if not len(gallery):
            return ["", closed, grid_message(EMPTY_GALLERY)]
        if not is_gallery_image(values[image_position], image_id, gallery):
            image_id = None
        try:
            results = search(gallery, image_id, *values)
        except (ImageError, InputError, WeightsError) as error:
            return ["", closed, grid_message(str(error))]
        if not results:
            return [hint, closed, _preview_html(gallery)]
        titles = [query.engines[result.engine].title for result in results]
        return [_summary(results, titles), closed, side_by_side_html(results, titles, gallery)]

    @user_facing(space)
    def search_with_hit(session: str, event: gr.EventData) -> list[object]:
        entry = find_entry(store.get(session), event.index)
        path = result_file(entry.thumbnail, f"{safe_stem(entry.name)}.jpg")
        return [path, entry.id, *("" for _ in query.texts)]

    @user_facing(space)
    def explain(session: str, event: gr.EventData, *values: object) -> list[object]:
        gallery = store.get(session)
        entry = find_entry(gallery, event.index)
        return [gr.Column(visible=True), *explanation.explain(gallery, entry, event.tag, *values)]

    on_event([grid.select], search_with_hit, [session], [query.image, image_id, *query.texts])
    on_event(
        [grid.click],
        explain,
        [session, *query.inputs],
        [panel, *explanation.outputs],
        progress_on=[summary, explanation.image],  # the panel is hidden at first
    )
    on_event([close.click], lambda: gr.Column(visible=False), [], panel)
    explanation.image.change(None, js=assets.script("scroll_to_explanation"))
    # The version is an input because a tab is filled anew only if an input has changed.
    inputs = [image_id, session, visitor.version, *query.inputs]
    return LazyTab(tab, show, inputs, [summary, panel, grid], query.triggers)


def is_gallery_image(path: str | None, image_id: int | None, gallery: Gallery) -> bool:
    """Return True if a file holds the thumbnail of the gallery's image with this id."""
    if not path or image_id is None or image_id not in gallery:
        return False
    return Path(path).read_bytes() == gallery.entry(image_id).thumbnail


def _summary(results: Sequence[SearchResults], titles: Sequence[str]) -> str:
    if len(results) == 1:
        return summarize(results[0])
    return "\n\n".join(f"{title}: {summarize(result)}" for title, result in zip(titles, results, strict=True))


def _preview_html(gallery: Gallery) -> str:
    entries = gallery.entries[:PREVIEW_SIZE]
    return image_grid_html(
        [GridImage(entry.id, entry.name, entry.thumbnail) for entry in entries], press=SELECT_TOOLTIP
    )
