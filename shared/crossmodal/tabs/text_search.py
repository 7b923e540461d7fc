"""A search with words, with a picture, or with both; of one engine, or of two side by side."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from shared.core.images import open_image
from shared.core.models import Lazy
from shared.crossmodal.tabs.explanation_panel import explanation_panel
from shared.gallery.gallery import Gallery
from shared.gallery.snapshot import GalleryEntry
from shared.retrieval.tabs.image_search import amounts
from shared.ui import assets
from shared.ui.components.box import box_input, parse_box
from shared.ui.components.image_inputs import image_examples, image_input
from shared.ui.engines import engine_menu
from shared.ui.events import on_event
from shared.ui.gallery.gallery_store import VisitorSession
from shared.ui.search.matches import ExplanationPanel, SearchQuery, matches_tab
from shared.ui.search.summary import escape_markdown
from shared.ui.tabs import LazyTab

HINT = "Type some words, choose a picture, or press one of these: what fits appears here."
PLACEHOLDER = "a motorcycle, dog - beach + snow, 2:red shoe"


@dataclass(frozen=True)
class WordQuery:
    """The components of a query.

    Attributes:
        words: The field for words.
        asked: What it held when the visitor last said "search"; hidden.
        image: The picture.
        box: The part of the picture; hidden.
        share: How much words count where there is a picture, too; hidden as long as there is not both.
        engine: The engine menu.
        second: Another engine to compare with; an empty name for none.
        count: How many matches at most.
        least: The lowest score.
    """

    words: gr.Textbox
    asked: gr.Textbox
    image: gr.Image
    box: gr.Textbox
    share: gr.Slider
    engine: gr.Dropdown
    second: gr.Dropdown
    count: gr.Slider
    least: gr.Slider

    @property
    def inputs(self) -> list[Any]:
        """What `word_matches` reads."""
        query = [self.asked, self.image, self.box, self.share]
        return [*query, self.engine, self.second, self.count, self.least]

    @property
    def changes(self) -> list[Callable]:
        """Events after which all tabs have to look again."""
        return [item.change for item in self.inputs if item is not self.box]


def word_query(engines: Mapping[str, Any], tries: Sequence[str]) -> WordQuery:
    """Make the components of a query.

    Args:
        engines: The engines by name.
        tries: Examples of words.
    """
    with gr.Row(elem_classes="is-asking"):
        words = gr.Textbox(
            "", label="Words", placeholder=PLACEHOLDER, scale=5, max_lines=3, elem_classes="is-asked"
        )
        button = gr.Button("Search", variant="primary", scale=1, min_width=90)
    samples = gr.Dataset(
        components=[gr.Textbox(visible=False)],
        samples=[[text] for text in tries],
        label="Or try one of these",
        elem_classes="is-tries",
    )
    asked = gr.Textbox("", label="Asked", visible="hidden")
    with gr.Accordion("Picture", open=True):
        image = image_input("Picture, in place of words or beside them", elem_classes="is-boxed", height=240)
        box = box_input(image)
        image_examples(image)
    share = gr.Slider(
        0, 1, 0.5, step=0.05, label="Words or picture", info="0: the picture alone, 1: the words alone"
    )
    share.visible = False
    engine = engine_menu(engines)
    with gr.Accordion("Settings", open=False):
        choices = [("No other engine", ""), *((one.title, name) for name, one in engines.items())]
        second = gr.Dropdown(choices, value="", label="Compare with", filterable=False)
        count, least = amounts()
    gr.on([words.submit, button.click], None, [words], asked, js=assets.script("show_matches"), api_visibility="private")
    words.blur(None, [words], asked, js="text => text", api_visibility="private")
    on_event([samples.click], lambda row: [row[0], row[0]], [samples], [words, asked], concurrency=None)
    both = "(text, image) => [text, image]"
    on_event([asked.change, image.change], _both, [asked, image], share, js=both, concurrency=None)
    return WordQuery(words, asked, image, box, share, engine, second, count, least)


def word_matches(
    space: str, visit: VisitorSession, engines: Mapping[str, Any], doers: Mapping[str, Lazy], query: WordQuery
) -> LazyTab:
    """Make the tab that shows what fits the query, and why.

    Args:
        space: The space's name, for the counts.
        visit: What the page keeps of its visitor.
        engines: The engines by name.
        doers: By engine, with the methods of `shared.crossmodal.search.CrossModalSearch`.
        query: From `word_query`.

    Returns:
        The tab's view, for `load_open_tab`.
    """

    def ask(
        pictures: Gallery, chosen: int | None, text: str, image: str | None, box: str, *rest: Any
    ) -> list:
        share, engine, second, count, least = rest
        if not text.strip() and not image:
            return []
        settings = {"top_k": int(count), "min_score": least or None, "gallery": pictures}
        asked = [doers[name]() for name in dict.fromkeys([engine, second]) if name]
        if chosen is not None and not box and not text.strip():
            return [doer.like(chosen, **settings) for doer in asked]
        return [
            doer(text, **_part(image, box), words_share=share, exclude_id=chosen, **settings)
            for doer in asked
        ]

    def create_explanation() -> ExplanationPanel:
        panel = explanation_panel()

        def explain(
            pictures: Gallery,
            entry: GalleryEntry,
            engine: str,
            text: str,
            image: str | None,
            box: str,
            share: float,
            *_: Any,
        ) -> list[Any]:
            found = doers[engine or next(iter(doers))]().explain(
                text, entry.id, pictures, **_part(image, box), words_share=share
            )
            return panel.fill(found, f"**Why {escape_markdown(entry.name)}?**")

        return ExplanationPanel(panel.outputs, panel.outputs[-1], explain)

    search_query = SearchQuery(
        engines, query.inputs, query.image, texts=[query.words, query.asked], triggers=[query.box.change]
    )
    return matches_tab(space, visit, search_query, ask, create_explanation, hint=HINT, title="Search")


def _part(image: str | None, box: str) -> dict[str, Any]:
    """The picture of a query and the part of it, if there is one."""
    if not image:
        return {}
    picture = open_image(image)
    return {"image": picture, "box": parse_box(box, picture.size)}


def _both(text: str, image: str | None) -> gr.Slider:
    return gr.Slider(visible=bool(text.strip()) and bool(image))
