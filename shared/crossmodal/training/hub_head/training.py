"""Training of RRF-Net on frozen features; `shared.crossmodal.train_hub_head` says what it reads."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from shared.core import weights
from shared.core.hub_networks.fitted import network_keys
from shared.crossmodal.benchmarks.recall import recall_metrics
from shared.crossmodal.data.datasets import CaptionedImages, join
from shared.crossmodal.data.training_data import read_training_data
from shared.crossmodal.embedders.siglip import SiglipEmbedder
from shared.crossmodal.engines import ENGINES, SIGLIP, SIGLIP_HEAD
from shared.crossmodal.training.calibration import calibrate
from shared.crossmodal.training.hub_head.features import FrozenFeatures, frozen_features
from shared.networks.crossmodal.hub_head import FrozenFeatureHead
from shared.networks.crossmodal.matching_losses import bi_rank_loss, contrastive_loss
from shared.training.loop import LoopSettings, fit, seed_everything, step_seed


class HubHeadTraining:
    """Training of one head.

    Args:
        args: From `shared.crossmodal.train_hub_head.head_parser`.

    Attributes:
        data: All training images with their texts.
        features: Their features.
        held_out: Development splits with their features; the first one is that of the first data set.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        seed_everything(args.seed)
        data = read_training_data(args.data)
        row = ENGINES[SIGLIP]
        snapshot = weights.find(row.weights or "", folder=args.network, allow_hub=True, revision=row.revision)
        self._keys = network_keys(row, snapshot)
        embedder = SiglipEmbedder.load(SIGLIP, row.weights or "", folder=snapshot, device=args.device)

        def features(name: str, part: CaptionedImages) -> FrozenFeatures:
            return frozen_features(args.cache / f"{name}-{self._keys['network'][:12]}", embedder, part)

        parts = [features(f"{name}-train", part) for name, part in zip(data.names, data.parts, strict=True)]
        self.data = data.data
        self.features = _join_features(parts)
        names = data.names[0], "-".join(data.names[1:])
        self.held_out = [
            (part, features(f"{name}-dev", part)) for name, part in zip(names, data.held_out, strict=False)
        ]

    def run(self) -> Path:
        """Train the head, print the recall with and without it, and write the weight folder."""
        args, width = self.args, self.features.images.shape[1]
        head = FrozenFeatureHead(
            width,
            width,
            width=args.width,
            hidden=args.hidden,
            recurrences=args.recurrences,
            fusion=args.fusion,
            dropout=args.dropout,
        )
        optimizer = torch.optim.AdamW(head.parameters(), args.rate, weight_decay=1e-4, fused=True)
        settings = LoopSettings(
            steps=args.steps,
            out=args.out,
            device=args.device,
            seed=args.seed,
            warmup=min(100, args.steps // 5),
            score="score",
            validate_every=args.validate_every,
            checkpoint_every=args.validate_every,
        )
        head = fit(head, optimizer, self.draw, self.loss, settings, self.validate).cpu()
        for part, features in self.held_out:
            scores = {"SigLIP 2": features.images @ features.texts.T, "the head": _similarity(head, features)}
            for name, values in scores.items():
                print(f"{part.name}, {name}: {recall_metrics(values, part.image_index)}")
        return weights.save(head, args.out / "weights", config={**self._keys, **self._calibration(head)})

    def draw(self, step: int) -> tuple[Tensor, ...]:
        """Draw distinct images and a text of each; the step and the seed alone decide which.

        Returns:
            Features of the images and of the texts, `[B, F]` each, and identities int64 `[B]`.
        """
        rng = np.random.default_rng(step_seed(self.args.seed, step))
        images = rng.permutation(len(self.data.images))[: self.args.batch]
        first, end = (np.searchsorted(self.data.image_index, images, side) for side in ("left", "right"))
        rows = (
            self.features.images[images],
            self.features.texts[rng.integers(first, end)],
            self.data.identities[images],
        )
        return tuple(map(torch.from_numpy, rows))

    def loss(self, head: FrozenFeatureHead, batch: tuple[Tensor, ...]) -> Tensor:
        """Compute the bi-rank loss of RRF-Net, and a contrastive loss over all negatives."""
        images, texts, ids = batch
        x, y = head(images, texts)
        hardest, margin = self.args.hardest, self.args.margin
        # Divided by N and B, as in the paper, the loss is small compared with the contrastive one.
        ranking = hardest * bi_rank_loss(x, y, ids, margin=margin, hardest=hardest)
        return ranking + self.args.contrast * contrastive_loss(x, y, ids)

    def validate(self, head: FrozenFeatureHead) -> dict[str, float]:
        """Return the sum of R-sum over all held-out sets as `score`."""
        r_sums = [
            recall_metrics(_similarity(head, features), part.image_index)["R_sum"]
            for part, features in self.held_out
        ]
        return {"score": sum(r_sums)}

    def _calibration(self, head: FrozenFeatureHead) -> dict[str, dict[str, object]]:
        """Return the keys of a configuration that say what scores mean, from all held-out sets."""
        data = join([part for part, _ in self.held_out])
        similarity = _similarity(head, _join_features([features for _, features in self.held_out]))
        figures = calibrate(similarity, data.image_index, data.identities)
        return {name: {SIGLIP_HEAD: value} for name, value in figures.items()}


def _join_features(parts: Sequence[FrozenFeatures]) -> FrozenFeatures:
    """Concatenate the features of data sets."""
    return FrozenFeatures(
        np.concatenate([part.images for part in parts]), np.concatenate([part.texts for part in parts])
    )


@torch.inference_mode()
def _similarity(head: FrozenFeatureHead, features: FrozenFeatures) -> np.ndarray:
    """Return the scores of all images and texts, float32 `[images, texts]`."""
    device = next(head.parameters()).device
    images, texts = (torch.from_numpy(rows).to(device) for rows in (features.images, features.texts))
    return (head.images(images) @ head.texts(texts).T).cpu().numpy()
