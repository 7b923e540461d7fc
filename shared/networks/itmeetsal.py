"""ITMeetsAL: image-text matching with a modality classifier as the adversary.

Chen, Liu, Bakker and Lew, "Integrating information theory and adversarial learning for cross-modal
retrieval", Pattern Recognition 117, 2021, arXiv 2104.04991 (thesis of W. Chen, chapter 4). A discriminator
guesses whether an embedding comes from a picture or from a sentence; the encoders learn to make its guess as
uncertain as can be, by its Shannon entropy. Widths are ours.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from shared.networks.matching_losses import kl_matching_loss, softened_kl, triplet_loss


def modality_entropy(logits: Tensor) -> Tensor:
    """Shannon entropy of the modality classifier's answers, in nats.

    Args:
        logits: `[B]`, of "this is a picture".

    Returns:
        The mean over the batch, 0 (sure) to log 2 = 0.693 (no idea). The encoders maximise it.

    >>> [round(float(modality_entropy(torch.tensor([logit]))), 4) for logit in (0.0, 90.0)]
    [0.6931, 0.0]
    """
    p = logits.sigmoid()
    return -(p * F.logsigmoid(logits) + (1 - p) * F.logsigmoid(-logits)).mean()


def modality_loss(images: Tensor, texts: Tensor) -> Tensor:
    """What the modality classifier minimises: `-log D(picture) - log(1 - D(sentence))`.

    Args:
        images: its logits `[B]` on pictures.
        texts: its logits `[C]` on sentences.

    Returns:
        The sum of both means, 0 or more; 2 log 2 where it cannot tell.

    >>> round(float(modality_loss(torch.zeros(2), torch.zeros(5))), 4)
    1.3863
    """
    return -(F.logsigmoid(images).mean() + F.logsigmoid(-texts).mean())


class Discriminator(nn.Module):
    """The modality classifier; `[B, width]` to logits `[B]` of "this is a picture"."""

    def __init__(self, width: int, hidden: int = 256) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)[:, 0]


class ITMeetsAL(nn.Module):
    """A projection for each modality, one that both share, and the two classifiers that training needs.

    Args:
        image_features: of a picture's description.
        text_features: of a sentence's description.
        width: D, of the embeddings.
        classes: of the label classifier, such as the number of photos; 0 for none.

    Attributes:
        discriminator: the modality classifier, which learns from `discriminator_loss` alone.
        classifier: the label classifier for both modalities, or None. Neither is needed to embed.

    Shape:
        `images` and `texts`: `[B, features]` to `[B, D]`. Lengths say how sure a match is
        (`kl_matching_loss`); compare by cosine.
    """

    def __init__(
        self, image_features: int, text_features: int, *, width: int = 512, classes: int = 0
    ) -> None:
        super().__init__()

        def own(features: int) -> nn.Sequential:
            return nn.Sequential(nn.Linear(features, width), nn.BatchNorm1d(width), nn.ReLU(inplace=True))

        self.image_layers, self.text_layers = own(image_features), own(text_features)
        self.projection = nn.Linear(width, width)
        self.discriminator = Discriminator(width)
        self.classifier = nn.Linear(width, classes) if classes else None

    def images(self, x: Tensor) -> Tensor:
        return self.projection(self.image_layers(x))

    def texts(self, x: Tensor) -> Tensor:
        return self.projection(self.text_layers(x))

    def forward(self, images: Tensor, texts: Tensor) -> tuple[Tensor, Tensor]:
        return self.images(images), self.texts(texts)


def label_loss(images: Tensor, texts: Tensor, labels: Tensor, *, temperature: float, weight: float) -> Tensor:
    """Cross-entropy of both modalities, and the KL divergence that calibrates them against each other.

    Args:
        images: logits `[B, K]` of the label classifier on pictures.
        texts: logits `[B, K]` on their sentences.
        labels: int64 `[B]`.
        temperature: of `softened_kl`.
        weight: of the divergence.

    >>> sure = torch.tensor([[99.0, 0.0]])
    >>> float(label_loss(sure, sure, torch.tensor([0]), temperature=4, weight=1))
    0.0
    """
    plain = F.cross_entropy(images, labels) + F.cross_entropy(texts, labels)
    return plain + weight * softened_kl(images, texts, temperature)


def encoder_loss(
    network: ITMeetsAL,
    x: Tensor,
    y: Tensor,
    ids: Tensor,
    *,
    labels: Tensor | None = None,
    entropy: float = 0.5,
    within: float = 0.5,
    margin: float = 0.2,
    hardest: int | None = None,
    temperature: float = 4.0,
    calibration: float = 1.0,
) -> Tensor:
    """What the encoders minimise. The discriminator judges, but gets no gradient from it.

    Args:
        network: with the discriminator and, for labels, the classifier.
        x: embeddings of pictures `[B, D]`.
        y: embeddings of their sentences `[B, D]`.
        ids: `[B]`, see `shared.networks.matching_losses`.
        labels: int64 `[B]` for the label classifier; None leaves its loss out.
        entropy: weight of the modality classifier's entropy.
        within: weight of the KL matching inside each modality.
        margin: of the triplet loss.
        hardest: of the triplet loss.
        temperature: of the labels' calibration.
        calibration: weight of the labels' calibration.
    """
    loss = kl_matching_loss(x, y, ids) + kl_matching_loss(y, x, ids)
    if within:
        loss = loss + within * (kl_matching_loss(x, x, ids) + kl_matching_loss(y, y, ids))
    loss = loss + triplet_loss(x, y, ids, margin=margin, hardest=hardest)
    if entropy:
        frozen = {name: one.detach() for name, one in network.discriminator.named_parameters()}
        guesses = functional_call(network.discriminator, frozen, torch.cat([x, y]))
        loss = loss - entropy * modality_entropy(guesses)
    if labels is not None:
        if network.classifier is None:
            raise ValueError("labels need a network with classes, got one without")
        answers = network.classifier(x), network.classifier(y)
        loss = loss + label_loss(*answers, labels, temperature=temperature, weight=calibration)
    return loss


def discriminator_loss(network: ITMeetsAL, x: Tensor, y: Tensor) -> Tensor:
    """What the discriminator minimises; the embeddings `[B, D]` get no gradient from it.

    Added to `encoder_loss`, one step of one optimizer moves both players, each by its own loss.
    """
    return modality_loss(network.discriminator(x.detach()), network.discriminator(y.detach()))
