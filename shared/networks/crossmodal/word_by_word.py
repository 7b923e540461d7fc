"""Growing sentences of a caption decoder, which computes each word once.

The attention over earlier words needs their keys and values alone; those are kept from word to word.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.crossmodal.captions import CaptionDecoder


class WordByWord:
    """Compute the next words of sentences that grow by one word a call.

    Args:
        network: Decoder in eval mode.
        memory: What it attends to, `[B, R, width]`, from `CaptionDecoder.memory`.
    """

    def __init__(self, network: CaptionDecoder, memory: Tensor) -> None:
        self._network, self._length = network, 0
        self._layers = [_Layer(layer, memory) for layer in network.decoder.layers]

    def __call__(self, ids: Tensor) -> Tensor:
        """Return the logits of the words after the last ones, `[B, FIRST_WORD + words]`.

        Args:
            ids: Ids of the last words, `[B]`; `START` in the first call.
        """
        network = self._network
        x = network.embedding(ids[:, None]) * network.embedding.embedding_dim**0.5
        x = x + network.positions[self._length]
        self._length += 1
        for layer in self._layers:
            x = layer(x)
        assert network.decoder.norm is not None  # as `CaptionDecoder` makes it
        return network.decoder.norm(x)[:, 0] @ network.embedding.weight.T + network.bias

    def select(self, sentences: Tensor) -> None:
        """Go on with some of the sentences, in this order; one may occur several times.

        Args:
            sentences: Their indices, `[N]`.
        """
        for layer in self._layers:
            layer.select(sentences)


class _Layer:
    """Layer of the decoder with the keys and values of the image and of the words so far."""

    def __init__(self, layer: nn.TransformerDecoderLayer, memory: Tensor) -> None:
        self._layer, self._heads = layer, layer.self_attn.num_heads
        attention, width = layer.multihead_attn, memory.shape[-1]
        self._own, self._crossing = layer.self_attn.in_proj_weight, attention.in_proj_weight[:width]
        keys_and_values = F.linear(memory, attention.in_proj_weight[width:], attention.in_proj_bias[width:])
        self._image = [self._split(part) for part in keys_and_values.chunk(2, -1)]
        self._words = [part[:, :, :0] for part in self._image]

    def __call__(self, x: Tensor) -> Tensor:
        layer, attention = self._layer, self._layer.multihead_attn
        projected = F.linear(layer.norm1(x), self._own, layer.self_attn.in_proj_bias)
        query, *new = map(self._split, projected.chunk(3, -1))
        self._words = [torch.cat(pair, 2) for pair in zip(self._words, new, strict=True)]
        x = x + layer.self_attn.out_proj(self._attend(query, self._words))
        query = F.linear(layer.norm2(x), self._crossing, attention.in_proj_bias[: x.shape[-1]])
        x = x + attention.out_proj(self._attend(self._split(query), self._image))
        return x + layer.linear2(layer.activation(layer.linear1(layer.norm3(x))))

    def select(self, sentences: Tensor) -> None:
        self._words = [part[sentences] for part in self._words]
        self._image = [part[sentences] for part in self._image]

    def _split(self, x: Tensor) -> Tensor:
        """Return `[B, heads, L, width / heads]` of `[B, L, width]`."""
        return x.unflatten(-1, (self._heads, -1)).transpose(1, 2)

    def _attend(self, query: Tensor, keys_and_values: list[Tensor]) -> Tensor:
        keys, values = keys_and_values
        return F.scaled_dot_product_attention(query, keys, values).transpose(1, 2).flatten(2)
