"""A search with a picture: its settings, and the regions that two pictures have in common."""

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from shared.core.images import open_image
from shared.core.models import Lazy
from shared.gallery.gallery import Gallery
from shared.gallery.results import SearchResults
from shared.gallery.snapshot import GalleryEntry
from shared.ui.components.box import parse_box
from shared.ui.components.results import display_image
from shared.ui.engines import engine_menu
from shared.ui.gallery.gallery_store import VisitorSession
from shared.ui.search.matches import ExplanationPanel, SearchQuery, matches_tab
from shared.ui.search.summary import escape_markdown
from shared.ui.tabs import LazyTab

HINT = "Choose a photo, or press one of these pictures: what looks like it appears here."


def search_settings(engines: Mapping[str, Any]) -> list[Any]:
    """The engine menu and, folded, how many matches there are and which are left out.

    Args:
        engines: The engines by name.

    Returns:
        The components for the engine, the count, the lowest score and whether to hide near duplicates: the
        settings of `search` and of an endpoint.
    """
    engine = engine_menu(engines)
    with gr.Accordion("Settings", open=False):
        count, least = amounts()
        hide = gr.Checkbox(label="Hide near duplicates", info="Of pictures nearly the same shows one")
    return [engine, count, least, hide]


def amounts() -> list[gr.Slider]:
    """Sliders for how many matches there are at most, and for the lowest score."""
    return [
        gr.Slider(1, 100, 24, step=1, label="Matches", info="How many are shown at most"),
        gr.Slider(0, 1, 0, step=0.01, label="Lowest score", info="Leaves out what scores lower"),
    ]


def search(
    doers: Mapping[str, Lazy], gallery: Gallery, picture: Any, box: Any, *settings: Any
) -> SearchResults:
    """Search a gallery.

    Args:
        doers: From `lazy_models`, by engine; each is called with the picture, the box, the count, the lowest
            score, whether to hide near duplicates, and the gallery.
        gallery: What is searched.
        picture: A picture, or the id of one of the gallery, for which the doer's method `like` is called.
        box: The part of the picture to search with, or None.
        *settings: Values of `search_settings`.
    """
    engine, count, least, hide = settings
    doer, rest = doers[engine](), (int(count), least or None, hide, gallery)
    return doer.like(picture, *rest) if isinstance(picture, int) else doer(picture, box, *rest)


def photo_matches(
    space: str,
    visit: VisitorSession,
    engines: Mapping[str, Any],
    doers: Mapping[str, Lazy],
    image: gr.Image,
    box: gr.Textbox,
    settings: Sequence[Any],
) -> LazyTab:
    """Make the tab that shows what matches the photo, and which regions of both do.

    Args:
        space: The space's name, for the counts.
        visit: What the page keeps of its visitor.
        engines: The engines by name.
        doers: See `search`. Their method `explain` takes the picture, the id of a match, the box and the
            gallery; what it returns has `pairs` of regions and a method `picture`.
        image: The photo, from `photo()` with the class `is-boxed`.
        box: From `box_input`.
        settings: From `search_settings`.

    Returns:
        The tab's view, for `load_open_tab`.
    """

    def ask(pictures: Gallery, chosen: int | None, image: str | None, box: str, *settings: Any) -> list:
        if not image:
            return []
        if not box and chosen is not None:
            return [search(doers, pictures, chosen, None, *settings)]
        picture = open_image(image)
        return [search(doers, pictures, picture, parse_box(box, picture.size), *settings)]

    def create_explanation() -> ExplanationPanel:
        title = gr.Markdown()
        both = gr.Image(interactive=False, buttons=["fullscreen", "download"], show_label=False)
        return ExplanationPanel([title, both], both, explain)

    def explain(
        pictures: Gallery, entry: GalleryEntry, engine: str, image: str | None, box: str, *_: Any
    ) -> list[Any]:
        picture = open_image(image)
        found = doers[engine]().explain(picture, entry.id, parse_box(box, picture.size), pictures)
        return [_reason(entry.name, len(found.pairs)), display_image(found.picture(), "why")]

    query = SearchQuery(engines, [image, box, *settings], image, triggers=[box.change])
    return matches_tab(space, visit, query, ask, create_explanation, hint=HINT)


def _reason(name: str, pairs: int) -> str:
    """What stands above the picture of a reason."""
    words = "The numbered regions count most; heat shows all that counts." if pairs else "Nothing stands out."
    return f"**Why {escape_markdown(name)}?** {words}"
