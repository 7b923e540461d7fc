"""ITMeetsAL: image-text matching with a modality classifier as the adversary.

Chen, Liu, Bakker and Lew, "Integrating information theory and adversarial learning for cross-modal
retrieval", Pattern Recognition 117, 2021, arXiv 2104.04991 (thesis of W. Chen, chapter 4). A discriminator
predicts the modality of an embedding; the encoders learn to maximise the Shannon entropy of its predictions.
Widths are ours.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from shared.networks.crossmodal.matching_losses import kl_matching_loss, softened_kl, triplet_loss


def modality_entropy(logits: Tensor) -> Tensor:
    """Compute the Shannon entropy of the modality classifier's predictions, in nats.

    `-p log p - (1 - p) log(1 - p)` with `p = sigmoid(logit)`. The encoders maximise it.

    Args:
        logits: `[B]`, of the class "image".

    Returns:
        The mean over the batch, 0 (certain) to log 2 = 0.693 (undecided).

    >>> [round(float(modality_entropy(torch.tensor([logit]))), 4) for logit in (0.0, 90.0)]
    [0.6931, 0.0]
    """
    p = logits.sigmoid()
    return -(p * F.logsigmoid(logits) + (1 - p) * F.logsigmoid(-logits)).mean()


def modality_loss(images: Tensor, texts: Tensor) -> Tensor:
    """Compute the cross-entropy of the modality classifier, `-log D(image) - log(1 - D(text))`.

    Args:
        images: Logits `[B]` of images.
        texts: Logits `[C]` of texts.

    Returns:
        The sum of both means, 0 or above; 2 log 2 if undecided.

    >>> round(float(modality_loss(torch.zeros(2), torch.zeros(5))), 4)
    1.3863
    """
    return -(F.logsigmoid(images).mean() + F.logsigmoid(-texts).mean())


class Discriminator(nn.Module):
    """Modality classifier.

    Args:
        width: D, of the embeddings.
        hidden: Width of the hidden layer.

    Shape:
        Input `[B, D]`; output logits `[B]` of the class "image".
    """

    def __init__(self, width: int, hidden: int = 256) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)[:, 0]


class ITMeetsAL(nn.Module):
    """One encoder per modality, a shared projection, and two classifiers for training.

    Args:
        image_features: Width of an image's features.
        text_features: Width of a text's features.
        width: D, of the embeddings.
        classes: Classes of the label classifier, such as the number of training images; 0 for none.

    Attributes:
        discriminator: The modality classifier, trained by `discriminator_loss` only.
        classifier: The label classifier of both modalities, or None. Embedding needs neither of them.

    Shape:
        `images` and `texts`: `[B, features]` to `[B, D]`. The length of an embedding is its confidence
        (`kl_matching_loss`); compare by cosine.
    """

    def __init__(
        self, image_features: int, text_features: int, *, width: int = 512, classes: int = 0
    ) -> None:
        super().__init__()

        def encoder(features: int) -> nn.Sequential:
            return nn.Sequential(nn.Linear(features, width), nn.BatchNorm1d(width), nn.ReLU(inplace=True))

        self.image_layers, self.text_layers = encoder(image_features), encoder(text_features)
        self.projection = nn.Linear(width, width)
        self.discriminator = Discriminator(width)
        self.classifier = nn.Linear(width, classes) if classes else None

    def images(self, x: Tensor) -> Tensor:
        """Embed images `[B, image_features]` as `[B, D]`."""
        return self.projection(self.image_layers(x))

    def texts(self, x: Tensor) -> Tensor:
        """Embed texts `[B, text_features]` as `[B, D]`."""
        return self.projection(self.text_layers(x))

    def forward(self, images: Tensor, texts: Tensor) -> tuple[Tensor, Tensor]:
        return self.images(images), self.texts(texts)


def label_loss(images: Tensor, texts: Tensor, labels: Tensor, *, temperature: float, weight: float) -> Tensor:
    """Compute the cross-entropy of both modalities plus the KL divergence that calibrates them.

    Args:
        images: Logits `[B, K]` of the label classifier on images.
        texts: Logits `[B, K]` on their texts.
        labels: int64 `[B]`.
        temperature: Of `softened_kl`.
        weight: Weight of the divergence.

    Returns:
        The loss, 0 or above.

    >>> logits = torch.tensor([[99.0, 0.0]])
    >>> float(label_loss(logits, logits, torch.tensor([0]), temperature=4, weight=1))
    0.0
    """
    cross_entropy = F.cross_entropy(images, labels) + F.cross_entropy(texts, labels)
    return cross_entropy + weight * softened_kl(images, texts, temperature)


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
    """Compute the loss of the encoders; the discriminator gets no gradient from it.

    KL matching in both directions and within each modality, a triplet loss, minus the entropy of the modality
    classifier, plus `label_loss`.

    Args:
        network: With the discriminator and, for labels, the classifier.
        x: Image embeddings `[B, D]`.
        y: Embeddings of their texts `[B, D]`.
        ids: `[B]`, see `shared.networks.crossmodal.matching_losses`.
        labels: int64 `[B]` of the label classifier; None leaves its loss out.
        entropy: Weight of the modality classifier's entropy.
        within: Weight of the KL matching within each modality.
        margin: Of the triplet loss.
        hardest: Of the triplet loss.
        temperature: Of the calibration of labels.
        calibration: Weight of the calibration of labels.

    Returns:
        The loss; any real number, since the entropy is subtracted.

    Raises:
        ValueError: There are labels, but the network has no label classifier.
    """
    loss = kl_matching_loss(x, y, ids) + kl_matching_loss(y, x, ids)
    if within:
        loss = loss + within * (kl_matching_loss(x, x, ids) + kl_matching_loss(y, y, ids))
    loss = loss + triplet_loss(x, y, ids, margin=margin, hardest=hardest)
    if entropy:
        frozen = {name: weight.detach() for name, weight in network.discriminator.named_parameters()}
        modality = functional_call(network.discriminator, frozen, torch.cat([x, y]))
        loss = loss - entropy * modality_entropy(modality)
    if labels is not None:
        if network.classifier is None:
            raise ValueError("labels need a network with classes, got one without")
        logits = network.classifier(x), network.classifier(y)
        loss = loss + label_loss(*logits, labels, temperature=temperature, weight=calibration)
    return loss


def discriminator_loss(network: ITMeetsAL, x: Tensor, y: Tensor) -> Tensor:
    """Compute the loss of the discriminator; the embeddings get no gradient from it.

    Added to `encoder_loss`, one step of one optimizer updates both players, each by its own loss.

    Args:
        network: With the discriminator.
        x: Image embeddings `[B, D]`.
        y: Text embeddings `[B, D]`.

    Returns:
        `modality_loss` of the embeddings.
    """
    return modality_loss(network.discriminator(x.detach()), network.discriminator(y.detach()))
