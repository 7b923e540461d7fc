"""Train the style predictor: `python -m shared.translation.train painting-predictor --network DIR ...`.

It learns to give the teacher's style vectors of images. The head is fitted to the statistics of a frozen
ImageNet backbone; `--steps` trains both together from there.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from shared.core import weights
from shared.networks.instance_norm import ConditionalInstanceNorm2d
from shared.networks.style import StyleNetwork, StylePredictor
from shared.training.loop import LoopSettings, adamw, fit, seed_everything
from shared.training.pretrained import load_backbone_weights
from shared.translation.training.painting.targets import PaintingTargets
from shared.translation.training.painting.transformer import as_tensor, vector_scale

VECTOR_WEIGHT = 0.1  # of the plain difference of vectors, beside that of scales and shifts
HEAD_STEPS, HEAD_BATCH = 2000, 64
HEAD_DROPOUT, HEAD_DECAY = 0.1, 0.05


class StyleSource:
    """Images of styles with their vectors.

    Args:
        cache: Results of the teacher.
        scale: See `vector_scale`.
    """

    def __init__(self, cache: PaintingTargets, scale: tuple[np.ndarray, np.ndarray]) -> None:
        self.images = cache.style_images
        mean, deviation = scale
        self.vectors = torch.from_numpy(((cache.style_vectors - mean) / deviation).astype(np.float32))

    def batch(self, count: int, step: int) -> tuple[Tensor, Tensor]:
        """Return random images `[B, 3, S, S]` in 0..1 and their vectors `[B, D]`."""
        rows = np.sort(np.random.default_rng(step).choice(len(self.images), count, replace=False))
        return as_tensor(self.images[rows]), self.vectors[rows]


def affine_matrix(network: nn.Module) -> Tensor:
    """Return the weights that turn a style vector into all scales and shifts, `[A, D]`."""
    layers = [m for m in network.modules() if isinstance(m, ConditionalInstanceNorm2d)]
    return torch.cat([layer.affine.weight.detach() for layer in layers])


def vector_loss(vectors: Tensor, references: Tensor, matrix: Tensor) -> Tensor:
    """Return the mean squared difference of scales and shifts, relative to theirs between styles.

    Args:
        vectors: `[B, D]`.
        references: `[B, D]`, with deviation 1 in every component.
        matrix: See `affine_matrix`.
    """
    difference = vectors - references
    affine = (difference @ matrix.T).square().mean() / matrix.square().sum(1).mean()
    return affine + VECTOR_WEIGHT * difference.square().mean()


@torch.inference_mode()
def statistics(predictor: StylePredictor, source: StyleSource) -> Tensor:
    """Return the input of the head for all images, `[M, F]`."""
    rows = np.array_split(np.arange(len(source.images)), -(-len(source.images) // 16))
    return torch.cat([predictor.statistics(as_tensor(source.images[part])) for part in rows])


def fit_head(predictor: StylePredictor, inputs: Tensor, source: StyleSource, matrix: Tensor) -> None:
    """Train the head on statistics of the frozen backbone; changes `predictor` in place.

    Args:
        predictor: Predictor whose head is trained.
        inputs: See `statistics`.
        source: Vectors to predict.
        matrix: See `affine_matrix`.
    """
    mean, deviation = inputs.mean(0), inputs.std(0) + 1e-4
    normalized = (inputs - mean) / deviation
    optimizer = torch.optim.AdamW(predictor.head.parameters(), lr=1e-3, weight_decay=HEAD_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, HEAD_STEPS)
    for step in range(HEAD_STEPS):
        rows = np.random.default_rng(step).choice(len(inputs), min(HEAD_BATCH, len(inputs)), replace=False)
        dropped = nn.functional.dropout(normalized[rows], HEAD_DROPOUT)
        value = vector_loss(predictor.head(dropped), source.vectors[rows], matrix)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        schedule.step()
    # The first layer takes over the normalisation of its inputs.
    first = predictor.head[0]
    assert isinstance(first, nn.Linear)
    with torch.no_grad():
        first.weight.div_(deviation)
        first.bias.sub_(first.weight @ mean)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command `python -m shared.translation.train painting-predictor`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", type=Path, required=True, help="weights of the trained transformer")
    parser.add_argument("--targets", type=Path, required=True, help="cache of the teacher's results")
    parser.add_argument("--validation", type=Path, required=True, help="cache of other photos and styles")
    parser.add_argument("--features", type=Path, required=True, help="ImageNet weights of MobileNetV2")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=0, help="of training backbone and head together")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args(arguments)
    seed_everything(0)
    cache = PaintingTargets.load(args.targets)
    scale = vector_scale(cache)
    source = StyleSource(cache, scale)
    held_out = StyleSource(PaintingTargets.load(args.validation), scale)
    network = weights.load(StyleNetwork, "", folder=args.network)
    matrix = affine_matrix(network.transformer)
    predictor = network.predictor
    load_backbone_weights(predictor.backbone, args.features)
    fit_head(predictor, statistics(predictor, source).clone(), source, matrix)

    @torch.inference_mode()
    def validate(predictor: StylePredictor) -> dict[str, float]:
        vectors = predictor.head(statistics(predictor, held_out))
        references = held_out.vectors
        return {
            "score": -float(vector_loss(vectors, references, matrix)),
            "explained": 1 - float((vectors - references).square().mean() / references.var(0).mean()),
        }

    def loss(predictor: StylePredictor, batch: tuple[Tensor, ...]) -> Tensor:
        images, vectors = batch
        return vector_loss(predictor(images), vectors, matrix)

    args.out.mkdir(parents=True, exist_ok=True)
    print("head:", validate(predictor))
    if args.steps:
        network.predictor = fit(
            predictor,
            adamw(predictor, pretrained=predictor.backbone, rate=args.rate),
            partial(source.batch, args.batch),
            loss,
            LoopSettings(
                steps=args.steps,
                out=args.out,
                device=args.device,
                warmup=args.steps // 5,
                score="score",
                validate_every=max(args.steps // 4, 1),
            ),
            validate,
        )
    weights.save(network.cpu(), args.out / "weights")


if __name__ == "__main__":
    main()
