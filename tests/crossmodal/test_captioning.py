"""Caption decoder: its training on images of four colors, and the rules of its sentences."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from shared.core import weights
from shared.crossmodal.captioning import BEAMS, CaptionWriter
from shared.crossmodal.data.datasets import read_flickr8k
from shared.crossmodal.embedders.region_features import load_backbone
from shared.crossmodal.text.words import STOP_WORDS
from shared.crossmodal.train_captions import main
from shared.crossmodal.training.caption_batches import caption_ids
from shared.crossmodal.training.caption_training import sampling
from shared.crossmodal.training.feature_cache import region_features
from shared.networks.crossmodal.captions import END, START, CaptionDecoder
from tests.tiny_decoder import tiny_decoder

pytestmark = pytest.mark.usefixtures("one_core")


@pytest.fixture(scope="module")
def untrained():
    return tiny_decoder()


SMALL = ["--batch", "16", "--width", "32", "--hidden", "32", "--layers", "1", "--shares", "1", "0"]


def test_a_trained_decoder_names_what_it_sees(training_data, recognition_folder, color_folder, tmp_path):
    options = ["--steps", "400", "--rate", "5e-3", "--validate-every", "200", "--out", str(tmp_path)]
    folder = main([*training_data, *options, *SMALL])
    config = weights.read_config(folder)
    assert config["network"] == load_backbone(recognition_folder).digest
    network = weights.load(CaptionDecoder, "captions", folder=folder)
    write = CaptionWriter(network)
    backbone = load_backbone(recognition_folder).network
    data = read_flickr8k(color_folder, "test")
    colors = [text.split()[-2] for text in data.first_texts()[:4]]  # "a red wall"
    hits = 0
    for image, color in zip(data.images[:4], colors, strict=True):
        rows = torch.from_numpy(region_features(backbone, [image.image()])[0]).float()
        hits += color in write(network.memory(rows[None])[0].detach())[0].text.lower()
    assert hits >= 3


def test_sentences_repeat_no_content_word_and_end(untrained):
    captions = [caption for _ in range(5) for caption in CaptionWriter(untrained)(torch.randn(5, 16))]
    assert captions
    for caption in captions:
        words = caption.text.lower().removesuffix(".").split()
        assert 1 <= len(words) <= untrained.max_length
        content = [word for word in words if word not in STOP_WORDS]
        assert len(set(content)) == len(content)
        assert all(first != second for first, second in pairwise(words))
        assert caption.text[0].isupper()
        assert caption.score <= 0


def test_the_best_sentence_comes_first_and_none_twice(untrained):
    captions = CaptionWriter(untrained)(torch.randn(5, 16))
    scores = [caption.score for caption in captions]
    assert scores == sorted(scores, reverse=True)
    assert len({caption.text for caption in captions}) == len(captions) <= BEAMS


def test_a_word_depends_on_those_before_it_alone(untrained):
    rows, ids = torch.randn(1, 5, 16), torch.tensor([[START, 4, 6, 8]])
    with torch.inference_mode():
        before = untrained(rows, ids)[:, :2]
        after = untrained(rows, torch.cat([ids[:, :2], torch.tensor([[9, 5]])], 1))[:, :2]
        other_image = untrained(rows.flip(-1), ids)[:, :2]
    torch.testing.assert_close(before, after)
    assert not torch.allclose(before, other_image)


def test_long_captions_are_cut_off_without_an_end():
    numbers = {"dog": 4}
    assert caption_ids("dog dog", numbers, 2) == [START, 4, 4, END]
    assert caption_ids("dog dog dog dog", numbers, 2) == [START, 4, 4, 4]


def test_shares_divide_the_draws(color_folder):
    data = read_flickr8k(color_folder, "train")
    probabilities = sampling([data, data, data], [0.5, 0.25, 0.25])
    assert np.isclose(probabilities.sum(), 1)
    parts = probabilities.reshape(3, -1).sum(1)
    np.testing.assert_allclose(parts, [0.5, 0.25, 0.25])
