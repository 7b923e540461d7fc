"""Joint space of images and texts: both encoders, and the theses' networks as heads on top of them.

The encoders hold most of the weights and are shared by all heads. The recognition network whose maps the
image encoder reads is not part of the space, unless it was fine-tuned with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.crossmodal.cyclematch import SCORE_NAMES, CycleMatch
from shared.networks.crossmodal.itmeetsal import ITMeetsAL
from shared.networks.crossmodal.jmc import JMC
from shared.networks.crossmodal.regions import RegionBackbone, RegionEmbedding
from shared.networks.crossmodal.rrf import RRFNet
from shared.networks.crossmodal.text import TextEncoder
from shared.networks.hub_mixin import HubMixin


class MatchingHead(Protocol):
    """Head of a joint space: `images` and `texts` map features `[B, F]` to `[B, D]` or `[B, scores, D]`."""

    def images(self, x: Tensor, /) -> Tensor: ...

    def texts(self, x: Tensor, /) -> Tensor: ...


class LinearProjections(nn.Module):
    """Baseline head: one linear layer per modality."""

    def __init__(self, image_features: int, text_features: int, *, width: int = 512) -> None:
        super().__init__()
        self.images = nn.Linear(image_features, width)
        self.texts = nn.Linear(text_features, width)


HEAD_CLASSES: Mapping[str, Callable[..., nn.Module]] = {
    "plain": LinearProjections,
    "rrf": RRFNet,
    "cyclematch": CycleMatch,
    "jmc": JMC,
    "itmeetsal": ITMeetsAL,
}
#: The engine that combines the scores of all heads.
ENSEMBLE = "ensemble"
INITIAL_TEMPERATURE = 0.07


class JointSpace(
    nn.Module,
    HubMixin,
    pipeline_tag="zero-shot-image-classification",
    tags=["image-text-matching", "cross-modal-retrieval"],
):
    """Embeddings of images and texts that can be compared.

    The arguments are the keys of the weights' `config.json`, and the attributes those of its state: so the
    backbone is called `trunk` in the former and `base` in the latter.

    Args:
        heads: Some of `HEAD_CLASSES`.
        words: Vocabulary of the text encoder.
        buckets: Embedding rows that the hashed character n-grams of all words share.
        features: F, of both encoders.
        width: Width of the heads.
        channels: Channels of the backbone's maps.
        cells: Cells per side of the grid of regions.
        classes: Classes of a head's classifier, if it has one.
        embedding: Width of a subword embedding.
        hidden: Width of the text encoder's recurrent layer, per direction.
        recurrences: T of RRF-Net.
        fusion: Fusion of RRF-Net's steps.
        scores: Weights of CycleMatch's late fusion, one per score; equal by default.
        shares: Weights of the heads in the ensemble; equal by default.
        tuned: True for a fine-tuned backbone as part of the space.
        trunk: Name of that backbone, see `RegionBackbone`.

    Attributes:
        base: A `RegionBackbone`, or None.
        image: A `RegionEmbedding`, from rows `[B, 1 + cells^2, channels]` (`pool_grid`) to `[B, F]`.
        text: A `TextEncoder`, from subword ids `[B, L, P]` to `[B, F]`.
        heads: Heads by name.
        temperatures: Logarithm of each head's temperature for `contrastive_loss`.

    Raises:
        ValueError: A head is unknown, or the number of weights is not that of the scores or of the heads.
    """

    score_scales: Tensor
    head_scales: Tensor

    def __init__(
        self,
        heads: Iterable[str] = ("plain",),
        words: Sequence[str] = (),
        buckets: int = 4096,
        features: int = 512,
        width: int = 384,
        channels: int = 1280,
        cells: int = 3,
        classes: int = 0,
        embedding: int = 96,
        hidden: int = 192,
        recurrences: int = 3,
        fusion: str = "conv",
        scores: Sequence[float] | None = None,
        shares: Sequence[float] | None = None,
        tuned: bool = False,
        trunk: str = "mobilenet_v2",
    ) -> None:
        super().__init__()
        unknown = [name for name in heads if name not in HEAD_CLASSES]
        if unknown or not heads:
            raise ValueError(f"the heads must be some of {', '.join(HEAD_CLASSES)}, got {list(heads)}")
        settings: dict[str, dict[str, Any]] = {
            "jmc": {"classes": classes},
            "itmeetsal": {"classes": classes},
            "rrf": {"recurrences": recurrences, "fusion": fusion, "hidden": width, "dropout": 0.1},
        }
        self.cells = cells
        self.base = RegionBackbone(cells, trunk) if tuned else None
        # Rows 0 and 1 are padding and the text without words; see `shared.crossmodal.text.tokenizer`.
        self.text = TextEncoder(2 + len(words) + buckets, features, width=embedding, hidden=hidden)
        self.image = RegionEmbedding(channels, features)
        self.heads = nn.ModuleDict(
            {
                name: HEAD_CLASSES[name](features, features, width=width, **settings.get(name, {}))
                for name in heads
            }
        )
        self.register_buffer("score_scales", torch.ones(len(SCORE_NAMES)), persistent=False)
        self.set_score_weights([1.0] * len(SCORE_NAMES) if scores is None else scores)
        self.register_buffer("head_scales", torch.ones(len(self.heads)), persistent=False)
        self.set_head_weights([1.0] * len(self.heads) if shares is None else shares)
        log_temperature = torch.tensor(INITIAL_TEMPERATURE).log()
        self.temperatures = nn.ParameterDict({name: nn.Parameter(log_temperature.clone()) for name in heads})

    @property
    def engines(self) -> tuple[str, ...]:
        """Names of the heads, and `ENSEMBLE` first if there are several."""
        names = tuple(self.heads)
        return names if len(names) == 1 else (ENSEMBLE, *names)

    def set_score_weights(self, weights: Sequence[float]) -> None:
        """Set the weights of CycleMatch's late fusion, one per score; they are normalised to sum 1.

        Raises:
            ValueError: The number of weights is wrong, one is negative, or all are 0.
        """
        self.score_scales.copy_(_root_weights("scores", weights, len(SCORE_NAMES)))

    def set_head_weights(self, weights: Sequence[float]) -> None:
        """Set the weights of the heads in the ensemble; they are normalised to sum 1.

        Raises:
            ValueError: The number of weights is wrong, one is negative, or all are 0.
        """
        self.head_scales.copy_(_root_weights("shares", weights, len(self.heads)))

    def embed_images(self, features: Tensor, engine: str) -> Tensor:
        """Map image features to vectors whose dot product with those of texts is an engine's score.

        Args:
            features: `[..., F]`, from `image`.
            engine: One of `engines`.

        Returns:
            `[..., D]` of length 1. D is `width`; 5 times as much for CycleMatch, whose five scores late
            fusion adds up in one dot product; for the ensemble the sum over all heads.
        """
        return self._embed(lambda head: head.images, features, engine)

    def embed_texts(self, features: Tensor, engine: str) -> Tensor:
        """Map text features to vectors whose dot product with those of images is an engine's score.

        Args:
            features: `[..., F]`, from `text`.
            engine: One of `engines`.

        Returns:
            `[..., D]` of length 1, with the D of `embed_images`.
        """
        return self._embed(lambda head: head.texts, features, engine)

    def forward(self, rows: Tensor, subwords: Tensor, engine: str) -> tuple[Tensor, Tensor]:
        return self.embed_images(self.image(rows), engine), self.embed_texts(self.text(subwords), engine)

    def _embed(
        self, encoder: Callable[[MatchingHead], Callable[[Tensor], Tensor]], x: Tensor, engine: str
    ) -> Tensor:
        if engine == ENSEMBLE:
            parts = [self._embed(encoder, x, name) for name in self.heads]
            return torch.cat([part * scale for part, scale in zip(parts, self.head_scales, strict=True)], -1)
        head = cast(MatchingHead, self.heads[engine])
        vectors = F.normalize(encoder(head)(x.flatten(0, -2)), dim=-1)
        if vectors.ndim == 3:
            vectors = (vectors * self.score_scales[:, None]).flatten(1)
        return vectors.unflatten(0, x.shape[:-1])


def _root_weights(name: str, weights: Sequence[float], count: int) -> Tensor:
    """Return the square roots of the normalised weights.

    Concatenated unit vectors scaled by them have the weighted mean of the single dot products as their dot
    product.
    """
    if len(weights) != count or min(weights) < 0 or sum(weights) <= 0:
        raise ValueError(f"{name} must be {count} weights of 0 or more, got {list(weights)}")
    return torch.tensor([weight / sum(weights) for weight in weights]).sqrt()
