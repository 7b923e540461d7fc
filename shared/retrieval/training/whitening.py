"""Training of the descriptor's whitening: `python -m shared.retrieval.train whitening`.

It needs unlabelled images, none of a benchmark: each is described as it is and as another view of the scene,
and the whitening learns which directions to suppress. Train it again whenever the weights of the backbones
change.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from shared.core import weights
from shared.core.image_files import ImageFile, read_images
from shared.evaluation.reports import positive_int
from shared.retrieval.descriptor.backbones import CHANNELS, extractor_levels
from shared.retrieval.descriptor.extractor import Extractor
from shared.retrieval.descriptor.head import DescriptorHead
from shared.retrieval.descriptor.pooling import POOLINGS
from shared.retrieval.descriptor.whitening import Whitening, fit_pairs, fit_pca
from shared.retrieval.training.arguments import (
    add_extractor_arguments,
    add_image_arguments,
    add_seed_argument,
)
from shared.retrieval.training.augmentation import sample_view


def train_whitening(args: argparse.Namespace) -> Path:
    """Learn a whitening, validate it on held-out pairs, and write the weight folder of the descriptor."""
    pooling = {
        "levels": args.levels or extractor_levels(args.engine),
        "pooling": args.pooling,
        "power": args.power,
        "root": args.root,
        "sizes": args.sizes,
    }
    plain, head = DescriptorHead(**pooling), DescriptorHead(**pooling, dims=args.dims)
    extractor = Extractor.load(args.engine, folder=args.weights, head=plain, device=args.device)
    level_weights = expand_level_weights(plain, args.level_weights)
    images = read_images(args.photos)
    order = np.random.default_rng(args.seed).permutation(len(images))[: args.limit]
    pairs = describe_pairs(extractor.batch, [images[index] for index in order], args.seed) * level_weights
    held_out, training = np.split(pairs, [len(pairs) // 10])
    if args.kind == "pairs":
        whitening = fit_pairs(training[:, 0], training[:, 1], args.dims, args.shrinkage)
    else:
        whitening = fit_pca(training.reshape(-1, plain.length), args.dims, args.shrinkage)
    head.whiten(Whitening(whitening.mean / level_weights, whitening.projection * level_weights))
    if len(held_out):
        whitened = whitening.apply(held_out.reshape(-1, plain.length)).reshape(len(held_out), 2, -1)
        before, after = pair_recall(held_out), pair_recall(whitened)
        print(f"recall@1 of {len(held_out)} held-out pairs: {before:.3f} before, {after:.3f} whitened")
    return weights.save(head, args.out, config={"engine": args.engine, "network": extractor.network_digest})


def expand_level_weights(head: DescriptorHead, level_weights: Sequence[float] | None) -> np.ndarray:
    """Return the factor of every number of a pooled vector, which keeps its unit length.

    The whitening is linear and absorbs the factors.

    Args:
        head: Head without whitening.
        level_weights: Relative length of the part of each level; None for equal ones.

    Returns:
        float32 `[head.length]`.

    Raises:
        ValueError: There is not one positive weight for each level.
    """
    relative = np.ones(len(head.levels)) if level_weights is None else np.array(level_weights)
    if len(relative) != len(head.levels) or relative.min() <= 0:
        raise ValueError(f"give a weight above 0 for each of {', '.join(head.levels)}, received {relative}")
    scaled = relative * np.sqrt(len(relative) / (relative**2).sum())
    return np.repeat(scaled, [CHANNELS[level] for level in head.levels]).astype(np.float32)


def describe_pairs(
    describe: Callable[[Sequence[Image.Image]], np.ndarray], images: Sequence[ImageFile], seed: int
) -> np.ndarray:
    """Describe images, and one view of each.

    Args:
        describe: Maps images to descriptors `[N, D]`.
        images: N images.
        seed: Seed of the views.

    Returns:
        float32 `[N, 2, D]`.
    """
    pairs = []
    for number, file in enumerate(tqdm(images, unit="pair")):
        image = file.image()
        pairs.append(describe([image, sample_view(image, np.random.default_rng([seed, number]))]))
    return np.stack(pairs)


def pair_recall(pairs: np.ndarray) -> float:
    """Compute the fraction of views whose nearest image is their own.

    Args:
        pairs: Unit-length descriptors of images and views, `[N, 2, D]`.
    """
    return float(np.mean((pairs[:, 1] @ pairs[:, 0].T).argmax(1) == np.arange(len(pairs))))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.set_defaults(run=train_whitening)
    add_image_arguments(parser)
    add_extractor_arguments(parser, default="cfn")
    add_seed_argument(parser)
    parser.add_argument(
        "--limit", type=positive_int, default=1500, metavar="N", help="largest number of photos (%(default)s)"
    )
    parser.add_argument(
        "--levels", nargs="+", choices=list(CHANNELS), help="levels of the descriptor (all of the backbones)"
    )
    parser.add_argument(
        "--level-weights",
        nargs="+",
        type=float,
        metavar="W",
        help="relative length of each level's part (all equal)",
    )
    parser.add_argument(
        "--pooling", choices=list(POOLINGS), default="gem", help="pooling of the maps (%(default)s)"
    )
    parser.add_argument("--power", type=float, default=3.0, help="power of GeM pooling (%(default)s)")
    parser.add_argument("--root", type=float, default=1.0, help="power normalisation (%(default)s: none)")
    parser.add_argument(
        "--sizes", nargs="+", type=positive_int, default=[320], help="longer sides, in pixels"
    )
    parser.add_argument(
        "--dims", type=positive_int, default=512, help="dimensions of the descriptor (%(default)s)"
    )
    parser.add_argument(
        "--kind", choices=("pairs", "pca"), default="pairs", help="kind of whitening (%(default)s)"
    )
    parser.add_argument(
        "--shrinkage", type=float, default=0.1, help="shrinkage of the covariance, 0..1 (%(default)s)"
    )
