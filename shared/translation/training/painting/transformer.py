"""Train the painting network: `python -m shared.translation.train painting --targets DIR ... --out DIR`.

The transformer learns to give the teacher's results (`targets`) for named styles and for vectors of
style images. The predictor of these vectors is trained by `predictor`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from shared.core import weights
from shared.core.images import to_image
from shared.networks.backbones.mobilenet_v2 import Backbone
from shared.networks.style import StyleNetwork
from shared.training.feature_losses import (
    content_distance,
    gram,
    load_fixed_network,
    style_distance,
)
from shared.training.loop import LoopSettings, fit, seed_everything
from shared.translation.training.painting.targets import NAMED_STYLES, PaintingTargets

FEATURE_DEPTH = 6  # blocks of MobileNetV2: maps of strides 2, 4 and 8
PHOTO_WEIGHT, CONTENT_WEIGHT, STYLE_WEIGHT = 4.0, 0.5, 0.5
VECTOR_NOISE = 0.1  # deviation of the noise on vectors, relative to that between styles
SHEET_COLUMNS = 12


class PairSource:
    """Batches of a cache of the teacher's results.

    Args:
        cache: Results of the teacher.
        scale: Mean and deviation of style vectors, which become 0 and 1.
    """

    def __init__(self, cache: PaintingTargets, scale: tuple[np.ndarray, np.ndarray]) -> None:
        self.cache = cache
        mean, deviation = scale
        self.vectors = ((cache.vectors - mean) / deviation).astype(np.float32)

    def __len__(self) -> int:
        return len(self.vectors)

    def batch(self, count: int, step: int) -> tuple[Tensor, ...]:
        """Return photos, targets, indices of styles and vectors of a step, in another order in every epoch.

        Args:
            count: Pairs of a batch, at most as many as there are.
            step: Step of the training.
        """
        epoch, position = divmod(step, len(self) // count)
        order = np.random.default_rng(epoch).permutation(len(self))
        rows = np.sort(order[position * count : (position + 1) * count])
        noise = np.random.default_rng(step).normal(0, VECTOR_NOISE, self.vectors[rows].shape)
        photos, targets, styles, vectors = self.rows(rows)
        return photos, targets, styles, vectors + torch.from_numpy(noise.astype(np.float32))

    def rows(self, rows: np.ndarray) -> tuple[Tensor, ...]:
        """Return photos and targets `[B, 3, S, S]` in 0..1, indices of styles `[B]` and vectors `[B, D]`."""
        return (
            as_tensor(self.cache.contents[rows]),
            as_tensor(self.cache.targets[rows]),
            torch.from_numpy(self.cache.styles[rows]),
            torch.from_numpy(self.vectors[rows]),
        )


def vector_scale(cache: PaintingTargets) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and deviation of the components of a cache's style vectors."""
    return cache.style_vectors.mean(0), cache.style_vectors.std(0)


def conditions(network: StyleNetwork, styles: Tensor, vectors: Tensor) -> Tensor:
    """Return rows of the network's table for named styles, and vectors for the others, `[B, D]`."""
    return torch.where(styles[:, None] >= 0, network.table[styles.clamp(min=0)], vectors)


def painting_loss(network: StyleNetwork, batch: tuple[Tensor, ...], features: Backbone) -> Tensor:
    """Return the distance of a batch's results from the teacher's, in pixels, maps and their statistics.

    Args:
        network: Network in training.
        batch: See `PairSource.batch`.
        features: Fixed network.
    """
    photos, targets, styles, vectors = batch
    y = network(photos, conditions(network, styles, vectors))
    maps = features(2 * y - 1)
    with torch.no_grad():
        references = features(2 * targets - 1)
    style = style_distance([gram(x) for x in maps], [gram(x) for x in references])
    return (
        PHOTO_WEIGHT * F.l1_loss(y, targets)
        + CONTENT_WEIGHT * content_distance(maps, references).mean()
        + STYLE_WEIGHT * style.mean()
    )


def sample_writer(source: PairSource, path: Path) -> Callable[[StyleNetwork], dict[str, float]]:
    """Return a validation that writes a sheet of photos, targets and results, and measures their difference.

    Args:
        source: Validation pairs.
        path: Image file of the sheet.
    """
    photos, targets, styles, vectors = source.rows(np.arange(len(source)))

    @torch.inference_mode()
    def validate(network: StyleNetwork) -> dict[str, float]:
        vectors_or_rows = conditions(network, styles, vectors)
        pairs = zip(photos.split(1), vectors_or_rows.split(1), strict=True)
        y = torch.cat([network(photo, vector) for photo, vector in pairs])
        strips = [
            torch.cat(list(images[start : start + SHEET_COLUMNS]), 2)
            for start in range(0, len(photos) // SHEET_COLUMNS * SHEET_COLUMNS, SHEET_COLUMNS)
            for images in (photos, targets, y)
        ]
        to_image(torch.cat(strips, 1)).save(path)
        return {"difference": -float((y - targets).abs().mean())}

    return validate


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command `python -m shared.translation.train painting`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", type=Path, required=True, help="cache of the teacher's results")
    parser.add_argument("--validation", type=Path, required=True, help="cache of other photos and styles")
    parser.add_argument("--features", type=Path, required=True, help="ImageNet weights of MobileNetV2")
    parser.add_argument("--start", type=Path, help="weight folder to start from")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--validate-every", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args(arguments)
    seed_everything(args.seed)
    cache = PaintingTargets.load(args.targets)
    scale = vector_scale(cache)
    source = PairSource(cache, scale)
    network = weights.load(StyleNetwork, "", folder=args.start) if args.start else StyleNetwork(NAMED_STYLES)
    network.predictor.requires_grad_(False)
    features = load_fixed_network(args.features, FEATURE_DEPTH).to(args.device)
    optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=args.rate)
    args.out.mkdir(parents=True, exist_ok=True)
    trained = fit(
        network,
        optimizer,
        lambda step: source.batch(args.batch, step),
        lambda network, batch: painting_loss(network, batch, features),
        LoopSettings(
            steps=args.steps,
            out=args.out,
            device=args.device,
            seed=args.seed,
            average=0.99,
            validate_every=args.validate_every,
            checkpoint_every=args.validate_every,
        ),
        sample_writer(PairSource(PaintingTargets.load(args.validation), scale), args.out / "samples.png"),
    )
    weights.save(trained, args.out / "weights")


def as_tensor(images: np.ndarray) -> Tensor:
    """Convert uint8 `[B, S, S, 3]` to floats `[B, 3, S, S]` in 0..1."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float().div(255)


if __name__ == "__main__":
    main()
