"""BLEU-4 and CIDEr-D on sentences whose figures are known."""

import math

import pytest

from shared.crossmodal.benchmarks import captions
from shared.crossmodal.benchmarks.caption_metrics import bleu4, cider
from shared.crossmodal.embedders.embedder import WrittenSentence
from tests.crossmodal.color_embedder import ColorEmbedder


def test_bleu_clips_repeated_words_and_needs_four_in_a_row():
    assert bleu4(["the the the the"], [["the cat is here"]]) == 0
    # 4/5, 3/4, 2/3 and 1/2 of the n-grams are right.
    expected = math.exp(sum(math.log(x) for x in (4 / 5, 3 / 4, 2 / 3, 1 / 2)) / 4)
    assert bleu4(["a dog runs on sand"], [["a dog runs on grass"]]) == pytest.approx(expected)


def test_bleu_punishes_short_sentences_by_the_closest_reference():
    sentence, longer = "a dog runs on grass", "a dog runs on grass with a ball"
    assert bleu4([sentence], [[longer]]) == pytest.approx(math.exp(1 - 8 / 5))
    assert bleu4([sentence], [[longer, sentence]]) == 1


def test_cider_of_equal_sentences_is_its_scale():
    references = [["a dog runs on grass"], ["two cats sleep in bed"]]
    assert cider(["a dog runs on grass", "two cats sleep in bed"], references) == pytest.approx(10)
    assert cider(["two cats sleep in bed", "a dog runs on grass"], references) == 0


def test_cider_ignores_what_all_references_say():
    references = [["there is a dog"], ["there is a cat"], ["there is a bus"]]
    common = cider(["there is", "there is", "there is"], references)
    rare = cider(["dog", "cat", "bus"], references)
    assert common == 0 < rare


def test_cider_punishes_other_lengths():
    references = [["a dog"], ["two cats sleep in bed"]]
    short, long = (cider([text, "x"], references) for text in ("a dog", "a dog a dog a dog a dog"))
    assert long < short


class WritingEmbedder(ColorEmbedder):
    """Embedder with a decoder that writes two sentences, of which the second fits red images better."""

    engines = ("ensemble",)

    def write_sentences(self, features):
        return tuple(WrittenSentence(text, -1.0) for text in ("a dog runs", "a red wall"))


def test_first_sentences_are_compared_before_and_after_the_choice(color_folder, monkeypatch):
    monkeypatch.setattr(captions.CombinedEmbedder, "load", lambda *_, **__: WritingEmbedder())
    metrics = captions.main(["--data", str(color_folder), "--split", "dev", "--limit", "2"]).metrics
    assert list(metrics) == ["Flickr8k, first written", "Flickr8k, described"]
    assert metrics["Flickr8k, first written"]["words"] == 3
    assert metrics["Flickr8k, first written"]["CIDEr"] <= metrics["Flickr8k, described"]["CIDEr"]
