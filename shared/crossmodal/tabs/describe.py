"""Tab that describes an image by ranked sentences."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import gradio as gr

from shared.core.errors import InputError
from shared.core.images import ImageError, open_image
from shared.core.models import Lazy
from shared.core.weights import WeightsError
from shared.crossmodal.engines import CAPTIONERS
from shared.crossmodal.sentences import SentenceRanking
from shared.crossmodal.tabs.models import WriteCaptions
from shared.crossmodal.tabs.query_inputs import QueryInputs
from shared.ui.components.charts import Bar, bar_chart
from shared.ui.engines import engine_menu
from shared.ui.errors import user_facing
from shared.ui.events import on_event
from shared.ui.search.summary import escape_markdown
from shared.ui.tabs import LazyTab

if TYPE_CHECKING:  # which brings torch
    from shared.crossmodal.search import CrossModalSearch

HINT = "Choose a picture, and the sentences that fit it best show up here."
TOP_K = 10


def describe_tab(
    space: str,
    searches: Mapping[str, Lazy["CrossModalSearch"]],
    write_captions: WriteCaptions,
    query: QueryInputs,
) -> tuple[LazyTab, gr.Textbox, gr.Dropdown]:
    """Create the tab.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        searches: Search of each engine.
        write_captions: Function that runs the captioners.
        query: Inputs of the query: the image and the engine menu.

    Returns:
        The tab, the text field for a visitor's own sentences, and the menu of captioners.
    """
    with gr.Tab("Describe", elem_id="describe") as tab:
        captioner = engine_menu(CAPTIONERS, "Sentences by")
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
    def describe(image: str | None, engine: str, sentences: str, captioner: str) -> list[object]:
        if not image:
            return [HINT, ""]
        try:
            result = describe_image(searches[engine](), write_captions, image, sentences, captioner)
        except (ImageError, InputError, WeightsError) as error:
            return [escape_markdown(str(error)), ""]
        text = f"{escape_markdown(result.paragraph)}\n\n" if result.paragraph else ""
        return [text + verdict(result), sentence_chart(result)]

    on_event([button.click], _check_image, [query.image], [], concurrency=None)
    triggers = [button.click, sentences.blur, captioner.change]
    inputs = [query.image, query.engine, sentences, captioner]
    lazy_tab = LazyTab(tab, describe, inputs, [note, chart], triggers, progress_on=note)
    return lazy_tab, sentences, captioner


def describe_image(
    search: "CrossModalSearch", write_captions: WriteCaptions, image: str, sentences: str, captioner: str
) -> SentenceRanking:
    """Describe an image, by a visitor's sentences or by those that a network writes.

    Args:
        search: Search of an engine.
        write_captions: Function that runs the captioners.
        image: Path of the image.
        sentences: The visitor's sentences, one a line; empty for none.
        captioner: One of `CAPTIONERS`.
    """
    photo, candidates = open_image(image), sentences.strip() or None
    captions = None if candidates else write_captions(photo, captioner)
    written = (captions.sentence,) if captions and captions.sentence else None
    ranking = search.describer(photo, candidates, TOP_K, written)
    return replace(ranking, paragraph=captions.paragraph) if captions else ranking


def _check_image(image: str | None) -> None:
    """Tell a visitor who compares sentences with nothing what is missing."""
    if not image:
        gr.Info("Choose a picture first, to compare the sentences with.")


def verdict(ranking: SentenceRanking) -> str:
    """Return Markdown with the tags, and a line that says how far the first sentence can be trusted."""
    tags = ", ".join(f"{escape_markdown(tag.name)} ({tag.probability:.0%})" for tag in ranking.tags)
    text = f"**Probably in it:** {tags}.\n\n" if tags else ""
    if ranking.good_match:
        return text + "**The first one probably fits.** The likeliest come first."
    if ranking.possible_match:
        return text + "**One of these may fit**, or a part of it. The likeliest come first."
    return text + "**None of these seems to fit well.** The closest come first."


def sentence_chart(ranking: SentenceRanking) -> str:
    """Return the HTML of a bar chart of the sentences' probabilities."""
    bars = [
        Bar(sentence.text, sentence.probability, f"{sentence.probability:.0%}")
        for sentence in ranking.sentences
    ]
    return bar_chart(bars, full_length=1)
