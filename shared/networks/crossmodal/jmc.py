"""JMC, joint matching and classification (also MMC-Net).

Liu, Liu, Guo and Lew, "Learning visual and textual representations for multimodal matching and
classification", Pattern Recognition 84, 2018 (thesis of Y. Liu, chapter 7): a matching component embeds
images and texts; a classification component fuses both embeddings and predicts the class. Training has
stages: matching, then classification, then both. Gated fusion is ours.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FUSIONS = ("gated", "concat", "sum", "product")


def gated_fusion(first: Tensor, second: Tensor, logits: Tensor) -> Tensor:
    """Interpolate two embeddings elementwise: `g * first + (1 - g) * second` with `g = sigmoid(logits)`.

    Args:
        first: `[B, D]`.
        second: `[B, D]`.
        logits: `[B, D]`.

    Returns:
        `[B, D]`.

    >>> gated_fusion(torch.ones(1, 2), torch.zeros(1, 2), torch.tensor([[0.0, 100.0]])).tolist()
    [[0.5, 1.0]]
    """
    return torch.lerp(second, first, logits.sigmoid())


class Embedding(nn.Module):
    """Encoder of one modality: linear, batch norm, ReLU, dropout, linear.

    Args:
        features: Width of the input.
        width: D, of the embedding.

    Shape:
        Input `[B, features]`; output `[B, D]`, of length 1.
    """

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(features, width),
            nn.BatchNorm1d(width),
            nn.ReLU(inplace=True),
            nn.Dropout(0.1),
            nn.Linear(width, width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(self.layers(x), dim=-1)


class JMC(nn.Module):
    """Matching and classification in one network.

    Args:
        image_features: Width of an image's features.
        text_features: Width of a text's features.
        classes: Number of classes.
        width: D, of the embeddings.
        fusion: One of `FUSIONS`.

    Shape:
        `images` and `texts`: `[B, features]` to `[B, D]`, of length 1. `classify`: these embeddings to logits
        `[B, classes]`.

    Raises:
        ValueError: The fusion is unknown, or there is no class.
    """

    def __init__(
        self,
        image_features: int,
        text_features: int,
        *,
        classes: int,
        width: int = 512,
        fusion: str = "gated",
    ) -> None:
        super().__init__()
        if fusion not in FUSIONS:
            raise ValueError(f"the fusion must be one of {', '.join(FUSIONS)}, got {fusion!r}")
        if classes < 1:
            raise ValueError(f"classes must be at least 1, got {classes}")
        self.images = Embedding(image_features, width)
        self.texts = Embedding(text_features, width)
        self.kind = fusion
        self.gate = nn.Linear(2 * width, width) if fusion == "gated" else None
        fused = 2 * width if fusion == "concat" else width
        # The elements of a vector of length 1 are small: normalised, the classifier learns at the usual rate.
        self.classifier = nn.Sequential(nn.BatchNorm1d(fused), nn.Dropout(0.2), nn.Linear(fused, classes))

    def fuse(self, image: Tensor, text: Tensor) -> Tensor:
        """Fuse embeddings `[B, D]` of both modalities into `[B, D]` (`[B, 2 D]` for `"concat"`)."""
        if self.kind == "sum":
            return image + text
        if self.kind == "product":
            return image * text
        pair = torch.cat([image, text], 1)
        return pair if self.gate is None else gated_fusion(image, text, self.gate(pair))

    def classify(self, image: Tensor | None = None, text: Tensor | None = None) -> Tensor:
        """Return the logits `[B, classes]` of embeddings `[B, D]`.

        Args:
            image: Image embeddings; None to use those of the texts in their place.
            text: Text embeddings; None to use those of the images in their place.

        Raises:
            ValueError: Both are None.
        """
        first, second = text if image is None else image, image if text is None else text
        if first is None or second is None:
            raise ValueError("give an image embedding, a text embedding, or both")
        return self.classifier(self.fuse(first, second))

    def forward(self, images: Tensor, texts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        image, text = self.images(images), self.texts(texts)
        return image, text, self.classify(image, text)

    def component_parameters(self, name: str) -> list[nn.Parameter]:
        """Return the parameters of a component.

        Args:
            name: `"matching"` (both embeddings) or `"classification"` (gated fusion and classifier).

        Raises:
            ValueError: The component is unknown.
        """
        components: dict[str, list[nn.Module]] = {
            "matching": [self.images, self.texts],
            "classification": [self.classifier, *([self.gate] if self.gate is not None else [])],
        }
        if name not in components:
            raise ValueError(f"the component must be one of {', '.join(components)}, got {name!r}")
        return [parameter for module in components[name] for parameter in module.parameters()]


def negative_energy(logits: Tensor) -> Tensor:
    """Compute the negative free energy of the classes, `log sum_k exp(logit_k)`.

    Liu, Wang, Owens and Li, "Energy-based Out-of-distribution Detection", NeurIPS 2020. A class for inputs of
    no class must not take part: its own logit separates the two worse.

    Args:
        logits: `[B, classes]`.

    Returns:
        `[B]`; the higher, the more likely the input belongs to one of the classes.

    >>> [round(total) for total in negative_energy(torch.tensor([[0.0, 0.0]])).exp().tolist()]
    [2]
    """
    return logits.logsumexp(1)


def classification_loss(network: JMC, image: Tensor, text: Tensor, classes: Tensor) -> Tensor:
    """Compute the cross-entropy of the class from both modalities and from either one.

    A query may have an image or a text only, so the classifier learns from all three.

    Args:
        network: With its classifier.
        image: Image embeddings `[B, D]`.
        text: Text embeddings `[B, D]`.
        classes: int64 `[B]`.

    Returns:
        The mean of the three cross-entropies, 0 or above.
    """
    fused = torch.cat([network.fuse(*pair) for pair in ((image, text), (image, image), (text, text))])
    # In one batch: the batch norm would otherwise train on the statistics of each kind of input, and
    # evaluate all of them by common ones.
    return F.cross_entropy(network.classifier(fused), classes.repeat(3))
