"""Input components of a cross-modal query, and their settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from shared.core.engines import Engine
from shared.ui import assets
from shared.ui.components.box import box_input
from shared.ui.components.image_inputs import image_examples, image_input
from shared.ui.engines import engine_menu
from shared.ui.events import Trigger, on_event
from shared.ui.search.limits import hit_limits

PLACEHOLDER = "a motorcycle, dog - beach + snow, 2:red shoe"
NO_QUERY = "Type some words, or choose a picture, to search with."
EXAMPLES = (
    "a motorcycle",
    "a cup of coffee",
    "a lion",
    "a tower at night",
    "sky + tower",
    "a man with a camera on a tripod",
)


@dataclass(frozen=True)
class QueryInputs:
    """Components of a query.

    Attributes:
        typed_text: Text field.
        text: Hidden field with the text that was last submitted.
        image: Query image.
        box: Hidden field with the part of the image to search with.
        text_weight: Weight of the text, where there is an image as well; hidden otherwise.
        engine: Engine menu.
        second_engine: Menu of an engine to compare with; its value is empty for none.
        top_k: Largest number of hits.
        min_score: Lowest score of a hit.
    """

    typed_text: gr.Textbox
    text: gr.Textbox
    image: gr.Image
    box: gr.Textbox
    text_weight: gr.Slider
    engine: gr.Dropdown
    second_engine: gr.Dropdown
    top_k: gr.Slider
    min_score: gr.Slider

    @property
    def search_inputs(self) -> list[Component]:
        """Components that a search reads, in the order of `QueryValues`."""
        query = [self.text, self.image, self.box, self.text_weight]
        return [*query, self.engine, self.second_engine, self.top_k, self.min_score]

    @property
    def triggers(self) -> list[Trigger]:
        """Events after which all tabs are filled anew."""
        query = [self.text.change, self.image.change, self.text_weight.change]
        engines = [self.engine.change, self.second_engine.change]
        return [*query, *engines, self.top_k.change, self.min_score.change]


def query_inputs(engines: Mapping[str, Engine[Any]]) -> QueryInputs:
    """Create the components of a query.

    Args:
        engines: Engines by name.
    """
    with gr.Row(elem_classes="is-asking"):
        typed_text = gr.Textbox(
            "", label="Words", placeholder=PLACEHOLDER, scale=5, max_lines=3, elem_classes="is-asked"
        )
        button = gr.Button("Search", variant="primary", scale=1, min_width=90)
    samples = gr.Dataset(
        components=[gr.Textbox(visible=False)],
        samples=[[text] for text in EXAMPLES],
        label="Or try one of these",
        elem_classes="is-tries",
    )
    text = gr.Textbox("", label="Submitted words", visible="hidden")
    with gr.Accordion("Picture, instead of words or with them", open=True):
        # A longer label would lie over the heads of people in the picture.
        image = image_input("Picture", elem_classes="is-boxed", height=240)
        box = box_input(image)
        image_examples(image)
    text_weight = gr.Slider(
        0, 1, 0.5, step=0.05, label="Words or picture", info="0: only the picture, 1: only the words"
    )
    text_weight.visible = False
    engine = engine_menu(engines)
    with gr.Accordion("Settings", open=False):
        choices = [("No other engine", ""), *((row.title, name) for name, row in engines.items())]
        second_engine = gr.Dropdown(choices, value="", label="Compare with", filterable=False)
        top_k, min_score = hit_limits()
    inputs = QueryInputs(typed_text, text, image, box, text_weight, engine, second_engine, top_k, min_score)
    _connect(inputs, button, samples)
    return inputs


def check_query(text: str, image: str | None) -> None:
    """Tell a visitor who searches with neither words nor a picture what is missing."""
    if not text.strip() and not image:
        gr.Info(NO_QUERY)


def _connect(inputs: QueryInputs, button: gr.Button, samples: gr.Dataset) -> None:
    """Submit the text on Enter, a press, an example or blur, and show its weight if there is an image."""
    typed_text, text = inputs.typed_text, inputs.text
    submit = assets.script("show_matches")
    gr.on([typed_text.submit, button.click], None, [typed_text], text, js=submit, api_visibility="private")
    on_event([typed_text.submit, button.click], check_query, [typed_text, inputs.image], [], concurrency=None)
    typed_text.blur(None, [typed_text], text, js="text => text", api_visibility="private")
    on_event([samples.click], lambda row: [row[0], row[0]], [samples], [typed_text, text], concurrency=None)
    on_event(
        [text.change, inputs.image.change],
        lambda text, image: gr.Slider(visible=bool(text.strip()) and bool(image)),
        [text, inputs.image],
        inputs.text_weight,
        js="(text, image) => [text, image]",
        concurrency=None,
    )
