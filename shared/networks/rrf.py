"""RRF-Net, the Recurrent Residual Fusion network.

Liu, Guo, Bakker and Lew, "Learning a Recurrent Residual Fusion Network for Multimodal Matching", ICCV 2017
(thesis of Y. Liu, chapter 5): one branch for pictures and one for sentences, alike but with weights of their
own. Each repeats one residual layer with shared weights and fuses what all repetitions gave. Its loss is
`shared.networks.matching_losses.bi_rank_loss`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.layers import Fusion

FUSIONS = ("conv", "lc")


class RRFBranch(nn.Module):
    """One branch: two layers down to the embedding's width, the recurrent residual block, fusion, last layer.

    `h_{t+1} = h_t + relu(norm_t(W h_t + b))` for t = 0..T: W and b are the same in every step, the
    normalisation is each step's own. The fusion reads h_1 to h_{T+1}.

    Args:
        features: of the input.
        width: of the embedding and of the recurrent layer.
        hidden: of the first layer.
        recurrences: T.
        fusion: how the steps are put together: `"conv"`, one weight for each step and a bias, as in the
            authors' released network; `"lc"`, a weight for each step and number, as in CFN.
        dropout: share of the first layer's numbers that is left out while training.

    Shape:
        input `[B, features]`; output `[B, width]`, of length 1.

    Raises:
        ValueError: there is no such fusion, or `recurrences` is negative.
    """

    def __init__(
        self,
        features: int,
        *,
        width: int = 512,
        hidden: int = 2048,
        recurrences: int = 3,
        fusion: str = "conv",
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if fusion not in FUSIONS:
            raise ValueError(f"the fusion must be one of {', '.join(FUSIONS)}, got {fusion!r}")
        if recurrences < 0:
            raise ValueError(f"recurrences must be 0 or more, got {recurrences}")
        self.first = nn.Sequential(
            nn.BatchNorm1d(features),
            nn.Linear(features, hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(hidden, width),
            nn.BatchNorm1d(width),
            nn.ReLU(inplace=True),
        )
        self.shared = nn.Linear(width, width)
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for _ in range(recurrences + 1))
        self.fusion = Fusion(recurrences + 1, width, kind=fusion)
        # The released fusion gives one map `[1, width]` with one scale and offset for all of its numbers.
        self.fused_norm = nn.BatchNorm1d(1 if fusion == "conv" else width)
        self.last = nn.Sequential(nn.Linear(width, width), nn.BatchNorm1d(width))
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.05)
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        fused = self.fusion(torch.stack(self.steps(x), 1))
        if self.fusion.kind == "conv":
            fused = self.fused_norm(fused[:, None])[:, 0]
        else:
            fused = self.fused_norm(fused)
        return F.normalize(self.last(F.relu(fused)), dim=-1)

    def steps(self, x: Tensor) -> list[Tensor]:
        """What each repetition gave: h_1 to h_{T+1}, `[B, width]` each."""
        h, found = self.first(x), []
        for norm in self.norms:
            h = h + F.relu(norm(self.shared(h)))
            found.append(h)
        return found


class RRFNet(nn.Module):
    """Both branches. As published, with 2048 and 6000 features, they have 5,780,999 and 13,882,599
    parameters.

    Args:
        image_features: of a picture's description.
        text_features: of a sentence's description.
        width: see `RRFBranch`.
        hidden: see `RRFBranch`.
        recurrences: see `RRFBranch`.
        fusion: see `RRFBranch`.
        dropout: see `RRFBranch`.

    Shape:
        `images`: `[B, image_features]` to `[B, width]`; `texts`: `[B, text_features]` to `[B, width]`; all of
        length 1, so that dot products are the similarities.
    """

    def __init__(
        self,
        image_features: int = 2048,
        text_features: int = 6000,
        *,
        width: int = 512,
        hidden: int = 2048,
        recurrences: int = 3,
        fusion: str = "conv",
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        alike = {
            "width": width,
            "hidden": hidden,
            "recurrences": recurrences,
            "fusion": fusion,
            "dropout": dropout,
        }
        self.images = RRFBranch(image_features, **alike)
        self.texts = RRFBranch(text_features, **alike)

    def forward(self, images: Tensor, texts: Tensor) -> tuple[Tensor, Tensor]:
        return self.images(images), self.texts(texts)
