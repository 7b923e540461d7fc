"""Tab "Why": the evidence for a class as a heat map, and the contribution of each stage of the network."""

import html
import re
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import gradio as gr
from gradio.components import Component
from PIL.Image import Image

from shared.core.images import ImageError, open_image
from shared.recognition.classifier import ClassPrediction
from shared.recognition.engines import CLASSIFIERS, OPEN_CLASSIFIERS
from shared.recognition.explanation import Explanation
from shared.recognition.tabs.classification import Classify
from shared.ui import assets
from shared.ui.components.charts import Bar, bar_chart
from shared.ui.components.results import display_image
from shared.ui.errors import user_facing
from shared.ui.events import on_event
from shared.ui.search.summary import escape_markdown
from shared.ui.tabs import LazyTab

METHOD_CHOICES = [("Grad-CAM", "grad-cam"), ("Occlusion", "occlusion")]
#: Sources of a class's score, in the order of the network's stages.
STAGES = ("textures", "patterns", "parts", "objects", "bias")
HINT = "Choose a photo, and the reasons appear here."
NO_REASONS = "“{}” cannot give reasons for its answers: choose another classifier."
CAPTION = "How much each stage of the network adds to the score of “{}”; the bias is the same for every photo"
CLASSES = 1000  # of ImageNet, which all engines have
LIKELIEST = 5  # classes with their probabilities in the menu
MIN_SHOWN = 0.0005  # probability below which no figure is shown
_SHARE = re.compile(r" \(\d+\.\d%\)$")  # of such a class

#: Path of an image, engine, and the class that was chosen or is shown for them.
State: TypeAlias = list[Any]
#: Explains a class of an image: `(image, engine, target, method)`; the target is an id, a word or None.
Explain: TypeAlias = Callable[[Image, str, int | str | None, str], Explanation]


def explanation_tab(
    space: str, classify: Classify, explain: Explain, inputs: Sequence[Component]
) -> tuple[LazyTab, gr.Radio]:
    """Create the tab.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        classify: Function that runs a classifier, for the order of the class menu.
        explain: Function that explains a class.
        inputs: The image and the engine menu.

    Returns:
        The tab, and the choice of methods, for the endpoint.
    """
    with gr.Tab("Why", elem_id="why") as tab:
        with gr.Row():
            menu = gr.Dropdown(
                [],
                label="Class",
                info="Pick any class, or type a word such as “dog” or “boat”",
                min_width=260,
                allow_custom_value=True,
            )
            method = gr.Radio(METHOD_CHOICES, value="grad-cam", label="Method", min_width=260)
        slider = gr.ImageSlider(label="Photo and heat", max_height=460, elem_classes="is-slider")
        note = gr.Markdown(HINT, elem_classes="is-note")
        chart = gr.HTML(padding=False)
        choice, shown = gr.State(), gr.State()

    @user_facing(space)
    def choose_class(path: str | None, engine: str, target: int | str | None) -> list[object]:
        # The browser may send a menu of the previous photo with the new photo: a choice belongs to its photo.
        return [path, engine, target, time.monotonic()]

    @user_facing(space)
    def show_explanation(
        path: str | None, engine: str, method: str, choice: State | None, shown: State | None
    ) -> list[object]:
        if not path:
            return [gr.update(choices=[], value=None), None, HINT, "", None]
        if engine in OPEN_CLASSIFIERS:
            text = NO_REASONS.format(CLASSIFIERS[engine].title)
            return [gr.update(choices=[], value=None), None, text, "", None]
        image, choices = open_image(path), None
        shown_id = shown[2] if shown and shown[:2] == [path, engine] else None
        if shown_id is None:
            predictions = classify(image, engine, CLASSES).predictions
            shown_id, choices = predictions[0].id, _menu_choices(predictions)
        target = choice[2] if choice and choice[:2] == [path, engine] else shown_id
        if isinstance(target, str):
            target = _SHARE.sub("", target) or shown_id
        try:
            explanation = explain(image, engine, target, method)
        except ImageError as error:
            if not isinstance(target, str):
                raise
            # The menu goes back to the class that it showed.
            gr.Warning(html.escape(str(error), quote=False))
            explanation = explain(image, engine, shown_id, method)
        menu_update = gr.update(value=explanation.id)
        if choices is not None:
            menu_update = gr.update(value=explanation.id, choices=choices)
        return [
            menu_update,
            (display_image(image), display_image(explanation.overlay())),
            _summary(explanation, target if isinstance(target, str) else ""),
            _stage_chart(explanation),
            [path, engine, explanation.id],
        ]

    menu.focus(None, js=assets.script("select_text"))
    on_event([menu.input], choose_class, [*inputs, menu], choice, concurrency=None)
    lazy_tab = LazyTab(
        tab,
        show_explanation,
        [*inputs, method, choice, shown],
        [menu, slider, note, chart, shown],
        [choice.change, method.change],
    )
    return lazy_tab, method


def _menu_choices(predictions: Sequence[ClassPrediction]) -> list[tuple[str, int]]:
    """Return all classes, the likeliest first, so that Enter after a word takes the likeliest that has it."""
    return [
        (prediction.label + (f" ({prediction.probability:.1%})" if rank < LIKELIEST else ""), prediction.id)
        for rank, prediction in enumerate(predictions)
    ]


def _summary(explanation: Explanation, word: str = "") -> str:
    """Return the sentences under the images, for the class that a visitor's word stands for here."""
    sure = (
        f"{explanation.probability:.1%} sure" if explanation.probability >= MIN_SHOWN else "not at all sure"
    )
    text = f"The network is {sure} that this is “{explanation.label}” ({explanation.seconds:.2f} s)."
    if word and word.casefold() not in explanation.label.casefold().split(" (")[0]:
        text = f"The likeliest class for “{escape_markdown(word)}” is this one. {text}"
    if explanation.heatmap.any():
        return text
    return f"Nothing in this photo looks like “{explanation.label}” to the network. {text}"


def _signed(value: float) -> str:
    """Return a number with its sign and two decimals, such as `"−0.50"`; zero has none."""
    text = f"{value:+.2f}"
    return "0.00" if float(text) == 0 else text.replace("-", "−")


def _stage_chart(explanation: Explanation) -> str:
    values = explanation.contributions
    bars = [Bar(stage, values[stage], _signed(values[stage])) for stage in STAGES if stage in values]
    return bar_chart(bars, CAPTION.format(explanation.label))
