"""Why a classifier gave an answer: heat over the photo, and what each branch of the network added."""

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from shared.core.images import open_image, to_image
from shared.ui.components.charts import Bar, bar_chart
from shared.ui.components.results import display_image, encode_image
from shared.ui.errors import user_facing
from shared.ui.tabs import LazyTab

METHODS = [("Grad-CAM", "grad-cam"), ("Occlusion", "occlusion")]
DEPTHS = ("textures", "patterns", "parts", "objects", "bias")  # in which order a network has them
HINT = "Choose a picture, and the reasons appear here."
CLASSES = 1000  # of ImageNet, which every classifier here knows
LIKELY = 5  # classes at the top of the menu
# A visitor who clicks on the menu and types searches at once, in place of writing behind what is there.
SELECT = "() => { setTimeout(() => document.activeElement?.select?.(), 50) }"
CAPTION = "What each depth of the network adds to the score of “{}”, from early to late"


def reasons(
    space: str, classify: Callable, explain: Callable, inputs: Sequence[Any]
) -> tuple[LazyTab, gr.Radio]:
    """Make the tab that shows what speaks for a classifier's answer, or for a class of the visitor's choice.

    Args:
        space: The space's name, for the counts.
        classify: Takes the picture, the engine and how many classes to name, and returns the classifier's
            result with its `predictions`, best first.
        explain: Takes the picture, the engine, a class id and the method, and returns the explanation.
        inputs: The photo and the engine menu.

    Returns:
        The tab's view, for `load_open_tab`, and the menu of methods, for the endpoint.
    """
    with gr.Tab("Why", elem_id="why") as tab:
        with gr.Row():
            menu = gr.Dropdown([], label="Class", info="Any of them; type to search", min_width=260)
            method = gr.Radio(METHODS, value="grad-cam", label="Method", min_width=260)
        slider = gr.ImageSlider(label="Photo and heat", max_height=460, elem_classes="is-slider")
        words = gr.Markdown(HINT, elem_classes="is-note")
        parts = gr.HTML(padding=False)
        about = gr.State()  # the photo and the engine that the chosen class belongs to

    menu.focus(None, js=SELECT)

    @user_facing(space)
    def why(image: str | None, engine: str, number: int | None, method: str, about: list | None) -> list[Any]:
        if not image:
            return [gr.update(choices=[], value=None), None, HINT, "", None]
        picture, menu = open_image(image), gr.update(value=number)
        if about != [image, engine]:
            predictions = classify(picture, engine, CLASSES).predictions
            number = predictions[0].id
            menu = gr.update(choices=_choices(predictions), value=number)
        reason = explain(picture, engine, number, method)
        words = f"{reason.label}: {reason.probability:.1%} sure, {reason.seconds:.2f} s"
        if not reason.heat.any():
            words = f"Nothing in this photo speaks for the class. {words}"
        pair = (display_image(picture), display_image(reason.picture()))
        return [menu, pair, words, _parts(reason), [image, engine]]

    view = LazyTab(
        tab,
        why,
        [*inputs, menu, method, about],
        [menu, slider, words, parts, about],
        [menu.input, method.change],
    )
    return view, method


def _choices(predictions: Sequence[Any]) -> list[tuple[str, int]]:
    """The menu of classes: the likeliest first, with their probabilities, then all others by name."""
    first = [
        (f"{prediction.label} ({prediction.probability:.1%})", prediction.id)
        for prediction in predictions[:LIKELY]
    ]
    rest = [(prediction.label, prediction.id) for prediction in predictions[LIKELY:]]
    return first + sorted(rest, key=lambda choice: choice[0].lower())


def _parts(reason: Any) -> str:
    """What the branches added, as bars."""
    rows = [
        Bar(name, reason.branches[name], f"{reason.branches[name]:+.2f}".replace("-", "−"))
        for name in DEPTHS
        if name in reason.branches
    ]
    return bar_chart(rows, CAPTION.format(reason.label))


def as_json(reason: Any) -> dict[str, Any]:
    """An explanation without its pictures, as plain values."""
    return {
        "label": reason.label,
        "id": reason.id,
        "probability": round(reason.probability, 5),
        "branches": {name: round(value, 4) for name, value in reason.branches.items()},
        "method": reason.method,
        "engine": reason.engine,
        "seconds": round(reason.seconds, 3),
    }


def as_files(reason: Any) -> dict[str, bytes]:
    """The heat alone, white where it is hottest, and over the photo: PNG files by name."""
    return {
        "heat.png": encode_image(to_image(reason.heat)),
        "heat-over-photo.png": encode_image(reason.picture()),
    }
