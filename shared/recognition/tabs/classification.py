"""Tab "What": the likeliest classes of a photo, and a warning where the network is not sure."""

from collections.abc import Sequence
from typing import Protocol

import gradio as gr
from gradio.components import Component
from PIL.Image import Image

from shared.core.images import open_image
from shared.recognition.classifier import Classification
from shared.recognition.engines import CLASSIFIERS, OPEN_CLASSIFIERS
from shared.recognition.open_labels import NONE
from shared.recognition.people import is_garment, may_hide_people, shows_person
from shared.recognition.tabs.segmentation import Segment
from shared.ui.engines import compare_tab
from shared.ui.errors import user_facing
from shared.ui.events import on_event
from shared.ui.tabs import LazyTab

HINT = "Choose a photo, and the answers appear here."
PERSON = "There is a person in this photo; the network has no class for people, so it names {instead}."
WORN, THINGS = "what they wear", "something else in it"
DOUBTFUL = "The network is not sure: answers like these are wrong more often than right."

NO_LABEL_FITS = "None of the labels seems to fit this photo: try other words."
LABELS_INFO = "Separated by commas; without any, it chooses between a hundred everyday kinds of things"


class Classify(Protocol):
    """Function that classifies an image with an engine."""

    def __call__(
        self, image: Image, engine: str, top_k: int = ..., labels: str | None = ..., /
    ) -> Classification:
        """Return the likeliest classes, of the labels if there are any."""


def classification_tab(
    space: str, classify: Classify, segment: Segment, inputs: Sequence[Component]
) -> tuple[LazyTab, gr.Textbox]:
    """Create the tab.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        classify: Function that runs a classifier.
        segment: Function that runs a segmenter, which knows people.
        inputs: The image, the engine menu, the number of classes.

    Returns:
        The tab, and the text field for a visitor's own labels, for the endpoint.
    """
    with gr.Tab("What", elem_id="what") as tab:
        labels = gr.Textbox(
            "",
            label="Your own labels",
            info=LABELS_INFO,
            placeholder="my cat, the neighbour’s dog, an empty sofa",
            visible=False,
            elem_id="own-labels",
        )
        label = gr.Label(label="What the photo shows")
        person = gr.Markdown(visible=False, elem_classes="is-note")
        warning = gr.Markdown(DOUBTFUL, visible=False, elem_classes="is-care")
        note = gr.Markdown(HINT, elem_classes="is-note")

    @user_facing(space)
    def show_classes(path: str | None, engine: str, top_k: int, labels: str) -> list[object]:
        if not path:
            return [None, gr.Markdown(visible=False), gr.Markdown(visible=False), HINT]
        image = open_image(path)
        result = classify(image, engine, top_k, labels if engine in OPEN_CLASSIFIERS else None)
        text = f"{image.width} × {image.height} pixels, {result.seconds:.2f} s"
        person = may_hide_people(result) and shows_person(segment(image, "fcfn"))
        person_text = PERSON.format(instead=WORN if is_garment(result) else THINGS)
        warning = gr.Markdown(_warning(result), visible=result.doubtful or _is_none(result))
        return [_by_label(result), gr.Markdown(person_text, visible=person), warning, text]

    # The field is there only for engines that read it.
    def show_field(engine: str) -> gr.Textbox:
        return gr.Textbox(visible=engine in OPEN_CLASSIFIERS)

    on_event([inputs[1].change], show_field, [inputs[1]], labels, concurrency=None)  # type: ignore[attr-defined]
    outputs = [label, person, warning, note]
    triggers = [labels.submit, labels.blur]
    return LazyTab(tab, show_classes, [*inputs, labels], outputs, triggers), labels


def comparison_tab(space: str, classify: Classify, inputs: Sequence[Component]) -> LazyTab:
    """Create the tab "Compare" with the classes of two engines.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        classify: Function that runs a classifier.
        inputs: The image, the engine menu, the number of classes.
    """

    @user_facing(space)
    def compare(path: str, engine: str, top_k: int) -> dict[str, float]:
        return _by_label(classify(open_image(path), engine, top_k))

    return compare_tab(compare, CLASSIFIERS, inputs, "plain", gr.Label)


def _is_none(result: Classification) -> bool:
    return result.predictions[0].label == NONE


def _warning(result: Classification) -> str:
    if _is_none(result):
        return NO_LABEL_FITS
    return f"{DOUBTFUL} It is most likely a kind of {result.kind}." if result.kind else DOUBTFUL


def _by_label(result: Classification) -> dict[str, float]:
    return {prediction.label: prediction.probability for prediction in result.predictions}
