"""What a classifier answers: its likeliest classes, with a word of caution where one is due."""

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from shared.core.images import open_image
from shared.ui.errors import friendly
from shared.ui.tabs import View

HINT = "Choose a picture, and the answers appear here."
UNFAMILIAR = "This photo looks unlike everything the network was trained on: treat the answers with care."


def answers(space: str, classify: Callable, inputs: Sequence[Any]) -> View:
    """Make the tab that says what a photo shows.

    Args:
        space: The space's name, for the counts.
        classify: Takes the picture and what the other inputs hold, and returns the classifier's result with
            its `guesses`, `unfamiliar` and `seconds`.
        inputs: The photo, the engine menu, the settings.

    Returns:
        The tab's view, for `show_open`.
    """
    with gr.Tab("What", elem_id="what") as tab:
        label = gr.Label(label="What the photo shows")
        care = gr.Markdown(UNFAMILIAR, visible=False, elem_classes="is-care")
        words = gr.Markdown(HINT, elem_classes="is-note")

    @friendly(space)
    def what(image: str | None, engine: str, *settings: Any) -> list[Any]:
        if not image:
            return [None, gr.Markdown(visible=False), HINT]
        picture = open_image(image)
        found = classify(picture, engine, *settings)
        size = "{} × {} pixels, {:.2f} s".format(*picture.size, found.seconds)
        return [_probabilities(found), gr.Markdown(visible=found.unfamiliar), size]

    return View(tab, what, inputs, [label, care, words])


def labels(space: str, classify: Callable) -> Callable:
    """A function for `compare` that answers with the likeliest classes, for `gr.Label`.

    Args:
        space: The space's name, for the counts.
        classify: See `answers`.
    """

    @friendly(space)
    def compare(image: str, engine: str, *settings: Any) -> dict[str, float]:
        return _probabilities(classify(open_image(image), engine, *settings))

    return compare


def as_json(found: Any) -> dict[str, Any]:
    """All that a classifier says of one picture, as plain values."""
    guesses = [
        {"label": guess.label, "id": guess.id, "probability": round(guess.probability, 5)}
        for guess in found.guesses
    ]
    return {
        "guesses": guesses,
        "unfamiliar": found.unfamiliar,
        "distance": round(found.distance, 4),
        "engine": found.engine,
        "seconds": round(found.seconds, 3),
    }


def as_row(found: Any) -> dict[str, Any]:
    """The same as cells of a table by column."""
    cells: dict[str, Any] = {}
    for place, guess in enumerate(found.guesses, 1):
        cells |= {f"class {place}": guess.label, f"probability {place}": round(guess.probability, 4)}
    return cells | {"unfamiliar": "yes" if found.unfamiliar else "no"}


def _probabilities(found: Any) -> dict[str, float]:
    return {guess.label: guess.probability for guess in found.guesses}
