"""What a classifier answers: its likeliest classes, with a word of caution where one is due."""

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from shared.core.images import open_image
from shared.ui.errors import user_facing
from shared.ui.tabs import LazyTab

HINT = "Choose a picture, and the answers appear here."
UNFAMILIAR = "This photo looks unlike everything the network was trained on: treat the answers with care."


def answers(space: str, classify: Callable, inputs: Sequence[Any]) -> LazyTab:
    """Make the tab that says what a photo shows.

    Args:
        space: The space's name, for the counts.
        classify: Takes the picture and what the other inputs hold, and returns the classifier's result with
            its `predictions`, `out_of_distribution` and `seconds`.
        inputs: The photo, the engine menu, the settings.

    Returns:
        The tab's view, for `load_open_tab`.
    """
    with gr.Tab("What", elem_id="what") as tab:
        label = gr.Label(label="What the photo shows")
        care = gr.Markdown(UNFAMILIAR, visible=False, elem_classes="is-care")
        words = gr.Markdown(HINT, elem_classes="is-note")

    @user_facing(space)
    def what(image: str | None, engine: str, *settings: Any) -> list[Any]:
        if not image:
            return [None, gr.Markdown(visible=False), HINT]
        picture = open_image(image)
        found = classify(picture, engine, *settings)
        size = "{} × {} pixels, {:.2f} s".format(*picture.size, found.seconds)
        return [_probabilities(found), gr.Markdown(visible=found.out_of_distribution), size]

    return LazyTab(tab, what, inputs, [label, care, words])


def labels(space: str, classify: Callable) -> Callable:
    """A function for `compare` that answers with the likeliest classes, for `gr.Label`.

    Args:
        space: The space's name, for the counts.
        classify: See `answers`.
    """

    @user_facing(space)
    def compare(image: str, engine: str, *settings: Any) -> dict[str, float]:
        return _probabilities(classify(open_image(image), engine, *settings))

    return compare


def as_json(found: Any) -> dict[str, Any]:
    """All that a classifier says of one picture, as plain values."""
    predictions = [
        {"label": prediction.label, "id": prediction.id, "probability": round(prediction.probability, 5)}
        for prediction in found.predictions
    ]
    return {
        "predictions": predictions,
        "out_of_distribution": found.out_of_distribution,
        "ood_score": round(found.ood_score, 4),
        "engine": found.engine,
        "seconds": round(found.seconds, 3),
    }


def as_row(found: Any) -> dict[str, Any]:
    """The same as cells of a table by column."""
    cells: dict[str, Any] = {}
    for place, prediction in enumerate(found.predictions, 1):
        cells |= {
            f"class {place}": prediction.label,
            f"probability {place}": round(prediction.probability, 4),
        }
    return cells | {"out_of_distribution": "yes" if found.out_of_distribution else "no"}


def _probabilities(found: Any) -> dict[str, float]:
    return {prediction.label: prediction.probability for prediction in found.predictions}
