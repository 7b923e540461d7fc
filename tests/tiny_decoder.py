"""Caption decoder that is small enough for tests."""

import torch

from shared.networks.crossmodal.captions import CaptionDecoder
from tests.predictors import with_random_weights

WORDS = ["a", "the", "dog", "cat", "runs", "sleeps"]


def tiny_decoder(layers: int = 1) -> CaptionDecoder:
    """Return a decoder of `WORDS` with random weights over five regions of width 16, in eval mode."""
    torch.manual_seed(3)
    decoder = CaptionDecoder(WORDS, channels=16, regions=5, width=16, layers=layers, hidden=16, max_length=6)
    return with_random_weights(decoder).eval()
