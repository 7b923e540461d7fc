"""Decoder of captions that computes each word once."""

import pytest
import torch

from shared.networks.crossmodal.captions import START
from shared.networks.crossmodal.word_by_word import WordByWord
from tests.tiny_decoder import tiny_decoder


@pytest.fixture(scope="module")
def network():
    return tiny_decoder(layers=2)


@pytest.fixture(scope="module")
def memory(network):
    rows = torch.randn(3, 5, 16, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        return network.memory(rows)


@torch.inference_mode()
def test_words_have_the_probabilities_of_the_whole_sentence(network, memory):
    ids = torch.tensor([[START, 4, 6, 8], [START, 5, 7, 9], [START, 4, 7, 8]])
    next_words = WordByWord(network, memory)
    for length in range(1, 5):
        expected = network.next_words(memory, ids[:, :length])[:, -1]
        torch.testing.assert_close(next_words(ids[:, length - 1]), expected, atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_selected_sentences_go_on(network, memory):
    next_words = WordByWord(network, memory[:1])
    next_words(torch.tensor([START]))
    next_words.select(torch.tensor([0, 0]))
    next_words(torch.tensor([4, 5]))
    next_words.select(torch.tensor([1, 0, 1]))
    logits = next_words(torch.tensor([6, 7, 8]))
    ids = torch.tensor([[START, 5, 6], [START, 4, 7], [START, 5, 8]])
    expected = network.next_words(memory[:1].expand(3, -1, -1), ids)[:, -1]
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)
