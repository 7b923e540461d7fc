"""Panel that explains a match: the words as buttons, and the image with the heat map of the pressed word."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from shared.crossmodal.explanation.result import MatchExplanation
from shared.ui import assets
from shared.ui.components.results import display_image
from shared.ui.events import on_event
from shared.ui.search.summary import escape_markdown

WHOLE_QUERY = "all of it"


@dataclass(frozen=True)
class WordHeatmaps:
    """Components of the panel.

    Attributes:
        outputs: All components to fill.
        image: The one among them that shows the image.
    """

    outputs: Sequence[Component]
    image: gr.Image

    def values(self, explanation: MatchExplanation | None, title: str = "") -> list[object]:
        """Return the values of the outputs.

        Args:
            explanation: Explanation to show; None empties the panel.
            title: Markdown above the panel.
        """
        if explanation is None:
            return [title, "", "", [], None]
        content = [index for index, word in enumerate(explanation.words) if word.is_content]
        paths = [display_image(explanation.overlay(word), "why") for word in (None, *content)]
        return [title, word_buttons(explanation), deletion_summary(explanation), paths, paths[0]]


def word_heatmaps() -> WordHeatmaps:
    """Create the panel."""
    title = gr.Markdown()
    words = gr.HTML(js_on_load=assets.script("word_buttons"), padding=False, apply_default_css=False)
    note = gr.Markdown(elem_classes="is-note")
    paths = gr.State([])  # of the whole query first, then of each content word
    image = gr.Image(
        interactive=False, buttons=["fullscreen", "download"], show_label=False, elem_classes="is-heat"
    )

    def choose(paths: list[str], event: gr.EventData) -> Any:
        return paths[event.index] if 0 <= event.index < len(paths) else gr.skip()

    on_event([words.click], choose, [paths], image, concurrency=None)
    return WordHeatmaps([title, words, note, paths, image], image)


def word_buttons(explanation: MatchExplanation) -> str:
    """Return the HTML of a text whose content words are buttons with a bar for their score drop."""
    if not explanation.words:
        return ""
    largest = max(max(abs(word.score_drop) for word in explanation.words), 1e-6)
    parts, number = [_button(0, WHOLE_QUERY, None, pressed=True)], 0
    for word in explanation.words:
        if word.is_content:
            number += 1
            parts.append(_button(number, word.text, word.score_drop / largest))
        else:
            parts.append(f"<span>{html.escape(word.text)}</span>")
    return f'<div class="is-words">{"".join(parts)}</div>'


def deletion_summary(explanation: MatchExplanation) -> str:
    """Return the results of the word ablation and of the deletion test as Markdown."""
    score = explanation.score
    sentences = [
        f"The score is {_number(score)}. Cover the highlighted third of the picture, and it becomes "
        f"{_number(explanation.score_without_hottest)}; cover the least highlighted third, and it becomes "
        f"{_number(explanation.score_without_coldest)}."
    ]
    strongest = explanation.strongest_word
    if strongest is not None and strongest.score_drop > 0:
        word = escape_markdown(strongest.text)
        sentences.append(f"Leave out “{word}”, and it becomes {_number(score - strongest.score_drop)}.")
    if explanation.words:
        sentences.append("Press a word to see where it is in the picture.")
    return " ".join(sentences)


def _number(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")  # never −0.00


def _button(number: int, text: str, length: float | None, *, pressed: bool = False) -> str:
    bar = ""
    if length is not None:
        side = "is-minus" if length < 0 else "is-plus"
        bar = f'<i><u class="{side}" style="width:{100 * min(abs(length), 1):.0f}%"></u></i>'
    state = "true" if pressed else "false"
    return f'<button data-id="{number}" aria-pressed="{state}">{html.escape(text)}{bar}</button>'
