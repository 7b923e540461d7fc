"""Tab that describes an image by ranked sentences."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import gradio as gr

from shared.core.errors import InputError
from shared.core.models import Lazy
from shared.core.weights import WeightsError
from shared.crossmodal.sentences import SentenceRanking
from shared.ui.components.charts import Bar, bar_chart
from shared.ui.errors import user_facing
from shared.ui.tabs import LazyTab

if TYPE_CHECKING:  # which brings torch
    from shared.crossmodal.search import CrossModalSearch

HINT = "Choose a picture, and the sentences that fit it best show up here."
TOP_K = 10


def describe_tab(
    space: str,
    searches: Mapping[str, Lazy["CrossModalSearch"]],
    image: gr.Image,
    engine: gr.Dropdown,
) -> tuple[LazyTab, gr.Textbox]:
    """Create the tab.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        searches: Search of each engine.
        image: Query image.
        engine: Engine menu.

    Returns:
        The tab, and the text field for a visitor's own sentences.
    """
    with gr.Tab("Describe", elem_id="describe") as tab:
        note = gr.Markdown(HINT, elem_classes="is-note")
        chart = gr.HTML(padding=False, elem_classes="is-sentences")
        sentences = gr.Textbox(
            "",
            label="Your own sentences instead of ours, one per line",
            lines=4,
            max_lines=12,
            placeholder="A cat looks at the camera.\nA rocket takes off.",
        )
        button = gr.Button("Compare", size="sm")

    @user_facing(space)
    def describe(image: str | None, engine: str, sentences: str) -> list[object]:
        if not image:
            return [HINT, ""]
        try:
            ranking = searches[engine]().rank_sentences(image, sentences.strip() or None, TOP_K)
        except (InputError, WeightsError) as error:
            return [str(error), ""]
        return [verdict(ranking), sentence_chart(ranking)]

    triggers = [button.click, sentences.blur]
    return LazyTab(tab, describe, [image, engine, sentences], [note, chart], triggers), sentences


def verdict(ranking: SentenceRanking) -> str:
    """Return Markdown that says how far the first sentence can be trusted."""
    if ranking.good_match:
        return "How likely each sentence is to fit this picture, the likeliest first."
    best = ranking.sentences[0].probability
    return f"**Probably none of these fits.** Even the likeliest one is only {best:.0%} likely to be right."


def sentence_chart(ranking: SentenceRanking) -> str:
    """Return the HTML of a bar chart of the sentences' probabilities."""
    bars = [
        Bar(sentence.text, sentence.probability, f"{sentence.probability:.0%}")
        for sentence in ranking.sentences
    ]
    return bar_chart(bars, full_length=1)
