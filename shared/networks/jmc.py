"""JMC, joint matching and classification (also MMC-Net).

Liu, Liu, Guo and Lew, "Learning visual and textual representations for multimodal matching and
classification", Pattern Recognition 84, 2018 (thesis of Y. Liu, chapter 7): a matching component embeds
pictures and sentences; a classification component fuses both embeddings into one and tells the class.
Training has stages: matching, then classification, then both together. The gate of the fusion is ours.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FUSIONS = ("gated", "concat", "sum", "product")


def gated_fusion(first: Tensor, second: Tensor, gate: Tensor) -> Tensor:
    """Mixes two embeddings number by number: `g * first + (1 - g) * second`.

    Args:
        first: `[B, D]`.
        second: `[B, D]`.
        gate: logits `[B, D]` of g.

    >>> one, zero = torch.ones(1, 2), torch.zeros(1, 2)
    >>> gated_fusion(one, zero, torch.tensor([[0.0, 100.0]])).tolist()
    [[0.5, 1.0]]
    """
    return torch.lerp(second, first, gate.sigmoid())


class Embedding(nn.Module):
    """Layer, normalisation, ReLU, layer; `[B, features]` to `[B, width]`, of length 1."""

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
        image_features: of a picture's description.
        text_features: of a sentence's description.
        classes: how many.
        width: D, of the embeddings.
        fusion: one of `FUSIONS`.

    Shape:
        `images` and `texts`: `[B, features]` to `[B, D]`, of length 1. `classify` takes these and gives
        logits `[B, classes]`; either may be None, and then the other stands for both.

    Raises:
        ValueError: there is no such fusion, or no class.
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
        # The numbers of a vector of length 1 are small: normalised, the classifier learns at the usual rate.
        self.classifier = nn.Sequential(nn.BatchNorm1d(fused), nn.Dropout(0.2), nn.Linear(fused, classes))

    def fuse(self, image: Tensor, text: Tensor) -> Tensor:
        """One embedding `[B, D]` (`[B, 2 D]` for `"concat"`) of both."""
        if self.kind == "sum":
            return image + text
        if self.kind == "product":
            return image * text
        both = torch.cat([image, text], 1)
        return both if self.gate is None else gated_fusion(image, text, self.gate(both))

    def classify(self, image: Tensor | None = None, text: Tensor | None = None) -> Tensor:
        if image is None and text is None:
            raise ValueError("give an image embedding, a text embedding, or both")
        return self.classifier(self.fuse(text if image is None else image, image if text is None else text))

    def forward(self, images: Tensor, texts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        image, text = self.images(images), self.texts(texts)
        return image, text, self.classify(image, text)

    def component_parameters(self, name: str) -> list[nn.Parameter]:
        """The parameters of `"matching"` (both embeddings) or `"classification"` (gate and classifier).

        Raises:
            ValueError: there is no such component.
        """
        parts = {
            "matching": [self.images, self.texts],
            "classification": [self.classifier, *([self.gate] if self.gate is not None else [])],
        }
        if name not in parts:
            raise ValueError(f"the component must be one of {', '.join(parts)}, got {name!r}")
        return [parameter for part in parts[name] for parameter in part.parameters()]


def negative_energy(logits: Tensor) -> Tensor:
    """How much there is for any class at all: the logarithm of the sum of all classes' exponentials.

    Liu, Wang, Owens and Li, "Energy-based Out-of-distribution Detection", NeurIPS 2020, with the sign turned.
    A class for what belongs to none has no part in it: its own logit tells the two apart worse.

    Args:
        logits: of the classes, `[B, classes]`.

    Returns:
        `[B]`, the higher, the more likely it is one of the classes.

    >>> [round(one) for one in negative_energy(torch.tensor([[0.0, 0.0]])).exp().tolist()]
    [2]
    """
    return logits.logsumexp(1)


def classification_loss(network: JMC, image: Tensor, text: Tensor, classes: Tensor) -> Tensor:
    """Cross-entropy of the class told from both modalities, and from either alone.

    A visitor may have only a photo or only words, so the classifier learns from all three.

    Args:
        network: with its classifier.
        image: embeddings `[B, D]`.
        text: embeddings `[B, D]`.
        classes: int64 `[B]`.

    Returns:
        The mean of the three cross-entropies.
    """
    fused = torch.cat([network.fuse(*pair) for pair in ((image, text), (image, image), (text, text))])
    # In one batch: the normalisation would else learn from each kind of evidence by its own mean, and judge
    # all of them by a common one.
    return F.cross_entropy(network.classifier(fused), classes.repeat(3))
