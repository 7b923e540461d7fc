"""Whether a picture and a text belong together, and which words and places say so."""

from collections.abc import Mapping
from typing import Any

import gradio as gr

from shared.core.devices import Resident
from shared.core.errors import InputError
from shared.core.images import open_image
from shared.ui.charts import Bar, bars
from shared.ui.guard import friendly
from shared.ui.views import View
from shared.ui.words import word_panel

HINT = "Choose a picture and type some words, and whether they belong together appears here."


def match_tab(
    space: str, doers: Mapping[str, Resident], image: gr.Image, words: gr.Textbox, engine: gr.Dropdown
) -> View:
    """Make the tab that tells whether picture and words belong together.

    Args:
        space: The space's name, for the counts.
        doers: By engine. Their method `match` takes the picture and the text, and gives a reason as
            `shared.ui.words.WordPanel` shows it.
        image: From `photo()`.
        words: What holds the text.
        engine: The engine menu.

    Returns:
        The tab's view, for `show_open`.
    """
    with gr.Tab("Match", elem_id="match") as tab:
        note = gr.Markdown(HINT, elem_classes="is-note")
        answer = gr.HTML(padding=False)
        panel = word_panel()

    @friendly(space)
    def match(image: str | None, text: str, engine: str) -> list[Any]:
        if not image or not text.strip():
            return [HINT, "", *panel.fill(None)]
        try:
            found = doers[engine]().match(open_image(image), text)
        except InputError as error:
            return [str(error), "", *panel.fill(None)]
        bar = Bar("They belong together", found.probability, f"{found.probability:.0%}")
        return ["", bars([bar], most=1), *panel.fill(found)]

    return View(tab, match, [image, words, engine], [note, answer, *panel.outputs])


def as_json(found: Any) -> dict[str, Any]:
    """A reason as plain values."""
    return {
        "probability": None if found.probability is None else round(found.probability, 4),
        "score": round(found.score, 4),
        "words": [{"word": word.text, "lost": round(word.weight, 4)} for word in found.words],
        "without_hot": round(found.without_hot, 4),
        "without_cold": round(found.without_cold, 4),
        "engine": found.engine,
        "seconds": round(found.seconds, 3),
    }
