"""One space for pictures and sentences: both encoders, and one of the theses' networks on top of them.

`JointSpace` is what is trained, stored and loaded. The recognition network whose maps it reads stays outside,
with weights of its own, unless it was trained together with the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from huggingface_hub import PyTorchModelHubMixin
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.cyclematch import SCORES, CycleMatch
from shared.networks.itmeetsal import ITMeetsAL
from shared.networks.jmc import JMC
from shared.networks.regions import RegionBase, RegionEmbedding
from shared.networks.rrf import RRFNet
from shared.networks.text import TextEncoder


class TwoLayers(nn.Module):
    """Both encoders and nothing else, for comparison: a layer for each modality."""

    def __init__(self, image_features: int, text_features: int, *, width: int = 512) -> None:
        super().__init__()
        self.images = nn.Linear(image_features, width)
        self.texts = nn.Linear(text_features, width)


MATCHERS = {"plain": TwoLayers, "rrf": RRFNet, "cyclematch": CycleMatch, "jmc": JMC, "itmeetsal": ITMeetsAL}


class JointSpace(
    nn.Module,
    PyTorchModelHubMixin,
    library_name="image-spaces",
    pipeline_tag="zero-shot-image-classification",
    tags=["image-text-matching", "cross-modal-retrieval"],
    license="apache-2.0",
):
    """Pictures and sentences as vectors that can be compared.

    Args:
        matcher: one of `MATCHERS`.
        words: the vocabulary of the text encoder.
        buckets: rows that the letter groups of all words share.
        features: of both encoders.
        width: of the joint space.
        channels: of the maps that describe pictures.
        cells: along each side of the grid of regions.
        classes: of the matcher's classifier, where it has one.
        embedding: width of a word piece.
        hidden: width of the text encoder's recurrent layer, for each direction.
        recurrences: T of RRF-Net.
        fusion: of RRF-Net's steps.
        scores: weights of late fusion, one for each of the matcher's scores; by default all the same.
        tuned: whether it has a base of its own, which describes pictures.

    Attributes:
        base: a `RegionBase`, or None.

    Shape:
        `pictures`: rows `[B, 1 + cells^2, channels]` (`grid_rows`) to `[B, D]`; `sentences`: pieces
        `[B, L, P]` to `[B, D]`; of length 1. D is `width`, and 5 times as much for CycleMatch, whose five
        scores late fusion adds up in one dot product.

    Raises:
        ValueError: there is no such matcher, or the number of scores is not the matcher's.
    """

    def __init__(
        self,
        matcher: str = "plain",
        words: Sequence[str] = (),
        buckets: int = 16384,
        features: int = 512,
        width: int = 512,
        channels: int = 1280,
        cells: int = 3,
        classes: int = 0,
        embedding: int = 96,
        hidden: int = 192,
        recurrences: int = 3,
        fusion: str = "conv",
        scores: Sequence[float] | None = None,
        tuned: bool = False,
    ) -> None:
        super().__init__()
        if matcher not in MATCHERS:
            raise ValueError(f"the matcher must be one of {', '.join(MATCHERS)}, got {matcher!r}")
        more = {
            "jmc": {"classes": classes},
            "itmeetsal": {"classes": classes},
            "rrf": {"recurrences": recurrences, "fusion": fusion, "hidden": width, "dropout": 0.1},
        }.get(matcher, {})
        count = len(SCORES) if matcher == "cyclematch" else 1
        given = [1 / count] * count if scores is None else list(scores)
        if len(given) != count or min(given) < 0 or sum(given) <= 0:
            raise ValueError(f"scores must be {count} weights of 0 or more, got {scores}")
        self.kind = matcher
        self.cells = cells
        self.base = RegionBase(cells) if tuned else None
        # 0 and 1 fill up and stand for a text without words; see `shared.crossmodal.tokens`.
        self.text = TextEncoder(2 + len(words) + buckets, features, width=embedding, hidden=hidden)
        self.image = RegionEmbedding(channels, features)
        self.matcher = MATCHERS[matcher](features, features, width=width, **more)
        # A dot product of rows scaled by square roots is the weighted sum of their dot products.
        scale = torch.tensor([one / sum(given) for one in given]).sqrt()
        self.register_buffer("scale", scale, persistent=False)
        self.temperature = nn.Parameter(torch.tensor(0.07).log())

    def pictures(self, rows: Tensor) -> Tensor:
        return self._join(self.matcher.images(self.image(rows)))

    def regions(self, rows: Tensor) -> Tensor:
        """Each region in the joint space, `[B, R, D]`, of length 1."""
        regions = self.image.regions(rows)
        return self._join(self.matcher.images(regions.flatten(0, 1))).unflatten(0, regions.shape[:2])

    def sentences(self, pieces: Tensor) -> Tensor:
        return self._join(self.matcher.texts(self.text(pieces)))

    def forward(self, rows: Tensor, pieces: Tensor) -> tuple[Tensor, Tensor]:
        return self.pictures(rows), self.sentences(pieces)

    def _join(self, found: Tensor) -> Tensor:
        found = F.normalize(found, dim=-1)
        return found if found.ndim == 2 else (found * self.scale[:, None]).flatten(1)
