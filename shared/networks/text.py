"""A compact encoder of short texts: sums of word pieces, a GRU in both directions, one vector for all words.

Pieces as in Bojanowski et al., "Enriching Word Vectors with Subword Information", TACL 2017; the recurrent
layer over words and the pooling as in Faghri et al., "VSE++", BMVC 2018, and Chen et al., "Learning the Best
Pooling Strategy for Visual Semantic Embedding", CVPR 2021, in a simple form: mean and maximum.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


def pool_words(words: Tensor, real: Tensor) -> Tensor:
    """Mean and maximum over the real words of each text, one behind the other.

    Args:
        words: `[B, L, D]`.
        real: bool `[B, L]`, at least one word of each text.

    Returns:
        `[B, 2 D]`.

    >>> words = torch.tensor([[[1.0], [3.0], [9.0]]])
    >>> pool_words(words, torch.tensor([[True, True, False]])).tolist()
    [[2.0, 3.0]]
    """
    mask = real[..., None]
    mean = (words * mask).sum(1) / mask.sum(1)
    return torch.cat([mean, words.masked_fill(~mask, -torch.inf).amax(1)], 1)


class TextEncoder(nn.Module):
    """Texts as rows of pieces to vectors.

    Args:
        rows: of the embedding table; row 0 only fills up.
        features: of the result.
        width: of an embedding.
        hidden: of the recurrent layer, for each direction.
        dropout: share of whole words that is left out while training, and of the numbers that the last layer
            reads.

    Shape:
        input int64 `[B, L, P]`, P pieces of L words, filled up with 0 on the right, at least one word each;
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

    def forward(self, pieces: Tensor) -> Tensor:
        words, real = self.words(pieces)
        return self.last(pool_words(words, real))

    def words(self, pieces: Tensor) -> tuple[Tensor, Tensor]:
        """Words as they are understood beside the others, `[B, L, 2 hidden]`; which are real, `[B, L]`."""
        batch, length, depth = pieces.shape
        real = pieces[..., 0] > 0
        x = self.pieces(pieces.view(-1, depth)).view(batch, length, -1)
        if self.training and self.dropout:
            x = x * (torch.rand(batch, length, 1, device=x.device) >= self.dropout)
        # On the CPU, as `pack_padded_sequence` asks.
        lengths = real.sum(1).cpu()
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        found, _ = pad_packed_sequence(self.recurrent(packed)[0], batch_first=True, total_length=length)
        return found, real
