"""Tab that matches an image with a text and says which product both show."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import gradio as gr

from shared.core.errors import InputError
from shared.core.images import ImageError, open_image
from shared.core.models import Lazy
from shared.core.weights import WeightsError
from shared.crossmodal.products.match import match_product
from shared.crossmodal.products.prediction import ClassPrediction, ProductPrediction
from shared.crossmodal.tabs.query_inputs import QueryInputs
from shared.crossmodal.tabs.word_heatmaps import word_heatmaps
from shared.ui.components.charts import Bar, bar_chart
from shared.ui.errors import user_facing
from shared.ui.search.summary import escape_markdown
from shared.ui.tabs import LazyTab

if TYPE_CHECKING:  # which bring torch
    from shared.crossmodal.products.joint_classifier import JointClassifier
    from shared.crossmodal.search import CrossModalSearch

HINT = "Choose a picture and type some words to see whether they go together."
PRODUCT = "What product is it? This is what the picture and the words say together, and what each says alone."
#: Probability from which on a picture and a text probably belong together; from its opposite on they may.
PROBABLE = 0.75
#: Classes in each chart.
TOP_K = 3


def match_tab(
    space: str,
    searches: Mapping[str, Lazy["CrossModalSearch"]],
    classifier: Lazy["JointClassifier"],
    inputs: QueryInputs,
) -> LazyTab:
    """Create the tab.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        searches: Search of each engine.
        classifier: Classifier of products.
        inputs: Components of the query.
    """
    with gr.Tab("Match", elem_id="match") as tab:
        note = gr.Markdown(HINT, elem_classes="is-note")
        chart = gr.HTML(padding=False)
        panel = word_heatmaps()
        product_note = gr.Markdown(elem_classes="is-note")
        product_charts = gr.HTML(padding=False, elem_classes="is-classes")

    @user_facing(space)
    def match(path: str | None, text: str, engine: str) -> list[object]:
        if not path or not text.strip():
            return [HINT, "", *panel.values(None), "", ""]
        try:
            result = match_product(searches[engine]().match, classifier, open_image(path), text)
        except (ImageError, InputError, WeightsError) as error:
            return [escape_markdown(str(error)), "", *panel.values(None), "", ""]
        probability = result.explanation.probability or 0.0
        bar = Bar("Probability that they go together", probability, f"{probability:.0%}")
        product = product_summary(result.product)
        return [
            verdict(probability),
            bar_chart([bar], full_length=1),
            *panel.values(result.explanation),
            *product,
        ]

    outputs = [note, chart, *panel.outputs, product_note, product_charts]
    return LazyTab(tab, match, [inputs.image, inputs.text, inputs.engine], outputs)


def verdict(probability: float) -> str:
    """Return a sentence for the probability that a picture and a text belong together.

    >>> verdict(0.5)
    'They may go together.'
    """
    if probability >= PROBABLE:
        return "They probably go together."
    return "They may go together." if probability >= 1 - PROBABLE else "They hardly go together."


def product_summary(product: ProductPrediction | None) -> list[str]:
    """Return the Markdown above the charts of a product, and the HTML of the charts; without one, nothing."""
    if product is None or not product.best_evidence.is_known:
        return ["", ""]
    return [PRODUCT, class_charts(product)]


def class_charts(product: ProductPrediction) -> str:
    """Return the HTML of the charts of classes by kind of evidence, and of the contribution of each kind."""
    predictions = {
        "From the picture and the words": product.combined,
        "From the picture alone": product.image,
        "From the words alone": product.text,
    }
    charts = [
        bar_chart([_class_bar(row) for row in prediction.classes[:TOP_K]], title, full_length=1)
        for title, prediction in predictions.items()
        if prediction is not None
    ]
    if product.combined is not None and product.image_bits is not None and product.text_bits is not None:
        bars = [
            Bar(name, bits, odds_factor(bits))
            for name, bits in (("picture", product.image_bits), ("words", product.text_bits))
        ]
        charts.append(bar_chart(bars, f"How much likelier each makes “{product.combined.best.label}”"))
    return f'<div class="is-charts">{"".join(charts)}</div>'


def odds_factor(bits: float) -> str:
    """Return the factor of a probability that a number of bits stands for.

    >>> odds_factor(1), odds_factor(-0.5), odds_factor(6.3)
    ('× 2.0', '÷ 1.4', '× 79')
    """
    factor = 2.0 ** abs(bits)
    return (
        f"{'÷' if bits < 0 else '×'} {factor:.1f}"
        if factor < 10
        else f"{'÷' if bits < 0 else '×'} {factor:.0f}"
    )


def _class_bar(row: ClassPrediction) -> Bar:
    return Bar(f"{row.label} ({row.group})", row.probability, f"{row.probability:.0%}")
