"""The text encoder."""

import torch

from shared.networks.crossmodal.text import TextEncoder, pool_words

SUBWORDS = torch.tensor([[[2, 5, 6], [3, 7, 0]], [[9, 0, 0], [0, 0, 0]]])


def test_padding_changes_nothing():
    encoder = TextEncoder(20, 8, width=4, hidden=5).eval()
    padded = torch.nn.functional.pad(SUBWORDS, (0, 4, 0, 3))
    torch.testing.assert_close(encoder(padded), encoder(SUBWORDS))
    torch.testing.assert_close(encoder(SUBWORDS[1:, :1, :1]), encoder(SUBWORDS)[1:])


def test_the_order_of_words_matters_and_that_of_texts_does_not():
    encoder = TextEncoder(20, 8, width=4, hidden=5).eval()
    assert not torch.allclose(encoder(SUBWORDS[:1]), encoder(SUBWORDS[:1].flip(1)))
    torch.testing.assert_close(encoder(SUBWORDS.flip(0)), encoder(SUBWORDS).flip(0))


def test_words_are_dropped_only_while_training():
    encoder = TextEncoder(20, 8, width=4, hidden=5, dropout=0.5)
    batch = SUBWORDS.repeat(8, 1, 1)
    torch.manual_seed(0)
    out = encoder.train()(batch)
    assert not torch.allclose(out[0], out[2])
    out = encoder.eval()(batch)
    torch.testing.assert_close(out[0], out[2])


def test_pooling_of_one_word_is_the_word_twice():
    words = torch.randn(2, 3, 4)
    mask = torch.tensor([[True, False, False]] * 2)
    torch.testing.assert_close(pool_words(words, mask), words[:, 0].repeat(1, 2))
