"""RRF-Net, the Recurrent Residual Fusion network.

Liu, Guo, Bakker and Lew, "Learning a Recurrent Residual Fusion Network for Multimodal Matching", ICCV 2017
(thesis of Y. Liu, chapter 5): one branch for images and one for texts, of the same structure but with
separate weights. Each repeats one residual layer with shared weights and fuses the outputs of all
repetitions. Its loss is `shared.networks.crossmodal.matching_losses.bi_rank_loss`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.networks.layers import Fusion

FUSIONS = ("conv", "lc")


class RRFBranch(nn.Module):
    """One branch: two layers to the embedding's width, the recurrent residual block, fusion, last layer.

    `h_{t+1} = h_t + relu(norm_t(W h_t + b))` for t = 0..T: W and b are shared by all steps, the normalisation
    is specific to each step. The fusion reads h_1 to h_{T+1}.

    Args:
        features: Width of the input.
        width: Width of the embedding and of the recurrent layer.
        hidden: Width of the first layer.
        recurrences: T.
        fusion: `"conv"`, one weight per step and a bias, as in the authors' released network; `"lc"`, one
            weight per step and channel, as in CFN.
        dropout: Dropout rate after the first layer.

    Shape:
        Input `[B, features]`; output `[B, width]`, of length 1.

    Raises:
        ValueError: The fusion is unknown, or `recurrences` is negative.
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
        # The released fusion returns one map `[1, width]` with a single scale and offset.
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
        """Compute the output of each repetition, h_1 to h_{T+1}, `[B, width]` each."""
        h, steps = self.first(x), []
        for norm in self.norms:
            h = h + F.relu(norm(self.shared(h)))
            steps.append(h)
        return steps


class RRFNet(nn.Module):
    """Both branches of RRF-Net.

    As published, with 2048 and 6000 features, they have 5,780,999 and 13,882,599 parameters.

    Args:
        image_features: Width of an image's features.
        text_features: Width of a text's features.
        width: See `RRFBranch`.
        hidden: See `RRFBranch`.
        recurrences: See `RRFBranch`.
        fusion: See `RRFBranch`.
        dropout: See `RRFBranch`.

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

        def branch(features: int) -> RRFBranch:
            return RRFBranch(
                features,
                width=width,
                hidden=hidden,
                recurrences=recurrences,
                fusion=fusion,
                dropout=dropout,
            )

        self.images = branch(image_features)
        self.texts = branch(text_features)

    def forward(self, images: Tensor, texts: Tensor) -> tuple[Tensor, Tensor]:
        return self.images(images), self.texts(texts)
