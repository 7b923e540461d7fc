"""What a picture shows, in sentences: the nearest of many plain ones, or of a visitor's own."""

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from shared.core.errors import InputError
from shared.core.images import open_image
from shared.core.models import Lazy
from shared.core.weights import WeightsError
from shared.ui.components.charts import Bar, bar_chart
from shared.ui.errors import user_facing
from shared.ui.tabs import LazyTab

HINT = "Choose a picture, and the sentences that fit it best appear here."
SHOWN = 10
#: With a lower probability a sentence is wrong more often than right.
SURE = 0.5


def describe_tab(
    space: str, doers: Mapping[str, Lazy], image: gr.Image, engine: gr.Dropdown
) -> tuple[LazyTab, gr.Textbox]:
    """Make the tab that describes a picture.

    Args:
        space: The space's name, for the counts.
        doers: By engine. Their method `sentences` takes the picture and lines, or None for its own, and gives
            sentences with `text` and `probability`.
        image: From `photo()`.
        engine: The engine menu.

    Returns:
        The tab's view, for `load_open_tab`, and the field for own lines.
    """
    with gr.Tab("Describe", elem_id="describe") as tab:
        words = gr.Markdown(HINT, elem_classes="is-note")
        found = gr.HTML(padding=False, elem_classes="is-sentences")
        lines = gr.Textbox(
            "",
            label="Your own sentences, one a line, in place of ours",
            lines=4,
            max_lines=12,
            placeholder="A cat looks at the camera.\nA rocket takes off.",
        )
        button = gr.Button("Compare", size="sm")

    @user_facing(space)
    def describe(image: str | None, engine: str, lines: str) -> list[Any]:
        if not image:
            return [HINT, ""]
        try:
            rows = doers[engine]().sentences(open_image(image), lines if lines.strip() else None, SHOWN)
        except (InputError, WeightsError) as error:
            return [str(error), ""]
        return [verdict(rows), sentence_bars(rows)]

    return LazyTab(tab, describe, [image, engine, lines], [words, found], [button.click, lines.blur]), lines


def verdict(rows: Sequence[Any]) -> str:
    """What stands above sentences, of which there is at least one, the likeliest first."""
    best = rows[0].probability
    if best >= SURE:
        return "How likely each sentence belongs to this picture, the likeliest first."
    below = f"below {SURE:.0%} a sentence is wrong more often than right"
    return f"**None of these surely fits.** The likeliest has {best:.0%}; {below}."


def sentence_bars(rows: Sequence[Any]) -> str:
    """Sentences with their probabilities, as bars."""
    return bar_chart([Bar(row.text, row.probability, f"{row.probability:.0%}") for row in rows], full_length=1)


def as_json(rows: Sequence[Any], engine: str) -> dict[str, Any]:
    """Sentences as plain values, and whether the first is more likely right than wrong (`good`)."""
    found = [
        {
            "rank": row.rank,
            "text": row.text,
            "probability": round(row.probability, 4),
            "score": round(row.score, 4),
        }
        for row in rows
    ]
    return {"sentences": found, "good": rows[0].probability >= SURE, "engine": engine}
