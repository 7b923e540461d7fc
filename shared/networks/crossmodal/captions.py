"""Decoder that writes a sentence about an image from its region features.

The decoder of Vaswani et al., "Attention Is All You Need", NIPS 2017, over the region features of a frozen
recognition network, as in Xu et al., "Show, Attend and Tell", ICML 2015, but with a transformer in place of
the recurrent layer. The embeddings of words are also the weights of the output layer (Press and Wolf, "Using
the Output Embedding to Improve Language Models", EACL 2017).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.hub_mixin import HubMixin

#: Ids of the padding, the start and end of a sentence, and a word outside the vocabulary.
PADDING, START, END, UNKNOWN = range(4)
FIRST_WORD = 4


def word_numbers(words: Sequence[str]) -> dict[str, int]:
    """Return the id of each word of a vocabulary.

    >>> word_numbers(["a", "dog"])
    {'a': 4, 'dog': 5}
    """
    return {word: number for number, word in enumerate(words, FIRST_WORD)}


class CaptionDecoder(nn.Module, HubMixin, pipeline_tag="image-to-text", tags=["image-captioning"]):
    """Transformer that predicts the next word of a sentence about an image.

    Args:
        words: Vocabulary; word i has the id `FIRST_WORD + i`.
        channels: K, of the region features.
        regions: R, rows of region features of an image.
        width: Width of all layers; a multiple of `attention_heads`.
        layers: Number of layers.
        attention_heads: Attention heads of a layer.
        hidden: Width of a layer's feed-forward network.
        max_length: Most words of a sentence.
        dropout: Dropout rate.

    Shape:
        Region features `[B, R, K]` and ids `[B, L]`, with `START` first and L at most `max_length + 1`;
        output logits of the next word `[B, L, FIRST_WORD + len(words)]`.
    """

    def __init__(
        self,
        words: Sequence[str] = (),
        channels: int = 2280,
        regions: int = 10,
        width: int = 256,
        layers: int = 2,
        attention_heads: int = 4,
        hidden: int = 768,
        max_length: int = 18,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.words, self.max_length = tuple(words), max_length
        self.image = nn.Sequential(
            nn.LayerNorm(channels), nn.Dropout(2 * dropout), nn.Linear(channels, width), nn.LayerNorm(width)
        )
        self.places = nn.Parameter(torch.randn(regions, width) * 0.02)
        self.embedding = nn.Embedding(FIRST_WORD + len(words), width, padding_idx=PADDING)
        nn.init.normal_(self.embedding.weight, std=width**-0.5)
        self.positions = nn.Parameter(torch.randn(max_length + 1, width) * 0.02)
        self.drop = nn.Dropout(dropout)
        layer = nn.TransformerDecoderLayer(
            width, attention_heads, hidden, dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.decoder = nn.TransformerDecoder(layer, layers, norm=nn.LayerNorm(width))
        self.bias = nn.Parameter(torch.zeros(FIRST_WORD + len(words)))

    def forward(self, rows: Tensor, ids: Tensor) -> Tensor:
        return self.next_words(self.memory(rows), ids)

    def memory(self, rows: Tensor) -> Tensor:
        """Return what the decoder attends to, `[B, R, width]`, from region features `[B, R, K]`."""
        return self.image(rows) + self.places

    def next_words(self, memory: Tensor, ids: Tensor) -> Tensor:
        """Return the logits of the next word after each, see `forward`.

        Args:
            memory: `[B, R, width]`, from `memory`.
            ids: `[B, L]`.
        """
        length = ids.shape[1]
        x = self.drop(self.embedding(ids) * self.embedding.embedding_dim**0.5 + self.positions[:length])
        mask = nn.Transformer.generate_square_subsequent_mask(length, device=ids.device)
        x = self.decoder(x, memory, tgt_mask=mask, tgt_is_causal=True)
        return x @ self.embedding.weight.T + self.bias

    def log_probability(self, memory: Tensor, ids: Tensor) -> Tensor:
        """Return the log probability of a sentence that begins with some words, for each image, `[B]`.

        Args:
            memory: `[B, R, width]`, from `memory`.
            ids: Ids of the words, `[L]`, L from 1 to `max_length + 1`. The probability of `UNKNOWN` ones does
                not count: it says little about the word in question.
        """
        previous = F.pad(ids[:-1], (1, 0), value=START).expand(len(memory), -1)
        logits = self.next_words(memory, previous)
        chosen = logits.gather(-1, ids.expand(len(memory), -1)[..., None])[..., 0] - logits.logsumexp(-1)
        return chosen[:, ids != UNKNOWN].sum(1)
