"""Texts and charts of the tabs of cross-modal search."""

import numpy as np
import pytest
from PIL import Image

from shared.core.errors import InputError
from shared.core.weights import WeightsError
from shared.crossmodal.explanation.result import MatchExplanation, WordContribution
from shared.crossmodal.products.match import ProductMatch, match_product
from shared.crossmodal.products.prediction import ClassPrediction, ModalityPrediction, ProductPrediction
from shared.crossmodal.sentences import RankedSentence, SentenceRanking
from shared.crossmodal.tabs import describe, match
from shared.crossmodal.tabs.word_heatmaps import (
    WHOLE_QUERY,
    WordHeatmaps,
    deletion_summary,
    word_buttons,
)


def word(text, score_drop, is_content=True):
    return WordContribution(text, score_drop, np.zeros((3, 3), np.float32), is_content)


def explanation(*words):
    return MatchExplanation(
        image=Image.new("RGB", (40, 30)),
        heatmap=np.zeros((3, 3), np.float32),
        words=words,
        score=0.5,
        probability=0.8,
        score_without_hottest=0.2,
        score_without_coldest=-0.45,
        engine="rrf",
    )


def product(is_known=True):
    def prediction(label):
        return ModalityPrediction((ClassPrediction(label, "grocery", 0.7),) * 4, 0.9 if is_known else 0.1)

    return ProductPrediction(
        combined=prediction("Apple"),
        image=prediction("Pear"),
        text=prediction("Lime"),
        engine="jmc",
        match_probability=0.75,
        score=0.5,
        image_bits=2.5,
        text_bits=-0.5,
    )


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))


def test_content_words_are_buttons_with_bars():
    html = word_buttons(explanation(word("a", 0.01, is_content=False), word("<b>", 0.2), word("cat", -0.1)))
    assert html.count("<button") == 3  # the whole query, and two words
    assert f'data-id="0" aria-pressed="true">{WHOLE_QUERY}' in html
    assert "<span>a</span>" in html
    assert "&lt;b&gt;" in html
    assert 'class="is-plus" style="width:100%"' in html
    assert 'class="is-minus" style="width:50%"' in html
    assert word_buttons(explanation()) == ""


def test_the_deletion_test_is_summarised_in_sentences():
    text = deletion_summary(explanation(word("red", 0.1), word("<cat>", 0.3)))
    assert "The score is 0.50. Cover the highlighted third of the picture, and it becomes 0.20" in text
    assert "cover the least highlighted third, and it becomes −0.45." in text
    assert "Leave out “\\<cat\\>”, and it becomes 0.20." in text
    assert "Leave out" not in deletion_summary(explanation(word("red", -0.1)))
    assert "Press a word" not in deletion_summary(explanation())


def test_the_panel_has_an_image_for_each_content_word():
    panel = WordHeatmaps((), None)
    words = word("a", 0, is_content=False), word("cat", 0.3)
    title, _, _, paths, first = panel.values(explanation(*words), "**Why?**")
    assert (title, len(paths), first) == ("**Why?**", 2, paths[0])
    assert Image.open(first).size == (40, 30)
    assert panel.values(None) == ["", "", "", [], None]


@pytest.mark.parametrize(
    ("probability", "verdict"),
    [
        (0.01, "None of these seems to fit"),
        (0.6, "One of these may fit"),
        (0.9, "The first one probably fits"),
    ],
)
def test_the_verdict_follows_the_first_sentence(probability, verdict):
    ranking = SentenceRanking((RankedSentence("A <dog>.", 0.5, probability, 1),), "rrf")
    assert describe.verdict(ranking).startswith(f"**{verdict}")
    html = describe.sentence_chart(ranking)
    assert "A &lt;dog&gt;." in html
    assert f"{probability:.0%}" in html


def test_a_product_has_a_chart_for_each_kind_of_evidence():
    html = match.class_charts(product())
    assert html.count("Apple (grocery)") == html.count("Pear (grocery)") == match.TOP_K
    assert "× 5.7" in html
    assert "÷ 1.4" in html
    assert match.product_summary(product()) == [match.PRODUCT, html]
    assert match.product_summary(product(is_known=False)) == ["", ""]
    assert match.product_summary(None) == ["", ""]


def test_a_match_serialises_itself():
    values = ProductMatch(explanation(word("cat", 0.3)), product()).as_dict()
    assert values["probability"] == 0.8
    assert values["words"] == [{"word": "cat", "score_drop": 0.3}]
    assert values["product"]["image"][0] == {"label": "Pear", "group": "grocery", "probability": 0.7}
    assert (values["product"]["text_bits"], values["product"]["known"]) == (-0.5, True)
    assert ProductMatch(explanation(), None).as_dict()["product"] is None


def test_a_match_works_without_the_weights_of_the_classifier():
    def missing():
        raise WeightsError("The weights are not on this machine.")

    def refuse(image, text):
        raise InputError("no")

    result = explanation()
    image = Image.new("RGB", (1, 1))
    assert match_product(lambda *_: result, missing, image, "cat").product is None
    prediction = product()
    assert match_product(lambda *_: result, lambda: lambda *_: prediction, image, "cat").product is prediction
    with pytest.raises(InputError):
        match_product(refuse, missing, image, "cat")
