"""CycleMatch: images and texts mapped into each other's space and back.

Liu, Guo, Liu, Bakker and Lew, "CycleMatch: A cycle-consistent embedding network for image-text matching",
Pattern Recognition 93, 2019 (thesis of Y. Liu, chapter 6). One cycle starts with an image v, which becomes a
dual embedding F(v) in the text space and a reconstructed one G(F(v)) in the image space; the other starts
with a text t. The middle layers of F and G give latent embeddings. Widths and the ranking form of the
reconstruction loss are ours.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.crossmodal.matching_losses import triplet_loss

#: The scores of late fusion, in the order of `CycleMatch.images` and `CycleMatch.texts`.
SCORE_NAMES = ("dual i2t", "dual t2i", "reconstructed image", "reconstructed text", "latent")


class Cycle(NamedTuple):
    """Embeddings of one cycle, `[B, D]` each.

    Attributes:
        source: In the space of the input.
        latent: Between both spaces.
        dual: In the other space.
        reconstructed: Back in the space of the input.
    """

    source: Tensor
    latent: Tensor
    dual: Tensor
    reconstructed: Tensor


class CrossMapping(nn.Module):
    """Mapping from one space to the other: linear, batch norm, ReLU, linear.

    Args:
        width: D, of both spaces and of the hidden layer.

    Shape:
        Input `[B, D]`; outputs the latent embedding `[B, D]` and the result `[B, D]`.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.down = nn.Linear(width, width)
        self.norm = nn.BatchNorm1d(width)
        self.up = nn.Linear(width, width)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        latent = self.norm(self.down(x))
        return latent, self.up(F.relu(latent))


class CycleMatch(nn.Module):
    """The image space, the text space and the mappings between them.

    Args:
        image_features: Width of an image's features.
        text_features: Width of a text's features.
        width: D, of both spaces and of the hidden layers of the mappings.
        dropout: Dropout rate of the features.

    Shape:
        `images` and `texts`: `[B, features]` to `[B, 5, D]`, rows of length 1 in the order of `SCORE_NAMES`.
        Score k of an image and a text is the dot product of their rows k.
    """

    def __init__(
        self, image_features: int, text_features: int, *, width: int = 512, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.image_space = nn.Sequential(nn.Dropout(dropout), nn.Linear(image_features, width))
        self.text_space = nn.Sequential(nn.Dropout(dropout), nn.Linear(text_features, width))
        self.to_text = CrossMapping(width)  # F
        self.to_image = CrossMapping(width)  # G

    def image_cycle(self, x: Tensor) -> Cycle:
        """Compute the cycle that starts with images `[B, image_features]`."""
        source = self.image_space(x)
        latent, dual = self.to_text(source)
        return Cycle(source, latent, dual, self.to_image(dual)[1])

    def text_cycle(self, x: Tensor) -> Cycle:
        """Compute the cycle that starts with texts `[B, text_features]`."""
        source = self.text_space(x)
        latent, dual = self.to_image(source)
        return Cycle(source, latent, dual, self.to_text(dual)[1])

    def images(self, x: Tensor) -> Tensor:
        """Embed images `[B, image_features]` as `[B, 5, D]`."""
        cycle = self.image_cycle(x)
        rows = [cycle.dual, cycle.source, cycle.reconstructed, cycle.dual, cycle.latent]
        return F.normalize(torch.stack(rows, 1), dim=-1)

    def texts(self, x: Tensor) -> Tensor:
        """Embed texts `[B, text_features]` as `[B, 5, D]`."""
        cycle = self.text_cycle(x)
        rows = [cycle.source, cycle.dual, cycle.dual, cycle.reconstructed, cycle.latent]
        return F.normalize(torch.stack(rows, 1), dim=-1)

    def forward(self, images: Tensor, texts: Tensor) -> tuple[Tensor, Tensor]:
        return self.images(images), self.texts(texts)


def dual_loss(
    image: Cycle, text: Cycle, ids: Tensor, *, margin: float = 0.2, hardest: int | None = None
) -> Tensor:
    """Compute the ranking loss in each space: F(v) retrieves its text t, and G(t) its image v.

    Args:
        image: Cycle of images; row i belongs to row i of `text`.
        text: Cycle of texts.
        ids: `[B]`, see `shared.networks.crossmodal.matching_losses`.
        margin: Of `triplet_loss`.
        hardest: Of `triplet_loss`.

    Returns:
        The sum of both rankings, 0 or above.
    """
    image_to_text = triplet_loss(image.dual, text.source, ids, margin=margin, hardest=hardest)
    return image_to_text + triplet_loss(image.source, text.dual, ids, margin=margin, hardest=hardest)


def reconstruction_loss(
    image: Cycle, text: Cycle, ids: Tensor, *, margin: float = 0.2, hardest: int | None = None
) -> Tensor:
    """Compute the ranking loss after a whole cycle: G(F(v)) retrieves v, and F(G(t)) retrieves t.

    A distance would also be small if all reconstructions were the same; a ranking is not.

    Args:
        image: Cycle of images; row i belongs to row i of `text`.
        text: Cycle of texts.
        ids: `[B]`, see `shared.networks.crossmodal.matching_losses`.
        margin: Of `triplet_loss`.
        hardest: Of `triplet_loss`.

    Returns:
        The sum of both rankings, 0 or above.
    """
    images = triplet_loss(image.reconstructed, image.source, ids, margin=margin, hardest=hardest)
    return images + triplet_loss(text.reconstructed, text.source, ids, margin=margin, hardest=hardest)


def latent_loss(
    image: Cycle, text: Cycle, ids: Tensor, *, margin: float = 0.2, hardest: int | None = None
) -> Tensor:
    """Compute the ranking loss of the latent embeddings: the middle of F retrieves the middle of G.

    Args:
        image: Cycle of images; row i belongs to row i of `text`.
        text: Cycle of texts.
        ids: `[B]`, see `shared.networks.crossmodal.matching_losses`.
        margin: Of `triplet_loss`.
        hardest: Of `triplet_loss`.

    Returns:
        The ranking loss, 0 or above.
    """
    return triplet_loss(image.latent, text.latent, ids, margin=margin, hardest=hardest)


def cycle_loss(
    image: Cycle,
    text: Cycle,
    ids: Tensor,
    *,
    weights: tuple[float, float, float] = (1.0, 1.0, 1.0),
    margin: float = 0.2,
    hardest: int | None = None,
) -> Tensor:
    """Compute the weighted sum of the dual, the reconstruction and the latent loss.

    Args:
        image: Cycle of images; row i belongs to row i of `text`.
        text: Cycle of texts.
        ids: `[B]`, see `shared.networks.crossmodal.matching_losses`.
        weights: Weights of the three losses; a loss of weight 0 is not computed.
        margin: Of `triplet_loss`.
        hardest: Of `triplet_loss`.

    Returns:
        The loss, 0 or above.

    >>> space = torch.eye(3)
    >>> cycle = Cycle(space, space, space, space)
    >>> float(cycle_loss(cycle, cycle, torch.arange(3)))
    0.0
    """
    total = image.source.new_zeros(())
    for weight, loss in zip(weights, (dual_loss, reconstruction_loss, latent_loss), strict=True):
        if weight:
            total = total + weight * loss(image, text, ids, margin=margin, hardest=hardest)
    return total
