"""The controls of an image search, and the tab with its matches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.components import Component

from shared.core.engines import Engine
from shared.core.images import open_image
from shared.core.models import Lazy
from shared.gallery.gallery import Gallery
from shared.gallery.results import SearchResults
from shared.gallery.snapshot import GalleryEntry
from shared.ui.components.box import box_input, parse_box
from shared.ui.components.image_inputs import image_examples, image_input
from shared.ui.components.results import display_image
from shared.ui.engines import engine_menu
from shared.ui.events import Trigger
from shared.ui.gallery.gallery_store import VisitorSession
from shared.ui.search.limits import hit_limits
from shared.ui.search.matches import ExplanationPanel, SearchQuery, matches_tab
from shared.ui.search.summary import escape_markdown
from shared.ui.tabs import LazyTab

if TYPE_CHECKING:  # needs torch, for which the first page must not wait
    from shared.retrieval.search import ImageSearch

HINT = "Choose a photo, or press one of the pictures below. The pictures most like it appear here."
REGIONS = "Regions with the same number match best. The warmer the color, the more a place counts."
NO_REGIONS = "No single region stands out."


@dataclass(frozen=True)
class SearchControls:
    """Components of a query.

    Attributes:
        image: The query.
        box: Field for the part of the image to search with.
        engine: Menu of the engines.
        top_k: Slider for the largest number of matches.
        min_score: Slider for their lowest score.
        hide_duplicates: Box to tick that hides near duplicates.
    """

    image: gr.Image
    box: gr.Textbox
    engine: gr.Dropdown
    top_k: gr.Slider
    min_score: gr.Slider
    hide_duplicates: gr.Checkbox

    @property
    def options(self) -> list[Component]:
        """Components of the arguments of `search_options`."""
        return [self.top_k, self.min_score, self.hide_duplicates]

    @property
    def inputs(self) -> list[Component]:
        """All components, in the order of the attributes."""
        return [self.image, self.box, self.engine, *self.options]

    @property
    def triggers(self) -> list[Trigger]:
        """Events that change the results of every tab."""
        return [item.change for item in (self.image, self.engine, *self.options)]  # type: ignore[attr-defined]


def search_controls(engines: Mapping[str, Engine[Any]]) -> SearchControls:
    """Create the components of a query.

    Args:
        engines: Engines of the menu by name.
    """
    image = image_input(elem_classes="is-boxed")
    box = box_input(image)
    image_examples(image)
    engine = engine_menu(engines)
    with gr.Accordion("Settings", open=False):
        top_k, min_score = hit_limits()
        hide_duplicates = gr.Checkbox(
            label="Hide near duplicates", info="Shows only one of several pictures that are nearly the same"
        )
    return SearchControls(image, box, engine, top_k, min_score, hide_duplicates)


def search_options(top_k: float, min_score: float, hide_duplicates: bool) -> dict[str, Any]:
    """Convert the values of controls to arguments of `ImageSearch`.

    Args:
        top_k: Largest number of hits.
        min_score: Lowest score of a hit; 0 keeps all, also those with a negative score.
        hide_duplicates: True hides near duplicates.
    """
    return {"top_k": int(top_k), "min_score": min_score or None, "hide_duplicates": hide_duplicates}


def image_matches_tab(
    space: str,
    visitor: VisitorSession,
    engines: Mapping[str, Engine[Any]],
    searches: Mapping[str, Lazy[ImageSearch]],
    controls: SearchControls,
) -> LazyTab:
    """Create the tab that shows the matches of an image, and the regions that explain a match.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        visitor: Session of the page's visitor.
        engines: Engines of the menu by name.
        searches: Search of each engine.
        controls: Components of the query.
    """

    def search(
        gallery: Gallery, image_id: int | None, image: str | None, box: str, engine: str, *options: Any
    ) -> Sequence[SearchResults]:
        if not image:
            return []
        model, arguments = searches[engine](), {**search_options(*options), "gallery": gallery}
        if image_id is not None and not box:
            return [model.search_by_id(image_id, **arguments)]
        query_image = open_image(image)
        return [model(query_image, parse_box(box, query_image.size), **arguments)]

    def create_explanation() -> ExplanationPanel:
        title = gr.Markdown()
        drawing = gr.Image(interactive=False, buttons=["fullscreen", "download"], show_label=False)
        return ExplanationPanel([title, drawing], drawing, explain)

    def explain(
        gallery: Gallery, entry: GalleryEntry, engine: str, image: str | None, box: str, *_: object
    ) -> Sequence[object]:
        if not image:
            return ["", None]
        query_image = open_image(image)
        explanation = searches[engine]().explain(
            query_image, entry.id, parse_box(box, query_image.size), gallery
        )
        reason = REGIONS if explanation.pairs else NO_REGIONS
        title = f"**Why {escape_markdown(entry.name)}?** {reason}"
        return [title, display_image(explanation.image(), "why")]

    query = SearchQuery(engines, controls.inputs, controls.image, triggers=[controls.box.change])
    return matches_tab(space, visitor, query, search, create_explanation, hint=HINT)
