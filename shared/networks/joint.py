"""One space for pictures and sentences: both encoders, and the theses' networks on top of them.

`JointSpace` is what is trained, stored and loaded. Its heads, one for each thesis' network, share the
encoders, which hold most of the weights. The recognition network whose maps it reads stays outside, with
weights of its own, unless it was trained together with the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.cyclematch import SCORE_NAMES, CycleMatch
from shared.networks.hub_mixin import HubMixin
from shared.networks.itmeetsal import ITMeetsAL
from shared.networks.jmc import JMC
from shared.networks.regions import RegionBackbone, RegionEmbedding
from shared.networks.rrf import RRFNet
from shared.networks.text import TextEncoder


class LinearProjections(nn.Module):
    """Both encoders and nothing else, for comparison: a layer for each modality."""

    def __init__(self, image_features: int, text_features: int, *, width: int = 512) -> None:
        super().__init__()
        self.images = nn.Linear(image_features, width)
        self.texts = nn.Linear(text_features, width)


HEAD_CLASSES = {
    "plain": LinearProjections,
    "rrf": RRFNet,
    "cyclematch": CycleMatch,
    "jmc": JMC,
    "itmeetsal": ITMeetsAL,
}
#: The engine that puts the scores of all heads together.
ENSEMBLE = "ensemble"


class JointSpace(
    nn.Module,
    HubMixin,
    pipeline_tag="zero-shot-image-classification",
    tags=["image-text-matching", "cross-modal-retrieval"],
):
    """Pictures and sentences as vectors that can be compared.

    Args:
        heads: some of `HEAD_CLASSES`.
        words: the vocabulary of the text encoder.
        buckets: rows that the letter groups of all words share.
        features: F, of both encoders.
        width: of the heads.
        channels: of the maps that describe pictures.
        cells: along each side of the grid of regions.
        classes: of a head's classifier, where it has one.
        embedding: width of a word piece.
        hidden: width of the text encoder's recurrent layer, for each direction.
        recurrences: T of RRF-Net.
        fusion: of RRF-Net's steps.
        scores: weights of CycleMatch's late fusion, one for each of its scores; by default all the same.
        shares: weights of the heads in the ensemble; by default all the same.
        tuned: whether it has a base of its own, which describes pictures.
        trunk: of this base, see `RegionBackbone`.

    Attributes:
        base: a `RegionBackbone`, or None.
        image: a `RegionEmbedding`, from rows `[B, 1 + cells^2, channels]` (`pool_grid`) to `[B, F]`.
        text: a `TextEncoder`, from pieces `[B, L, P]` to `[B, F]`.
        heads: by name.

    Shape:
        `embed_images` and `embed_texts`: what `image` and `text` give, `[..., F]`, to vectors of length 1,
        `[..., D]`, whose dot product is an engine's score. D is `width`; 5 times as much for CycleMatch,
        whose five scores late fusion adds up in one dot product; for the ensemble the sum over all heads.

    Raises:
        ValueError: there is no such head, the number of scores is not CycleMatch's, or there is not one share
            for each head.
    """

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
        more = {
            "jmc": {"classes": classes},
            "itmeetsal": {"classes": classes},
            "rrf": {"recurrences": recurrences, "fusion": fusion, "hidden": width, "dropout": 0.1},
        }
        self.cells = cells
        self.base = RegionBackbone(cells, trunk) if tuned else None
        # 0 and 1 fill up and stand for a text without words; see `shared.crossmodal.text.tokenizer`.
        self.text = TextEncoder(2 + len(words) + buckets, features, width=embedding, hidden=hidden)
        self.image = RegionEmbedding(channels, features)
        self.heads = nn.ModuleDict(
            {
                name: HEAD_CLASSES[name](features, features, width=width, **more.get(name, {}))
                for name in heads
            }
        )
        self.register_buffer("score_scales", torch.ones(len(SCORE_NAMES)), persistent=False)
        self.set_score_weights([1.0] * len(SCORE_NAMES) if scores is None else scores)
        self.register_buffer("head_scales", torch.ones(len(self.heads)), persistent=False)
        self.set_head_weights([1.0] * len(self.heads) if shares is None else shares)
        cold = torch.tensor(0.07).log()
        self.temperatures = nn.ParameterDict({name: nn.Parameter(cold.clone()) for name in heads})

    @property
    def engines(self) -> tuple[str, ...]:
        """What `embed_images` and `embed_texts` can be asked for."""
        names = tuple(self.heads)
        return names if len(names) == 1 else (ENSEMBLE, *names)

    def set_score_weights(self, scores: Sequence[float]) -> None:
        """Sets the weights of CycleMatch's late fusion; see `scores` above."""
        self.score_scales.copy_(_roots("scores", scores, len(SCORE_NAMES)))

    def set_head_weights(self, shares: Sequence[float]) -> None:
        """Sets the weights of the heads in the ensemble; see `shares` above."""
        self.head_scales.copy_(_roots("shares", shares, len(self.heads)))

    def embed_images(self, embeddings: Tensor, engine: str) -> Tensor:
        return self._vectors("images", embeddings, engine)

    def embed_texts(self, embeddings: Tensor, engine: str) -> Tensor:
        return self._vectors("texts", embeddings, engine)

    def forward(self, rows: Tensor, pieces: Tensor, engine: str) -> tuple[Tensor, Tensor]:
        return self.embed_images(self.image(rows), engine), self.embed_texts(self.text(pieces), engine)

    def _vectors(self, side: str, x: Tensor, engine: str) -> Tensor:
        if engine == ENSEMBLE:
            parts = [self._vectors(side, x, name) for name in self.heads]
            return torch.cat([part * root for part, root in zip(parts, self.head_scales, strict=True)], -1)
        found = F.normalize(getattr(self.heads[engine], side)(x.flatten(0, -2)), dim=-1)
        if found.ndim == 3:
            found = (found * self.score_scales[:, None]).flatten(1)
        return found.unflatten(0, x.shape[:-1])


def _roots(name: str, given: Sequence[float], count: int) -> Tensor:
    """What parts are scaled with, so that a dot product of all is the weighted mean of those of each."""
    if len(given) != count or min(given) < 0 or sum(given) <= 0:
        raise ValueError(f"{name} must be {count} weights of 0 or more, got {list(given)}")
    return torch.tensor([one / sum(given) for one in given]).sqrt()
