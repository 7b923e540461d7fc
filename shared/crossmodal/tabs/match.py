"""Whether a picture and words belong together, and what both say that it is; and what speaks for it."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr
from PIL.Image import Image

from shared.core.errors import InputError
from shared.core.images import open_image
from shared.core.models import Lazy
from shared.core.weights import WeightsError
from shared.crossmodal.tabs.explanation_panel import explanation_panel
from shared.crossmodal.tabs.text_search import WordQuery
from shared.ui.components.charts import Bar, bar_chart
from shared.ui.errors import user_facing
from shared.ui.tabs import LazyTab

HINT = "Choose a picture and type some words, and whether they belong together appears here."
PRODUCTS = "What the product is, for groceries and fashion: from both together, and from each alone."
NOTHING = "This is probably none of the groceries and garments that the network for products knows."
SHOWN = 3

log = logging.getLogger("image_spaces")


def match_tab(space: str, doers: Mapping[str, Lazy], classifier: Lazy, query: WordQuery) -> LazyTab:
    """Make the tab that tells whether picture and words belong together, and of what class both are.

    Args:
        space: The space's name, for the counts.
        doers: By engine. Their method `match` takes the picture and the text, and gives a reason as
            `shared.crossmodal.tabs.explanation_panel.ExplanationPanel` shows it.
        classifier: Takes the picture and the text, and tells what `shared.crossmodal.products.joint_classifier.ProductPrediction` does.
        query: From `word_query`.

    Returns:
        The tab's view, for `load_open_tab`.
    """
    with gr.Tab("Match", elem_id="match") as tab:
        note = gr.Markdown(HINT, elem_classes="is-note")
        answer = gr.HTML(padding=False)
        panel = explanation_panel()
        about = gr.Markdown(elem_classes="is-note")
        classes = gr.HTML(padding=False, elem_classes="is-classes")

    @user_facing(space)
    def match(image: str | None, text: str, engine: str) -> list[Any]:
        if not image or not text.strip():
            return [HINT, "", *panel.fill(None), "", ""]
        try:
            found, told = ask(doers[engine], classifier, open_image(image), text)
        except (InputError, WeightsError) as error:
            return [str(error), "", *panel.fill(None), "", ""]
        bar = Bar("They belong together", found.probability, f"{found.probability:.0%}")
        return ["", bar_chart([bar], full_length=1), *panel.fill(found), *_products(told)]

    return LazyTab(
        tab, match, [query.image, query.asked, query.engine], [note, answer, *panel.outputs, about, classes]
    )


def ask(doer: Lazy, classifier: Lazy, picture: Image, text: str) -> tuple[Any, Any]:
    """A reason from a doer, and what the classifier tells; None where its weights are not on this machine."""
    found = doer().match(picture, text)
    try:
        return found, classifier()(picture, text)
    except WeightsError:
        log.warning("the classifier of products cannot be loaded", exc_info=True)
        return found, None


def class_bars(told: Any) -> str:
    """The likeliest classes from both, from the picture, and from the words, and what each adds."""
    sides = {
        "Together": told.both,
        "From the picture alone": told.picture,
        "From the words alone": told.words,
    }
    charts = [
        bar_chart([_bar(one) for one in side.candidates[:SHOWN]], title, full_length=1)
        for title, side in sides.items()
        if side is not None
    ]
    if told.both is not None:
        rows = [("picture", told.picture_part), ("words", told.words_part)]
        parts = [Bar(name, value, f"{value:+.1f} bits".replace("-", "−")) for name, value in rows]
        charts.append(bar_chart(parts, f"What each adds to “{told.both.best.label}”"))
    return f'<div class="is-charts">{"".join(charts)}</div>'


def as_json(found: Any, told: Any) -> dict[str, Any]:
    """A reason, and what a classifier tells, as plain values."""
    values = {
        "probability": None if found.probability is None else round(found.probability, 4),
        "score": round(found.score, 4),
        "words": [{"word": word.text, "lost": round(word.weight, 4)} for word in found.words],
        "without_hot": round(found.without_hot, 4),
        "without_cold": round(found.without_cold, 4),
        "engine": found.engine,
        "seconds": round(found.seconds, 3),
    }
    return {**values, "product": None if told is None else _product(told)}


def _product(told: Any) -> dict[str, Any]:
    """What a classifier tells, as plain values."""
    return {
        "known": told.answer.known,
        "fits": round(told.answer.fits, 4),
        "both": _candidates(told.both),
        "picture": _candidates(told.picture),
        "words": _candidates(told.words),
        "picture_bits": round(told.picture_part, 3),
        "words_bits": round(told.words_part, 3),
        "match": round(told.match, 4),
    }


def _candidates(side: Any) -> Sequence[dict[str, Any]]:
    return [
        {"label": one.label, "group": one.group, "probability": round(one.probability, 4)}
        for one in side.candidates
    ]


def _products(told: Any) -> list[str]:
    """What stands above the classes, and their bars; of what is no product only that it is none."""
    if told is None:
        return ["", ""]
    return [PRODUCTS, class_bars(told)] if told.answer.known else [NOTHING, ""]


def _bar(one: Any) -> Bar:
    return Bar(f"{one.label} ({one.group})", one.probability, f"{one.probability:.0%}")
