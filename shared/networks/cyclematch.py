"""CycleMatch: sentences and pictures mapped into each other's space and back.

Liu, Guo, Liu, Bakker and Lew, "CycleMatch: A cycle-consistent embedding network for image-text matching",
Pattern Recognition 93, 2019 (thesis of Y. Liu, chapter 6). One cycle starts with a picture v, which becomes
a dual embedding F(v) among sentences and a reconstructed one G(F(v)) among pictures; the other starts with a
sentence t. The middle layers of F and G give latent embeddings. Widths and the ranking form of the
reconstruction loss are ours.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.matching_losses import triplet_loss

#: The scores that late fusion puts together, in the order of `CycleMatch.images` and `CycleMatch.texts`.
SCORE_NAMES = ("dual i2t", "dual t2i", "reconstructed image", "reconstructed text", "latent")


class Cycle(NamedTuple):
    """One cycle: `[B, D]` each.

    Attributes:
        start: the embedding in its own space.
        latent: between the spaces.
        dual: in the other space.
        reconstructed: in its own space again.
    """

    start: Tensor
    latent: Tensor
    dual: Tensor
    reconstructed: Tensor


class Mapping(nn.Module):
    """From one space to the other: layer, normalisation, ReLU, layer.

    Shape:
        input `[B, width]`; outputs the middle `[B, width]` and the result `[B, width]`.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.down = nn.Linear(width, width)
        self.norm = nn.BatchNorm1d(width)
        self.up = nn.Linear(width, width)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        middle = self.norm(self.down(x))
        return middle, self.up(F.relu(middle))


class CycleMatch(nn.Module):
    """Both spaces, the mappings between them, and what is compared when something is searched for.

    Args:
        image_features: of a picture's description.
        text_features: of a sentence's description.
        width: D, of both spaces and of the middle of the mappings.
        dropout: share of the descriptions' numbers that is left out while training.

    Shape:
        `images` and `texts`: `[B, features]` to `[B, 5, D]`, rows of length 1 in the order of `SCORE_NAMES`. Score
        k of a picture and a sentence is the dot product of their rows k.
    """

    def __init__(
        self, image_features: int, text_features: int, *, width: int = 512, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.image_space = nn.Sequential(nn.Dropout(dropout), nn.Linear(image_features, width))
        self.text_space = nn.Sequential(nn.Dropout(dropout), nn.Linear(text_features, width))
        self.to_text = Mapping(width)  # F
        self.to_image = Mapping(width)  # G

    def image_cycle(self, x: Tensor) -> Cycle:
        """The cycle that starts with pictures `[B, image_features]`."""
        start = self.image_space(x)
        latent, dual = self.to_text(start)
        return Cycle(start, latent, dual, self.to_image(dual)[1])

    def text_cycle(self, x: Tensor) -> Cycle:
        """The cycle that starts with sentences `[B, text_features]`."""
        start = self.text_space(x)
        latent, dual = self.to_image(start)
        return Cycle(start, latent, dual, self.to_text(dual)[1])

    def images(self, x: Tensor) -> Tensor:
        cycle = self.image_cycle(x)
        rows = [cycle.dual, cycle.start, cycle.reconstructed, cycle.dual, cycle.latent]
        return F.normalize(torch.stack(rows, 1), dim=-1)

    def texts(self, x: Tensor) -> Tensor:
        cycle = self.text_cycle(x)
        rows = [cycle.start, cycle.dual, cycle.dual, cycle.reconstructed, cycle.latent]
        return F.normalize(torch.stack(rows, 1), dim=-1)

    def forward(self, images: Tensor, texts: Tensor) -> tuple[Tensor, Tensor]:
        return self.images(images), self.texts(texts)


def dual_loss(image: Cycle, text: Cycle, ids: Tensor, **rank: float | int | None) -> Tensor:
    """Ranking in each space: F(v) finds its sentence t, and G(t) its picture v.

    Args:
        image: the cycle of pictures, row i belongs to row i of `text`.
        text: the cycle of sentences.
        ids: `[B]`, see `shared.networks.matching_losses`.
        **rank: `margin` and `hardest` of `triplet_loss`.

    Returns:
        The sum of both rankings, 0 or more.
    """
    return triplet_loss(image.dual, text.start, ids, **rank) + triplet_loss(
        image.start, text.dual, ids, **rank
    )


def reconstruction_loss(image: Cycle, text: Cycle, ids: Tensor, **rank: float | int | None) -> Tensor:
    """Ranking after a whole cycle: G(F(v)) finds v among all pictures, F(G(t)) finds t among all sentences.

    A distance alone would also be small where all reconstructions look alike; a ranking is not. Arguments and
    range as for `dual_loss`.
    """
    return triplet_loss(image.reconstructed, image.start, ids, **rank) + triplet_loss(
        text.reconstructed, text.start, ids, **rank
    )


def latent_loss(image: Cycle, text: Cycle, ids: Tensor, **rank: float | int | None) -> Tensor:
    """Ranking half-way: the middle of F finds the middle of G. Arguments and range as for `dual_loss`."""
    return triplet_loss(image.latent, text.latent, ids, **rank)


def cycle_loss(
    image: Cycle,
    text: Cycle,
    ids: Tensor,
    *,
    weights: tuple[float, float, float] = (1.0, 1.0, 1.0),
    **rank: float | int | None,
) -> Tensor:
    """All three losses, weighted: dual, reconstructed, latent. Other arguments as for `dual_loss`.

    >>> space = torch.eye(3)
    >>> cycle = Cycle(space, space, space, space)
    >>> float(cycle_loss(cycle, cycle, torch.arange(3)))
    0.0
    """
    losses = (dual_loss, reconstruction_loss, latent_loss)
    return sum(
        weight * loss(image, text, ids, **rank)
        for weight, loss in zip(weights, losses, strict=True)
        if weight
    )
