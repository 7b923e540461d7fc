"""A compact encoder of short texts: subword embeddings, a bidirectional GRU, mean and max pooling.

Subwords as in Bojanowski et al., "Enriching Word Vectors with Subword Information", TACL 2017; the recurrent
layer over words and the pooling as in Faghri et al., "VSE++", BMVC 2018, and Chen et al., "Learning the Best
Pooling Strategy for Visual Semantic Embedding", CVPR 2021, in a simple form: mean and maximum.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


def pool_words(words: Tensor, mask: Tensor) -> Tensor:
    """Concatenate the mean and the maximum over the words of each text.

    Args:
        words: `[B, L, D]`.
        mask: bool `[B, L]`, False for padding; at least one word per text.

    Returns:
        `[B, 2 D]`.

    >>> words = torch.tensor([[[1.0], [3.0], [9.0]]])
    >>> pool_words(words, torch.tensor([[True, True, False]])).tolist()
    [[2.0, 3.0]]
    """
    mask = mask[..., None]
    mean = (words * mask).sum(1) / mask.sum(1)
    return torch.cat([mean, words.masked_fill(~mask, -torch.inf).amax(1)], 1)


class TextEncoder(nn.Module):
    """Encoder of texts as subword ids.

    Args:
        rows: Rows of the embedding table; row 0 is padding.
        features: Width of the result.
        width: Width of a subword embedding.
        hidden: Width of the recurrent layer, per direction.
        dropout: Rate at which training drops whole words, and dropout rate before the last layer.

    Shape:
        Input int64 `[B, L, P]`, P subword ids of L words, padded with 0 on the right, at least one word each;
        output `[B, features]`.
    """

    def __init__(
        self, rows: int, features: int = 512, *, width: int = 96, hidden: int = 192, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.pieces = nn.EmbeddingBag(rows, width, mode="mean", padding_idx=0)
        nn.init.normal_(self.pieces.weight, std=0.3)
        with torch.no_grad():
            self.pieces.weight[0] = 0
        self.recurrent = nn.GRU(width, hidden, batch_first=True, bidirectional=True)
        self.last = nn.Sequential(nn.Dropout(dropout), nn.Linear(4 * hidden, features))
        self.dropout = dropout

    def forward(self, subwords: Tensor) -> Tensor:
        words, mask = self.words(subwords)
        return self.last(pool_words(words, mask))

    def words(self, subwords: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the contextual embedding of each word.

        Args:
            subwords: int64 `[B, L, P]`.

        Returns:
            Embeddings `[B, L, 2 hidden]`, and the mask `[B, L]` of words, False for padding.
        """
        batch, length, depth = subwords.shape
        mask = subwords[..., 0] > 0
        x = self.pieces(subwords.view(-1, depth)).view(batch, length, -1)
        if self.training and self.dropout:
            x = x * (torch.rand(batch, length, 1, device=x.device) >= self.dropout)
        lengths = mask.sum(1).cpu()  # `pack_padded_sequence` requires the CPU
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        words, _ = pad_packed_sequence(self.recurrent(packed)[0], batch_first=True, total_length=length)
        return words, mask
