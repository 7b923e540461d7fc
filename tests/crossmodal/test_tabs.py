"""How the page shows why words and a picture go together, sentences, and what a product is."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from shared.core.errors import InputError
from shared.core.weights import WeightsError
from shared.crossmodal.tabs import describe, match
from shared.crossmodal.tabs.explanation_panel import ALL, ExplanationPanel, chips, measured


def word(text, weight, names=True):
    return SimpleNamespace(text=text, weight=weight, names=names, heat=np.zeros((3, 3)))


def reason(*words, **more):
    strongest = max((one for one in words if one.names), key=lambda one: one.weight, default=None)
    values = {"score": 0.5, "probability": 0.8, "without_hot": 0.2, "without_cold": -0.45, "seconds": 0.1}
    picture = SimpleNamespace(picture=lambda word=None: Image.new("RGB", (40, 30)))
    return SimpleNamespace(words=words, strongest=strongest, engine="e", **vars(picture), **values | more)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))


def test_words_that_name_something_can_be_pressed():
    shown = chips(reason(word("a", 0.01, names=False), word("<b>", 0.2), word("cat", -0.1)))
    assert shown.count("<button") == 3  # all of it, and two words
    assert f'data-id="0" aria-pressed="true">{ALL}' in shown
    assert "<span>a</span>" in shown
    assert "&lt;b&gt;" in shown
    assert 'class="is-plus" style="width:100%"' in shown
    assert 'class="is-minus" style="width:50%"' in shown
    assert chips(reason()) == ""


def test_deletion_is_told_in_plain_words():
    told = measured(reason(word("red", 0.1), word("<cat>", 0.3)))
    assert "Without “&lt;cat&gt;” the score falls from 0.50 to 0.20." in told
    assert "hottest third of the picture painted over it is 0.20, with the coldest third −0.45" in told
    assert "Without" not in measured(reason(word("red", -0.1)))
    assert "Press a word" not in measured(reason())


def test_a_panel_has_a_picture_for_each_word():
    panel = ExplanationPanel(())
    title, _, _, pictures, first = panel.fill(reason(word("a", 0, names=False), word("cat", 0.3)), "**Why?**")
    assert (title, len(pictures), first) == ("**Why?**", 2, pictures[0])
    assert Image.open(first).size == (40, 30)
    assert panel.fill(None) == ["", "", "", [], None]


def test_sentences_as_bars_and_values():
    rows = [SimpleNamespace(rank=1, text="A <dog>.", probability=0.12345, score=0.54321)]
    assert "A &lt;dog&gt;." in describe.sentence_bars(rows)
    assert "12%" in describe.sentence_bars(rows)
    values = describe.as_json(rows, "rrf")
    assert (values["engine"], values["good"]) == ("rrf", False)
    assert values["sentences"] == [{"rank": 1, "text": "A <dog>.", "probability": 0.1235, "score": 0.5432}]


@pytest.mark.parametrize(("probability", "good"), [(0.02, False), (0.49, False), (0.5, True), (0.9, True)])
def test_sentences_that_hardly_fit_are_told(probability, good):
    rows = [SimpleNamespace(rank=1, text="A dog.", probability=probability, score=0.5)]
    assert ("surely" not in describe.verdict(rows)) is good
    assert (f"{probability:.0%}" in describe.verdict(rows)) is not good
    assert describe.as_json(rows, "rrf")["good"] is good


def side(label="Apple", known=True):
    candidates = [SimpleNamespace(label=label, group="grocery", probability=0.7)] * 4
    return SimpleNamespace(candidates=candidates, best=candidates[0], known=known, fits=0.9)


def product(**more):
    values = {"match": 0.75, "picture_part": 2.5, "words_part": -0.5}
    answer = side(**more)
    return SimpleNamespace(both=answer, picture=side("Pear"), words=side("Lime"), answer=answer, **values)


def test_what_a_product_is():
    shown = match.class_bars(product())
    assert shown.count("Apple (grocery)") == shown.count("Pear (grocery)") == match.SHOWN
    assert "+2.5 bits" in shown
    assert "−0.5 bits" in shown
    assert match._products(product()) == [match.PRODUCTS, shown]
    assert match._products(product(known=False)) == [match.NOTHING, ""]
    assert match._products(None) == ["", ""]
    values = match.as_json(reason(word("cat", 0.3)), product())
    assert values["probability"] == 0.8
    assert values["words"] == [{"word": "cat", "lost": 0.3}]
    assert values["product"]["picture"][0] == {"label": "Pear", "group": "grocery", "probability": 0.7}
    assert (values["product"]["words_bits"], values["product"]["known"]) == (-0.5, True)


def test_without_a_classifier_the_rest_is_told():
    def refuse():
        raise WeightsError("The weights are not on this machine.")

    def none(picture, text):
        raise InputError("no")

    doer = SimpleNamespace(match=lambda picture, text: (picture, text))
    assert match.ask(lambda: doer, refuse, "p", "t") == (("p", "t"), None)
    assert match.ask(lambda: doer, lambda: lambda *given: given, "p", "t") == (("p", "t"), ("p", "t"))
    with pytest.raises(InputError):
        match.ask(lambda: SimpleNamespace(match=none), refuse, "p", "t")
    assert match.as_json(reason(), None)["product"] is None
