"""Why words and a picture go together: press a word, and heat shows where in the picture it is."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from shared.ui import assets
from shared.ui.components.results import display_image
from shared.ui.events import on_event

ALL = "all of it"


@dataclass(frozen=True)
class ExplanationPanel:
    """What shows a reason.

    Attributes:
        outputs: Its components, the last of which is the picture.
    """

    outputs: Sequence[Any]

    def fill(self, reason: Any, title: str = "") -> list[Any]:
        """Values for the components.

        Args:
            reason: Has the attributes of `shared.crossmodal.explanation.explanation.MatchExplanation`; None empties the panel.
            title: Markdown above all.
        """
        if reason is None:
            return [title, "", "", [], None]
        places = [number for number, word in enumerate(reason.words) if word.names]
        pictures = [
            display_image(reason.picture(), "why"),
            *(display_image(reason.picture(n), "why") for n in places),
        ]
        return [title, chips(reason), measured(reason), pictures, pictures[0]]


def explanation_panel() -> ExplanationPanel:
    """Make the components: a line, the words to press, what was measured, and the picture with its heat."""
    title = gr.Markdown()
    words = gr.HTML(js_on_load=assets.script("word_buttons"), padding=False, apply_default_css=False)
    note = gr.Markdown(elem_classes="is-note")
    pictures = gr.State([])  # all of it first, then one for each word that names something
    picture = gr.Image(
        interactive=False, buttons=["fullscreen", "download"], show_label=False, elem_classes="is-heat"
    )

    def choose(pictures: list[str], event: gr.EventData) -> Any:
        return pictures[event.index] if 0 <= event.index < len(pictures) else gr.skip()

    on_event([words.click], choose, [pictures], picture, concurrency=None)
    return ExplanationPanel([title, words, note, pictures, picture])


def chips(reason: Any) -> str:
    """The HTML of a text whose words can be pressed; below each a bar shows how much it matters."""
    if not reason.words:
        return ""
    most = max(max(abs(word.weight) for word in reason.words), 1e-6)
    parts, number = [_chip(0, ALL, None, pressed=True)], 0
    for word in reason.words:
        if word.names:
            number += 1
            parts.append(_chip(number, word.text, word.weight / most))
        else:
            parts.append(f"<span>{html.escape(word.text)}</span>")
    return f'<div class="is-words">{"".join(parts)}</div>'


def measured(reason: Any) -> str:
    """What deletion has shown, in plain words."""
    lines = []
    strongest = reason.strongest
    if strongest is not None and strongest.weight > 0:
        rest = reason.score - strongest.weight
        word = strongest.text.replace("\\", "").replace("*", "").replace("_", "")
        lines.append(
            f"Without “{html.escape(word)}” the score falls from {_figure(reason.score)} to {_figure(rest)}."
        )
    lines.append(
        f"With the hottest third of the picture painted over it is {_figure(reason.without_hot)}, with the "
        f"coldest third {_figure(reason.without_cold)}."
    )
    if reason.words:
        lines.append("Press a word to see where in the picture it is.")
    return " ".join(lines)


def _figure(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _chip(number: int, text: str, share: float | None, *, pressed: bool = False) -> str:
    bar = ""
    if share is not None:
        side = "is-minus" if share < 0 else "is-plus"
        bar = f'<i><u class="{side}" style="width:{100 * min(abs(share), 1):.0f}%"></u></i>'
    state = "true" if pressed else "false"
    return f'<button data-id="{number}" aria-pressed="{state}">{html.escape(text)}{bar}</button>'
