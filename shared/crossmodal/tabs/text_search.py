"""Tab of a search with text, an image, or both; with one engine, or with two side by side."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from shared.core.engines import Engine
from shared.core.images import open_image
from shared.core.models import Lazy
from shared.crossmodal.query import Query
from shared.crossmodal.tabs.query_inputs import QueryInputs
from shared.crossmodal.tabs.word_heatmaps import word_heatmaps
from shared.gallery.gallery import Gallery
from shared.gallery.results import SearchResults
from shared.gallery.snapshot import GalleryEntry
from shared.ui.components.box import parse_box
from shared.ui.gallery.gallery_store import VisitorSession
from shared.ui.search.matches import ExplanationPanel, SearchQuery, matches_tab
from shared.ui.search.summary import escape_markdown
from shared.ui.tabs import LazyTab

if TYPE_CHECKING:  # which brings torch
    from shared.crossmodal.search import CrossModalSearch

HINT = (
    "Type some words, choose a picture, or press one of these. Whatever fits shows up here. "
    "Simple words may also be German, French, Spanish, Dutch, Chinese or Japanese."
)


class QueryValues(NamedTuple):
    """Values of `QueryInputs.search_inputs`."""

    text: str
    image: str | None
    box: str
    text_weight: float
    engine: str
    second_engine: str
    top_k: float
    min_score: float

    def query(self, image_id: int | None = None) -> Query:
        """Return the query.

        Args:
            image_id: Id of the image if it comes from the gallery.
        """
        if not self.image:
            return Query(self.text)
        return image_query(self.text, self.image, self.box, self.text_weight, image_id)


def image_query(text: str, path: str, box: str, text_weight: float, image_id: int | None = None) -> Query:
    """Open the image of a query, once for all engines, and parse its box.

    Args:
        text: Text of the query; may be empty.
        path: Path of the image.
        box: See `shared.ui.components.box.parse_box`.
        text_weight: Weight of the text, 0..1; the image has the remainder.
        image_id: Id of the image if it comes from the gallery.

    Raises:
        ImageError: The image cannot be used, or the box is invalid.
    """
    image = open_image(path)
    return Query(text, image, parse_box(box, image.size), text_weight, image_id)


def text_search_tab(
    space: str,
    visitor: VisitorSession,
    engines: Mapping[str, Engine[Any]],
    searches: Mapping[str, Lazy["CrossModalSearch"]],
    inputs: QueryInputs,
) -> LazyTab:
    """Create the tab that shows the hits of a query and explains each.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        visitor: Session of the page's visitor.
        engines: Engines by name.
        searches: Search of each engine.
        inputs: Components of the query.
    """

    def search(gallery: Gallery, image_id: int | None, *args: Any) -> list[SearchResults]:
        values = QueryValues(*args)
        if not values.text.strip() and not values.image:
            return []
        query = values.query(image_id)
        return [
            searches[name]()(
                query, top_k=int(values.top_k), min_score=values.min_score or None, gallery=gallery
            )
            for name in dict.fromkeys([values.engine, values.second_engine])
            if name
        ]

    search_query = SearchQuery(
        engines,
        inputs.search_inputs,
        inputs.image,
        texts=[inputs.typed_text, inputs.text],
        triggers=[inputs.box.change],
    )
    return matches_tab(
        space, visitor, search_query, search, _create_explanation(searches), hint=HINT, title="Search"
    )


def _create_explanation(
    searches: Mapping[str, Lazy["CrossModalSearch"]],
) -> Callable[[], ExplanationPanel]:
    """Return a function that creates the components that explain a hit."""

    def create() -> ExplanationPanel:
        panel = word_heatmaps()

        def explain(gallery: Gallery, entry: GalleryEntry, engine: str, *args: Any) -> list[object]:
            explanation = searches[engine]().explain(QueryValues(*args).query(), entry.id, gallery)
            return panel.values(explanation, f"**Why {escape_markdown(entry.name)}?**")

        return ExplanationPanel(panel.outputs, panel.image, explain)

    return create
